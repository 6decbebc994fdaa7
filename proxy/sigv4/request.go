package sigv4

import (
	"strconv"
	"strings"
)

// A Request is a view of what a signature may cover. Nothing in it is copied
// or changed by reading.
type Request struct {
	Method string
	// Target is the path and query as they stand on the request line:
	// http.Request.RequestURI of a server, never URL.Path.
	Target string
	Host   string
	// Header has the names that net/http gives them; several values of one
	// name are in the order of the wire. Host may be missing from it.
	Header map[string][]string
	// tabless is how most SDKs write down a value with tabs: as spaces.
	tabless bool
	// Length of the body, for signers that cover it although the header is
	// not kept; negative where it is unknown.
	Length int64
}

func (r Request) path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

func (r Request) query() string {
	_, query, _ := strings.Cut(r.Target, "?")
	return query
}

// values are those of a header whose name is given in lower case. They are
// nil where it was not sent.
func (r Request) values(name string) []string {
	var room [64]byte
	return r.Header[string(appendWireName(room[:0], name))]
}

// implied is the value of a header that is known although it is not kept;
// empty where none is.
func (r Request) implied(name string) string {
	switch {
	case name == "host":
		return r.Host
	case name == "content-length" && r.Length >= 0:
		return strconv.FormatInt(r.Length, 10)
	}
	return ""
}

// only is the value of a header that may be sent once, and is given its name as
// net/http has it.
func (r Request) only(name string) (string, error) {
	switch vs := r.Header[name]; len(vs) {
	case 0:
		return "", nil
	case 1:
		return trim(vs[0]), nil
	}
	return "", malformed("%s is repeated", name)
}

// appendWireName appends a name of lower case letters as net/http keeps it.
func appendWireName(b []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		b = append(b, c)
	}
	return b
}

// checkTarget refuses a target that two readers could take for two things.
func checkTarget(target string) error {
	if !strings.HasPrefix(target, "/") {
		return malformed("the request target %.40q does not start with a slash", target)
	}
	for i := 0; i < len(target); i++ {
		switch c := target[i]; {
		case c <= ' ' || c == 0x7f || c == '#' || c == '\\':
			return malformed("the request target holds the byte %#02x", c)
		case c == '%' && !isEscape(target[i:]):
			return malformed("the request target holds an incomplete escape")
		}
	}
	return nil
}

func isEscape(s string) bool { return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// unescape undoes percent escapes. A plus stays a plus: SigV4 knows no form
// encoding.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if isEscape(s[i:]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}
