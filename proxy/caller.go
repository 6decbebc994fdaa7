package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/proxy/awsapi"
	"sesame/proxy/sigv4"
)

// bodyIn is how long a body may take that is read before it goes on.
const bodyIn = 2 * time.Minute

// maxWhole is how much of a body is read whose hash was signed but not sent.
const maxWhole = 8 << 20

// identify finds out whose key signed the request.
func (c *call) identify(ctx context.Context) *refusal {
	c.from = clientAddress(c.r)
	var err error
	c.signed, err = sigv4.Parse(sigv4.Request{
		Method: c.r.Method, Target: c.r.RequestURI, Host: c.r.Host, Header: c.r.Header, Length: c.r.ContentLength,
	})
	if err != nil {
		return badSignature(err)
	}
	switch c.key, err = c.Keys.Find(ctx, c.signed.KeyID, c.signed.Token); {
	case errors.Is(err, access.ErrNotFound):
		return c.unknown(ctx)
	case err != nil:
		return c.unable(err, "look the key up")
	}
	if c.signed.Payload == sigv4.Whole {
		if refused := c.readBody(maxWhole); refused != nil {
			return refused
		}
		c.signed.Hash(c.body)
	}
	return c.verify()
}

// unknown refuses a key that is not there, or not any more.
func (c *call) unknown(ctx context.Context) *refusal {
	if strings.Contains(c.signed.KeyID, "#") { // as a token has it, for its target
		return deny(unknownKey, "", "Sesame does not know this token, or not for this target: sesame tokens list shows yours, and sesame tokens create makes another.")
	}
	if c.key.Grant != "" {
		if g, err := c.grants.get(ctx, c.Store, c.key.Grant); err == nil && g.State != access.Opening && g.State != access.Open {
			return over(g)
		}
	}
	return deny(unknownKey, "", "Sesame does not know this key, or its grant is over: get a fresh one with sesame env.")
}

// over says that a grant is.
func over(g access.Grant) *refusal {
	return deny(expired, "", "The grant %s on %s ended at %s: ask again with sesame request %s.", g.ID, g.Target, spoken(g.Over()), g.Target)
}

// verify checks the signature. Only a key that verified something is kept, so
// that nobody else fills the ring.
func (c *call) verify() *refusal {
	key, kept := c.down.find(c.key.Secret, c.signed.Scope)
	if !kept {
		key = sigv4.NewKey(c.key.Secret, c.signed.Scope)
	}
	if err := c.signed.Verify(key, c.began); err != nil {
		return badSignature(err)
	}
	if !kept {
		c.down.keep(c.key.Secret, c.signed.Scope, key)
	}
	c.known = true
	return nil
}

// readBody reads the body, up to a limit.
func (c *call) readBody(limit int64) *refusal {
	if c.r.ContentLength > limit {
		return deny(tooLarge, "", "The body is larger than Sesame reads of this request: %d bytes, at most %d.", c.r.ContentLength, limit)
	}
	waits := http.NewResponseController(c.w)
	_ = waits.SetReadDeadline(c.Wall.Now().Add(bodyIn)) // without a socket nobody waits
	var err error
	if n := c.r.ContentLength; n >= 0 {
		c.body = make([]byte, n)
		_, err = io.ReadFull(c.r.Body, c.body)
	} else {
		c.body, err = io.ReadAll(io.LimitReader(c.r.Body, limit+1))
	}
	_ = waits.SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		return cutShort(err)
	case int64(len(c.body)) > limit:
		return deny(tooLarge, "", "The body is larger than Sesame reads of this request, which is %d bytes.", limit)
	}
	c.read = true
	return nil
}

// cutShort refuses a call of which not all has come.
func cutShort(cause error) *refusal {
	f := deny(malformed, "", "The body ended before its end: send it again.")
	f.cause = cause
	return f
}

// place holds the host that was asked for, the host that was signed, and what
// was signed for against each other.
func (c *call) place(context.Context) *refusal {
	if c.endpoint != "" {
		return c.seek()
	}
	if hostOnly(c.r.Host) != c.host {
		return deny(denied, "host", "The request is signed for the host %.80q, and the connection is to %s: use one for each.", c.r.Host, c.host)
	}
	endpoint, ours := c.hosts.resolve(c.Table, c.host)
	if !ours {
		return deny(denied, "host", "%s is no endpoint of AWS, so Sesame does not sign for it.", c.host)
	}
	scope := c.signed.Scope
	if !endpoint.Serves(scope.Service, scope.Region) {
		return deny(denied, "region", "The request is signed for %s in %s, which %s does not serve: set the region of the client to that of the endpoint.", scope.Service, scope.Region, c.host)
	}
	c.request = awsapi.Request{
		Method: c.r.Method, Target: c.r.RequestURI, Header: c.signed.Forward(), Signing: scope.Service, Endpoint: endpoint,
	}
	return nil
}

// admit checks that the key is good here and now, and its grant open.
func (c *call) admit(ctx context.Context) *refusal {
	now := c.Clock.Now()
	if why := c.elsewhere(); why != nil {
		return why
	}
	if c.bearer() && !now.Before(c.key.Expires) {
		return deny(expired, "", "The token %s ended at %s: make another with sesame tokens create.", c.key.By.Name, c.key.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if c.key.By.Idle != "" {
		return deny(denied, "token", "%s", c.key.By.Idle)
	}
	c.cuts = c.underWay.cuts.Load()
	g, err := c.grants.get(ctx, c.Store, c.key.Grant)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return deny(expired, "", "The grant %s does not exist: ask for access with sesame request.", c.key.Grant)
	case err != nil:
		return c.unable(err, "read the grant")
	}
	c.grant = g
	if why := c.closed(now); why != nil {
		return why
	}
	if !now.Before(c.key.Expires) {
		return deny(expired, "", "This key ended at %s, and its grant is still open: get a fresh key with sesame env.", spoken(c.key.Expires))
	}
	return nil
}

// bearer reports whether the call is signed with a service token itself, and not
// with a key that was asked for with one.
func (c *call) bearer() bool { return c.key.By.ID != "" && c.signed.Token == "" }

// elsewhere refuses who calls from where the key is not for.
func (c *call) elsewhere() *refusal {
	if c.key.Address.IsValid() && c.key.Address != c.from {
		return deny(denied, "address", "This key is bound to the address %s, and the call comes from %s: get a key where it is used.", c.key.Address, c.from)
	}
	by := c.key.By
	if by.ID == "" || slices.ContainsFunc(by.Networks, func(n netip.Prefix) bool { return n.Contains(c.from) }) {
		return nil
	}
	var from []string
	for _, n := range by.Networks {
		from = append(from, n.String())
	}
	return deny(denied, "address", "The token %s is bound to %s, and the call comes from %s: make one where it is used.", by.Name, strings.Join(from, " and "), c.from)
}

// unrepeated refuses what was sent before: a write, and whatever comes from
// another address. A read whose key is bound to an address can do no harm, and
// is not remembered; one whose answer is a key is no such read.
func (c *call) unrepeated() *refusal {
	once := c.writes() || brokered(c.found)
	if !once && c.key.Address.IsValid() {
		return nil
	}
	switch seen := c.repeats.see(c.signed, c.from, c.began); {
	case seen == repeatElsewhere:
		return deny(denied, "repeat", "This very request was sent before from another address: whoever repeats it is to sign it themselves.")
	case seen == repeatSame && once:
		// Whoever means it twice within a second signs the same: their SDK tries
		// again by itself after this, with another time in what it signs.
		return deny(unavailable, "repeat", "This very request was sent before, and it changes something: sign it afresh to send it again.")
	case seen == repeatUnknown && once:
		return deny(unavailable, "repeat", "This request was signed before Sesame began to serve, so that it may have been sent before, and it changes something: sign it afresh, by a clock that is right.")
	case seen == repeatFull:
		return deny(unavailable, "", "Sesame keeps as many signatures as it can at present: try again in a few minutes.")
	}
	return nil
}

// closed says why the grant gives nothing, or nil while it does.
func (c *call) closed(now time.Time) *refusal {
	g := c.grant
	switch {
	case !slices.Contains(g.Objects, c.key.Ring.Key):
		return deny(denied, "", "The key is not one of the grant %s: get a fresh one with sesame env.", g.ID)
	case g.State == access.Opening:
		return deny(denied, "", "The grant %s is not open yet: try again in a moment.", g.ID)
	case g.State != access.Open:
		return over(g)
	case !now.Before(g.EndsAt):
		return deny(expired, "", "The grant %s on %s ended at %s: ask again with sesame request %s.", g.ID, g.Target, spoken(g.EndsAt), g.Target)
	}
	return nil
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// spoken is a moment that may be days ago.
func spoken(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// badSignature says what is wrong with a signature, in the terms of sigv4.
func badSignature(err error) *refusal {
	kind := malformed
	for target, k := range map[error]kindOfRefusal{
		sigv4.ErrUnsigned: unsigned, sigv4.ErrUnsupported: malformed, sigv4.ErrSkewed: skewed, sigv4.ErrExpired: expired,
		sigv4.ErrUncovered: uncovered, sigv4.ErrMismatch: mismatch, sigv4.ErrBody: mismatch,
	} {
		if errors.Is(err, target) {
			kind = k
		}
	}
	advice := kind.advice()
	if errors.Is(err, sigv4.ErrBody) {
		advice = "have the client send what it signed"
	}
	return deny(kind, "signature", "Sesame cannot take this request: %v; %s.", err, advice)
}
