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

// clean reports whether a path means the same to whoever tidies paths up and
// to whoever does not.
func clean(path string) bool {
	if strings.IndexByte(path, '%') < 0 && !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return true
	}
	for path = strings.TrimPrefix(path, "/"); path != ""; {
		segment, rest, _ := strings.Cut(path, "/")
		if s := plain(segment); s == "" || s == "." || s == ".." {
			return false
		}
		path = rest
	}
	return true
}

// mediaType is the type of a Content-Type header and whether its character set
// is UTF-8, said or not.
func mediaType(header string) (kind string, utf8 bool) {
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
