package recipe_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
	"sesame/policies/iam/recipe"
)

// The tests of this file ask the evaluator whether policies do what their
// recipes mean: everything that is meant is allowed, and everything else that
// is tried is denied.

const (
	tries   = 60
	tryFrom = 20260302
	userID  = "AROAEXAMPLE:alice@example.com"
)

var (
	allAccounts  = []string{home, partner}
	allRegions   = []string{"eu-west-1", "us-east-1"}
	allDocuments = []string{iam.DefaultDocument, "Own", "AWS-StartSSHSession", "SSM-SessionManagerRunShell2"}
	allTimes     = []time.Time{noon.Add(-time.Second), noon, noon.Add(time.Hour - time.Second), noon.Add(time.Hour)}
)

func policies(t *testing.T, p policy) iam.Policies {
	t.Helper()
	d, err := p.Document()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := iam.Compile(d, iam.IdentityBased)
	if err != nil {
		t.Fatal(err)
	}
	return iam.Policies{Identity: []*iam.Policy{compiled}}
}

func expect(t *testing.T, v iam.Verdict, want bool, what ...any) {
	t.Helper()
	if got := v.Outcome == iam.Allowed; got != want || len(v.Errors) > 0 {
		t.Errorf("%v: %v, want allowed %v (errors %v)", what, v.Outcome, want, v.Errors)
	}
}

// some returns some of all, in any order; perhaps none.
func some(r *rand.Rand, all []string) []string {
	var chosen []string
	for _, i := range r.Perm(len(all)) {
		if r.IntN(2) == 0 {
			chosen = append(chosen, all[i])
		}
	}
	return chosen
}

func within(name string, of []string) bool { return len(of) == 0 || slices.Contains(of, name) }

func randomShell(r *rand.Rand) recipe.Shell {
	s := recipe.Shell{
		Scope: recipe.Scope{Accounts: some(r, allAccounts), Regions: some(r, allRegions)},
		Tags:  map[string]string{"Department": "FrontEnd"}, Documents: some(r, allDocuments[:3]),
	}
	if r.IntN(2) == 0 {
		s.Tags["env"] = "prod"
	}
	if r.IntN(2) == 0 {
		s.Window = recipe.Window{From: noon, Until: noon.Add(time.Hour)}
	}
	return s
}

// tagSets are the tags of the instances that are tried.
var tagSets = []map[string]string{
	{"Department": "FrontEnd", "env": "prod"}, {"Department": "FrontEnd"}, {"Department": "BackEnd", "env": "prod"},
	{"Department": "frontend"}, {"env": "prod"}, {}, {"Department": "FrontEnd", "env": "prod", "more": "x"},
}

func TestShellsMeanWhatTheySay(t *testing.T) {
	r := rand.New(rand.NewPCG(tryFrom, 1))
	for range tries {
		s := randomShell(r)
		ps := policies(t, s)
		for _, account := range allAccounts {
			for _, region := range allRegions {
				for _, tags := range tagSets {
					tryStart(t, r, ps, s, account, region, tags)
				}
				trySessions(t, ps, s, account, region)
			}
		}
	}
}

func tryStart(t *testing.T, r *rand.Rand, ps iam.Policies, s recipe.Shell, account, region string, tags map[string]string) {
	document, at := allDocuments[r.IntN(len(allDocuments))], allTimes[r.IntN(len(allTimes))]
	owner := account
	if strings.HasPrefix(document, "AWS-") && r.IntN(2) == 0 {
		owner = ""
	}
	documents := s.Documents
	if len(documents) == 0 {
		documents = allDocuments[:1]
	}
	meant := within(account, s.Accounts) && within(region, s.Regions) && slices.Contains(documents, document) &&
		(s.From.IsZero() || !at.Before(s.From) && at.Before(s.Until))
	for key, value := range s.Tags {
		meant = meant && tags[key] == value
	}
	base := iam.Request{Context: iam.NewContext(map[string][]string{"aws:CurrentTime": {at.Format(time.RFC3339)}})}
	requests := iam.StartSession(base, iam.Thing{ARN: "arn:aws:ec2:" + region + ":" + account + ":instance/i-0a", Tags: tags},
		iam.Thing{ARN: "arn:aws:ssm:" + region + ":" + owner + ":document/" + document})
	expect(t, ps.EvaluateAll(requests...), meant, s, account, region, tags, document, at)
}

// trySessions tries what is done with sessions that are open, which no window
// closes.
func trySessions(t *testing.T, ps iam.Policies, s recipe.Shell, account, region string) {
	inScope := within(account, s.Accounts) && within(region, s.Regions)
	prefix := "arn:aws:ssm:" + region + ":" + account + ":session/"
	for _, owner := range []string{userID, "AROAEXAMPLE:bob@example.com", "AROAEXAMPLE:alice@example.com2"} {
		for _, action := range []string{"ssm:TerminateSession", "ssm:ResumeSession"} {
			v := ps.Evaluate(iam.Request{Action: action, Resource: prefix + "alice@example.com-0a", Context: iam.NewContext(map[string][]string{
				"aws:userid": {userID}, "ssm:resourceTag/aws:ssmmessages:session-id": {owner}})})
			expect(t, v, inScope && owner == userID, s, action, owner)
		}
		v := ps.Evaluate(iam.Request{Action: "ssmmessages:OpenDataChannel", Resource: prefix + owner + "-0a",
			Context: iam.NewContext(map[string][]string{"aws:userid": {userID}})})
		expect(t, v, inScope && owner == userID, s, "OpenDataChannel", owner)
	}
}

// TestSlotsNeverAddUp fills slots at random with few values, so that those of
// two slots often agree with an instance together and neither does alone.
func TestSlotsNeverAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(tryFrom, 2))
	value := func() string { return []string{"a", "b"}[r.IntN(2)] }
	for range tries {
		slots := 1 + r.IntN(4)
		ps := policies(t, recipe.PrincipalTags{Pairs: pairs, Slots: slots})
		for range 40 {
			instance, principal := map[string]string{}, map[string][]string{}
			for _, p := range pairs {
				if r.IntN(6) > 0 {
					instance[p.Resource] = value()
				}
			}
			meant := false
			for n := range slots + 1 { // one beyond those of the policy
				agree := true
				for _, p := range pairs {
					has := r.IntN(6) > 0
					v := value()
					if has {
						principal["aws:PrincipalTag/"+recipe.SlotKey(p.Principal, n+1)] = []string{v}
					}
					agree = agree && has && instance[p.Resource] == v
				}
				meant = meant || agree && n < slots
			}
			requests := iam.StartSession(iam.Request{Context: iam.NewContext(principal)},
				iam.Thing{ARN: "arn:aws:ec2:eu-west-1:111111111111:instance/i-0a", Tags: instance}, iam.Thing{})
			expect(t, ps.EvaluateAll(requests...), meant, slots, instance, principal)
		}
	}
}

// TestNothingElse tries every action of AWS, on * and on an instance, with all
// that might help: what is allowed is what the policy names.
func TestNothingElse(t *testing.T) {
	context := iam.NewContext(map[string][]string{
		"aws:userid": {userID}, "ssm:resourceTag/Department": {"FrontEnd"}, "aws:ResourceTag/Department": {"FrontEnd"},
		"aws:CurrentTime": {noon.Format(time.RFC3339)}, "aws:TagKeys": {"AppId", "Admin"},
	})
	read := "ec2:DescribeInstances ssm:DescribeInstanceInformation ssm:DescribeInstanceProperties ssm:GetConnectionStatus"
	for name, c := range map[string]struct{ everywhere, instance string }{
		"shell":          {read, "ssm:StartSession"},
		"shell-window":   {read, "ssm:StartSession"},
		"port-forward":   {read, "ssm:StartSession"},
		"principal-tags": {read, ""},
		"third-party":    {read, ""},
		"ecs-exec":       {"", ""},
		"server-role":    {"ec2:DescribeInstances ec2:DescribeRegions ssm:DescribeSessions", ""},
	} {
		ps := policies(t, examples[name])
		for _, resource := range []string{"*", "arn:aws:ec2:eu-west-1:111111111111:instance/i-0a"} {
			var allowed []string
			for _, service := range catalog.Services() {
				s, _ := catalog.Lookup(service)
				for _, a := range s.Actions {
					if action := service + ":" + a.Name; ps.Evaluate(iam.Request{Action: action, Resource: resource, Context: context}).Outcome == iam.Allowed {
						allowed = append(allowed, action)
					}
				}
			}
			want := strings.Fields(c.everywhere)
			if resource != "*" && c.instance != "" {
				want = append(want, c.instance)
			}
			if slices.Sort(want); !slices.Equal(allowed, want) {
				t.Errorf("%s on %s allows %v, want %v", name, resource, allowed, want)
			}
		}
	}
}

func TestThirdPartiesStayWhereTheyAre(t *testing.T) {
	ps := policies(t, examples["third-party"])
	everything, err := iam.Parse("all", []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	all, err := iam.Compile(everything, iam.IdentityBased)
	if err != nil {
		t.Fatal(err)
	}
	ps.Identity = append(ps.Identity, all)
	for _, action := range []string{"sts:AssumeRole", "ssm:DescribeSessions"} {
		if v := ps.Evaluate(iam.Request{Action: action, Resource: "arn:aws:iam::111111111111:role/Admin"}); v.Outcome != iam.ExplicitlyDenied {
			t.Errorf("%s: %v", action, v.Outcome)
		}
	}
}

func TestServerRolesMeanWhatTheySay(t *testing.T) {
	ps := policies(t, examples["server-role"])
	const set = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-"
	for _, c := range []struct {
		action, resource, keys string
		want                   bool
	}{
		{"sso:CreateAccountAssignment", "arn:aws:sso:::instance/ssoins-1234567890abcdef", "", true},
		{"sso:CreateAccountAssignment", "arn:aws:sso:::account/222222222222", "", true},
		{"sso:CreateAccountAssignment", "arn:aws:sso:::account/333333333333", "", false},
		{"sso:CreateAccountAssignment", set + "1234567890abcdef", "", true},
		{"sso:CreateAccountAssignment", set + "ffff567890abcdef", "", false},
		{"sso:AttachManagedPolicyToPermissionSet", set + "1234567890abcdef", "", false},
		{"sso:DescribePermissionSet", "arn:aws:sso:::account/222222222222", "", false},
		{"identitystore:CreateGroupMembership", "arn:aws:identitystore:::group/90677f11-0000-4000-8000-000000000000", "", true},
		{"identitystore:CreateGroupMembership", "arn:aws:identitystore:::group/aaaa7f11-0000-4000-8000-000000000000", "", false},
		{"identitystore:DeleteGroup", "arn:aws:identitystore:::group/90677f11-0000-4000-8000-000000000000", "", false},
		{"iam:TagUser", "arn:aws:iam::111111111111:user/people/alice", "AppGroupName2 AppId2 ReleaseId2", true},
		{"iam:TagUser", "arn:aws:iam::111111111111:user/people/alice", "AppId Admin", false},
		{"iam:TagUser", "arn:aws:iam::111111111111:user/people/alice", "", false},
		{"iam:TagUser", "arn:aws:iam::111111111111:user/admins/root", "AppId", false},
		{"iam:AddUserToGroup", "arn:aws:iam::111111111111:group/sesame/front", "", true},
		{"iam:AddUserToGroup", "arn:aws:iam::111111111111:group/admins", "", false},
		{"sts:AssumeRole", "arn:aws:iam::222222222222:role/SesameEC2", "", true},
		{"sts:AssumeRole", "arn:aws:iam::222222222222:role/Admin", "", false},
		{"ssm:TerminateSession", "arn:aws:ssm:eu-west-1:111111111111:session/a-0a", "", true},
		{"ssm:TerminateSession", "arn:aws:ssm:us-east-1:111111111111:session/a-0a", "", false},
	} {
		r := iam.Request{Action: c.action, Resource: c.resource, Context: iam.NewContext(map[string][]string{"aws:TagKeys": strings.Fields(c.keys)})}
		expect(t, ps.Evaluate(r), c.want, c.action, c.resource, c.keys)
	}
}

func TestTrustMeansWhatItSays(t *testing.T) {
	for _, c := range []struct {
		name, trust, action, from, id, session string
		want                                   bool
	}{
		{"all right", "trust-third-party", "sts:AssumeRole", partner + ":assumed-role/Operators/x", "b0c4e1d2-0000-4000-8000-000000000000", "carol@partner.example", true},
		{"no external id", "trust-third-party", "sts:AssumeRole", partner + ":assumed-role/Operators/x", "", "carol@partner.example", false},
		{"a wrong external id", "trust-third-party", "sts:AssumeRole", partner + ":assumed-role/Operators/x", "b0c4e1d2", "carol@partner.example", false},
		{"the name of nobody", "trust-third-party", "sts:AssumeRole", partner + ":assumed-role/Operators/x", "b0c4e1d2-0000-4000-8000-000000000000", "mallory@partner.example", false},
		{"another role", "trust-third-party", "sts:AssumeRole", partner + ":assumed-role/Others/x", "b0c4e1d2-0000-4000-8000-000000000000", "carol@partner.example", false},
		{"tags of their own", "trust-third-party", "sts:TagSession", partner + ":assumed-role/Operators/x", "b0c4e1d2-0000-4000-8000-000000000000", "carol@partner.example", false},
		{"the server", "trust-server", "sts:AssumeRole", home + ":assumed-role/Sesame/i-0a", "", "alice@example.com", true},
		{"the server's tags", "trust-server", "sts:TagSession", home + ":assumed-role/Sesame/i-0a", "", "alice@example.com", true},
		{"another role of the account", "trust-server", "sts:AssumeRole", home + ":assumed-role/Admin/a", "", "alice@example.com", false},
	} {
		d, err := examples[c.trust].Document()
		if err != nil {
			t.Fatal(err)
		}
		p, err := iam.Compile(d, iam.Trust)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string][]string{"sts:RoleSessionName": {c.session}}
		if c.id != "" {
			values["sts:ExternalId"] = []string{c.id}
		}
		v := p.Evaluate(iam.Request{Action: c.action, Principal: "arn:aws:sts::" + c.from, Resource: "arn:aws:iam::111111111111:role/R", Context: iam.NewContext(values)})
		expect(t, v, c.want, c.name)
	}
}

// TestEndedSessionsAlone are denied by what is attached to their role, whatever
// else it allows.
func TestEndedSessionsAlone(t *testing.T) {
	all, err := iam.Parse("all", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := iam.Compile(all, iam.IdentityBased)
	if err != nil {
		t.Fatal(err)
	}
	p := policies(t, recipe.EndedSessions{Grants: []string{"g-7k2m9p4xqa"}})
	p.Identity = append(p.Identity, allowed)
	for user, want := range map[string]bool{
		"AROAEXAMPLE:alice@example.com+g-7k2m9p4xqa":  false,
		"AROAEXAMPLE:bob@example.com+g-7k2m9p4xqa":    false,
		"AROAEXAMPLE:alice@example.com+g-7k2m9p4xqb":  true,
		"AROAEXAMPLE:alice@example.com+xg-7k2m9p4xqa": true,
		"AROAEXAMPLE:alice@example.com+g-7k2m9p4xqa0": true,
		userID: true,
	} {
		v := p.Evaluate(iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: iam.NewContext(map[string][]string{"aws:userid": {user}})})
		expect(t, v, want, user)
	}
}
