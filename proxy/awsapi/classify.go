package awsapi

import (
	"fmt"
	"strings"
)

// A Request is what Classify looks at. Nothing in it is changed.
type Request struct {
	Method string
	Target string              // path and query as they stand on the request line
	Header map[string][]string // those that are signed, as net/http names them
	// Signing is the service that the request is signed for.
	Signing string
	// Endpoint is what the host resolves to. Without it the request counts as
	// one to whichever endpoint of the service.
	Endpoint Endpoint
	// Body is read where NeedsBody says so, and for parameters.
	Body []byte
}

func (r Request) split() (path, query string) {
	path, query, _ = cut(r.Target, '?')
	return path, query
}

// header is the value of a header that may be there once.
func (r Request) header(name string) (string, error) {
	switch vs := r.Header[name]; len(vs) {
	case 0:
		return "", nil
	case 1:
		return vs[0], nil
	}
	return "", fmt.Errorf("%w: %s is repeated", ErrAmbiguous, name)
}

const form = "application/x-www-form-urlencoded"

// NeedsBody reports whether r cannot be classified without its body, which is
// so for the query protocols: of a request that could be one of theirs, the
// first MaxForm bytes and one more have to be read.
func (t *Table) NeedsBody(r Request) bool {
	g := t.groups[r.Signing]
	if g == nil || !g.form || len(r.Header["X-Amz-Target"]) > 0 || len(r.Header["Smithy-Protocol"]) > 0 {
		return false
	}
	path, query := r.split()
	return g.isForm(r, path, query)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Classify finds out what r asks for. An operation that is not in the table is
// no error, but a Call without a Known one; an error wraps ErrAmbiguous,
// ErrEncoding or ErrTooLarge, and means that the request should not be sent.
func (t *Table) Classify(r Request) (Call, error) {
	g := t.groups[r.Signing]
	if g == nil {
		return Call{Service: r.Signing}, nil
	}
	target, err := r.header("X-Amz-Target")
	if err != nil {
		return Call{}, err
	}
	smithy, err := r.header("Smithy-Protocol")
	if err != nil {
		return Call{}, err
	}
	path, query := r.split()
	switch {
	case query != "" && (hasName(query, "X-Amz-Target") || hasName(query, "Smithy-Protocol")):
		return Call{}, fmt.Errorf("%w: a parameter has the name of a header that decides", ErrAmbiguous)
	case target != "":
		return t.json(g, r, target, smithy)
	case smithy != "" || g.cbor && strings.HasPrefix(path, "/service/"):
		return t.cbor(g, r, smithy)
	case g.form && g.isForm(r, path, query):
		return t.form(g, r, query)
	case g.routes != nil:
		return g.rest(r, path, query)
	}
	return Call{Service: g.name(r)}, nil
}

// name is the service of an unknown operation, as far as it can be told.
func (g *group) name(r Request) string {
	for _, s := range g.services {
		if r.Endpoint.mayBe(s) {
			return s.Name
		}
	}
	return r.Signing
}

// pick is the first of several operations of one name that r can be, by what
// it is signed for and where it goes.
func pick(from []*Operation, g *group, r Request) *Operation {
	if len(from) == 1 && len(g.services) == 1 && g.services[0] == from[0].Service {
		return from[0]
	}
	var found *Operation
	for _, o := range from {
		if g.has(o.Service) && r.Endpoint.mayBe(o.Service) && (found == nil || rank(o) < rank(found)) {
			found = o
		}
	}
	return found
}

func (g *group) has(s *Service) bool {
	for _, of := range g.services {
		if of == s {
			return true
		}
	}
	return false
}

// call is what was found, or what was not.
func (g *group) call(r Request, o *Operation, p Protocol, named string) Call {
	if o == nil {
		return Call{Service: g.name(r), Operation: named, Protocol: p}
	}
	return Call{Service: o.Service.Name, Operation: o.Name, Known: o, Protocol: p}
}

func (t *Table) json(g *group, r Request, target, smithy string) (Call, error) {
	switch kind, utf8 := mediaType(first(r.Header["Content-Type"])); {
	case !g.json:
		return Call{}, fmt.Errorf("%w: %s does not speak JSON, but there is an X-Amz-Target", ErrAmbiguous, r.Signing)
	case smithy != "" || r.Method != "POST" || !r.atRoot(g):
		return Call{}, fmt.Errorf("%w: X-Amz-Target and another protocol", ErrAmbiguous)
	case strings.EqualFold(kind, form):
		return Call{}, fmt.Errorf("%w: X-Amz-Target and a form", ErrAmbiguous)
	case !jsonType(kind) || !utf8:
		return Call{}, fmt.Errorf("%w: %.80q", ErrEncoding, kind)
	}
	if o := pick(t.targets[target], g, r); o != nil {
		return Call{Service: o.Service.Name, Operation: o.Name, Known: o, Protocol: JSON}, nil
	}
	_, named, _ := strings.Cut(target, ".")
	return g.call(r, nil, JSON, named), nil
}

// atRoot reports whether nothing but the header can name an operation.
func (r Request) atRoot(g *group) bool {
	if r.Target == "/" {
		return true
	}
	path, query := r.split()
	return path == "/" && !(g.form && hasAction(query))
}

// jsonType are the types that come with an X-Amz-Target. The one of CBOR is
// that of older SDKs for Java.
func jsonType(kind string) bool {
	switch kind {
	case "", "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json", "application/x-amz-cbor-1.1":
		return true
	}
	return false
}

func (t *Table) cbor(g *group, r Request, smithy string) (Call, error) {
	path, query := r.split()
	rest, ok := strings.CutPrefix(path, "/service/")
	target, rest, more := strings.Cut(rest, "/")
	name, ok2 := strings.CutPrefix(rest, "operation/")
	kind, _ := mediaType(first(r.Header["Content-Type"]))
	switch {
	case smithy != "rpc-v2-cbor":
		return Call{}, fmt.Errorf("%w: Smithy-Protocol %.40q", ErrEncoding, smithy)
	case !g.cbor || !ok || !more || !ok2 || r.Method != "POST" || g.form && hasAction(query):
		return Call{}, fmt.Errorf("%w: a Smithy-Protocol and another one", ErrAmbiguous)
	case kind != "" && kind != "application/cbor":
		return Call{}, fmt.Errorf("%w: %.80q", ErrEncoding, kind)
	}
	return g.call(r, pick(t.rpcs[rpcKey{target, name}], g, r), CBOR, name), nil
}

func (g *group) rest(r Request, path, query string) (Call, error) {
	if g.s3 {
		if c, ours, err := g.object(r, path, query); ours || err != nil {
			return c, err
		}
	}
	if !clean(path) {
		return Call{}, fmt.Errorf("%w: the path has empty or dot segments", ErrAmbiguous)
	}
	return g.at(g.routes.find(r.Method, strings.Trim(path, "/")), r, query)
}

// at is the call of a leaf, which may be none.
func (g *group) at(l *leaf, r Request, query string) (Call, error) {
	if l == nil {
		return Call{Service: g.name(r), Protocol: g.restProtocol()}, nil
	}
	o, err := l.choose(r, query)
	switch {
	case err != nil:
		return Call{}, err
	case o == nil:
		return g.call(r, nil, g.restProtocol(), ""), nil
	}
	return g.call(r, o, o.Service.rest(), ""), nil
}

func (g *group) restProtocol() Protocol {
	for _, s := range g.services {
		if p := s.rest(); p != Unknown {
			return p
		}
	}
	return Unknown
}
