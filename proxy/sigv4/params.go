package sigv4

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The parameters of a presigned request.
const (
	paramAlgorithm  = "X-Amz-Algorithm"
	paramCredential = "X-Amz-Credential"
	paramDate       = "X-Amz-Date"
	paramExpires    = "X-Amz-Expires"
	paramSigned     = "X-Amz-SignedHeaders"
	paramSignature  = "X-Amz-Signature"
	paramToken      = "X-Amz-Security-Token"
	paramPayload    = "X-Amz-Content-Sha256"
)

// params are the parameters of a presigned request, unescaped.
type params struct {
	algorithm, credential, date, expires, signed, signature, token, payload string
	// any is true where one of them makes the request a signed one, of
	// whatever kind.
	any, sigV2 bool
}

func (p *params) at(name string) *string {
	switch name {
	case paramAlgorithm:
		return &p.algorithm
	case paramCredential:
		return &p.credential
	case paramDate:
		return &p.date
	case paramExpires:
		return &p.expires
	case paramSigned:
		return &p.signed
	case paramSignature:
		return &p.signature
	case paramToken:
		return &p.token
	case paramPayload:
		return &p.payload
	}
	return nil
}

// lowered are the parameters in lower case, to find those that are spelled in
// another way: S3 does not mind, so they must not slip by.
var lowered = map[string]string{
	"x-amz-algorithm": paramAlgorithm, "x-amz-credential": paramCredential, "x-amz-date": paramDate,
	"x-amz-expires": paramExpires, "x-amz-signedheaders": paramSigned, "x-amz-signature": paramSignature,
	"x-amz-security-token": paramToken, "x-amz-content-sha256": paramPayload,
}

func parseParams(query string) (p params, err error) {
	if query == "" {
		return p, nil
	}
	for part := range strings.SplitSeq(query, "&") {
		written, value, _ := strings.Cut(part, "=")
		name := unescape(written)
		if name == "AWSAccessKeyId" || name == "SignatureVersion" {
			p.any, p.sigV2 = true, true
			continue
		}
		if len(name) < len("x-amz-") || !strings.EqualFold(name[:len("x-amz-")], "x-amz-") {
			continue
		}
		if wrong := p.read(written, strings.ToLower(name), value); err == nil {
			err = wrong
		}
	}
	if p.sigV2 { // which spells them in its own way, and is refused for itself
		err = nil
	}
	return p, err
}

func (p *params) read(written, low, value string) error {
	name, known := lowered[low]
	if !known {
		return nil
	}
	to := p.at(name)
	if written != name || *to != "" || value == "" {
		return malformed("the parameter %s is empty, repeated, or spelled in another way", name)
	}
	*to = unescape(value)
	// A content hash alone does not sign a request.
	p.any = p.any || name != paramPayload
	return nil
}

func (s *Signed) readParams(p params) error {
	switch {
	case p.sigV2:
		return fmt.Errorf("%w: SigV2", ErrUnsupported)
	case p.algorithm != algorithm && p.algorithm != "":
		return otherKind(p.algorithm)
	case p.algorithm == "" || p.credential == "" || p.signed == "" || p.signature == "":
		return malformed("a parameter of the presigned request is missing")
	case s.request.values("x-amz-date") != nil || s.request.values("x-amz-security-token") != nil:
		return malformed("a presigned request has a date or token in its header")
	}
	s.Presigned, s.stamp, s.names, s.Token = true, p.date, p.signed, p.token
	if err := s.readExpires(p.expires); err != nil {
		return err
	}
	if err := s.readPresignedPayload(p); err != nil {
		return err
	}
	return s.readCommon(p.credential, p.signature)
}

// readExpires takes the absence of an end, which services other than S3
// allow, for the window that every signature has.
func (s *Signed) readExpires(text string) error {
	if text == "" {
		s.Expires = Window
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	s.Expires = time.Duration(seconds) * time.Second
	if err != nil || s.Expires <= 0 || s.Expires > maxExpires {
		return malformed("%s is not between 1 second and 7 days", paramExpires)
	}
	return nil
}

// readPresignedPayload takes the payload as S3 does, which never hashes the
// body of a presigned request, or as everybody else.
func (s *Signed) readPresignedPayload(p params) error {
	sent, err := s.request.only("X-Amz-Content-Sha256")
	switch {
	case err != nil:
		return err
	case sent != "" && p.payload != "" && sent != p.payload:
		return malformed("the header and the query name two payloads")
	}
	s.payload = cmp.Or(sent, p.payload)
	if service := serviceOf(p.credential); s.payload == "" && singlePath(service) {
		s.payload = "UNSIGNED-PAYLOAD"
	}
	return nil
}

func serviceOf(credential string) string {
	parts := strings.Split(credential, "/")
	return parts[max(0, len(parts)-2)]
}
