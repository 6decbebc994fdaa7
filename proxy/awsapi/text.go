package awsapi

import (
	"net/url"
	"strings"
)

// plain undoes escapes, which a literal part of a path may be hidden behind.
// What cannot be undone stays as it is, and matches nothing.
func plain(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if p, err := url.PathUnescape(s); err == nil {
		return p
	}
	return s
}

// formPlain is plain for forms and queries, where a plus is a space.
func formPlain(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if p, err := url.QueryUnescape(s); err == nil {
		return p
	}
	return s
}

// folded is strings.EqualFold for a name of ASCII, which takes long to tell
// what differs from the beginning. What folds to a letter of ASCII is another
// one, or longer.
func folded(name, s string) bool {
	if len(s) < len(name) || s == "" || s[0] < 0x80 && s[0]|0x20 != name[0]|0x20 {
		return false
	}
	return strings.EqualFold(name, s)
}

// wireName is the form in which net/http keeps the name of a header.
func wireName(name string) string {
	b := []byte(strings.ToLower(name))
	upper := true
	for i, c := range b {
		if upper && 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		upper = c == '-'
	}
	return string(b)
}

// A segment is a part of a path between slashes.
type segment struct {
	name string // unescaped
	from string // the path from there on, as it is written
}

// usualSegments is how many there are room for without allocating.
const usualSegments = 8

// segmentsOf takes a path apart, and reports whether it means the same to
// whoever tidies paths up and to whoever does not. A slash at its end means
// nothing.
func segmentsOf(all []segment, path string) (segments []segment, clean bool) {
	if path = strings.TrimPrefix(path, "/"); path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	escaped := strings.IndexByte(path, '%') >= 0
	for more := path != ""; more; {
		s := segment{path, path}
		i := strings.IndexByte(path, '/')
		if more = i >= 0; more {
			s.name, path = path[:i], path[i+1:]
		}
		if escaped {
			s.name = plain(s.name)
		}
		if s.name == "" || s.name == "." || s.name == ".." {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}

// mediaType is the type of a Content-Type header and whether its character set
// is UTF-8, said or not.
func mediaType(header string) (kind string, utf8 bool) {
	if header == form+"; charset=utf-8" { // of the SDKs
		return form, true
	}
	if strings.IndexByte(header, ';') < 0 && strings.IndexByte(header, ' ') < 0 {
		return header, true
	}
	kind, params, _ := strings.Cut(header, ";")
	kind = strings.Trim(kind, " \t")
	params = strings.Trim(params, " \t;")
	if params == "" {
		return kind, true
	}
	name, value, _ := strings.Cut(params, "=")
	return kind, strings.EqualFold(strings.Trim(name, " "), "charset") && strings.EqualFold(strings.Trim(value, ` "`), "utf-8")
}

// cut is strings.Cut at one byte, which is where classifying spends its time.
func cut(s string, at byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, at); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
