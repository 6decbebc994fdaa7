package awsapi

import (
	"cmp"
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

func (r *Request) split() (path, query string) {
	path, query, _ = cut(r.Target, '?')
	return path, query
}

// header is the value of a header that may be there once.
func (r *Request) header(name string) (string, error) {
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
func (t *Table) NeedsBody(r *Request) bool {
	g := t.groups.find(r.Signing)
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

func (r *Request) mediaType() (kind string, utf8 bool) {
	return mediaType(first(r.Header["Content-Type"]))
}

// Classify finds out what r asks for. An operation that is not in the table is
// no error, but a Call without a Known one; an error wraps ErrAmbiguous,
// ErrEncoding or ErrTooLarge, and means that the request should not be sent.
func (t *Table) Classify(r *Request) (Call, error) {
	g := t.groups.find(r.Signing)
	if g == nil {
		return Call{Service: r.Signing}, nil
	}
	f, err := t.find(g, r)
	switch {
	case err != nil:
		return Call{}, err
	case f.op != nil:
		return Call{Service: f.op.Service.Name, Operation: f.op.Name, Known: f.op, Protocol: f.protocol}, nil
	}
	return Call{Service: g.name(r), Operation: f.named, Protocol: f.protocol}, nil
}

// found is what a request of a group was found to be.
type found struct {
	op       *Operation // nil where it is not known
	named    string     // what the request calls it, of one that is not known
	protocol Protocol
}

// find has the protocol that a request is in look for its operation.
func (t *Table) find(g *group, r *Request) (f found, err error) {
	target, err := r.header("X-Amz-Target")
	if err != nil {
		return f, err
	}
	smithy, err := r.header("Smithy-Protocol")
	if err != nil {
		return f, err
	}
	var params params
	path, query := r.split()
	if query != "" {
		var room [usualParams]param
		if params = readParams(room[:0], query); params.has("X-Amz-Target") || params.has("Smithy-Protocol") {
			return f, fmt.Errorf("%w: a parameter has the name of a header that decides", ErrAmbiguous)
		}
	}
	switch {
	case target != "":
		return t.json(g, r, target, smithy)
	case smithy != "" || g.cbor && strings.HasPrefix(path, "/service/"):
		return t.cbor(g, r, smithy)
	case g.form && g.isForm(r, path, query):
		return g.formed(r, query)
	case g.routes != nil:
		return g.rest(r, path, params)
	}
	return f, nil
}

// name is the service of an unknown operation, as far as it can be told: that of
// the name which is signed for goes before its kin.
func (g *group) name(r *Request) string {
	name := ""
	for _, s := range g.services {
		if r.Endpoint.mayBe(s) && (name == "" || s.Name == r.Signing) {
			name = s.Name
		}
	}
	return cmp.Or(name, r.Signing)
}

// pick is the first of several operations of one name that r can be, by what
// it is signed for and where it goes.
func pick(from []*Operation, g *group, r *Request) *Operation {
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

func (t *Table) json(g *group, r *Request, target, smithy string) (f found, err error) {
	given, err := r.header("Content-Type")
	if err != nil {
		return f, err
	}
	switch kind, utf8 := mediaType(given); {
	case !g.json:
		return f, fmt.Errorf("%w: %s does not speak JSON, but there is an X-Amz-Target", ErrAmbiguous, r.Signing)
	case smithy != "" || r.Method != "POST" || !r.atRoot(g):
		return f, fmt.Errorf("%w: X-Amz-Target and another protocol", ErrAmbiguous)
	case strings.EqualFold(kind, form):
		return f, fmt.Errorf("%w: X-Amz-Target and a form", ErrAmbiguous)
	case !jsonType(kind) || !utf8:
		return f, fmt.Errorf("%w: %.80q", ErrEncoding, kind)
	}
	_, named, _ := cut(target, '.')
	return found{pick(t.targets[target], g, r), named, JSON}, nil
}

// atRoot reports whether nothing but the header can name an operation.
func (r *Request) atRoot(g *group) bool {
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

func (t *Table) cbor(g *group, r *Request, smithy string) (f found, err error) {
	path, query := r.split()
	rest, ok := strings.CutPrefix(path, "/service/")
	target, rest, more := strings.Cut(rest, "/")
	name, ok2 := strings.CutPrefix(rest, "operation/")
	given, err := r.header("Content-Type")
	kind, _ := mediaType(given)
	switch {
	case err != nil:
		return f, err
	case smithy != "rpc-v2-cbor":
		return f, fmt.Errorf("%w: Smithy-Protocol %.40q", ErrEncoding, smithy)
	case !g.cbor || !ok || !more || !ok2 || r.Method != "POST" || g.form && hasAction(query):
		return f, fmt.Errorf("%w: a Smithy-Protocol and another one", ErrAmbiguous)
	case kind != "" && kind != "application/cbor":
		return f, fmt.Errorf("%w: %.80q", ErrEncoding, kind)
	}
	return found{pick(t.rpcs[rpcKey{target, name}], g, r), name, CBOR}, nil
}

// rest finds the operation of a REST service.
func (g *group) rest(r *Request, path string, query params) (f found, err error) {
	if g.s3 && !g.control(r, path) {
		return g.object(r, path, query)
	}
	var room [usualSegments]segment
	segments, clean := segmentsOf(room[:0], path)
	if !clean {
		return f, fmt.Errorf("%w: the path has empty or dot segments", ErrAmbiguous)
	}
	o, err := g.routes.find(r.Method, segments).choose(r, query)
	return g.restful(o), err
}

func (g *group) restful(o *Operation) found {
	if o == nil {
		return found{protocol: g.restProtocol()}
	}
	return found{op: o, protocol: o.Service.restful}
}

func (g *group) restProtocol() Protocol {
	for _, s := range g.services {
		if s.restful != Unknown {
			return s.restful
		}
	}
	return Unknown
}
