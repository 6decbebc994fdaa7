package awsapi

import (
	"fmt"
	"strings"
)

// MaxForm is how much of a body is read to classify a request of the query
// protocols.
const MaxForm = 1 << 20

// isForm reports whether r is one of the query protocols. Their path is the
// root, and for SQS, whose queues are addresses, any.
func (g *group) isForm(r Request, path, query string) bool {
	if path != "/" && r.Signing != "sqs" {
		return false
	}
	kind, _ := mediaType(first(r.Header["Content-Type"]))
	return g.routes == nil || strings.EqualFold(kind, form) || hasAction(query)
}

// hasName reports whether a query has a parameter, in any case.
func hasName(query, wanted string) bool {
	for query != "" {
		var part string
		part, query, _ = cut(query, '&')
		name, _, _ := cut(part, '=')
		if len(name) >= len(wanted) && strings.EqualFold(formPlain(name), wanted) {
			return true
		}
	}
	return false
}

func hasAction(query string) bool { return hasName(query, "Action") }

// A selector is what decides in a form.
type selector struct{ action, version string }

// read takes the selector out of a form. It refuses a second one, and one
// that is spelled in another case, which some readers take and some do not.
func (s *selector) read(text string) error {
	for text != "" {
		var part string
		part, text, _ = cut(text, '&')
		written, value, _ := cut(part, '=')
		name := formPlain(written)
		var to *string
		switch {
		case strings.EqualFold(name, "Action"):
			to = &s.action
		case strings.EqualFold(name, "Version"):
			to = &s.version
		default:
			continue
		}
		if *to != "" || value == "" || name != "Action" && name != "Version" {
			return fmt.Errorf("%w: %.20q is repeated, empty, or spelled in another way", ErrAmbiguous, name)
		}
		*to = formPlain(value)
	}
	return nil
}

func (t *Table) form(g *group, r Request, query string) (Call, error) {
	if err := r.checkForm(query); err != nil {
		return Call{}, err
	}
	var s selector
	if err := s.read(query); err != nil {
		return Call{}, err
	}
	if err := s.read(string(r.Body)); err != nil {
		return Call{}, err
	}
	o := pick(t.forms[formKey{r.Signing, s.version, s.action}], g, r)
	return g.call(r, o, g.formProtocol(), s.action), nil
}

// checkForm refuses what would be read here in another way than there.
func (r Request) checkForm(query string) error {
	kind, utf8 := mediaType(first(r.Header["Content-Type"]))
	switch {
	case len(r.Body) > MaxForm:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxForm)
	case len(r.Header["Content-Type"]) > 1:
		return fmt.Errorf("%w: Content-Type is repeated", ErrAmbiguous)
	case len(r.Body) > 0 && hasAction(query):
		return fmt.Errorf("%w: an Action in the query, and a body", ErrAmbiguous)
	case len(r.Body) > 0 && (!strings.EqualFold(kind, form) || r.Method != "POST"):
		return fmt.Errorf("%w: %.80q in place of a form", ErrEncoding, kind)
	case r.Method != "POST" && r.Method != "GET":
		return fmt.Errorf("%w: the method %.20q", ErrEncoding, r.Method)
	case !utf8 || r.compressed():
		return fmt.Errorf("%w: a form in another character set, or compressed", ErrEncoding)
	}
	return nil
}

// compressed reports whether the body is not what it looks like.
func (r Request) compressed() bool {
	for _, v := range r.Header["Content-Encoding"] {
		if v != "" && !strings.EqualFold(v, "identity") {
			return true
		}
	}
	return false
}

func (g *group) formProtocol() Protocol {
	for _, s := range g.services {
		if s.speaks(EC2) {
			return EC2
		}
	}
	return Query
}
