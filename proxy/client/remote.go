package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/signed"
)

// ErrUnreachable says that the server does not answer.
var ErrUnreachable = errors.New("the server cannot be reached")

// RemoteConfig says which server is meant, and who speaks to it.
type RemoteConfig struct {
	// Server is the address: https://…, or http:// at a loopback address.
	// Required.
	Server string
	// CA is a file of the authorities that the server's certificate is by.
	// Optional: without it, those of the system.
	CA string
	// Login is the id of the login that Key belongs to. Optional: without it
	// one can only begin to sign in.
	Login string
	Key   ed25519.PrivateKey // Required.
	Agent string             // what the server is told that this program is
	Clock clock.Clock        // Required.
}

// A Remote calls a server from anywhere, as whoever is signed in. Its methods
// are safe for concurrent use.
type Remote struct {
	RemoteConfig
	*ahead
	http http.Client
}

// patience is how long one call may take.
const patience = 45 * time.Second

// NewRemote returns a Remote. It dials nothing.
func NewRemote(c RemoteConfig) (*Remote, error) {
	if err := checkServer(c.Server); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", c.CA)
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Remote{c, &ahead{}, http.Client{Transport: transport, Timeout: patience, CheckRedirect: stay}}, nil
}

// checkServer refuses an address to which anybody could listen.
func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Path != "" && u.Path != "/" {
		return fmt.Errorf("%q is no address of a server: give one such as https://sesame.example.com", server)
	}
	at, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && err == nil && at.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s would send in the clear what others must not see: give an https address", server)
}

// Close ends idle connections.
func (c *Remote) Close() { c.http.CloseIdleConnections() }

// Begin asks for a code for the key, from a computer of that name.
func (c *Remote) Begin(ctx context.Context, host string) (api.Begun, error) {
	key, _ := c.Key.Public().(ed25519.PublicKey)
	return tell[api.Begun](ctx, c, "/v1/logins", api.Begin{Key: key, Host: host})
}

// Outcome returns what became of a code.
func (c *Remote) Outcome(ctx context.Context, id string) (api.Login, error) {
	as := *c
	as.Login = id
	return ask[api.Login](ctx, &as, "/v1/logins/"+url.PathEscape(id))
}

// Me returns who is signed in.
func (c *Remote) Me(ctx context.Context) (api.Login, error) { return ask[api.Login](ctx, c, "/v1/me") }

// Logout ends the login.
func (c *Remote) Logout(ctx context.Context) (api.Login, error) {
	return tell[api.Login](ctx, c, "/v1/logout", struct{}{})
}

// Targets returns what one may ask for.
func (c *Remote) Targets(ctx context.Context) (api.Targets, error) {
	return ask[api.Targets](ctx, c, "/v1/targets")
}

// Instances returns the machines that a target is about.
func (c *Remote) Instances(ctx context.Context, target string) (api.Instances, error) {
	return ask[api.Instances](ctx, c, "/v1/targets/"+url.PathEscape(target)+"/instances")
}

// Outside says something with a proof of who says it, made for it, as somebody
// who is not signed in.
func (c *Remote) Outside(ctx context.Context, said api.OutsideSaying, prove func(said string) (string, error)) (api.Case, error) {
	text, err := json.Marshal(said)
	if err != nil {
		return api.Case{}, err
	}
	proof, err := prove(string(text))
	if err != nil {
		return api.Case{}, err
	}
	return tell[api.Case](ctx, c, "/v1/outside", api.Outside{Proof: proof, Said: string(text)})
}

// Mine returns what one waits for and holds.
func (c *Remote) Mine(ctx context.Context) (api.Mine, error) {
	return ask[api.Mine](ctx, c, "/v1/mine")
}

// Waiting returns the requests that wait for one's own decision.
func (c *Remote) Waiting(ctx context.Context) (api.Waiting, error) {
	return ask[api.Waiting](ctx, c, "/v1/waiting")
}

// Case returns a request that one has to do with.
func (c *Remote) Case(ctx context.Context, id string) (api.Case, error) {
	return ask[api.Case](ctx, c, "/v1/requests/"+url.PathEscape(id))
}

// Ask asks for access, or for more of it. An answer that was lost on its way is
// asked for once more, which asks for nothing twice.
func (c *Remote) Ask(ctx context.Context, a api.Asking) (api.Case, error) {
	a.Once = rand.Text()
	v, err := tell[api.Case](ctx, c, "/v1/requests", a)
	if errors.Is(err, ErrUnreachable) && ctx.Err() == nil {
		v, err = tell[api.Case](ctx, c, "/v1/requests", a)
	}
	return v, err
}

// Approve approves a request whose terms have the digest of s.
func (c *Remote) Approve(ctx context.Context, id string, s api.Saying) (api.Case, error) {
	return tell[api.Case](ctx, c, "/v1/requests/"+url.PathEscape(id)+"/approve", s)
}

// Deny denies a request.
func (c *Remote) Deny(ctx context.Context, id string, s api.Saying) (api.Case, error) {
	return tell[api.Case](ctx, c, "/v1/requests/"+url.PathEscape(id)+"/deny", s)
}

// Withdraw takes one's own request back.
func (c *Remote) Withdraw(ctx context.Context, id string) (api.Case, error) {
	return tell[api.Case](ctx, c, "/v1/requests/"+url.PathEscape(id)+"/withdraw", api.Saying{})
}

// End ends a grant.
func (c *Remote) End(ctx context.Context, id string) (api.Grant, error) {
	ended, err := tell[api.Ended](ctx, c, "/v1/grants/"+url.PathEscape(id)+"/end", struct{}{})
	return ended.Grant, err
}

// Place returns where AWS is served to the holders of grants.
func (c *Remote) Place(ctx context.Context) (api.Place, error) {
	p, err := ask[api.Place](ctx, c, "/v1/place")
	return c.at(p), err
}

// Tokens returns one's own service tokens, or everybody's to an admin.
func (c *Remote) Tokens(ctx context.Context, all bool) (api.Tokens, error) {
	if all {
		return ask[api.Tokens](ctx, c, "/v1/tokens/all")
	}
	return ask[api.Tokens](ctx, c, "/v1/tokens")
}

// MakeToken makes a service token.
func (c *Remote) MakeToken(ctx context.Context, a api.TokenAsking) (api.MadeToken, error) {
	made, err := tell[api.MadeToken](ctx, c, "/v1/tokens", a)
	made.Place = c.at(made.Place)
	return made, err
}

// RevokeTokens ends a token of that id, one's own of that name, or all of a user
// of the chat, and returns those that ended.
func (c *Remote) RevokeTokens(ctx context.Context, what string) (api.Tokens, error) {
	return tell[api.Tokens](ctx, c, "/v1/tokens/"+url.PathEscape(what)+"/revoke", struct{}{})
}

// ProxyKey returns a proxy key. Its Expires and EndsAt are by the clock of c.
func (c *Remote) ProxyKey(ctx context.Context, a api.KeyAsking) (api.Key, error) {
	k, err := tell[api.Key](ctx, c, "/v1/keys", a)
	ahead := c.Clock.Now().Sub(k.Now)
	k.Place, k.Expires, k.EndsAt, k.Now = c.at(k.Place), k.Expires.Add(ahead), k.EndsAt.Add(ahead), k.Now.Add(ahead)
	return k, err
}

func ask[T any](ctx context.Context, c *Remote, path string) (T, error) {
	return exchange[T](ctx, c, http.MethodGet, path, nil)
}

func tell[T any](ctx context.Context, c *Remote, path string, what any) (T, error) {
	body, err := json.Marshal(what)
	if err != nil {
		var none T
		return none, err
	}
	return exchange[T](ctx, c, http.MethodPost, path, body)
}

// maxAnswer is more than any answer holds.
const maxAnswer = 8 << 20

// exchange makes one call, signed now.
func exchange[T any](ctx context.Context, c *Remote, method, path string, body []byte) (T, error) {
	var v T
	base, err := url.Parse(c.Server)
	if err != nil {
		return v, err
	}
	base.Path = ""
	r, err := http.NewRequestWithContext(ctx, method, base.String()+path, bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	r.Header.Set("User-Agent", c.Agent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	who := c.Login
	if who == "" {
		who = api.NewLogin
	}
	signed.Sign(r, body, who, c.Key, c.Clock.Now())
	resp, err := c.http.Do(r)
	if err != nil {
		return v, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	c.note(resp, c.Clock.Now())
	answer := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode != http.StatusOK {
		return v, refusal(resp.Status, answer)
	}
	if err := answer.Decode(&v); err != nil {
		return v, fmt.Errorf("%w: its answer broke off: %w", ErrUnreachable, err)
	}
	return v, nil
}

// refusal returns what a server said that is not a success.
func refusal(status string, answer *json.Decoder) error {
	var e api.Error
	if err := answer.Decode(&e); err != nil || e.Code == "" {
		return fmt.Errorf("what answers is no Sesame server, or of another version: it said %s", status)
	}
	if e.Code == api.CodeNotFound || e.Code == api.CodeInternal {
		return errors.New(e.Text)
	}
	r := &access.Refusal{Code: access.RefusalCode(e.Code), Text: e.Text}
	for _, name := range e.About {
		if r.Fields == nil {
			r.Fields = map[string]string{}
		}
		r.Fields[name] = e.Text
	}
	return r
}

// unreachable says why nothing answered.
func (c *Remote) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return fmt.Errorf("%w: nobody that this computer trusts made the certificate of %s: name its authority with sesame login --ca FILE", ErrUnreachable, c.Server)
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.Server, err)
}
