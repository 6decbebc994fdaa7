package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// Sessions are what terminal sessions need. Without Recorders there are none.
type Sessions struct {
	// Recorders keep what passes. Optional: without them sessions are refused.
	Recorders Recorders
	// Ender has the credentials to end a session whose grant is over. Optional:
	// without it, such a session is left to time out at AWS, where nobody can
	// reach it.
	Ender Ender
	// Dial opens a connection under TLS to a host of AWS. Optional, default
	// one of the system's trust.
	Dial func(ctx context.Context, host string) (net.Conn, error)
}

// Recorders begin recordings.
type Recorders interface {
	// Begin returns once it is durable that there is a recording.
	Begin(ctx context.Context, a record.About) (Recording, error)
}

// A Recording takes what passes in a session, before it is passed on. After an
// error of it nothing more may pass.
type Recording interface {
	Take(at time.Time, e ssm.Event) error
	Mark(at time.Time, label string) error
	End(at time.Time, why string) error
}

// An Ender has credentials for what comes after the end of a grant.
type Ender interface {
	// Ending returns credentials that can end a session of AWS, and do nothing
	// else.
	Ending(ctx context.Context, ring access.Spec, grant access.GrantID, session string) (aws.Credentials, error)
}

// maxSessions bounds the sessions that are open at once.
const maxSessions = 1000

// sessions are those that are open, by AWS's ids.
type sessions struct {
	wg sync.WaitGroup // of those who watch over them

	mu   sync.Mutex // guards what follows
	open map[string]*session
	shut *ending // set when there are to be none any more
}

var (
	errTooMany = errors.New("as many sessions are open as Sesame bridges at once")
	errTwice   = errors.New("AWS gave the id of a session twice")
)

// add has s watched over until it ends.
func (all *sessions) add(s *session) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	switch {
	case all.shut != nil:
		return all.shut
	case len(all.open) >= maxSessions:
		return errTooMany
	case all.open[s.id] != nil:
		return errTwice
	}
	if all.open == nil {
		all.open = map[string]*session{}
	}
	all.open[s.id] = s
	all.wg.Go(func() {
		s.run()
		all.mu.Lock()
		defer all.mu.Unlock()
		delete(all.open, s.id)
	})
	return nil
}

func (all *sessions) find(id string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.open[id]
}

// EndSessions ends all sessions, and returns when they are over or ctx is. No
// others begin. Say so before the server ends: a session without its recorder
// is none.
func (p *Proxy) EndSessions(ctx context.Context, why string) error {
	all := &p.bridged
	all.mu.Lock()
	all.shut = &ending{why: why}
	for _, s := range all.open {
		s.cut(all.shut)
	}
	all.mu.Unlock()
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer close(done)
		all.wg.Wait()
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end the sessions: %w", context.Cause(ctx))
	}
}

// A session is one terminal session of a grant: at most one socket at a time,
// one tap and one recording over all of them.
type session struct {
	*Proxy
	id       string       // AWS's
	grant    access.Grant // as it was when the session began
	ring     access.Spec
	person   access.PersonID
	lists    flowfile.Calls
	about    record.About
	stream   *url.URL // whereto AWS gave a token
	control  string   // the host to end it at
	region   string
	aimedAt  string // what the client named as its target
	tap      *ssm.Tap
	inserter ssm.Inserter
	recorded Recording
	cut      context.CancelCauseFunc
	over     context.Context // done when it is to end, by the cause of that
	moved    chan struct{}   // a socket came or went

	mu       sync.Mutex // guards what follows
	pass     pass
	socket   *socket
	idle     time.Time // since when there is no socket
	shows    bool      // whether a line of ours can be shown
	sealed   bool      // what the agent shows is sealed
	ended    bool      // AWS says that it is over
	leaves   bool      // the client says so
	finished bool      // no socket is let in any more
	awaiting string    // a warning that could not be given yet
	keys     []madeKey
}

// A pass lets one socket in, once. The zero pass lets nobody.
type pass struct {
	ours [sha256.Size]byte // of the token that the client has
	key  string            // the id of the proxy key that it was given to
	aws  string            // the token that it stands for; never printed
}

// Format writes nothing that lets anybody in.
func (pass) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// fits reports whether the holder of a key may come in with a token.
func (p pass) fits(token, key string) bool {
	sum := sha256.Sum256([]byte(token))
	return p.aws != "" && subtle.ConstantTimeCompare(sum[:], p.ours[:]) == 1 && p.key == key
}

// issue sets the token that the next socket comes with.
func (s *session) issue(ours, key, real string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass = pass{sha256.Sum256([]byte(ours)), key, real}
}

// redeem returns the token of AWS for ours, which is worth nothing afterwards.
func (s *session) redeem(token, key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pass.fits(token, key) {
		return "", false
	}
	real := s.pass.aws
	s.pass = pass{}
	return real, true
}

// An ending is why a session ends, in a sentence for the person who has it.
type ending struct {
	why   string
	gone  bool // AWS has ended it already
	told  bool // and told the client
	quiet bool // the client needs to be told nothing but that it is over
	cause error
}

func (e *ending) Error() string { return e.why }

func (e *ending) Unwrap() error { return e.cause }

// output is what the client is told. To nothing it finds words itself.
func (e *ending) output() string {
	if e.quiet {
		return ""
	}
	return e.why
}

// endingOf makes an ending of whatever broke a session off.
func (s *session) endingOf(err error) *ending {
	if e, ok := errors.AsType[*ending](err); ok {
		return e
	}
	if errors.Is(err, errOver) {
		return s.outlived()
	}
	return &ending{why: fmt.Sprintf("Sesame could not follow this session any more, so it ended it: %s.", plainly(err)), cause: err}
}

// outlived is the ending of a session whose grant is over.
func (s *session) outlived() *ending {
	at, by := s.Clock.Now(), ""
	g, err := s.grants.get(context.WithoutCancel(s.over), s.Store, s.grant.ID)
	if err == nil && !g.End.At.IsZero() {
		at, by = g.End.At, g.End.Name
	}
	if by != "" {
		by = " by " + by
	}
	return &ending{why: fmt.Sprintf("The access to %s was over at %s%s, and this session with it: ask again with sesame request %s.", s.grant.Target, clockTime(at), by, s.grant.Target)}
}
