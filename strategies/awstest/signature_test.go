package awstest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/strategies/awstest"
)

// A raw is a ListInstances call that is made by hand.
type raw struct {
	target, service, region, body string
	at                            time.Time
	spoil                         func(*http.Request)
}

// send returns the status, the error code, and the rest of the answer.
func (r *rig) send(c raw) (status int, body string) {
	r.t.Helper()
	if c.target == "" {
		c.target = "SWBExternalService.ListInstances"
	}
	if c.body == "" {
		c.body = "{}"
	}
	if c.at.IsZero() {
		c.at = time.Now()
	}
	req, err := http.NewRequestWithContext(r.ctx(), http.MethodPost, r.w.URL()+"/", strings.NewReader(c.body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", c.target)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sum := sha256.Sum256([]byte(c.body))
	creds := aws.Credentials{AccessKeyID: r.key.ID, SecretAccessKey: r.key.Secret, SessionToken: r.key.Token}
	if err := v4.NewSigner().SignHTTP(r.ctx(), creds, req, hex.EncodeToString(sum[:]), or(c.service, "sso"), or(c.region, "us-east-1"), c.at); err != nil {
		r.t.Fatal(err)
	}
	if c.spoil != nil {
		c.spoil(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func TestSignaturesAreVerified(t *testing.T) {
	r := newRig(t)
	if status, body := r.send(raw{}); status != http.StatusOK {
		t.Fatalf("a good signature: %d %s", status, body)
	}
	header := func(name, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		raw  raw
		code string
	}{
		"no signature":     {raw{spoil: func(req *http.Request) { req.Header.Del("Authorization") }}, "MissingAuthenticationTokenException"},
		"malformed":        {raw{spoil: header("Authorization", "AWS4-HMAC-SHA256 nonsense")}, "IncompleteSignatureException"},
		"no date":          {raw{spoil: func(req *http.Request) { req.Header.Del("X-Amz-Date") }}, "IncompleteSignatureException"},
		"wrong service":    {raw{service: "identitystore"}, "InvalidSignatureException"},
		"no such region":   {raw{region: "moon"}, "InvalidSignatureException"},
		"expired":          {raw{at: time.Now().Add(-6 * time.Minute)}, "InvalidSignatureException"},
		"too early":        {raw{at: time.Now().Add(6 * time.Minute)}, "InvalidSignatureException"},
		"changed body":     {raw{spoil: func(req *http.Request) { req.Body = http.NoBody; req.ContentLength = 0 }}, "SerializationException"},
		"changed target":   {raw{spoil: header("X-Amz-Target", "SWBExternalService.ListPermissionSets")}, "InvalidSignatureException"},
		"unsigned header":  {raw{spoil: header("X-Amz-Extra", "smuggled")}, "InvalidSignatureException"},
		"foreign token":    {raw{spoil: header("X-Amz-Security-Token", "x")}, "UnrecognizedClientException"},
		"unknown target":   {raw{target: "AmazonSQS.StartSession"}, "UnknownOperationException"},
		"not a structure":  {raw{body: "[]"}, "SerializationException"},
		"two documents":    {raw{body: "{}{}"}, "SerializationException"},
		"unknown member":   {raw{body: `{"Nonsense": 1}`}, "ValidationException"},
		"number for text":  {raw{body: `{"NextToken": 1}`}, "ValidationException"},
		"too many results": {raw{body: `{"MaxResults": 101}`}, "ValidationException"},
	} {
		status, body := r.send(c.raw)
		if status < 400 || !strings.Contains(body, `"`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %s", name, status, body, c.code)
		}
	}
}

func TestChangedBodyBreaksTheSignature(t *testing.T) {
	r := newRig(t)
	_, body := r.send(raw{body: "{} ", spoil: func(req *http.Request) {
		other, _ := http.NewRequest(http.MethodPost, req.URL.String(), strings.NewReader(" {}"))
		req.Body = other.Body
	}})
	if !strings.Contains(body, "InvalidSignatureException") {
		t.Errorf("got %s, want InvalidSignatureException", body)
	}
}

func TestUnknownKeyAndWrongSecret(t *testing.T) {
	r := newRig(t)
	r.use(r.config(awstest.Key{ID: "AKIAAAAAAAAAAAAAAAAA", Secret: "x"}))
	_, err := r.sso.ListInstances(r.ctx(), nil)
	wantCode(t, err, "UnrecognizedClientException")
	r.use(r.config(awstest.Key{ID: r.key.ID, Secret: "x"}))
	_, err = r.sso.ListInstances(r.ctx(), nil)
	wantCode(t, err, "InvalidSignatureException")
	r.use(r.config(r.key))
	r.w.RemoveKey(r.key.ID)
	_, err = r.sso.ListInstances(r.ctx(), nil)
	wantCode(t, err, "UnrecognizedClientException")
}

func TestClockSkew(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.Skew = time.Hour })
	if status, body := r.send(raw{}); status != http.StatusForbidden || !strings.Contains(body, "signature expired") {
		t.Errorf("signed an hour early: %d %s, want expired", status, body)
	}
	// The SDK learns the skew from the Date header of the refusal.
	_, err := r.sso.ListInstances(r.ctx(), nil)
	wantCode(t, err, "InvalidSignatureException")
	must(r.sso.ListInstances(r.ctx(), nil))(t)
}

func TestUnknownOperationIsRecorded(t *testing.T) {
	r := newRig(t)
	status, body := r.send(raw{target: "SWBExternalService.CreatePermissionSet"})
	if status != http.StatusBadRequest || !strings.Contains(body, "UnknownOperationException") {
		t.Errorf("got %d %s, want UnknownOperationException", status, body)
	}
	calls := r.w.Calls()
	if len(calls) != 1 || calls[0].Operation != "CreatePermissionSet" || calls[0].Caller.KeyID != r.key.ID {
		t.Errorf("calls = %+v, want the one", calls)
	}
}
