package proxy

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
	"sesame/proxy/upstream"
)

// A Key is what a proxy key is good for. It does not print its secret.
type Key struct {
	Secret  string
	Grant   access.GrantID
	Ring    access.Spec // the object of the grant that the key comes from
	Expires time.Time   // on Sesame's clock
	// Address is whence it may be used; the zero Address means anywhere.
	Address netip.Addr
	// Roles are those that its holder went on as, one from the other.
	Roles []flowfile.Assumption
	// By is the service token that the key is, or was asked for with. The zero
	// Token is none.
	By Token
}

// A Token is a service token.
type Token struct {
	ID, Name string
	Owner    access.PersonID
	// Networks are whence it may be used.
	Networks []netip.Prefix
	// Asked is the target that was named with it.
	Asked string
	// Idle says why it gives nothing now, where it has no grant.
	Idle string
}

// Format writes the grant under every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(k.Grant)) }

// MarshalText writes the grant.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Grant), nil }

// Keys knows proxy keys.
type Keys interface {
	// Find returns the key with an id and a token. What it says is a claim until
	// a signature was verified with its secret. With access.ErrNotFound it says
	// at most which grant the key was of.
	Find(ctx context.Context, id, token string) (Key, error)
	// Mint makes a key of the same ring, on the terms of the one that it is
	// given.
	Mint(ctx context.Context, like Key) (Triple, error)
}

// Roles has the credentials of AWS that stand behind grants.
type Roles interface {
	// Credentials returns those of the ring's role for an open grant, or of the
	// last of the roles that its holder went on as.
	Credentials(ctx context.Context, ring access.Spec, g access.Grant, roles ...flowfile.Assumption) (aws.Credentials, error)
	// Assume goes on as the last of roles, and returns who that is to AWS.
	Assume(ctx context.Context, ring access.Spec, g access.Grant, roles ...flowfile.Assumption) (types.AssumedRoleUser, error)
}

// A Recorder keeps the record of calls. Without it there are none.
type Recorder interface {
	Append(e calls.Entry) error
	// Room reports why a call that is begun could not be recorded, or nil.
	Room() error
}

// A Reader reads single records of the store.
type Reader interface {
	Get(ctx context.Context, k access.Key) (access.Record, error)
}

// Config says what a Proxy is made of. Everything is required but for what says
// otherwise.
type Config struct {
	Table *awsapi.Table
	Keys  Keys
	Roles Roles
	Store Reader
	Calls Recorder
	Clock clock.Clock
	Log   zerolog.Logger
	// Upstream sends requests to AWS. Optional, default NewTransport.
	Upstream http.RoundTripper
	// Wall is the time of signatures. Optional, default clock.System.
	Wall clock.Clock
	// Sessions has terminal sessions bridged. Optional: they are refused else.
	Sessions Sessions
}

// A Proxy checks calls and passes them on. It is safe for concurrent use.
type Proxy struct {
	Config
	run     string // which of the runs of the program this is, in the ids of calls
	number  atomic.Uint64
	down    keyring // of proxy keys
	up      keyring // of roles
	grants  grants
	asked   requests
	judges  judges
	hosts   hosts
	homes   homes
	repeats *repeats
	// underWay are the calls that have left.
	underWay underWay
	bridged  sessions
	buffers  sync.Pool
	over     sync.Pool // calls that are over
	// reads is Upstream for requests that may be sent twice.
	reads sender
}

// New returns a Proxy.
func New(c Config) *Proxy {
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	if c.Upstream == nil {
		c.Upstream = NewTransport()
	}
	reads := sender(direct{c.Upstream})
	if t, ok := c.Upstream.(*http.Transport); ok {
		reads = upstream.New(t)
	}
	p := &Proxy{
		Config: c, run: rand.Text()[:8], repeats: newRepeats(c.Wall.Now()), reads: reads,
		buffers: sync.Pool{New: func() any { return new([copySize]byte) }}, over: sync.Pool{New: func() any { return new(call) }},
	}
	p.underWay.lasts = p.lasts
	return p
}

// NewTransport returns what reaches AWS: connections are kept, and nothing is
// decoded, followed or sent through yet another proxy.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          2048,
		MaxIdleConnsPerHost:   512,
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
		ReadBufferSize:        copySize,
		WriteBufferSize:       copySize,
	}
}

// GCPercent is what GOGC should be where a Proxy is served. What stays in memory
// is small, most of it the table of operations; to look through it again after
// each few hundred calls costs a tenth of their time.
const GCPercent = 300

// copySize is how much of a body is in memory at once.
const copySize = 32 << 10

// Serve answers one request that came for a host of AWS.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, host string) {
	c := p.over.Get().(*call)
	c.Proxy, c.w, c.r, c.host = p, w, r, host
	p.serve(c)
	if c.taken {
		return // a session had it
	}
	*c = call{} // nothing of it is left, and least of all what is secret
	p.over.Put(c)
}

// nextID names a call.
func (p *Proxy) nextID() string {
	var room [32]byte
	id := append(append(append(room[:0], "c-"...), p.run...), '-')
	return string(strconv.AppendUint(id, p.number.Add(1), 10))
}

// serve takes a call that has just come.
func (p *Proxy) serve(c *call) {
	c.began = p.Wall.Now()
	c.id = p.nextID()
	refused := c.serve(c.r.Context())
	if refused != nil {
		c.refuse(refused)
	}
	if !c.read && !c.taken && c.r.ContentLength != 0 {
		p.letGo(c.w)
	}
}

// A call is one request on its way. Once it is over it becomes another one, so
// that nothing is to keep it.
type call struct {
	*Proxy
	w     http.ResponseWriter
	r     *http.Request
	host  string // of AWS
	began time.Time
	id    string

	endpoint string        // of ours, that the call came to; empty if it came for host
	maybe    []awsapi.Home // where it can be meant for, in that case

	signed  *sigv4.Signed
	from    netip.Addr
	key     Key
	known   bool // the signature was verified: the key's holder is calling
	grant   access.Grant
	cuts    uint64 // how many there were before the grant was looked at
	request awsapi.Request
	found   awsapi.Call
	actions []string // of IAM, that it needs
	params  map[string][]string
	partial []string // the names of those of which params lacks a value
	body    []byte   // if it was read
	read    bool
	role    aws.Credentials // never printed
	asks    asking          // of STS, if it is brokered
	sentAt  time.Time
	about   calls.Entry // what all entries about the call say
	taken   bool        // its connection became a socket of a session, and is over
}

// serve takes the call from step to step. The order matters: what is said about
// a grant is said to its holder alone, and nothing leaves unrecorded.
func (c *call) serve(ctx context.Context) *refusal {
	for _, step := range [...]func(*call, context.Context) *refusal{
		(*call).identify, (*call).place, (*call).admit, (*call).channel, (*call).understand, (*call).judge, (*call).equip, (*call).intend, (*call).send,
	} {
		if refused := step(c, ctx); refused != nil || c.taken {
			return refused
		}
	}
	return nil
}

// keyring keeps derived keys, which cost more to derive than to find.
type keyring struct {
	mu   sync.RWMutex // guards what follows
	keys map[derivation]sigv4.Key
}

// derivation is all that a derived key depends on.
type derivation struct {
	secret string
	scope  sigv4.Scope
}

// maxDerived bounds a keyring. A grant has a few services and regions a day.
const maxDerived = 4096

func (k *keyring) find(secret string, scope sigv4.Scope) (sigv4.Key, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, ok := k.keys[derivation{secret, scope}]
	return key, ok
}

func (k *keyring) keep(secret string, scope sigv4.Scope, key sigv4.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || len(k.keys) >= maxDerived {
		k.keys = map[derivation]sigv4.Key{}
	}
	k.keys[derivation{secret, scope}] = key
}

// grants are those that were called with, as they were at a version.
type grants struct {
	mu   sync.RWMutex // guards what follows
	seen map[access.GrantID]seenGrant
}

type seenGrant struct {
	access.Grant
	version access.Version
}

const maxSeen = 10000

// get returns a grant as the store has it now. It is decoded when it changed.
func (g *grants) get(ctx context.Context, store Reader, id access.GrantID) (access.Grant, error) {
	rec, err := store.Get(ctx, access.Grant{ID: id}.Key())
	if err != nil {
		return access.Grant{}, err
	}
	g.mu.RLock()
	seen := g.seen[id]
	g.mu.RUnlock()
	if seen.version == rec.Version {
		return seen.Grant, nil
	}
	fresh, err := access.Decode[access.Grant](rec)
	if err != nil {
		return access.Grant{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil || len(g.seen) >= maxSeen {
		g.seen = map[access.GrantID]seenGrant{}
	}
	g.seen[id] = seenGrant{fresh, rec.Version}
	return fresh, nil
}

// hosts are endpoints of AWS that were resolved, which takes longer than the
// rest of a short call's classification.
type hosts struct {
	mu    sync.RWMutex // guards what follows
	known map[string]awsapi.Endpoint
}

const maxHosts = 10000

// resolve finds the endpoint that a host is.
func (h *hosts) resolve(t *awsapi.Table, host string) (awsapi.Endpoint, bool) {
	h.mu.RLock()
	e, known := h.known[host]
	h.mu.RUnlock()
	if known {
		return e, true
	}
	e, ours := t.Resolve(host)
	if !ours {
		return e, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHosts {
		h.known = map[string]awsapi.Endpoint{}
	}
	h.known[host] = e
	return e, true
}

// clientAddress is whence a request comes.
func clientAddress(r *http.Request) netip.Addr { return addressOf(r.RemoteAddr) }

// addressOf is an address without its port; the zero Addr where there is none.
func addressOf(text string) netip.Addr {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// hostOnly is a host without the port 443, in small letters.
func hostOnly(host string) string {
	if !strings.Contains(host, ":") {
		return strings.ToLower(host)
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || port != "443" {
		return strings.ToLower(host)
	}
	return strings.ToLower(name)
}
