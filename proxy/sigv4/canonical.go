package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// A form is one of the ways in which signers write a target down.
type form struct {
	path  pathForm
	query queryForm
}

type pathForm uint8

const (
	normalTwice pathForm = iota // without dot segments, and escaped once more
	twice                       // escaped once more
	once                        // escaped strictly
	pathAsSent
)

type queryForm uint8

const (
	sorted    queryForm = iota // escaped strictly, then sorted
	sortedRaw                  // sorted as it was sent
	queryAsSent
)

// singlePath are the services that encode a path once and never normalise it.
func singlePath(service string) bool {
	switch service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return true
	}
	return false
}

// awsForm is how AWS documents the target of a service.
func awsForm(service string) form {
	if singlePath(service) {
		return form{once, sorted}
	}
	return form{normalTwice, sorted}
}

// forms are what Verify tries: AWS's own first, then what SDKs do instead.
// botocore sorts a query without encoding it; the SDK for Go sorts it before
// encoding and sends what it signed; the path of @connections in API Gateway
// is encoded once by some.
func forms(service string) []form {
	paths := []pathForm{normalTwice, twice}
	switch {
	case singlePath(service):
		paths = []pathForm{once, pathAsSent}
	case service == "execute-api":
		paths = append(paths, once, pathAsSent)
	}
	var all []form
	for _, q := range []queryForm{sorted, sortedRaw, queryAsSent} {
		for _, p := range paths {
			all = append(all, form{p, q})
		}
	}
	return all
}

func (f pathForm) append(b []byte, path string) []byte {
	switch f {
	case normalTwice:
		return appendTwice(b, normalPath(path))
	case twice:
		return appendTwice(b, path)
	case once:
		return appendOnce(b, path)
	}
	return append(b, path...)
}

func (f queryForm) append(b []byte, query string) []byte {
	if query == "" {
		return b
	}
	ps := make([]pair, 0, 16)
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || name == paramSignature {
			continue
		}
		if f == sorted {
			name, value = encoded(name), encoded(value)
		}
		ps = append(ps, pair{name, value})
	}
	if f != queryAsSent {
		slices.SortFunc(ps, comparePairs)
	}
	return appendPairs(b, ps)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

const upperHex = "0123456789ABCDEF"

func appendEscape(b []byte, c byte) []byte { return append(b, '%', upperHex[c>>4], upperHex[c&15]) }

// appendOnce brings s, which may be escaped already, to the one form in
// which everything but unreserved characters and slashes is escaped. An
// escaped slash stays escaped, or a segment would become two.
func appendOnce(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isEscape(s[i:]) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		} else if c == '/' {
			b = append(b, c)
			continue
		}
		b = appendByte(b, c)
	}
	return b
}

func appendByte(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return appendEscape(b, c)
}

// appendTwice escapes what is escaped already once more.
func appendTwice(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '/' {
			b = append(b, '/')
			continue
		}
		b = appendByte(b, s[i])
	}
	return b
}

// normalPath removes dot segments as RFC 3986 has it, and empty segments as
// AWS does beyond that.
func normalPath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && len(kept) > 0 {
		normal += "/"
	}
	return normal
}

// A pair is one name and value of a query.
type pair struct{ name, value string }

func appendPairs(b []byte, ps []pair) []byte {
	for i, p := range ps {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return b
}

func comparePairs(a, b pair) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
}

// encoded is s with everything escaped but what is unreserved.
func encoded(s string) string {
	if isEncoded(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isEscape(s[i:]) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b = appendByte(b, c)
	}
	return string(b)
}

func isEncoded(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// trim is strings.Trim for blanks, which headers mostly have none of.
func trim(value string) string {
	for value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return value
}

// appendValue trims a header's value and makes runs of spaces one. Where it is
// tabless, tabs are spaces.
func appendValue(b []byte, value string, tabless bool) []byte {
	value = trim(value)
	if tabless && strings.IndexByte(value, '\t') >= 0 {
		value = strings.ReplaceAll(value, "\t", " ")
	}
	if !strings.Contains(value, "  ") {
		return append(b, value...)
	}
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' {
			b = append(b, value[i])
		}
	}
	return b
}

// appendHeaders writes the headers that are covered, in their order.
func (r Request) appendHeaders(b []byte, c covered) []byte {
	for i := range c.headers {
		h := &c.headers[i]
		b = append(append(b, h.name...), ':')
		if h.values == nil {
			b = appendValue(b, r.implied(h.name), false)
		}
		for i, v := range h.values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v, r.tabless)
		}
		b = append(b, '\n')
	}
	return b
}

// canonical is the request in the form that is hashed and signed. values are
// those of the named headers.
func (r Request) canonical(b []byte, f form, c covered) []byte {
	b = append(append(b, r.Method...), '\n')
	b = append(f.path.append(b, r.path()), '\n')
	b = append(f.query.append(b, r.query()), '\n')
	b = append(r.appendHeaders(b, c), '\n')
	b = append(append(b, c.names...), '\n')
	return append(b, c.payload...)
}

// manyHeaders is how many signed headers there is room for without growing.
const manyHeaders = 10

// covered is what a signature covers besides the request line.
type covered struct {
	names   string   // of the headers, as they are signed
	headers []header // the same, one by one
	payload string   // the last line of the canonical request
}

// A header is one that is signed.
type header struct {
	name   string // in lower case
	values []string
}

// collect appends the headers of names.
func (r Request) collect(headers []header, names string) []header {
	for more := true; more; {
		name := names
		if end := strings.IndexByte(names, ';'); end < 0 {
			more = false
		} else {
			name, names = names[:end], names[end+1:]
		}
		headers = append(headers, header{name, r.values(name)})
	}
	return headers
}

// seal is the signature that k makes of a canonical request.
func (k Key) seal(stamp string, canonical []byte) [sha256.Size]byte {
	var room [256]byte
	b := append(append(room[:0], algorithm...), '\n')
	b = append(append(b, stamp...), '\n')
	b = append(k.scope.append(b), '\n')
	sum := sha256.Sum256(canonical)
	return k.sign(hex.AppendEncode(b, sum[:]))
}
