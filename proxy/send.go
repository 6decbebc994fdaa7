package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
)

// patience is how long a call may take to be judged before its grant is looked
// at once more: whoever sends a body slowly does not outlast it.
const patience = time.Second

// errOver is why a call is broken off that lasts longer than its grant.
var errOver = errors.New("the grant ended")

// equip gets the credentials that the call goes on with.
func (c *call) equip(ctx context.Context) *refusal {
	var err error
	if !brokered(c.found) {
		c.role, err = c.Roles.Credentials(ctx, c.key.Ring, c.grant, c.key.Roles...)
	}
	switch {
	case errors.Is(err, access.ErrForbidden):
		return deny(expired, "", "The grant %s on %s is over: ask again with sesame request %s.", c.grant.ID, c.grant.Target, c.grant.Target)
	case err != nil:
		return c.unable(err, "assume the role of "+c.grant.Target)
	}
	if c.Wall.Now().Sub(c.began) < patience {
		return nil
	}
	if c.grant, err = c.grants.get(ctx, c.Store, c.key.Grant); err != nil {
		return c.unable(err, "read the grant")
	}
	return c.closed(c.Clock.Now())
}

// intend records a write before it leaves, and of a read makes sure that it
// will be.
func (c *call) intend(context.Context) *refusal {
	err := c.Calls.Room()
	if err == nil && c.writes() {
		err = c.Calls.Append(c.entry(calls.Intent))
	}
	if err != nil {
		return c.unable(err, "record the call")
	}
	return nil
}

// send passes the call on, and the answer back.
func (c *call) send(ctx context.Context) *refusal {
	if brokered(c.found) {
		return c.handOut(ctx)
	}
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	leave := c.underWay.enterUntil(c.grant, c.whenOver(c.grant), c.letWrite(cut))
	defer leave() // an answer that breaks off does so by a panic
	if refused := c.overtaken(ctx); refused != nil {
		return asAnswer(refused)
	}
	refused := c.exchange(ctx)
	if leave(); errors.Is(context.Cause(ctx), errOver) {
		// Nobody cuts it any more, and what the client is told next has its time.
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{})
	}
	return refused
}

func (c *call) exchange(ctx context.Context) *refusal {
	out, err := c.outgoing(ctx)
	if err != nil {
		return c.unable(err, "sign the call")
	}
	c.sentAt = c.Wall.Now()
	res, err := c.way().Send(out, func() { c.entry(calls.Answer) })
	if err != nil {
		return c.unanswered(ctx, err)
	}
	defer res.Body.Close()
	return c.answer(ctx, res)
}

// letWrite has cut also end the wait for a client that takes nothing of what it
// is sent, which keeps what became of a call from being recorded.
func (c *call) letWrite(cut context.CancelCauseFunc) context.CancelCauseFunc {
	wall, client := c.Wall, http.NewResponseController(c.w)
	return func(why error) {
		cut(why)                                               // first, or a write could fail for which nobody knows why
		_ = client.SetWriteDeadline(wall.Now().Add(lingerFor)) // without a socket nobody waits
	}
}

// A sender gets requests to AWS. What there is to do meanwhile is done once.
type sender interface {
	Send(out *http.Request, meanwhile func()) (*http.Response, error)
}

// direct sends by what knows of no meanwhile.
type direct struct{ http.RoundTripper }

// Send implements sender.
func (d direct) Send(out *http.Request, meanwhile func()) (*http.Response, error) {
	meanwhile()
	return d.RoundTrip(out)
}

// way is how the call gets to AWS. What changes something is not sent twice.
func (c *call) way() sender {
	if c.writes() {
		return direct{c.Upstream}
	}
	return c.reads
}

// unanswered records a call that left, or tried to, and got no answer.
func (c *call) unanswered(ctx context.Context, err error) *refusal {
	f := deny(unreachable, "", "AWS could not be reached at %s, and whether the call took effect is not known: look before you repeat it.", c.host)
	switch {
	case errors.Is(err, sigv4.ErrBody):
		f = badSignature(bare(err))
	case errors.Is(err, errShort):
		f = cutShort(err)
	case errors.Is(context.Cause(ctx), errOver):
		f = deny(expired, "", "The grant %s on %s ended while the call was under way: look at what became of it.", c.grant.ID, c.grant.Target)
	case ctx.Err() != nil:
		f.why = "the client went away"
	default:
		c.Log.Warn().Err(err).Str("call", c.id).Str("host", c.host).Msg("no answer of AWS")
	}
	f.kindOfEntry = calls.Answer
	return f
}

// bare is an error without the addresses of the connection that it came up on,
// which are nobody's business outside.
func bare(err error) error {
	if on, ok := errors.AsType[*net.OpError](err); ok {
		return on.Err
	}
	return err
}

// errShort means that the client did not send what it began.
var errShort = errors.New("the body ended before its end")

// arriving is a body whose errors are the client's.
type arriving struct{ io.Reader }

// Read implements io.Reader.
func (a arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errShort, err)
	}
	return n, err
}

// outgoing is the request as it goes to AWS: the same target, byte for byte,
// what was signed of the header, and the body as it comes.
func (c *call) outgoing(ctx context.Context) (*http.Request, error) {
	now, scope := c.Wall.Now(), c.signed.Scope
	scope.Day, scope.Region = now.UTC().Format("20060102"), c.region()
	key, kept := c.up.find(c.role.SecretAccessKey, scope)
	if !kept {
		key = sigv4.NewKey(c.role.SecretAccessKey, scope)
		c.up.keep(c.role.SecretAccessKey, scope, key)
	}
	signed, chain, err := c.signed.Resign(sigv4.Credential{KeyID: c.role.AccessKeyID, Token: c.role.SessionToken, Key: key}, c.host, now)
	if err != nil {
		return nil, err
	}
	header := http.Header(signed.Header)
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{""} // or net/http would name itself
	}
	if c.readsAnswer() && !c.signed.Covers("accept-encoding") {
		delete(header, "Accept-Encoding")
	}
	out := (&http.Request{
		Method: c.r.Method, URL: targetURL(c.host, signed.Target), Host: signed.Host, Header: header, ContentLength: c.r.ContentLength,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	switch {
	case c.read:
		body := c.body
		out.ContentLength = int64(len(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body, _ = out.GetBody()
	case c.r.ContentLength != 0:
		out.Body = struct {
			io.Reader
			io.Closer
		}{c.signed.Body(arriving{c.r.Body}, chain), c.r.Body}
	}
	if out.ContentLength == 0 {
		out.Body, out.GetBody = http.NoBody, nil
	}
	if c.writes() {
		once(out)
	}
	return out, nil
}

// once keeps net/http from sending a request again whose connection was shut
// before an answer came. It takes requests by some methods, and those with some
// headers, for ones that change nothing (see http.Transport), and AWS has writes
// among them.
func once(out *http.Request) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, is := out.Header[name]; is {
			delete(out.Header, name)
			out.Header[strings.ToLower(name)] = values // which is the same to AWS
		}
	}
	if out.Method != http.MethodGet && out.Method != http.MethodHead && out.Method != http.MethodOptions {
		return
	}
	// What it cannot have once more it does not send once more.
	if out.GetBody = nil; out.Body == http.NoBody {
		out.Body = io.NopCloser(strings.NewReader(""))
	}
}

// targetURL is a URL that is sent as the target stands. net/url would clean up
// what S3 takes for names; it leaves alone what is opaque, unless that begins
// with two slashes.
func targetURL(host, target string) *url.URL {
	path, query, asked := strings.Cut(target, "?")
	u := &url.URL{Scheme: "https", Host: host, RawQuery: query, ForceQuery: asked && query == ""}
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path) // its escapes were checked with the signature
	if u.EscapedPath() != path {
		u.Opaque = "//" + host + path // the absolute form, which says the same
	}
	return u
}
