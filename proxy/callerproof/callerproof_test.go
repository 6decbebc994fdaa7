package callerproof_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/flows/clock"
	"sesame/proxy/callerproof"
	"sesame/strategies/awstest"
)

const (
	server  = "sesame.example.com"
	company = "333333333333"
)

// A rig is the stand-in, and somebody of the company with a session.
type rig struct {
	*testing.T
	w    *awstest.World
	cfg  aws.Config
	wall *clock.Movable
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, w: awstest.New(awstest.Config{}), wall: clock.Frozen(time.Now())}
	if err := r.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.w.Close)
	role := "arn:aws:iam::" + company + ":role/Operators"
	r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{company}})
	key := r.w.AddKey(company, "somebody")
	own := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(r.w.URL()), Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")}
	out, err := sts.NewFromConfig(own).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("carol@partner.example")})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	r.cfg = aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)}
	return r
}

func (r *rig) verifier(name string) *callerproof.Verifier {
	return callerproof.NewVerifier(name, r.w.URL(), r.wall)
}

func (r *rig) proof(server, said string) string {
	r.Helper()
	proof, err := callerproof.Make(r.Context(), r.cfg, server, said)
	if err != nil {
		r.Fatal(err)
	}
	return proof
}

func TestAProofSaysWhoCalls(t *testing.T) {
	r := newRig(t)
	v, proof := r.verifier(server), r.proof(server, "hello")
	got, err := v.Caller(t.Context(), proof, "hello")
	if want := "arn:aws:sts::" + company + ":assumed-role/Operators/carol@partner.example"; got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := v.Caller(t.Context(), proof, "hello"); !errors.Is(err, callerproof.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
}

// TestAProofIsNotTakenAgainAfterARestart: the new server knows nothing of what
// the old one took.
func TestAProofIsNotTakenAgainAfterARestart(t *testing.T) {
	r := newRig(t)
	proof := r.proof(server, "hello")
	if _, err := r.verifier(server).Caller(t.Context(), proof, "hello"); err != nil {
		t.Fatal(err)
	}
	r.wall.Advance(2 * time.Second)
	if arn, err := r.verifier(server).Caller(t.Context(), proof, "hello"); !errors.Is(err, callerproof.ErrTime) {
		t.Errorf("taken again: %q, %v", arn, err)
	}
}

// TestMadeUpProofsLeaveRoom makes up more proofs than are remembered.
func TestMadeUpProofsLeaveRoom(t *testing.T) {
	r := newRig(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refusing.Close()
	v := callerproof.NewVerifier(server, refusing.URL, r.wall)
	u, err := url.Parse(r.proof(server, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range callerproof.MaxTaken + 1 {
		q := u.Query()
		q.Set("X-Amz-Signature", fmt.Sprintf("%064x", n))
		u.RawQuery = q.Encode()
		if _, err := v.Caller(t.Context(), u.String(), "hello"); !errors.Is(err, callerproof.ErrRefused) {
			t.Fatalf("the %dth: %v", n+1, err)
		}
	}
}

func TestAProofIsForOneServerAndOneThing(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct{ server, said string }{
		"another server": {"evil.example.com", "hello"}, "something else": {server, "hello!"}, "nothing": {server, ""},
	} {
		if _, err := r.verifier(server).Caller(t.Context(), r.proof(c.server, c.said), "hello"); !errors.Is(err, callerproof.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.w.RemoveKey(keyOf(t, r.proof(server, "hello")))
	if _, err := r.verifier(server).Caller(t.Context(), r.proof(server, "hello"), "hello"); !errors.Is(err, callerproof.ErrRefused) {
		t.Errorf("by keys that are gone: %v", err)
	}
}

func keyOf(t *testing.T, proof string) string {
	t.Helper()
	u, err := url.Parse(proof)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(u.Query().Get("X-Amz-Credential"), "/")
	return id
}

func TestAProofDoesNotLast(t *testing.T) {
	r := newRig(t)
	proof := r.proof(server, "hello")
	r.wall.Advance(callerproof.Lasts + time.Second)
	if _, err := r.verifier(server).Caller(t.Context(), proof, "hello"); !errors.Is(err, callerproof.ErrTime) {
		t.Errorf("too late: %v", err)
	}
	r.wall = clock.Frozen(time.Now().Add(-10 * time.Minute))
	if _, err := r.verifier(server).Caller(t.Context(), proof, "hello"); !errors.Is(err, callerproof.ErrTime) {
		t.Errorf("too early: %v", err)
	}
}

// TestWhatIsNoProof changes one thing at a time. Nothing of it reaches AWS.
func TestWhatIsNoProof(t *testing.T) {
	r := newRig(t)
	good := r.proof(server, "hello")
	calls := len(r.w.Calls())
	set := func(name, value string) func(*url.URL) {
		return func(u *url.URL) {
			q := u.Query()
			if q.Set(name, value); value == "" {
				q.Del(name)
			}
			u.RawQuery = q.Encode()
		}
	}
	for name, change := range map[string]func(*url.URL){
		"in the clear":       func(u *url.URL) { u.Scheme = "http" },
		"another host":       func(u *url.URL) { u.Host = "sts.eu-west-1.amazonaws.com.evil.example" },
		"a host in front":    func(u *url.URL) { u.Host = "evil.example.sts.eu-west-1.amazonaws.com" },
		"another region":     func(u *url.URL) { u.Host = "sts.us-east-1.amazonaws.com" },
		"a port":             func(u *url.URL) { u.Host += ":8443" },
		"a user":             func(u *url.URL) { u.User = url.User("x") },
		"a path":             func(u *url.URL) { u.Path = "/x" },
		"another action":     set("Action", "GetSessionToken"),
		"another version":    set("Version", "2010-01-01"),
		"another service":    set("X-Amz-Credential", "AKIAAAAAAAAAAAAAAAAA/20261120/eu-west-1/iam/aws4_request"),
		"a day":              set("X-Amz-Expires", "86400"),
		"no end":             set("X-Amz-Expires", ""),
		"fewer headers":      set("X-Amz-SignedHeaders", "host"),
		"more headers":       set("X-Amz-SignedHeaders", "host;x-sesame-body;x-sesame-said;x-sesame-server"),
		"one more parameter": set("Policy", "{}"),
		"no signature":       set("X-Amz-Signature", "x"),
		"twice the action":   func(u *url.URL) { u.RawQuery += "&Action=GetCallerIdentity" },
	} {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		if _, err := r.verifier(server).Caller(t.Context(), u.String(), "hello"); !errors.Is(err, callerproof.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.w.Calls()) - calls; n != 0 {
		t.Errorf("AWS was asked %d times", n)
	}
}

func TestAWSGivesNoAnswer(t *testing.T) {
	r := newRig(t)
	for name, h := range map[string]http.HandlerFunc{
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"no XML":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"a nobody":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<GetCallerIdentityResponse/>")) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) },
	} {
		other := httptest.NewServer(h)
		_, err := callerproof.NewVerifier(server, other.URL, r.wall).Caller(t.Context(), r.proof(server, name), name)
		if err == nil || strings.Contains(err.Error(), "X-Amz-Signature") {
			t.Errorf("%s: %v", name, err)
		}
		other.Close()
		if _, err := callerproof.NewVerifier(server, other.URL, r.wall).Caller(t.Context(), r.proof(server, name+"!"), name+"!"); !errors.Is(err, callerproof.ErrUnreachable) || strings.Contains(err.Error(), "Signature") {
			t.Errorf("%s, and then nobody: %v", name, err)
		}
	}
}

// FuzzCaller looks for an address that is sent anywhere but to AWS STS.
func FuzzCaller(f *testing.F) {
	f.Add("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAAAAAAAAAAAAAAAAA%2F20261120%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20261120T120000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host%3Bx-sesame-said%3Bx-sesame-server&X-Amz-Signature=" + strings.Repeat("0", 64))
	f.Add("https://sts.eu-west-1.amazonaws.com@evil.example/?Action=GetCallerIdentity")
	wall := clock.Frozen(time.Date(2026, 11, 20, 12, 1, 0, 0, time.UTC))
	f.Fuzz(func(t *testing.T, proof string) {
		sent := ""
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = r.Host + " " + r.Method + " " + r.URL.Query().Get("Action")
		}))
		defer other.Close()
		_, err := callerproof.NewVerifier(server, other.URL, wall).Caller(t.Context(), proof, "x")
		if err == nil {
			t.Fatal("confirmed by nobody")
		}
		host, rest, _ := strings.Cut(sent, " ")
		if sent != "" && (rest != "GET GetCallerIdentity" || !strings.HasPrefix(host, "sts.") || !strings.Contains(host, ".amazonaws.com")) {
			t.Fatalf("sent to %s", sent)
		}
	})
}
