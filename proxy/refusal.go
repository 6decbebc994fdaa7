package proxy

import (
	"fmt"

	"sesame/proxy/calls"
)

// A refusal is why a call is not passed on: one sentence, and what sort of error
// of AWS it is to look like.
type refusal struct {
	kind  kindOfRefusal
	rule  string // that refused; empty where there is none
	why   string
	cause error // for who branches on it
	// kindOfEntry is what the record calls it.
	kindOfEntry calls.Kind
}

func deny(k kindOfRefusal, rule, format string, args ...any) *refusal {
	return &refusal{kind: k, rule: rule, why: fmt.Sprintf(format, args...), kindOfEntry: calls.Refused}
}

// A kindOfRefusal is the sort of error that a client sees. The zero kind is a
// plain no.
type kindOfRefusal uint8

const (
	denied kindOfRefusal = iota
	unsigned
	malformed
	uncovered
	skewed
	expired
	mismatch
	unknownKey
	tooLarge
	unavailable
	unreachable
)

// A native error is how AWS itself would say it. SDKs act on some of the codes:
// they correct their clock, get fresh credentials, or try again.
type native struct {
	json, query, s3 string
	status          int
	advice          string
}

func (k kindOfRefusal) native() native {
	return [...]native{
		denied:      {"AccessDeniedException", "AccessDenied", "AccessDenied", 403, ""},
		unsigned:    {"MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied", 403, "run it with sesame run, or set the credentials that sesame env prints"},
		malformed:   {"IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed", 400, "use a client that signs with SigV4"},
		uncovered:   {"AccessDeniedException", "AccessDenied", "AccessDenied", 403, "have the client sign it, or leave it out"},
		skewed:      {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", 403, "correct the clock of this machine"},
		expired:     {"ExpiredTokenException", "ExpiredToken", "ExpiredToken", 403, "sign it afresh"},
		mismatch:    {"InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch", 403, "check that the three parts of the key belong together"},
		unknownKey:  {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", 403, ""},
		tooLarge:    {"ValidationException", "ValidationError", "EntityTooLarge", 400, ""},
		unavailable: {"ServiceUnavailableException", "ServiceUnavailable", "ServiceUnavailable", 503, ""},
		unreachable: {"ServiceUnavailableException", "ServiceUnavailable", "ServiceUnavailable", 502, ""},
	}[k]
}

// ec2 is the code that EC2 has of its own, or that of its kin.
func (k kindOfRefusal) ec2() string {
	switch k {
	case denied, uncovered:
		return "UnauthorizedOperation"
	case unknownKey, mismatch:
		return "AuthFailure"
	}
	return k.native().query
}

func (k kindOfRefusal) advice() string { return k.native().advice }

// unable says that something of ours is out of order. What it is stands in the
// log alone.
func (c *call) unable(err error, doing string) *refusal {
	c.Log.Error().Err(err).Str("call", c.id).Msg(doing)
	return deny(unavailable, "", "Sesame could not %s, so nothing was sent: try again, and tell its operators if that does not help.", doing)
}

// refuse answers the client and records it, if it is known who is calling.
// Strangers could fill the record otherwise.
func (c *call) refuse(f *refusal) {
	if c.known {
		e := c.entry(f.kindOfEntry)
		e.Rule, e.Why, e.Code = f.rule, f.why, f.kind.native().json
		if err := c.Calls.Append(e); err != nil {
			c.Log.Error().Err(err).Str("call", c.id).Msg("record a refusal")
		}
	}
	c.Log.Debug().Str("call", c.id).Str("why", f.why).Msg("refused")
	c.writeError(f)
}
