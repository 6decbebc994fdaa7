package awsapi

import (
	"bytes"
	"net/url"
	"strings"
)

// MayPassRole reports whether a request may hand over a role, or an instance
// profile, for something to run as it. Where that cannot be told, it may: read
// says whether r holds the body.
func (c Call) MayPassRole(r Request, read bool) bool {
	return c.Known != nil && c.Known.TakesRole && c.mayHold(r, read, "role", "instanceprofile")
}

// MayGrant reports whether a request may hand over a policy of a resource, which
// grants somebody something for as long as it stands. Such a policy names a
// principal. Where that cannot be told, it may: read says whether r holds the
// body.
func (c Call) MayGrant(r Request, read bool) bool {
	return c.Known != nil && c.Known.TakesPolicy && c.mayHold(r, read, "principal")
}

// mayHold reports whether one of some words may stand in the request. The words
// alone are looked for, wherever they are, since every decoder has its own idea
// of what is a key; headers are left out, since no model has the like there.
func (c Call) mayHold(r Request, read bool, words ...string) bool {
	target, ok := unescaped(r.Target)
	plain, told := r.plain()
	if !read || !told || !ok || holds(target, words) {
		return true
	}
	body, ok := c.plainBody(plain)
	return !ok || holds(body, words)
}

// plainBody is a body with its words in one piece and as they are meant, unless
// that cannot be had.
func (c Call) plainBody(body []byte) (text string, ok bool) {
	text, ok = string(body), true
	switch c.Protocol {
	case Query, EC2:
		text, ok = unescaped(text)
	case CBOR:
		// A text of open length may have its words in pieces.
		ok = bytes.IndexByte(body, cborText<<5|indefinite) < 0
	case JSON, RestJSON:
	default:
		return "", false
	}
	return text, ok && !strings.Contains(text, `\u`) // of JSON, maybe within a form
}

func unescaped(text string) (string, bool) {
	plain, err := url.QueryUnescape(text)
	return plain, err == nil
}

func holds(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
