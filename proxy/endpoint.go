package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/awsapi"
)

// An Endpoint is what clients name as their AWS_ENDPOINT_URL that know of no
// HTTPS_PROXY. All of AWS is behind its one name, so that where a call is meant
// for comes from what it is signed for, and from what it asks for; the host that
// the client names says at most which bucket.
type Endpoint struct {
	proxy     *Proxy
	authority *Authority
	name      string
}

// NewEndpoint returns an Endpoint of a name, under which it hands calls to p.
// Buckets may stand before the name, so DNS is to have it with a wildcard.
func NewEndpoint(p *Proxy, a *Authority, name string) *Endpoint {
	return &Endpoint{p, a, strings.ToLower(name)}
}

// Run serves l until ctx ends, and then lets what is under way finish for a
// while. When it returns nothing is served any more.
func (e *Endpoint) Run(ctx context.Context, l net.Listener) error {
	s := e.proxy.server(e.serve)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return served(s.Serve(tls.NewListener(&bounded{Listener: l}, secured(e.certificate)))) })
	group.Go(func() error {
		<-ctx.Done()
		return drain(ctx, s)
	})
	return group.Wait()
}

// certificate is the same for everybody: of a client that wants another name, it
// is for the client to say so.
func (e *Endpoint) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return e.authority.Leaf(e.name, "*."+e.name)
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request) { e.proxy.ServeEndpoint(w, r, e.name) }

// ServeEndpoint answers one request that came for AWS under a name of ours.
func (p *Proxy) ServeEndpoint(w http.ResponseWriter, r *http.Request, name string) {
	p.serve(&call{Proxy: p, w: w, r: r, endpoint: name})
}

// hostsOfTheirOwn have services whose hosts depend on what a call names.
var hostsOfTheirOwn = map[string]string{
	"s3express": "S3 Express", "s3-outposts": "S3 on Outposts", "s3-object-lambda": "S3 Object Lambda",
}

// homes are places that were looked for, which takes longer than the rest of a
// short call.
type homes struct {
	mu    sync.RWMutex // guards what follows
	known map[sought][]awsapi.Home
}

// sought is all that a place depends on.
type sought struct{ service, region, lead string }

const maxHomes = 10000

// find returns the places that a call can be meant for. S3 Control is signed for
// as S3 is, and is never meant here.
func (h *homes) find(t *awsapi.Table, s sought) []awsapi.Home {
	h.mu.RLock()
	all, known := h.known[s]
	h.mu.RUnlock()
	if known {
		return all
	}
	all = slices.DeleteFunc(t.Homes(s.service, s.region, s.lead), func(home awsapi.Home) bool {
		return s.service == s3 && home.Service != s3
	})
	if len(all) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHomes {
		h.known = map[sought][]awsapi.Home{}
	}
	h.known[s] = all
	return all
}

// seek finds out where a call can be meant for. The host is one that was
// signed, and counts for no more than what stands before our name.
func (c *call) seek() *refusal {
	lead, ours := leadOf(c.r.Host, c.endpoint)
	if !ours {
		return deny(denied, "host", "The request is signed for the host %.80q, and this is %s: have AWS_ENDPOINT_URL name it.", c.r.Host, c.endpoint)
	}
	scope := c.signed.Scope
	if name := hostsOfTheirOwn[scope.Service]; name != "" {
		return deny(denied, "host", "%s has hosts of its own, which an endpoint cannot stand for: use sesame run without --endpoint.", name)
	}
	if why := c.misled(lead); why != "" {
		return deny(denied, "host", "%s: use sesame run without --endpoint, or the path style for buckets.", why)
	}
	c.maybe = c.homes.find(c.Table, sought{scope.Service, scope.Region, lead})
	switch {
	case len(c.maybe) > 0:
	case lead != "":
		return deny(denied, "host", "%s has no host that begins with %.80q: set AWS_DISABLE_HOST_PREFIX_INJECTION=true, or use sesame run without --endpoint.", scope.Service, lead)
	default:
		return deny(denied, "region", "Sesame knows no host of %s in %s: check the region of the client, or use sesame run without --endpoint.", scope.Service, scope.Region)
	}
	c.request = awsapi.Request{Method: c.r.Method, Target: c.r.RequestURI, Header: c.signed.Forward(), Signing: scope.Service}
	return nil
}

const s3 = "s3"

// leadForm is what may stand before our name: what a bucket may be called.
var leadForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// leadOf is what stands before our name in a host, with or without a port.
func leadOf(host, name string) (lead string, ours bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	if host == name {
		return "", true
	}
	lead, ours = strings.CutSuffix(host, "."+name)
	return lead, ours && leadForm.MatchString(lead)
}

var (
	accountForm     = regexp.MustCompile(`^\d{12}$`)
	accessPointForm = regexp.MustCompile(`^[^.]+-\d{12}$`)
)

// misled says why a host or header would lead to another place than the client
// means: SDKs put what stands for an access point or an account before the name
// of an endpoint, where a bucket stands as well. Whose bucket that is is for
// anybody to decide who makes it.
func (c *call) misled(lead string) string {
	switch {
	case c.signed.Scope.Service != s3:
		return ""
	case accountForm.MatchString(lead):
		return fmt.Sprintf("%s can be an account of S3 Control or a bucket", lead)
	case accessPointForm.MatchString(lead):
		return fmt.Sprintf("%.80s can be an access point or a bucket", lead)
	case strings.HasSuffix(lead, "--x-s3"):
		return fmt.Sprintf("%.80s is a directory bucket, which has a host of its own", lead)
	case c.r.Header["X-Amz-Account-Id"] != nil:
		return "S3 Control has hosts of its own"
	}
	return ""
}

// settle decides where the call goes, by what it asks for. Services that are
// signed for under one name have few requests in common; those are refused.
func (c *call) settle() *refusal {
	var at []awsapi.Home
	for _, h := range c.maybe {
		r := c.request
		r.Endpoint = h.Endpoint
		found, err := c.Table.Classify(&r)
		if err != nil {
			return ambiguous(err)
		}
		if found.Known != nil {
			at = append(at, h)
		}
		if found.Known != nil && found.Known.OpensSession {
			return deny(denied, "session", "The stream of a session has a host of its own, which an endpoint does not stand for: use sesame run without --endpoint.")
		}
	}
	if len(at) == 0 {
		at = c.maybe // with an operation that is not known
	}
	if len(at) > 1 {
		return deny(denied, "host", "The request can be meant for %s or for %s, which an endpoint cannot tell apart: use sesame run without --endpoint.", at[0].Host, at[1].Host)
	}
	c.host, c.request.Endpoint = at[0].Host, at[0].Endpoint
	return nil
}

// region is the one that the call is for. Clients sign for their own region
// where a service has but one; its home tells which.
func (c *call) region() string {
	if c.endpoint != "" && c.request.Endpoint.Region != "" {
		return c.request.Endpoint.Region
	}
	return c.signed.Scope.Region
}
