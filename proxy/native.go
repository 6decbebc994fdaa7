package proxy

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"sesame/proxy/awsapi"
)

// writeError writes a refusal as AWS would write it in the protocol of the
// call, so that clients show the sentence.
func (c *call) writeError(f *refusal) {
	h := c.w.Header()
	h.Set("X-Amzn-Requestid", c.id)
	if !c.known || !c.read && c.r.ContentLength != 0 {
		// Strangers do not get to keep a connection. The rest of the body is not
		// wanted, and nobody has to send it.
		h.Set("Connection", "close")
	}
	status, body := f.kind.native().status, c.errorBody(f)
	if status == http.StatusForbidden && c.protocol() == awsapi.JSON {
		status = http.StatusBadRequest // as that protocol has it
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the client may be gone
	}
}

// errorBody is the body of an error, and sets the headers that go with it.
func (c *call) errorBody(f *refusal) []byte {
	n, h := f.kind.native(), c.w.Header()
	switch p := c.protocol(); p {
	case awsapi.JSON, awsapi.RestJSON:
		h.Set("Content-Type", map[awsapi.Protocol]string{awsapi.JSON: "application/x-amz-json-1.0", awsapi.RestJSON: "application/json"}[p])
		h.Set("X-Amzn-Errortype", n.json)
		return jsonError(n.json, f.why)
	case awsapi.CBOR:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
		return cborError(n.json, f.why)
	case awsapi.EC2:
		h.Set("Content-Type", "text/xml")
		return []byte(xml.Header + "<Response><Errors><Error>" + element("Code", f.kind.ec2()) + element("Message", f.why) + "</Error></Errors>" + element("RequestID", c.id) + "</Response>")
	case awsapi.RestXML:
		h.Set("Content-Type", "application/xml")
		if c.service() == "s3" {
			return []byte(xml.Header + "<Error>" + element("Code", n.s3) + element("Message", f.why) + element("RequestId", c.id) + "</Error>")
		}
	default:
		h.Set("Content-Type", "text/xml")
	}
	return errorResponse(n.query, f.why, c.id)
}

// protocol is that of the call, or, where it was refused before that was found
// out, what it looks like.
func (c *call) protocol() awsapi.Protocol {
	if c.found.Protocol != awsapi.Unknown {
		return c.found.Protocol
	}
	h := c.r.Header
	switch {
	case h.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return awsapi.CBOR
	case h.Get("X-Amz-Target") != "":
		return awsapi.JSON
	case strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") || strings.Contains(c.r.URL.RawQuery, "Action="):
		if c.service() == "ec2" {
			return awsapi.EC2
		}
		return awsapi.Query
	case c.service() == "s3":
		return awsapi.RestXML
	}
	return awsapi.RestJSON
}

// service is what the request is signed for, or its host says.
func (c *call) service() string {
	if c.signed != nil && c.signed.Scope.Service != "" {
		name := c.signed.Scope.Service
		if strings.HasPrefix(name, "s3") {
			return "s3"
		}
		return name
	}
	if strings.HasPrefix(c.host, "s3.") || strings.Contains(c.host, ".s3.") || strings.Contains(c.host, "s3-") {
		return "s3"
	}
	name, _, _ := strings.Cut(c.host, ".")
	return name
}

func element(name, text string) string {
	var b strings.Builder
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	b.WriteString("</" + name + ">")
	return b.String()
}

func errorResponse(code, why, id string) []byte {
	return []byte(xml.Header + "<ErrorResponse><Error>" + element("Type", "Sender") + element("Code", code) + element("Message", why) + "</Error>" + element("RequestId", id) + "</ErrorResponse>")
}

func jsonError(code, why string) []byte {
	text, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Lower   string `json:"message"`
		Message string `json:"Message"` // some services and SDKs write it so
	}{code, why, why})
	if err != nil {
		panic(err) // texts encode
	}
	return text
}

// cborError is a map of two texts, RFC 8949 section 3.
func cborError(code, why string) []byte {
	const mapOfTwo = 0xa2
	b := []byte{mapOfTwo}
	for _, s := range []string{"__type", code, "message", why} {
		b = appendCBORText(b, s)
	}
	return b
}

func appendCBORText(b []byte, s string) []byte {
	const text, oneByte, twoBytes = 0x60, 24, 25
	switch n := len(s); {
	case n < oneByte:
		b = append(b, text|byte(n))
	case n < 1<<8:
		b = append(b, text|oneByte, byte(n))
	default:
		s = s[:min(n, 1<<16-1)]
		b = binary.BigEndian.AppendUint16(append(b, text|twoBytes), uint16(len(s)))
	}
	return append(b, s...)
}
