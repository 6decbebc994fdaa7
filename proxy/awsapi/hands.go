package awsapi

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
)

// MayPassRole reports whether a request may hand over a role, or an instance
// profile, for something to run as it. Where that cannot be told, it may: read
// says whether r holds the body.
func (c Call) MayPassRole(r *Request, read bool) bool {
	return c.Known != nil && c.Known.TakesRole && c.MayHold(r, read, "role", "instanceprofile")
}

// MayGrant reports whether a request may hand over a policy of a resource, which
// grants somebody something for as long as it stands. Such a policy names a
// principal. Where that cannot be told, it may: read says whether r holds the
// body.
func (c Call) MayGrant(r *Request, read bool) bool {
	return c.Known != nil && c.Known.TakesPolicy && c.MayHold(r, read, "principal")
}

// ownLists are the lists of access control of S3 under which nobody has anything
// but the owners of the object and of its bucket, and S3's delivery of logs.
var ownLists = []string{"private", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write"}

// Shares reports whether a request gives others a part in what it writes to S3,
// by a list of access control that goes with it. Presigned requests carry headers
// as parameters.
func (c Call) Shares(r *Request) bool {
	const list, grant = "X-Amz-Acl", "X-Amz-Grant-"
	if c.Known == nil || c.Known.Service.Name != "s3" {
		return false
	}
	_, query := r.split()
	lists := slices.Concat(r.Header[list], hoisted(query, list))
	if slices.ContainsFunc(lists, func(l string) bool { return !slices.Contains(ownLists, l) }) {
		return true
	}
	granted := func(name string) bool { return len(name) > len(grant) && strings.EqualFold(name[:len(grant)], grant) }
	for name := range r.Header {
		if granted(name) {
			return true
		}
	}
	return slices.ContainsFunc(readParams(nil, query), func(p param) bool { return granted(p.name) })
}

// MayHold reports whether one of some words, in small letters, may stand in the
// request. The words alone are looked for, wherever they are, since every decoder
// has its own idea of what is a key; headers are left out, since no model has the
// like there. Where that cannot be told, one may: read says whether r holds the
// body.
func (c Call) MayHold(r *Request, read bool, words ...string) bool {
	target, ok := unescaped(r.Target)
	plain, told := r.plain()
	if !read || !told || !ok || holds(target, words) {
		return true
	}
	if len(plain) == 0 {
		return false
	}
	body, ok := c.plainBody(r, plain)
	return !ok || holds(body, words)
}

// plainBody is a body with its words in one piece and as they are meant, unless
// that cannot be had.
func (c Call) plainBody(r *Request, body []byte) (text string, ok bool) {
	text, ok = string(body), true
	switch {
	case c.Protocol == Query, c.Protocol == EC2:
		text, ok = unescaped(text)
	case c.Protocol == CBOR, r.saysCBOR():
		// A text of open length may have its words in pieces.
		ok = bytes.IndexByte(body, cborText<<5|indefinite) < 0
	case c.Protocol != JSON && c.Protocol != RestJSON:
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
