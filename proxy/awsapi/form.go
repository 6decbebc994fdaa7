package awsapi

import (
	"bytes"
	"fmt"
	"strings"
)

// MaxForm is how much of a body is read to classify a request of the query
// protocols.
const MaxForm = 1 << 20

// A param is a name and a value of a query, unescaped.
type param struct{ name, value string }

type params []param

// usualParams is how many there are room for without allocating.
const usualParams = 8

func readParams(ps params, query string) params {
	escaped := strings.IndexByte(query, '%') >= 0 || strings.IndexByte(query, '+') >= 0
	for query != "" {
		name, value := query, ""
		if i := strings.IndexByte(query, '&'); i >= 0 {
			name, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		if i := strings.IndexByte(name, '='); i >= 0 {
			name, value = name[:i], name[i+1:]
		}
		if escaped {
			name, value = formPlain(name), formPlain(value)
		}
		ps = append(ps, param{name, value})
	}
	return ps
}

// has reports whether there is a parameter of a name, in any case.
func (ps params) has(name string) bool {
	for i := range ps {
		if len(ps[i].name) >= len(name) && folded(name, ps[i].name) {
			return true
		}
	}
	return false
}

// isForm reports whether r is one of the query protocols. Their path is the
// root, and for SQS, whose queues are addresses, any.
func (g *group) isForm(r *Request, path, query string) bool {
	if path != "/" && r.Signing != "sqs" {
		return false
	}
	if g.routes == nil {
		return true
	}
	kind, _ := r.mediaType()
	return strings.EqualFold(kind, form) || hasAction(query)
}

// hasName reports whether a query has a parameter, in any case.
func hasName(query, wanted string) bool {
	for query != "" {
		var part string
		part, query, _ = cut(query, '&')
		name, _, _ := cut(part, '=')
		if len(name) >= len(wanted) && folded(wanted, formPlain(name)) {
			return true
		}
	}
	return false
}

func hasAction(query string) bool { return hasName(query, "Action") }

// A selector is what decides in a form.
type selector struct{ action, version []byte }

// read takes the selector out of a form, as it is written. It refuses a second
// one, and one that is spelled in another case, which some readers take and some
// do not.
func (s *selector) read(text []byte) error {
	for len(text) > 0 {
		part := text
		if i := bytes.IndexByte(text, '&'); i >= 0 {
			part, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if !mayDecide(part) {
			continue
		}
		to, value, plain := s.field(part)
		if to == nil {
			continue
		}
		if len(*to) > 0 || len(value) == 0 || !plain {
			return fmt.Errorf("%w: %.20q is repeated, empty, or spelled in another way", ErrAmbiguous, part)
		}
		*to = value
	}
	return nil
}

// field is the part of s that a parameter is meant for, if it is, its value,
// and whether the name is spelled as AWS has it.
func (s *selector) field(part []byte) (to *[]byte, value []byte, plain bool) {
	const action, version = "Action=", "Version="
	if len(part) >= len(action) && string(part[:len(action)]) == action {
		return &s.action, part[len(action):], true
	}
	if len(part) >= len(version) && string(part[:len(version)]) == version {
		return &s.version, part[len(version):], true
	}
	written, value, _ := bytes.Cut(part, []byte("="))
	switch name := formPlain(string(written)); {
	case strings.EqualFold(name, "Action"):
		return &s.action, value, name == "Action"
	case strings.EqualFold(name, "Version"):
		return &s.version, value, name == "Version"
	}
	return nil, nil, false
}

// plain is s without escapes.
func (s selector) plain() selector {
	return selector{[]byte(formPlain(string(s.action))), []byte(formPlain(string(s.version)))}
}

// mayDecide reports whether what begins a parameter can begin a selector,
// however it is written: it is the letter, or an escape.
func mayDecide(part []byte) bool {
	return len(part) > 0 && (part[0]|0x20 == 'a' || part[0]|0x20 == 'v' || part[0] == '%')
}

// formed finds the operation of a form.
func (g *group) formed(r *Request, query string) (f found, err error) {
	if err := r.checkForm(query); err != nil {
		return f, err
	}
	var s selector
	if query != "" {
		err = s.read([]byte(query))
	}
	if err == nil {
		err = s.read(r.Body)
	}
	if err != nil {
		return f, err
	}
	o := g.selected(r, s)
	if o == nil { // no name or version has to be escaped, but any may be
		s = s.plain()
		o = g.selected(r, s)
	}
	if o != nil {
		return found{op: o, protocol: g.formProtocol}, nil
	}
	return found{named: string(s.action), protocol: g.formProtocol}, nil
}

// selected is the operation that a selector names, as pick picks it.
func (g *group) selected(r *Request, s selector) (found *Operation) {
	for _, o := range g.forms.find(string(s.action)) {
		if o.Service.hasVersion(s.version) && (len(g.services) == 1 || r.Endpoint.mayBe(o.Service)) && (found == nil || rank(o) < rank(found)) {
			found = o
		}
	}
	return found
}

// hasVersion begins at the end: SDKs speak the latest.
func (s *Service) hasVersion(version []byte) bool {
	for i := len(s.versions) - 1; i >= 0; i-- {
		if s.versions[i] == string(version) {
			return true
		}
	}
	return false
}

// checkForm refuses what would be read here in another way than there.
func (r *Request) checkForm(query string) error {
	given := r.Header["Content-Type"]
	kind, utf8 := mediaType(first(given))
	switch {
	case len(r.Body) > MaxForm:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxForm)
	case len(given) > 1:
		return fmt.Errorf("%w: Content-Type is repeated", ErrAmbiguous)
	case bytes.IndexByte(r.Body, ';') >= 0 || strings.IndexByte(query, ';') >= 0:
		// HTML 4.01, appendix B.2.2, has servers take it for an ampersand.
		return fmt.Errorf("%w: a semicolon that is not escaped", ErrAmbiguous)
	case len(r.Body) > 0 && hasAction(query):
		return fmt.Errorf("%w: an Action in the query, and a body", ErrAmbiguous)
	case len(r.Body) > 0 && (kind != form && !strings.EqualFold(kind, form) || r.Method != "POST"):
		return fmt.Errorf("%w: %.80q in place of a form", ErrEncoding, kind)
	case r.Method != "POST" && r.Method != "GET":
		return fmt.Errorf("%w: the method %.20q", ErrEncoding, r.Method)
	case !utf8 || r.compressed():
		return fmt.Errorf("%w: a form in another character set, or compressed", ErrEncoding)
	}
	return nil
}

// compressed reports whether the body is not what it looks like.
func (r *Request) compressed() bool {
	for _, v := range r.Header["Content-Encoding"] {
		if v != "" && !strings.EqualFold(v, "identity") {
			return true
		}
	}
	return false
}
