package proxy_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	region     = "us-east-1"
	roleARN    = "arn:aws:iam::222222222222:role/SesameEC2"
	externalID = "an-external-id"

	endpointName = "aws.sesame.example.com"
)

// A rig is the whole way of a call: a client, the proxy with what it needs, and
// AWS.
type rig struct {
	testing.TB
	edits     []func(*rig, *proxy.Config)
	clock     *clock.Movable
	store     *memory.Store
	sts       *awstest.World
	aws       *upstream
	keys      *rolesession.Keys
	way       *rolesession.Way
	log       *calls.Log
	dir       string
	proxy     *proxy.Proxy
	authority *proxy.Authority
	address   string
	ring      access.Spec
	key       rolesession.Key
	tokens    map[string]proxy.Key
	begin     func() // has a server begin anew, with what is stored
}

// found lets the proxy at the keys, as the server does.
type found struct {
	*rolesession.Keys
	tokens map[string]proxy.Key
}

func (f found) Find(ctx context.Context, id, token string) (proxy.Key, error) {
	if t, ours := f.tokens[id]; ours && token == "" {
		return t, nil
	}
	k, err := f.Keys.Find(ctx, id, token)
	return proxy.Key{Secret: k.Secret, Grant: k.Grant, Ring: k.Spec, Expires: k.Expires, Address: k.Address, Roles: k.Roles}, err
}

func (f found) Mint(ctx context.Context, like proxy.Key) (proxy.Triple, error) {
	k, err := f.Keys.Mint(ctx, like.Ring.Key, rolesession.Terms{Grant: like.Grant, Expires: like.Expires, Address: like.Address, Roles: like.Roles})
	return proxy.Triple{ID: k.ID, Secret: k.Secret, Token: k.Token}, err
}

// newRig gives alice an open grant of an hour on a target with these calls.
func newRig(t testing.TB, lists string, edits ...func(*rig, *proxy.Config)) *rig {
	t.Helper()
	r := &rig{TB: t, edits: edits, clock: clock.Frozen(noon), store: memory.New(), dir: filepath.Join(t.TempDir(), "calls")}
	r.tokens = map[string]proxy.Key{}
	r.sts = awstest.New(awstest.Config{})
	if err := r.sts.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sts.Close)
	r.sts.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{"111111111111"}, ExternalID: externalID, TagSession: true, SetSource: true})
	r.aws = newUpstream(t, r.sts)
	sealer, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), r.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.way = rolesession.New(r.store, sealer, r.clock)
	if r.log, err = calls.Open(calls.Config{Dir: r.dir, Clock: r.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.log.Close() })
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	r.begin = func() { r.proxy = r.newProxy(table, sealer) }
	r.begin()
	names, err := awsapi.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	if r.authority, err = proxy.OpenAuthority(t.TempDir(), sealer, append(names, endpointName), clock.System{}); err != nil {
		t.Fatal(err)
	}
	r.give(lists)
	return r
}

// newProxy is a proxy as a server that has just begun has it.
func (r *rig) newProxy(table *awsapi.Table, sealer *rolesession.Sealer) *proxy.Proxy {
	r.keys = rolesession.NewKeys(r.store, sealer)
	own := r.sts.AddKey("111111111111", "sesame")
	c := proxy.Config{
		Table: table, Keys: found{r.keys, r.tokens}, Store: r.store, Calls: r.log, Clock: r.clock, Log: zerolog.Nop(), Upstream: r.aws.transport(),
		Roles: rolesession.NewSessions(rolesession.Config{
			Connect: func(context.Context, string) (aws.Config, error) {
				return aws.Config{
					Region: region, BaseEndpoint: aws.String(r.sts.URL()), RetryMaxAttempts: 1,
					Credentials: credentials.NewStaticCredentialsProvider(own.ID, own.Secret, ""),
				}, nil
			},
			Secret: func(string) (string, error) { return externalID, nil }, Clock: r.clock,
		}),
	}
	for _, edit := range r.edits {
		edit(r, &c)
	}
	return proxy.New(c)
}

func (r *rig) give(lists string) {
	r.Helper()
	asked := access.Request{
		ID: "r-0123456789", By: access.Person{ID: "p-alice00000", Principal: "alice", Email: "alice@example.com"},
		Target: access.Target{Name: "ec2-frontend", Way: flowfile.WayRole, Tags: map[string]string{"env": "prod"}, Params: map[string]string{
			flowfile.ParamRegion: region, flowfile.ParamRoleARN: roleARN, flowfile.ParamExternalID: "${file:x}",
			flowfile.ParamAccount: "222222222222", flowfile.ParamCalls: lists,
		}},
	}
	put(r, asked)
	plan, err := rolesession.Planner{}.Plan(asked.Target, asked.By)
	if err != nil {
		r.Fatal(err)
	}
	r.ring = plan.Objects[0]
	if _, err := r.way.Apply(r.Context(), r.ring); err != nil {
		r.Fatal(err)
	}
	r.put(access.Grant{
		ID: "g-0123456789", Request: asked.ID, State: access.Open, Holder: "p-alice00000", Target: "ec2-frontend", Objects: []access.ObjectKey{r.ring.Key},
		EndsAt: noon.Add(time.Hour), CloseBy: noon.Add(time.Hour),
	})
	r.key = r.mint(netip.Addr{})
}

// token is a service token of alice's, as the key that a client has.
func (r *rig) token(networks ...string) rolesession.Key {
	r.Helper()
	k := rolesession.Key{ID: "SESTAAAAAAAAAAAAAAAA#ec2-frontend", Secret: "a-secret-of-a-token"}
	by := proxy.Token{ID: "SESTAAAAAAAAAAAAAAAA", Name: "nightly", Owner: "p-alice00000", Asked: "ec2-frontend"}
	for _, n := range networks {
		by.Networks = append(by.Networks, netip.MustParsePrefix(n))
	}
	r.tokens[k.ID] = proxy.Key{Secret: k.Secret, Grant: "g-0123456789", Ring: r.ring, Expires: noon.Add(30 * time.Minute), By: by}
	return k
}

func (r *rig) mint(from netip.Addr) rolesession.Key {
	r.Helper()
	k, err := r.keys.Mint(r.Context(), r.ring.Key, rolesession.Terms{Grant: "g-0123456789", Expires: noon.Add(2 * time.Hour), Address: from})
	if err != nil {
		r.Fatal(err)
	}
	return k
}

// put stores a grant over what is there.
func (r *rig) put(g access.Grant) {
	r.Helper()
	put(r, g)
}

// put stores what it is given over what is there.
func put[T access.Stored](r *rig, v T) {
	r.Helper()
	_, version, err := access.LoadOrNew[T](r.Context(), r.store, v.Key())
	if err != nil {
		r.Fatal(err)
	}
	change, err := access.Put(v, version)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.store.Commit(r.Context(), access.Commit{Changes: []access.Change{change}}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) grant() access.Grant {
	r.Helper()
	g, _, err := access.Load[access.Grant](r.Context(), r.store, access.Grant{ID: "g-0123456789"}.Key())
	if err != nil {
		r.Fatal(err)
	}
	return g
}

// end ends the grant as somebody does who clicks.
func (r *rig) end() {
	r.Helper()
	g, err := r.grant().Ended(access.End{At: r.clock.Now(), Cause: access.EndedEarly})
	if err != nil {
		r.Fatal(err)
	}
	r.put(g)
}

// remove has the keys of the grant be gone.
func (r *rig) remove() {
	r.Helper()
	if _, err := r.way.Remove(r.Context(), r.ring); err != nil {
		r.Fatal(err)
	}
}

// under returns what makes a query that names another key, with the secret and
// the token of the rig's.
func under(id string) func(*rig) message {
	return func(r *rig) message {
		k := r.key
		k.ID = id
		m := query()
		m.key = &k
		return m
	}
}

// listen serves the interceptor until the test is over, and returns its owner's
// way to end it before.
func (r *rig) listen() (stop func()) {
	r.Helper()
	r.address, stop = r.serving(proxy.NewInterceptor(r.proxy, r.authority).Run)
	return stop
}

// serving has run serve a fresh address until the test is over, or until stop.
func (r *rig) serving(run func(context.Context, net.Listener) error) (address string, stop func()) {
	r.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx, l); err != nil {
			r.Error(err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	r.Cleanup(stop)
	return l.Addr().String(), stop
}

// client is an HTTP client as the environment of sesame run makes one.
func (r *rig) client() *http.Client {
	r.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(r.authority.PEM()) {
		r.Fatal("the certificate of the authority cannot be read")
	}
	t := &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: r.address}), TLSClientConfig: &tls.Config{RootCAs: roots},
		DisableCompression: true, ExpectContinueTimeout: time.Second,
	}
	r.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

func (r *rig) config() aws.Config {
	return aws.Config{
		Region: region, HTTPClient: r.client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(r.key.ID, r.key.Secret, r.key.Token),
	}
}

// A message is a request that is made by hand.
type message struct {
	method, url, body string
	header            map[string]string
	service, region   string
	at                time.Time
	payload           string // in place of the hash of the body
	key               *rolesession.Key
}

func item(body string) message {
	return message{
		method: "POST", url: "https://dynamodb.us-east-1.amazonaws.com/", body: body, service: "dynamodb",
		header: map[string]string{"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"},
	}
}

func query() message {
	m := item(`{"TableName":"orders"}`)
	m.header = map[string]string{"X-Amz-Target": "DynamoDB_20120810.Query", "Content-Type": "application/x-amz-json-1.0"}
	return m
}

// signed is the message as the SDK signs it.
func (r *rig) signed(m message) *http.Request {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), m.method, m.url, strings.NewReader(m.body))
	if err != nil {
		r.Fatal(err)
	}
	for name, value := range m.header {
		req.Header.Set(name, value)
	}
	if m.at.IsZero() {
		m.at = clock.System{}.Now()
	}
	if m.key == nil {
		m.key = &r.key
	}
	if m.region == "" {
		m.region = region
	}
	sum := sha256.Sum256([]byte(m.body))
	hash := cmp.Or(m.payload, hex.EncodeToString(sum[:]))
	req.Header.Set("X-Amz-Content-Sha256", hash)
	creds := aws.Credentials{AccessKeyID: m.key.ID, SecretAccessKey: m.key.Secret, SessionToken: m.key.Token}
	if err := v4.NewSigner().SignHTTP(r.Context(), creds, req, hash, m.service, m.region, m.at); err != nil {
		r.Fatal(err)
	}
	return req
}

// serve has the proxy answer a request without a network, as if it came from an
// address.
func (r *rig) serve(req *http.Request, from string) *httptest.ResponseRecorder {
	r.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.Fatal(err)
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	in := httptest.NewRequest(req.Method, req.URL.RequestURI(), strings.NewReader(string(body)))
	in.Header, in.Host, in.RemoteAddr = req.Header.Clone(), req.Host, from
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	w := httptest.NewRecorder()
	r.proxy.Serve(w, in, req.URL.Hostname())
	return w
}

const home = "192.0.2.7:4711"

// entries are what was recorded so far.
func (r *rig) entries() []calls.Entry {
	r.Helper()
	var all []calls.Entry
	if err := calls.Each(r.dir, func(e calls.Entry) error {
		all = append(all, e)
		return nil
	}); err != nil {
		r.Fatal(err)
	}
	return all
}

func kinds(all []calls.Entry) []calls.Kind {
	var ks []calls.Kind
	for _, e := range all {
		ks = append(ks, e.Kind)
	}
	return ks
}

// An upstream is AWS: it checks each signature with the credentials that its
// STS gave out, and keeps what came.
type upstream struct {
	*httptest.Server
	sts *awstest.World
	// sessions has the world behind sts serve them too.
	sessions bool
	// spoil changes the answers by which sessions begin. Optional.
	spoil func(answer string) string

	mu      sync.Mutex // guards what follows
	seen    []received
	objects map[string][]byte
	answer  http.HandlerFunc // instead of the usual, if set
}

type received struct {
	method, host, target string
	header               http.Header
	body                 string
	session              awstest.Session
}

func newUpstream(t testing.TB, sts *awstest.World) *upstream {
	u := &upstream{sts: sts, objects: map[string][]byte{}}
	u.Server = httptest.NewServer(u)
	t.Cleanup(u.Server.Close)
	return u
}

// transport reaches the upstream under whatever name.
func (u *upstream) transport() *http.Transport {
	t := proxy.NewTransport()
	t.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, u.Listener.Addr().String())
	}
	return t
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, _, _ := strings.Cut(r.Host, "."); name == "sts" || u.sessions && slices.Contains([]string{"ssm", "ssmmessages", "ecs", "kms"}, name) {
		if u.spoil != nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".StartSession") {
			whole := httptest.NewRecorder()
			u.sts.ServeHTTP(whole, r)
			_, _ = io.WriteString(w, u.spoil(whole.Body.String()))
			return
		}
		u.sts.ServeHTTP(w, r) // which checks the signature by the SDK
		return
	}
	got, err := u.check(r)
	if err != nil {
		http.Error(w, "upstream: "+err.Error(), http.StatusTeapot)
		return
	}
	u.mu.Lock()
	u.seen = append(u.seen, got)
	answer := u.answer
	u.mu.Unlock()
	w.Header().Set("X-Amzn-Requestid", "aws-1")
	switch {
	case answer != nil:
		answer(w, r)
	case strings.HasPrefix(r.Host, "dynamodb."):
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, `{"Count":7}`)
	case strings.HasPrefix(r.Host, "sqs."):
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, `{"QueueUrls":["https://sqs.us-east-1.amazonaws.com/222222222222/jobs"]}`)
	case strings.HasPrefix(r.Host, "ec2."):
		_, _ = io.WriteString(w, `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId></DescribeInstancesResponse>`)
	default:
		u.object(w, r, got)
	}
}

func (u *upstream) check(r *http.Request) (received, error) {
	s, err := sigv4.Parse(sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Length: r.ContentLength})
	if err != nil {
		return received{}, err
	}
	session, known := u.sts.Session(s.KeyID)
	if !known || session.Token != s.Token {
		return received{}, errors.New("no such session")
	}
	key := sigv4.NewKey(session.Secret, s.Scope)
	if s.Payload == sigv4.Whole {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return received{}, err
		}
		s.Hash(body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	if err := s.Verify(key, clock.System{}.Now()); err != nil {
		return received{}, err
	}
	// To check signed chunks is to sign them again, for nobody.
	_, chain, err := s.Resign(sigv4.Credential{KeyID: "nobody", Key: key}, r.Host, clock.System{}.Now())
	if err != nil {
		return received{}, err
	}
	body, err := io.ReadAll(s.Body(r.Body, chain))
	return received{r.Method, r.Host, r.RequestURI, r.Header, string(body), session}, err
}

// object is S3, as far as it is needed.
func (u *upstream) object(w http.ResponseWriter, r *http.Request, got received) {
	u.mu.Lock()
	defer u.mu.Unlock()
	name := r.Host + r.RequestURI
	name, _, _ = strings.Cut(name, "?")
	switch r.Method {
	case http.MethodPut:
		u.objects[name] = []byte(unchunked(r.Header, got.body))
		w.Header().Set("Etag", `"1"`)
	case http.MethodGet, http.MethodHead:
		data, ok := u.objects[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
			return
		}
		_, _ = w.Write(data)
	}
}

// unchunked takes the framing of S3 off a body.
func unchunked(h http.Header, body string) string {
	if !slices.Contains(h.Values("Content-Encoding"), "aws-chunked") {
		return body
	}
	var out strings.Builder
	for {
		size, rest, _ := strings.Cut(body, "\r\n")
		size, _, _ = strings.Cut(size, ";")
		n, err := hex.DecodeString(strings.Repeat("0", 16-len(size)) + size)
		if err != nil {
			return "not chunked"
		}
		length := 0
		for _, b := range n {
			length = length<<8 | int(b)
		}
		if length == 0 {
			return out.String()
		}
		out.WriteString(rest[:length])
		body = rest[length+2:]
	}
}

func (u *upstream) received() []received {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.seen)
}

func (u *upstream) answers(f http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = f
}

// unsignedPayload signs a request whose body streams, and is not covered.
func (r *rig) unsignedPayload(req *http.Request, body io.Reader) *http.Request {
	r.Helper()
	fresh, err := http.NewRequestWithContext(r.Context(), req.Method, req.URL.String(), body)
	if err != nil {
		r.Fatal(err)
	}
	const marker = "UNSIGNED-PAYLOAD"
	fresh.Header.Set("X-Amz-Content-Sha256", marker)
	creds := aws.Credentials{AccessKeyID: r.key.ID, SecretAccessKey: r.key.Secret, SessionToken: r.key.Token}
	if err := v4.NewSigner().SignHTTP(r.Context(), creds, fresh, marker, "s3", region, clock.System{}.Now()); err != nil {
		r.Fatal(err)
	}
	return fresh
}
