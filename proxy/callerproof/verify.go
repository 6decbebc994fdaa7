package callerproof

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"sesame/flows/clock"
)

const (
	action  = "GetCallerIdentity"
	version = "2011-06-15"

	// Lasts is how long a proof is taken after it was made.
	Lasts = 5 * time.Minute
	// early is how far the clock of who made it may be ahead.
	early = time.Minute

	maxProof  = 8 << 10 // a session token is long
	maxAnswer = 64 << 10
	maxTaken  = 10_000
	answerIn  = 10 * time.Second
)

// What is wrong with a proof.
var (
	// ErrForm: it is not what Make makes.
	ErrForm = errors.New("not a proof of who calls AWS")
	// ErrTime: it is older than Lasts, or from the future.
	ErrTime = errors.New("signed too long ago, or by a clock that is wrong")
	// ErrReplayed: it came before.
	ErrReplayed = errors.New("this proof came before")
	// ErrTooMany: more proofs than can be remembered.
	ErrTooMany = errors.New("too many proofs at once")
	// ErrRefused: AWS says that it is not good: of another server, for
	// something else, or by keys that are over.
	ErrRefused = errors.New("AWS does not confirm it")
	// ErrUnreachable: AWS gave no answer.
	ErrUnreachable = errors.New("AWS STS gives no usable answer")
)

// A Verifier takes proofs for one server. Its methods are safe for concurrent
// use.
type Verifier struct {
	server   string
	endpoint string
	wall     clock.Clock
	since    time.Time // what was taken before is not known
	http     *http.Client

	mu    sync.Mutex           // guards what follows
	taken map[string]time.Time // signatures, until when they would be good
}

// NewVerifier returns a Verifier for the server of that name. wall is the time
// that AWS goes by. endpoint replaces that of AWS, for tests; empty does not.
func NewVerifier(server, endpoint string, wall clock.Clock) *Verifier {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Verifier{
		server: server, endpoint: endpoint, wall: wall, since: wall.Now().Truncate(time.Second), taken: map[string]time.Time{},
		http: &http.Client{Timeout: answerIn, CheckRedirect: stay},
	}
}

// Caller returns the ARN of who made the proof for this server and for what is
// said. The proof is used up, unless AWS says that it is none.
func (v *Verifier) Caller(ctx context.Context, proof, said string) (string, error) {
	p, err := parse(proof)
	if err != nil {
		return "", err
	}
	if err := v.take(p); err != nil {
		return "", err
	}
	arn, err := v.ask(ctx, p, said)
	if errors.Is(err, ErrRefused) {
		v.forget(p) // or whoever makes up proofs could fill the memory of them
	}
	return arn, err
}

func (v *Verifier) forget(p proof) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.taken, p.signature)
}

// ask has AWS say who made p.
func (v *Verifier) ask(ctx context.Context, p proof, said string) (string, error) {
	r, err := request(ctx, p.host, v.server, said)
	if err != nil {
		return "", err
	}
	r.URL.RawQuery = p.query
	if v.endpoint != "" {
		to, err := url.Parse(v.endpoint)
		if err != nil {
			return "", err
		}
		r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, p.host
	}
	resp, err := v.http.Do(r)
	if err != nil {
		// The error of net/http names the address, which holds a signature.
		return "", fmt.Errorf("%w: %w", ErrUnreachable, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	return read(resp)
}

// read returns the ARN that AWS answered.
func read(resp *http.Response) (string, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil || resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		return "", ErrUnreachable
	case resp.StatusCode != http.StatusOK:
		return "", ErrRefused
	}
	var said struct {
		ARN string `xml:"GetCallerIdentityResult>Arn"`
	}
	if err := xml.Unmarshal(text, &said); err != nil || said.ARN == "" {
		return "", ErrUnreachable
	}
	return said.ARN, nil
}

// take uses p up, unless it is too old or came before. One that was made before
// this Verifier was may have been taken by the one before it.
func (v *Verifier) take(p proof) error {
	now := v.wall.Now()
	if now.Before(p.at.Add(-early)) || !now.Before(p.until()) || p.at.Before(v.since) {
		return ErrTime
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, twice := v.taken[p.signature]; twice {
		return ErrReplayed
	}
	if len(v.taken) >= maxTaken {
		maps.DeleteFunc(v.taken, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
	if len(v.taken) >= maxTaken {
		return ErrTooMany
	}
	v.taken[p.signature] = p.until()
	return nil
}

// A proof is a taken-apart address.
type proof struct {
	host, query, signature string
	at                     time.Time
	expires                time.Duration
}

// until is when p is over: what it says itself, and never later than Lasts.
func (p proof) until() time.Time { return p.at.Add(min(p.expires, Lasts)) }

var (
	hostForm       = regexp.MustCompile(`^sts\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$`)
	credentialForm = regexp.MustCompile(`^[A-Z0-9]{16,128}/(\d{8})/([a-z0-9-]+)/sts/aws4_request$`)
	signatureForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

const amzTime = "20060102T150405Z"

// signedHeaders are those that a proof signs, all of them and no other.
const signedHeaders = "host;x-sesame-said;x-sesame-server"

// parse takes a proof apart. It lets through what Make makes, to the letter:
// whatever else stood in the address would be sent to AWS in our name.
func parse(text string) (proof, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxProof || u.Scheme != "https" || u.Path != "/" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return proof{}, ErrForm
	}
	host := hostForm.FindStringSubmatch(u.Host)
	q, err := url.ParseQuery(u.RawQuery)
	if host == nil || err != nil || u.Host != hostOf(host[1]) {
		return proof{}, ErrForm
	}
	names := slices.Sorted(maps.Keys(q))
	want := []string{"Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders"}
	if _, session := q["X-Amz-Security-Token"]; !session {
		want = slices.DeleteFunc(want, func(name string) bool { return name == "X-Amz-Security-Token" })
	}
	once := func(name string) bool { return len(q[name]) == 1 }
	if !slices.Equal(names, want) || slices.ContainsFunc(names, func(name string) bool { return !once(name) }) {
		return proof{}, ErrForm
	}
	return checked(proof{host: u.Host, query: q.Encode(), signature: q.Get("X-Amz-Signature")}, q, host[1])
}

// checked holds each parameter to what it has to be.
func checked(p proof, q url.Values, region string) (proof, error) {
	scope := credentialForm.FindStringSubmatch(q.Get("X-Amz-Credential"))
	at, err := time.Parse(amzTime, q.Get("X-Amz-Date"))
	expires, bad := strconv.Atoi(q.Get("X-Amz-Expires"))
	switch {
	case q.Get("Action") != action, q.Get("Version") != version, q.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256",
		q.Get("X-Amz-SignedHeaders") != signedHeaders, !signatureForm.MatchString(p.signature),
		scope == nil, err != nil, bad != nil, expires < 1, expires > int(Lasts/time.Second):
		return proof{}, ErrForm
	case scope[1] != at.Format("20060102"), scope[2] != region:
		return proof{}, ErrForm
	}
	p.at, p.expires = at, time.Duration(expires)*time.Second
	return p, nil
}
