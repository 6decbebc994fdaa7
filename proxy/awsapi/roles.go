package awsapi

import (
	"bytes"
	"net/url"
	"strings"
)

// The words of which one stands in the name of every member that takes a role.
const (
	roleWord    = "role"
	profileWord = "instanceprofile"
)

// MayPassRole reports whether a request may hand over a role, or an instance
// profile, for something to run as it. Where that cannot be told, it may: read
// says whether r holds the body, of which the words alone are looked at, since
// every decoder has its own idea of what is a key. No model has a role in a
// header.
func (c Call) MayPassRole(r Request, read bool) bool {
	if c.Known == nil || !c.Known.TakesRole {
		return false
	}
	if !read || c.Protocol == RestXML || r.compressed() || formSaysRole(r.Target) {
		return true
	}
	switch c.Protocol {
	case Query, EC2:
		return formSaysRole(string(r.Body))
	case JSON, RestJSON:
		return bytes.Contains(r.Body, []byte(`\u`)) || saysRole(string(r.Body))
	case CBOR:
		// A text of open length may have its words in pieces.
		return bytes.IndexByte(r.Body, cborText<<5|indefinite) >= 0 || saysRole(string(r.Body))
	}
	return true
}

// formSaysRole is saysRole of what is escaped as forms and paths are.
func formSaysRole(text string) bool {
	decoded, err := url.QueryUnescape(text)
	return err != nil || saysRole(decoded)
}

func saysRole(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, roleWord) || strings.Contains(text, profileWord)
}
