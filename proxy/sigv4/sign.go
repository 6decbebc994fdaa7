package sigv4

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Sign signs r under c at a time that lies on the day of c's key, and puts the
// date, the token and the signature into r's header, which must not be nil.
// names are the headers to cover, in lower case; the host, the date and the
// token always are. payload is the hash of the body in hexadecimal, or the
// marker of another form. The chain is for bodies of signed chunks.
func (c Credential) Sign(r Request, names []string, payload string, at time.Time) (Chain, error) {
	names = append(slices.Clone(names), "host", "x-amz-date")
	if c.Token != "" {
		names = append(names, "x-amz-security-token")
	}
	return c.sign(r, joinNames(names), payload, at)
}

// sign is Sign with the names as they are to be signed.
func (c Credential) sign(r Request, names, payload string, at time.Time) (Chain, error) {
	stamp, err := c.stamp(at)
	if err != nil {
		return Chain{}, err
	}
	// One array for the three values: this is done for every request.
	values := []string{stamp, c.Token, ""}
	r.Header["X-Amz-Date"] = values[0:1:1]
	delete(r.Header, "X-Amz-Security-Token")
	if c.Token != "" {
		r.Header["X-Amz-Security-Token"] = values[1:2:2]
	}
	var room [manyHeaders]header
	all := covered{names, r.collect(room[:0], names), payload}
	mac := c.Key.seal(stamp, r.canonical(make([]byte, 0, canonicalSize), awsForm(c.Key.scope.Service), all))
	values[2] = c.authorization(names, mac[:])
	r.Header["Authorization"] = values[2:3:3]
	return Chain{c.Key, stamp, mac}, nil
}

func (c Credential) stamp(at time.Time) (string, error) {
	var room [len(stampForm)]byte
	stamp := string(appendStamp(room[:0], at))
	if c.Key.mac == nil || stamp[:dayLength] != c.Key.scope.Day {
		return "", malformed("the signing key is of another day than %s", stamp)
	}
	return stamp, nil
}

// joinNames writes names as signatures list them.
func joinNames(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ";")
}

func (c Credential) authorization(signed string, mac []byte) string {
	b := make([]byte, 0, 512)
	b = append(append(b, algorithm+" Credential="...), c.KeyID...)
	b = c.Key.scope.append(append(b, '/'))
	b = append(append(b, ", SignedHeaders="...), signed...)
	return string(hex.AppendEncode(append(b, ", Signature="...), mac))
}

// Resign makes the request that goes on to host in place of s, signed under c,
// whose key has to be of the same service, and of the region of the host. It has
// the header of Forward, and the target of s byte for byte but for the parameters
// of a presigned request. It refuses a request that was not verified.
func (s *Signed) Resign(c Credential, host string, at time.Time) (Request, Chain, error) {
	switch scope := c.Key.scope; {
	case s.key.mac == nil:
		return Request{}, Chain{}, malformed("the request was not verified")
	case scope.Service != s.Scope.Service:
		return Request{}, Chain{}, malformed("the signing key is of the scope %s", scope)
	}
	r := s.request // and so written down as its client does
	r.Host, r.Header = host, s.Forward()
	if s.Presigned {
		target, err := s.presign(r, c, at)
		r.Target = target
		return r, Chain{}, err
	}
	chain, err := c.sign(r, s.resigned(r.Header, c.Token != ""), s.payload, at)
	return r, chain, err
}

// resigned are the names of the headers to sign again: those that were signed
// and are still there, those that every signature covers, and the content
// hash, which S3 wants signed. Mostly they are what they were.
func (s *Signed) resigned(header map[string][]string, token bool) string {
	same := true
	for i := range s.headers {
		same = same && s.stays(s.headers[i].name, header, token)
	}
	hash := header["X-Amz-Content-Sha256"] != nil
	if same && (!token || s.Covers("x-amz-security-token")) && (!hash || s.Covers("x-amz-content-sha256")) {
		return s.names
	}
	names := slices.DeleteFunc(s.SignedHeaders(), func(name string) bool { return !s.stays(name, header, token) })
	names = append(names, "host", "x-amz-date")
	if token {
		names = append(names, "x-amz-security-token")
	}
	if hash {
		names = append(names, "x-amz-content-sha256")
	}
	return joinNames(names)
}

func (s *Signed) stays(name string, header map[string][]string, token bool) bool {
	switch name {
	case "host", "x-amz-date", "content-length":
		return true
	case "x-amz-security-token":
		return token
	}
	var room [64]byte
	return header[string(appendWireName(room[:0], name))] != nil
}

// presign is the target of r with the parameters of s replaced where they
// stand, so that all else keeps its bytes.
func (s *Signed) presign(r Request, c Credential, at time.Time) (target string, err error) {
	stamp, err := c.stamp(at)
	if err != nil {
		return "", err
	}
	r.Target = r.path() + "?" + replaceParams(r.query(), []pair{
		{paramCredential, encoded(c.KeyID + "/" + c.Key.scope.String())},
		{paramDate, stamp},
		{paramToken, encoded(c.Token)},
	})
	all := covered{s.names, r.collect(nil, s.names), s.payload}
	mac := c.Key.seal(stamp, r.canonical(nil, awsForm(c.Key.scope.Service), all))
	return r.path() + "?" + replaceParams(r.query(), []pair{{paramSignature, hex.EncodeToString(mac[:])}}), nil
}

// replaceParams puts ours into a query, in place of their namesakes or at the
// end; one without a value is taken out.
func replaceParams(query string, ours []pair) string {
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(ours, func(p pair) bool { return p.name == name })
		if i < 0 {
			parts = append(parts, part)
			continue
		}
		parts = appendParam(parts, ours[i])
		ours = slices.Delete(ours, i, i+1)
	}
	for _, p := range ours {
		parts = appendParam(parts, p)
	}
	return strings.Join(parts, "&")
}

func appendParam(parts []string, p pair) []string {
	if p.value == "" {
		return parts
	}
	return append(parts, p.name+"="+p.value)
}

// Forward is the header that may travel on: what was signed, and what says
// nothing about the call. The client's own credentials are left out, as is
// what is between the client and its next hop. The values are shared with the
// request. The map is made once, and Resign goes on with it.
func (s *Signed) Forward() map[string][]string {
	if s.forward != nil {
		return s.forward
	}
	kept := make(map[string][]string, len(s.request.Header))
	for name, values := range s.request.Header {
		if way := wayOf(name); way == harmless || way == unknown && s.Covers(name) {
			kept[name] = values
		}
	}
	s.forward = kept
	return kept
}

// A way is how a header travels on.
type way uint8

const (
	unknown  way = iota // if it is signed
	replaced            // never, signed or not
	harmless            // in any case: it asks at most for less than the request does
)

func wayOf(name string) way {
	switch name {
	case "Authorization", "Host", "X-Amz-Date", "X-Amz-Security-Token",
		"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", // which would make another request of it, for who heeds them
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return replaced
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Length", "Expect",
		"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range",
		"User-Agent", "X-Amz-Content-Sha256", "X-Amzn-Trace-Id":
		return harmless
	}
	return unknown
}
