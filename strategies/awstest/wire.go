package awstest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	jsonType = "application/x-amz-json-1.1"
	formType = "application/x-www-form-urlencoded"
)

// read makes a request of what came in. It always returns one, with a service
// to answer in the manner of, because refusals are recorded too.
func (w *World) read(hr *http.Request, body []byte) (*request, error) {
	w.mu.Lock()
	r := &request{w: w, service: &w.services[0], call: Call{RequestID: w.uuidLocked()}}
	w.mu.Unlock()
	if hr.Method == http.MethodGet || hr.Method == http.MethodHead {
		return r, r.readS3(hr)
	}
	if hr.Method != http.MethodPost || hr.URL.Path != "/" || hr.URL.RawQuery != "" {
		return r, refusal(jsonCodes.unknownOperation, "%s %s: want POST /", hr.Method, hr.URL.Path)
	}
	if prefix, operation, ok := strings.Cut(hr.Header.Get("X-Amz-Target"), "."); ok {
		return r, r.readJSON(hr, prefix, operation, body)
	}
	return r, r.readForm(hr, body)
}

func (r *request) serve(match func(service) bool) bool {
	i := slices.IndexFunc(r.w.services, match)
	if i < 0 {
		return false
	}
	r.service = &r.w.services[i]
	r.call.Service = r.service.name
	return true
}

func (r *request) readJSON(hr *http.Request, prefix, operation string, body []byte) error {
	r.call.Operation = operation
	if !r.serve(func(s service) bool { return s.target != "" && s.target == prefix }) {
		return refusal(jsonCodes.unknownOperation, "unknown target %q", prefix)
	}
	if ct := hr.Header.Get("Content-Type"); ct != jsonType {
		return refusal("SerializationException", "content type %q: want %s", ct, jsonType)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&r.in); err != nil || r.in == nil || d.More() {
		return refusal("SerializationException", "the body is not one JSON object")
	}
	return nil
}

func (r *request) readForm(hr *http.Request, body []byte) error {
	form, err := url.ParseQuery(string(body))
	kind, _, _ := mime.ParseMediaType(hr.Header.Get("Content-Type"))
	if err != nil || kind != formType || !form.Has("Action") {
		return refusal(jsonCodes.unknownOperation, "neither X-Amz-Target nor a query form")
	}
	v := form.Get("Version")
	known := r.serve(func(s service) bool { return s.query && s.version == v })
	if !known {
		r.serve(func(s service) bool { return s.query })
	}
	r.call.Operation = form.Get("Action")
	if !known {
		return refusal(queryCodes.invalid, "version %q: want %s", v, r.service.version)
	}
	r.in = doc{}
	for name, values := range form {
		if name != "Action" && name != "Version" {
			put(r.in, strings.Split(name, "."), values[0])
		}
	}
	unform := unform
	if r.service.ec2 {
		unform = unflatten
	}
	for name, v := range r.in {
		r.in[name] = unform(name, v)
	}
	return nil
}

// put sets one value of a flattened form: Tags.member.1.Key.
func put(d doc, path []string, value string) {
	if len(path) == 1 {
		d[path[0]] = value
		return
	}
	inner, ok := d[path[0]].(doc)
	if !ok {
		inner = doc{}
		d[path[0]] = inner
	}
	put(inner, path[1:], value)
}

// unform gives a form's value the type that JSON would have given it.
func unform(name string, v any) any {
	if s, ok := v.(string); ok && (name == "DurationSeconds" || name == "MaxItems") {
		return json.Number(s)
	}
	d, ok := v.(doc)
	if !ok {
		return v
	}
	elems, ok := d["member"].(doc)
	if !ok {
		return v
	}
	values := []any{}
	for i := 1; elems[strconv.Itoa(i)] != nil; i++ {
		values = append(values, elems[strconv.Itoa(i)])
	}
	return values
}

// respond writes the answer or the refusal in the manner of r's service.
func (w *World) respond(rw http.ResponseWriter, r *request, out doc, err error) {
	w.mu.Lock()
	wall := w.wallLocked()
	w.mu.Unlock()
	rw.Header().Set("Date", wall.UTC().Format(http.TimeFormat))
	rw.Header().Set("X-Amzn-RequestId", r.call.RequestID)
	var e *apiError
	if err != nil && !errors.As(err, &e) {
		e = &apiError{code: r.service.codes.internal, status: http.StatusInternalServerError, message: err.Error()}
	}
	switch {
	case r.service.rest:
		writeS3(rw, r, out, e)
	case r.service.ec2:
		writeEC2(rw, r, out, e)
	case r.service.query:
		writeXML(rw, r, out, e)
	default:
		writeJSON(rw, r, out, e)
	}
}

func writeJSON(rw http.ResponseWriter, r *request, out doc, e *apiError) {
	rw.Header().Set("Content-Type", jsonType)
	if out == nil {
		out = doc{}
	}
	if e != nil {
		out = doc{"__type": e.code, "Message": e.message}
		if r.service.name == storeName {
			out["RequestId"] = r.call.RequestID
		}
		for name, v := range e.more {
			out[name] = v
		}
		rw.WriteHeader(e.status)
	}
	_ = json.NewEncoder(rw).Encode(out) // the caller may be gone
}

func writeXML(rw http.ResponseWriter, r *request, out doc, e *apiError) {
	rw.Header().Set("Content-Type", "text/xml")
	op, id := r.call.Operation, r.call.RequestID
	space := fmt.Sprintf("https://%s.amazonaws.com/doc/%s/", r.service.name, r.service.version)
	var b strings.Builder
	switch {
	case e != nil:
		rw.WriteHeader(e.status)
		element(&b, "Error", doc{"Type": "Sender", "Code": e.code, "Message": e.message})
		element(&b, "RequestId", id)
		fmt.Fprintf(rw, `<ErrorResponse xmlns="%s">%s</ErrorResponse>`, space, &b)
	default:
		if out != nil {
			element(&b, op+"Result", out)
		}
		element(&b, "ResponseMetadata", doc{"RequestId": id})
		fmt.Fprintf(rw, `<%sResponse xmlns="%s">%s</%sResponse>`, op, space, &b, op)
	}
}

func element(b *strings.Builder, name string, v any) { elements(b, "member", name, v) }

// elements is element with a name of its own for each thing in a list.
func elements(b *strings.Builder, one, name string, v any) {
	fmt.Fprintf(b, "<%s>", name)
	switch v := v.(type) {
	case doc:
		for _, k := range sortedKeys(v) {
			elements(b, one, k, v[k])
		}
	case []any:
		for _, in := range v {
			elements(b, one, one, in)
		}
	default:
		_ = xml.EscapeText(b, fmt.Append(nil, v)) // a Builder takes everything
	}
	fmt.Fprintf(b, "</%s>", name)
}

// epoch is how the JSON protocol writes a time.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
