package awstest

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// emptySum is the SHA-256 of no body.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var presignedScope = regexp.MustCompile(`^(\w+)/(\d{8})/([a-z0-9-]+)/sts/aws4_request$`)

// isPresigned reports whether a call is signed in its address. Only STS takes
// such calls here.
func isPresigned(hr *http.Request) bool {
	return hr.Method == http.MethodGet && hr.URL.Path == "/" && hr.URL.Query().Has("X-Amz-Signature")
}

// servePresigned answers a GetCallerIdentity that is signed in its address, for
// a host of STS.
func (w *World) servePresigned(rw http.ResponseWriter, hr *http.Request) {
	w.mu.Lock()
	r := &request{w: w, service: w.serviceNamed("sts"), now: w.clock.Now(), in: doc{}}
	r.call = Call{Service: "sts", Operation: hr.URL.Query().Get("Action"), RequestID: w.uuidLocked()}
	err := r.presigned(hr)
	w.mu.Unlock()
	var out doc
	if err == nil && r.call.Operation != "GetCallerIdentity" {
		err = refusal(r.service.codes.unknownOperation, "unknown operation %s", r.call.Operation)
	}
	if err == nil {
		out, err = getCallerIdentity(r)
	}
	w.record(r, err)
	w.respond(rw, r, out, err)
}

func (w *World) serviceNamed(name string) *service {
	for i := range w.services {
		if w.services[i].name == name {
			return &w.services[i]
		}
	}
	return nil
}

// presigned finds out who signed, or refuses as AWS does.
func (r *request) presigned(hr *http.Request) error {
	q := hr.URL.Query()
	mismatch := r.unsigned(r.service.codes.mismatch, "the request signature we calculated does not match the signature you provided")
	scope := presignedScope.FindStringSubmatch(q.Get("X-Amz-Credential"))
	at, err := time.Parse(amzTime, q.Get("X-Amz-Date"))
	seconds, bad := strconv.Atoi(q.Get("X-Amz-Expires"))
	if scope == nil || err != nil || bad != nil || !strings.HasPrefix(hr.Host, "sts."+scope[3]+".amazonaws.com") {
		return mismatch
	}
	r.call.Region = scope[3]
	key, err := r.credential(scope[1], q.Get("X-Amz-Security-Token"))
	if err != nil {
		return err
	}
	if now := r.w.wallLocked(); now.After(at.Add(time.Duration(seconds)*time.Second)) || now.Before(at.Add(-signedFor)) {
		return mismatch
	}
	again := &http.Request{Method: http.MethodGet, Host: hr.Host, Header: http.Header{}, URL: &url.URL{Scheme: "https", Host: hr.Host, Path: "/"}}
	for _, name := range strings.Split(q.Get("X-Amz-SignedHeaders"), ";") {
		if values := hr.Header.Values(name); name != "host" && len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	plain := url.Values{}
	for name, values := range q {
		if name == "X-Amz-Expires" || !strings.HasPrefix(name, "X-Amz-") {
			plain[name] = values
		}
	}
	again.URL.RawQuery = plain.Encode()
	creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, again, emptySum, "sts", scope[3], at)
	if err != nil {
		return mismatch
	}
	want, err := url.Parse(signed)
	if err != nil || want.Query().Get("X-Amz-SignedHeaders") != q.Get("X-Amz-SignedHeaders") ||
		subtle.ConstantTimeCompare([]byte(want.Query().Get("X-Amz-Signature")), []byte(q.Get("X-Amz-Signature"))) != 1 {
		return mismatch
	}
	r.call.Caller = key.Caller
	return nil
}
