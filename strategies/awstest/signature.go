package awstest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signedFor is how old or early a signature may be.
const signedFor = 5 * time.Minute

// contentHash is the header that says what the hash of the body is.
const contentHash = "X-Amz-Content-Sha256"

const amzTime = "20060102T150405Z"

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// A signature is a taken-apart Authorization header.
type signature struct {
	keyID, day, region, service string
	headers                     []string
	at                          time.Time
}

// authenticate finds out who signed, or refuses as AWS does.
func (w *World) authenticate(r *request, hr *http.Request, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	sig, err := r.parseSignature(hr.Header)
	if err != nil {
		return err
	}
	r.call.Region = sig.region
	key, err := r.credential(sig.keyID, hr.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return err
	}
	if err := r.checkScope(sig); err != nil {
		return err
	}
	want, err := resign(hr, body, sig, key.Key)
	if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(normal(hr.Header.Get("Authorization")))) != 1 {
		return r.unsigned(r.service.codes.mismatch, "the request signature we calculated does not match the signature you provided")
	}
	r.call.Caller = key.Caller
	return nil
}

func (r *request) unsigned(code, message string) *apiError {
	e := &apiError{code: code, status: http.StatusForbidden, message: message}
	if r.service.ec2 && code == r.service.codes.noKey {
		e.status = http.StatusUnauthorized
	}
	return e
}

func (r *request) parseSignature(h http.Header) (signature, error) {
	codes, header := r.service.codes, h.Get("Authorization")
	if header == "" {
		return signature{}, r.unsigned(codes.missing, "missing authentication token")
	}
	m := authorization.FindStringSubmatch(header)
	at, err := time.Parse(amzTime, h.Get("X-Amz-Date"))
	if m == nil || err != nil {
		return signature{}, r.unsigned(codes.incomplete, "the Authorization or X-Amz-Date header is malformed")
	}
	return signature{
		keyID: m[1], day: m[2], region: m[3], service: m[4],
		headers: strings.Split(m[5], ";"), at: at,
	}, nil
}

// credential finds the key and checks the session token that goes with it.
func (r *request) credential(id, token string) (*credential, error) {
	key, known := r.w.keys[id]
	if !known || subtle.ConstantTimeCompare([]byte(key.Token), []byte(token)) != 1 {
		return nil, r.unsigned(r.service.codes.noKey, "the security token included in the request is invalid")
	}
	if !key.expires.IsZero() && !r.w.wallLocked().Before(key.expires) {
		return nil, r.unsigned(r.service.codes.expired, "the security token included in the request is expired")
	}
	return key, nil
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)

// checkScope compares what the signature is for with what was asked.
func (r *request) checkScope(s signature) error {
	mismatch := func(message string) error { return r.unsigned(r.service.codes.mismatch, message) }
	age := r.w.wallLocked().Sub(s.at)
	switch {
	case s.service != r.service.name:
		return mismatch("credential should be scoped to correct service: " + r.service.name)
	case !regionName.MatchString(s.region):
		return mismatch("credential should be scoped to a valid region")
	case s.day != s.at.Format("20060102"):
		return mismatch("date in credential scope does not match X-Amz-Date")
	case age > signedFor:
		return mismatch("signature expired")
	case age < -signedFor:
		return mismatch("signature not yet current")
	}
	return nil
}

// resign signs what was signed once more, with the secret that we know, and
// returns the Authorization header that comes of it. A header that must be
// signed and is not makes the two differ.
func resign(hr *http.Request, body []byte, s signature, key Key) (string, error) {
	at := &url.URL{Scheme: "http", Host: hr.Host, Path: hr.URL.Path, RawPath: hr.URL.RawPath, RawQuery: hr.URL.RawQuery}
	again := &http.Request{Method: hr.Method, Host: hr.Host, URL: at, Header: http.Header{}}
	for name, values := range hr.Header {
		lower := strings.ToLower(name)
		if slices.Contains(s.headers, lower) || strings.HasPrefix(lower, "x-amz-") {
			again.Header[name] = slices.Clone(values)
		}
	}
	if slices.Contains(s.headers, "content-length") {
		again.ContentLength = hr.ContentLength
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if said := hr.Header.Get(contentHash); said != "" && said != digest {
		return "", errors.New("what " + contentHash + " says is not the hash of the body")
	}
	creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	err := v4.NewSigner().SignHTTP(context.Background(), creds, again, digest, s.service, s.region, s.at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = s.service == s3Name
	})
	return again.Header.Get("Authorization"), err
}

// normal writes a header as the signer does: with a blank after each comma.
func normal(header string) string {
	return strings.ReplaceAll(strings.ReplaceAll(header, ", ", ","), ",", ", ")
}
