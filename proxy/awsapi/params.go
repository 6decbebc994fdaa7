package awsapi

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxValues = 200  // of one parameter
	maxValue  = 2048 // bytes of a value
)

// Params are the values of the parameters that tell what a call is about:
// names, ids, ARNs and kinds, by the names of the service model. Values of
// other parameters, and whatever may hold a secret, are never among them. They
// are read from the path, the query, the header, and a body that r holds; what
// is longer than a name can be is left out, and partial names the parameters that
// it is left out of.
func (c Call) Params(r *Request) (params map[string][]string, partial []string, err error) {
	if c.Known == nil {
		return nil, nil, nil
	}
	hidden := false
	if r.zipped() && c.named() {
		text, told := r.plain()
		read := *r
		read.Body, hidden = text, !told
		r = &read
	}
	var body func(member) []string
	if body, err = c.body(r); err != nil {
		return nil, nil, err
	}
	path, query := r.split()
	var labels map[string][]string
	params = map[string][]string{}
	for _, m := range c.Known.members {
		var values []string
		switch m.place {
		case 'p':
			if labels == nil {
				labels = c.Known.labels(r, path)
			}
			values = labels[m.wire]
		case 'q':
			values = queryValues(query, m.wire)
		case 'h':
			if values = r.Header[wireName(m.wire)]; len(values) == 0 {
				values = hoisted(query, m.wire)
			}
		case 'b':
			if hidden {
				partial = append(partial, m.name)
			}
			values = body(m)
		}
		if len(values) > maxValues || slices.ContainsFunc(values, tooLong) {
			partial = append(partial, m.name)
		}
		if values = tellable(values); len(values) > 0 {
			params[m.name] = values
		}
	}
	return params, partial, nil
}

func tooLong(v string) bool { return len(v) > maxValue }

func tellable(values []string) []string {
	untold := func(v string) bool { return v == "" || tooLong(v) }
	if slices.ContainsFunc(values, untold) {
		values = slices.DeleteFunc(slices.Clone(values), untold)
	}
	return values[:min(len(values), maxValues)]
}

func queryValues(query, name string) []string {
	var values []string
	for part := range strings.SplitSeq(query, "&") {
		written, value, _ := strings.Cut(part, "=")
		if formPlain(written) == name {
			values = append(values, formPlain(value))
		}
	}
	return values
}

// hoisted is a header that a presigned request carries as a parameter.
func hoisted(query, name string) []string {
	if !strings.HasPrefix(strings.ToLower(name), "x-amz-") {
		return nil
	}
	var values []string
	for part := range strings.SplitSeq(query, "&") {
		written, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(formPlain(written), name) {
			values = append(values, formPlain(value))
		}
	}
	return values
}

// labels are the parts of a path that its template names.
func (o *Operation) labels(r *Request, path string) map[string][]string {
	template, _, _ := strings.Cut(o.uri, "?")
	template = strings.Trim(template, "/")
	path = strings.TrimPrefix(path, "/")
	labels := map[string][]string{}
	if o.Service.Name == "s3" && r.Endpoint.Lead != "" {
		labels["Bucket"] = []string{r.Endpoint.Lead}
		template = strings.TrimPrefix(strings.TrimPrefix(template, "{Bucket}"), "/")
	}
	for template != "" {
		part, rest, _ := strings.Cut(template, "/")
		name := strings.Trim(part, "{}")
		if name, greedy := strings.CutSuffix(name, "+"); greedy {
			labels[name] = []string{plain(strings.TrimSuffix(path, rest))}
			break
		}
		segment, after, _ := strings.Cut(path, "/")
		if name != part {
			labels[name] = []string{plain(segment)}
		}
		template, path = rest, after
	}
	return labels
}

// body prepares the body of r to be asked for members.
func (c Call) body(r *Request) (func(member) []string, error) {
	none := func(member) []string { return nil }
	if len(r.Body) == 0 && c.Protocol != Query && c.Protocol != EC2 {
		return none, nil
	}
	if c.Protocol == RestJSON && !slices.ContainsFunc(c.Known.members, func(m member) bool { return m.place == 'b' }) {
		return none, nil // the body may be anything, as of lambda:Invoke
	}
	if c.Protocol != RestXML && r.compressed() && !(r.zipped() && c.named()) {
		return nil, fmt.Errorf("%w: the body is compressed", ErrEncoding)
	}
	switch c.Protocol {
	case Query, EC2:
		_, query := r.split()
		return formMembers(query, string(r.Body))
	case JSON, RestJSON:
		if r.saysCBOR() {
			return none, nil
		}
		return jsonMembers(r.Body)
	case CBOR:
		return cborMembers(r.Body)
	}
	return none, nil
}

// saysCBOR reports whether a body is CBOR where JSON is usual, as older SDKs for
// Java send it.
func (r *Request) saysCBOR() bool { return strings.Contains(first(r.Header["Content-Type"]), "cbor") }

// named reports whether the body has no part in saying what the operation is.
func (c Call) named() bool {
	return c.Protocol == JSON || c.Protocol == CBOR || c.Protocol == RestJSON
}

// formMembers reads Name=value and, for lists, Name.1=value and the like.
func formMembers(texts ...string) (func(member) []string, error) {
	given := map[string][]string{}
	seen := map[string]bool{}
	for _, text := range texts {
		for part := range strings.SplitSeq(text, "&") {
			written, value, _ := strings.Cut(part, "=")
			name := formPlain(written)
			if part == "" {
				continue
			}
			if seen[name] {
				return nil, fmt.Errorf("%w: the parameter %.40q is repeated", ErrAmbiguous, name)
			}
			seen[name] = true
			base := listBase(name)
			given[base] = append(given[base], formPlain(value))
		}
	}
	return func(m member) []string { return given[m.wire] }, nil
}

// listBase is the name of the list that name is an entry of, or name.
func listBase(name string) string {
	base, number, ok := cutLast(name)
	if !ok || strings.Trim(number, "0123456789") != "" {
		return name
	}
	if outer, entry, ok := cutLast(base); ok && (entry == "member" || entry == "entry") {
		return outer
	}
	return base
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
