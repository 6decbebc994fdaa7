package client

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
)

// keyPath is where a Stand gives out keys.
const keyPath = "/key"

// reuse is how long one key is given to whoever asks: some clients ask before
// each call, once a key has less to live than they like.
const reuse = time.Minute

// A Stand gives proxy keys to one command and what it starts, on this computer
// alone, as the hosts of containers give credentials to what they run ("Container
// credential provider" in the AWS SDKs and Tools Reference Guide). So a command
// that runs for hours goes on for as long as access lasts, extensions included,
// and has no key that outlasts a quarter of an hour.
//
// It answers nobody without its token, which only that command is told of.
type Stand struct {
	mint     func(context.Context) (api.Key, error)
	clock    clock.Clock
	token    string
	listener net.Listener

	mu   sync.Mutex // guards what follows, and is held while a key is made
	key  api.Key
	made time.Time
}

// OpenStand opens a Stand on a free port of the loopback interface. Mint makes
// keys, whose times are by the clock. Serve answers.
func OpenStand(c clock.Clock, mint func(context.Context) (api.Key, error)) (*Stand, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Stand{mint: mint, clock: c, token: rand.Text(), listener: l}, nil
}

// URL is where clients ask.
func (s *Stand) URL() string { return "http://" + s.listener.Addr().String() + keyPath }

// Token is what whoever asks has to show, in the header Authorization.
func (s *Stand) Token() api.Secret { return api.Secret(s.token) }

// Serve answers until ctx ends.
func (s *Stand) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // it is over either way
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown := []byte(r.Header.Get("Authorization"))
	switch {
	case r.Host != s.listener.Addr().String(), r.URL.Path != keyPath, r.Method != http.MethodGet:
		tellStand(w, http.StatusNotFound, standError{"NotFound", "there is nothing here but keys, for what sesame run has started"})
	case subtle.ConstantTimeCompare(shown, []byte(s.token)) != 1:
		tellStand(w, http.StatusForbidden, standError{"AccessDenied", "only what sesame run has started is given a key: show the token of AWS_CONTAINER_AUTHORIZATION_TOKEN"})
	default:
		s.give(w, r)
	}
}

// A standKey is a key as clients of AWS read it.
type standKey struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}

// A standError is what clients of AWS show when there is no key.
type standError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *Stand) give(w http.ResponseWriter, r *http.Request) {
	k, err := s.current(r.Context())
	if err == nil {
		tellStand(w, http.StatusOK, standKey{k.ID, string(k.Secret), string(k.Token), k.Expires.UTC().Truncate(time.Second)})
		return
	}
	refused, ok := errors.AsType[*access.Refusal](err)
	if !ok { // which clients try again
		tellStand(w, http.StatusServiceUnavailable, standError{"ServiceUnavailable", err.Error()})
		return
	}
	tellStand(w, http.StatusForbidden, standError{"AccessDenied", refused.Text})
}

// current returns a key that was made just now, or a moment ago.
func (s *Stand) current(ctx context.Context) (api.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if now.Before(s.made.Add(reuse)) && now.Before(s.key.Expires) {
		return s.key, nil
	}
	k, err := s.mint(ctx)
	if err != nil {
		return api.Key{}, err
	}
	s.key, s.made = k, now
	return k, nil
}

func tellStand(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who left does not want it
}
