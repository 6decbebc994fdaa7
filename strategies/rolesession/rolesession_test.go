package rolesession_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

func TestKeysDieWithTheirRing(t *testing.T) {
	store, s := memory.New(), sealer(t)
	way, keys := rolesession.New(store, s, clock.Frozen(noon)), rolesession.NewKeys(store, s)
	spec, home := ring(t, target(), alice), netip.MustParseAddr("192.0.2.7")
	if _, err := keys.Mint(t.Context(), spec.Key, rolesession.Terms{Grant: "g-1", Expires: noon, Address: home}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("minted without a ring: %v", err)
	}
	apply := func() {
		if _, err := way.Apply(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	mint := func(g access.GrantID) rolesession.Key {
		k, err := keys.Mint(t.Context(), spec.Key, rolesession.Terms{Grant: g, Expires: noon.Add(time.Hour), Address: home})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	one, two := mint("g-1"), mint("g-2")
	if one.ID != two.ID || one.Secret == two.Secret || len(one.ID) != 20 || len(one.Secret) != 40 {
		t.Errorf("keys %s and %s", one, two)
	}
	found, err := keys.Find(t.Context(), one.ID, one.Token)
	if err != nil || found.Secret != one.Secret || found.Grant != "g-1" || found.Address != home || !found.Expires.Equal(noon.Add(time.Hour)) || found.Spec.Key != spec.Key {
		t.Errorf("found %+v, %v", found, err)
	}
	apply() // changes nothing
	if again, err := keys.Find(t.Context(), one.ID, one.Token); err != nil || again.Secret != one.Secret {
		t.Errorf("after a second creation: %v", err)
	}
	if _, err := way.Remove(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Find(t.Context(), one.ID, one.Token); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("after the removal: %v", err)
	}
	apply()
	if again, err := keys.Find(t.Context(), one.ID, one.Token); err != nil || again.Secret == one.Secret || again.Ring == one.Ring {
		t.Errorf("a new ring has the old one's keys: %v", err)
	}
}

func TestTokensThatAreNotOurs(t *testing.T) {
	store, s := memory.New(), sealer(t)
	keys, spec := rolesession.NewKeys(store, s), ring(t, target(), alice)
	if _, err := rolesession.New(store, s, clock.Frozen(noon)).Apply(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	key, err := keys.Mint(t.Context(), spec.Key, rolesession.Terms{Grant: "g-1", Expires: noon})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "x", "e30", key.Token[:len(key.Token)-2], strings.Repeat("A", 4096)} {
		if k, err := keys.Find(t.Context(), key.ID, token); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("token %.20q: %s, %v", token, k, err)
		}
	}
	for _, id := range []string{"", "AKIAIOSFODNN7EXAMPLE", key.ID[:19], "SESA" + strings.Repeat("A", 16)} {
		if _, err := keys.Find(t.Context(), id, key.Token); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if k, err := keys.Find(t.Context(), key.ID, key.Token); err != nil || k.Secret != key.Secret || k.Address.IsValid() {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	store, s := memory.New(), sealer(t)
	spec := ring(t, target(), alice)
	if _, err := rolesession.New(store, s, clock.Frozen(noon)).Apply(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	other := rolesession.NewKeys(store, sealer(t))
	if _, err := other.Mint(t.Context(), spec.Key, rolesession.Terms{Grant: "g-1", Expires: noon}); err == nil || errors.Is(err, access.ErrNotFound) {
		t.Errorf("opened with another key: %v", err)
	}
	sealed := s.Seal("one", []byte("secret"))
	if got, err := s.Open("one", sealed); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	for name, bad := range map[string][]byte{"another name": sealed, "one": append(sealed[:len(sealed)-1:len(sealed)-1], sealed[len(sealed)-1]^1), "": nil} {
		if _, err := s.Open(name, bad); err == nil {
			t.Errorf("%q: opened", name)
		}
	}
}

// TestWithoutASealer holds that a server without a proxy still ends what one
// with a proxy gave.
func TestWithoutASealer(t *testing.T) {
	store, spec := memory.New(), ring(t, target(), alice)
	with, without := rolesession.New(store, sealer(t), clock.Frozen(noon)), rolesession.New(store, nil, clock.Frozen(noon))
	if _, err := without.Apply(t.Context(), spec); access.ClassOf(err) != access.Refused || err == nil {
		t.Errorf("applied: %v", err)
	}
	if _, err := with.Apply(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if op, err := without.Remove(t.Context(), spec); err != nil || op.State != access.OpSucceeded {
		t.Errorf("%+v, %v", op, err)
	}
	if seen, err := without.Observe(t.Context(), spec, time.Time{}); err != nil || seen.Present {
		t.Errorf("%+v, %v", seen, err)
	}
}

func TestSecretsDoNotPrintThemselves(t *testing.T) {
	k := rolesession.Key{ID: "SESA0123456789ABCDEF", Secret: "hunter2hunter2", Token: "tokentoken"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, &k, []rolesession.Key{k}, map[string]rolesession.Key{"a": k}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hunter2") || strings.Contains(text, "tokentoken") || strings.Contains(text, "68756e74657232") {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
	}
	if text, err := json.Marshal(map[string]any{"k": k, "s": sealer(t)}); err != nil || bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSessionsCarryWhoAndWhat(t *testing.T) {
	r := newRig(t)
	spec := ring(t, target(), alice)
	c, err := r.sessions.Credentials(t.Context(), spec, openGrant("g-0123456789", 3*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s, known := r.w.Session(c.AccessKeyID)
	if !known || s.Source != "alice@example.com" || s.Tags["Department"] != "FrontEnd" || s.Tags[flowfile.RunAsTag] != "web" {
		t.Errorf("%+v of %s, tags %v", s.Caller, s.Source, s.Tags)
	}
	if want := "arn:aws:sts::222222222222:assumed-role/SesameEC2/alice@example.com+g-0123456789"; s.Caller.ARN != want {
		t.Errorf("session is %s, want %s", s.Caller.ARN, want)
	}
	if in := r.assumed()[0].Input; fmt.Sprint(in["DurationSeconds"]) != "3600" {
		t.Errorf("lasts %v s, want the hour that a chain may last", in["DurationSeconds"])
	}
}

func TestSessionsAreMadeOnceAndAheadOfTheirEnd(t *testing.T) {
	r := newRig(t)
	spec, g := ring(t, target(), alice), openGrant("g-1", 10*time.Hour)
	ask := func() string {
		c, err := r.sessions.Credentials(t.Context(), spec, g)
		if err != nil {
			t.Error(err)
		}
		return c.AccessKeyID
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { ask() })
	}
	wg.Wait()
	if n := len(r.assumed()); n != 1 {
		t.Errorf("assumed %d times for 20 who asked at once", n)
	}
	first := ask()
	r.wall.Advance(47 * time.Minute)
	if ask() != first {
		t.Error("made anew too early")
	}
	r.wall.Advance(2 * time.Minute)
	if ask() == first {
		t.Error("not made anew ahead of its end")
	}
	r.w.RemoveRole(roleARN)
	r.wall.Advance(10 * time.Minute) // AWS's hour began with the test
	if held := ask(); held == "" {
		t.Error("what lasts was let go because AWS refuses")
	}
	r.wall.Advance(time.Hour)
	if _, err := r.sessions.Credentials(t.Context(), spec, g); err == nil {
		t.Error("credentials after their end")
	}
}

func TestSessionsEndWithTheirGrant(t *testing.T) {
	r := newRig(t)
	spec, g := ring(t, target(), alice), openGrant("g-1", 5*time.Minute)
	c, err := r.sessions.Credentials(t.Context(), spec, g)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.w.Session(c.AccessKeyID)
	end := r.wall.Now().Add(5 * time.Minute)
	for name, want := range map[string]struct {
		at      time.Time
		outcome iam.Outcome
	}{"before": {end.Add(-2 * time.Second), iam.Allowed}, "after": {end.Add(2 * time.Second), iam.ExplicitlyDenied}} {
		if got := verdict(t, s.Policy, "ec2:DescribeInstances", "*", want.at); got != want.outcome {
			t.Errorf("%s its end: %v", name, got)
		}
	}
	longer := g
	longer.EndsAt = g.EndsAt.Add(time.Hour)
	if again, err := r.sessions.Credentials(t.Context(), spec, longer); err != nil || again.AccessKeyID == c.AccessKeyID {
		t.Errorf("an extended grant keeps the session of the shorter: %v", err)
	}
	closed := g
	closed.State = access.Closing
	r.sessions.Forget(g.ID)
	if _, err := r.sessions.Credentials(t.Context(), spec, closed); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("for a closing grant: %v", err)
	}
	r.clock.Advance(5 * time.Minute)
	if _, err := r.sessions.Credentials(t.Context(), spec, g); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("after the end: %v", err)
	}
}

func verdict(t *testing.T, policy, action, resource string, at time.Time) iam.Outcome {
	t.Helper()
	d, err := iam.Parse("session", []byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	p, err := iam.Compile(d, iam.IdentityBased)
	if err != nil {
		t.Fatal(err)
	}
	return p.Evaluate(iam.Request{Action: action, Resource: resource, Context: iam.NewContext(map[string][]string{
		"aws:CurrentTime": {at.UTC().Format(time.RFC3339)}, "aws:ViaAWSService": {"false"},
	})}).Outcome
}

func TestSessionPolicies(t *testing.T) {
	r := newRig(t)
	const doc = "arn:aws:ssm:us-east-1::document/"
	policy := func(calls string) string {
		own := target()
		own.Params[flowfile.ParamCalls] = calls
		c, err := r.sessions.Credentials(t.Context(), ring(t, own, alice), openGrant("g-1", time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		s, _ := r.w.Session(c.AccessKeyID)
		return s.Policy
	}
	listed := policy(target().Params[flowfile.ParamCalls])
	for _, c := range []struct {
		policy, action, resource string
		want                     iam.Outcome
	}{
		{listed, "ec2:DescribeInstances", "*", iam.Allowed},
		{listed, "ec2:DescribeKeyPairs", "*", iam.ExplicitlyDenied},
		{listed, "s3:GetObject", "arn:aws:s3:::b/k", iam.ExplicitlyDenied},
		{listed, "ssm:StartSession", "arn:aws:ec2:us-east-1:222222222222:instance/i-1", iam.Allowed},
		{listed, "ssm:StartSession", doc + "SSM-SessionManagerRunShell", iam.Allowed},
		{listed, "ssm:TerminateSession", "arn:aws:ssm:us-east-1:222222222222:session/alice-0", iam.Allowed},
		{listed, "ssmmessages:OpenDataChannel", "*", iam.Allowed},
		{listed, "ssm:StartSession", doc + "AWS-StartPortForwardingSession", iam.ExplicitlyDenied},
		{policy(""), "s3:GetObject", "arn:aws:s3:::b/k", iam.Allowed},
		{policy(`{"deny":["s3:*"]}`), "s3:GetObject", "arn:aws:s3:::b/k", iam.ExplicitlyDenied},
		{policy(`{"allow":["*"]}`), "s3:GetObject", "arn:aws:s3:::b/k", iam.Allowed},
		{policy(`{"allow":["*"]}`), "iam:PassRole", "arn:aws:iam::111111111111:role/Any", iam.ExplicitlyDenied},
		{policy(`{"escalate":["lambda:CreateFunction"]}`), "iam:PassRole", "arn:aws:iam::111111111111:role/Any", iam.Allowed},
		{policy(`{"no_secrets":true}`), "ssm:GetParameters", "*", iam.ExplicitlyDenied},
		{policy(`{"no_secrets":true}`), "secretsmanager:BatchGetSecretValue", "*", iam.ExplicitlyDenied},
		{policy(`{"no_secrets":true}`), "secretsmanager:DescribeSecret", "*", iam.Allowed},
		{policy(`{"read_only":true}`), "s3:PutObject", "arn:aws:s3:::b/k", iam.ImplicitlyDenied},
	} {
		if got := verdict(t, c.policy, c.action, c.resource, r.wall.Now()); got != c.want {
			t.Errorf("%s on %s: %v, want %v by %s", c.action, c.resource, got, c.want, c.policy)
		}
	}
	calls := r.assumed()
	if arns := fmt.Sprint(calls[len(calls)-1].Input["PolicyArns"]); !strings.Contains(arns, "arn:aws:iam::aws:policy/ReadOnlyAccess") {
		t.Errorf("a read-only target is confined by %s", arns)
	}
}

func TestPoliciesThatAreTooLarge(t *testing.T) {
	own := target()
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("service%d:SomeLongOperation*", i))
	}
	text, err := json.Marshal(flowfile.Calls{Allow: many})
	if err != nil {
		t.Fatal(err)
	}
	own.Params[flowfile.ParamCalls] = string(text)
	if _, err := (rolesession.Planner{}).Plan(own, alice); err == nil || !strings.Contains(err.Error(), "AWS takes 2048") {
		t.Errorf("planned: %v", err)
	}
	r := newRig(t)
	report, err := r.sessions.Check(t.Context(), own)
	if err != nil || len(report.Problems) != 1 || len(r.assumed()) != 0 {
		t.Errorf("%v, %v", report, err)
	}
}

func TestRolesAreProbed(t *testing.T) {
	for name, c := range map[string]struct {
		trust func(*awstest.Role)
		want  string
	}{
		"as it should be":         {func(*awstest.Role) {}, ""},
		"no external id is asked": {func(r *awstest.Role) { r.ExternalID = "" }, "can be assumed without the external id"},
		"another external id":     {func(r *awstest.Role) { r.ExternalID = "another" }, "cannot be assumed (AccessDenied)"},
		"no session tags":         {func(r *awstest.Role) { r.TagSession = false }, "cannot be assumed"},
		"no source identity":      {func(r *awstest.Role) { r.SetSource = false }, "cannot be assumed"},
		"nobody is trusted":       {func(r *awstest.Role) { r.Trusts = nil }, "cannot be assumed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.trust(c.trust)
			report, err := r.sessions.Check(t.Context(), target())
			text := strings.Join(report.Problems, "\n")
			if err != nil || (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
				t.Errorf("problems %q, %v, want %q", text, err, c.want)
			}
			for _, call := range r.assumed() {
				if p := fmt.Sprint(call.Input["Policy"]); verdict(t, p, "s3:GetObject", "*", noon) != iam.ExplicitlyDenied {
					t.Errorf("a probe may do something: %s", p)
				}
			}
		})
	}
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: "AssumeRole"})
	if _, err := r.sessions.Check(t.Context(), target()); err == nil {
		t.Error("AWS was out of reach and nobody said so")
	}
	own := target()
	own.Params[flowfile.ParamExternalID] = "${file:missing}"
	if report, err := r.sessions.Check(t.Context(), own); err != nil || len(report.Problems) != 1 {
		t.Errorf("%v, %v", report, err)
	}
}

func TestActionsThatAreMisspelt(t *testing.T) {
	r, own := newRig(t), target()
	own.Params[flowfile.ParamCalls] = `{"allow":["EC2:describe*","s3:GetObject","*"],"deny":["s3:DeleteObjcet","nosuch:*","ssm:Start?ession"]}`
	report, err := r.sessions.Check(t.Context(), own)
	if err != nil || len(report.Problems) > 0 || len(report.Warnings) != 2 || !strings.Contains(report.Warnings[0], "calls.deny has s3:DeleteObjcet") || !strings.Contains(report.Warnings[1], "nosuch:*") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestPlans(t *testing.T) {
	one, same := ring(t, target(), alice), ring(t, target(), alice)
	if one.Key != same.Key {
		t.Errorf("%s and %s are one thing", one.Key, same.Key)
	}
	tighter := target()
	tighter.Params[flowfile.ParamCalls] = `{"read_only":true}`
	if ring(t, tighter, alice).Key == one.Key {
		t.Error("a target that was defined anew has the ring of the old definition")
	}
	for name, p := range map[string]access.Person{
		"no address":   {ID: "p-0123456789", Principal: "u"},
		"long address": {ID: "p-0123456789", Principal: "u", Email: strings.Repeat("long", 20) + "@example.com"},
		"odd address":  {ID: "p-0123456789", Principal: "u", Email: "o'neill@example.com"},
	} {
		who := ring(t, target(), p).Params[rolesession.ParamPerson]
		if len(who) < 2 || len(who) > 64 || !strings.HasSuffix(who, "p-0123456789") || strings.ContainsAny(who, "' ") {
			t.Errorf("%s: %q", name, who)
		}
	}
	if _, err := (rolesession.Planner{}).Plan(access.Target{Name: "x"}, access.Person{}); err == nil {
		t.Error("planned without role, region, external id and person")
	}
}

// TestSessionsAreEndedAfterTheirGrant holds that what ends a terminal session
// needs no grant that is open, and can do nothing else.
func TestSessionsAreEndedAfterTheirGrant(t *testing.T) {
	r := newRig(t)
	const id, other = "alice@example.com+g-1-0123456789abcdef0", "bob@example.com+g-2-0123456789abcdef0"
	c, err := r.sessions.Ending(t.Context(), ring(t, target(), alice), "g-1", id)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.w.Session(c.AccessKeyID)
	const session = "arn:aws:ssm:us-east-1:222222222222:session/"
	for _, c := range []struct {
		action, resource string
		want             iam.Outcome
	}{
		{"ssm:TerminateSession", session + id, iam.Allowed},
		{"ssm:TerminateSession", session + other, iam.ImplicitlyDenied},
		{"ssm:ResumeSession", session + id, iam.ImplicitlyDenied},
		{"ssm:StartSession", "arn:aws:ec2:us-east-1:222222222222:instance/i-1", iam.ImplicitlyDenied},
	} {
		if got := verdict(t, s.Policy, c.action, c.resource, r.wall.Now()); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.action, c.resource, got, c.want)
		}
	}
	if s.Source != "alice@example.com" || !strings.Contains(s.Caller.ARN, "alice@example.com+g-1") {
		t.Errorf("ended as %+v", s.Caller)
	}
}
