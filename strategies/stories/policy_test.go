package stories_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
)

// A document is a policy as the recipes make it.
type document interface {
	Document() (*iam.Document, error)
}

// shell is the policy for sessions on machines whose tags agree with one of so
// many slots.
func shell(slots int) document {
	return recipe.PrincipalTags{
		Shell: recipe.Shell{Scope: recipe.Scope{Accounts: []string{account}, Regions: []string{"us-east-1"}}},
		Pairs: []recipe.TagPair{{Resource: "App", Principal: "App"}, {Resource: "Release", Principal: "Release"}}, Slots: slots,
	}
}

// boundary is that of everybody in these stories.
const boundary = "arn:aws:iam::" + account + ":policy/People"

// server is the policy of Sesame itself in these stories.
func (r *rig) server(tagKeys ...string) document {
	return recipe.ServerRole{
		Instance: instance, Roles: []string{"arn:aws:iam::" + account + ":role/*"},
		IdentityStore: store, Directory: account, Groups: []string{r.group},
		Users: []string{"arn:aws:iam::" + account + ":user/alice"}, TagKeys: tagKeys,
		IAMGroups:   []string{"arn:aws:iam::" + account + ":group/Shell"},
		PersonRoles: []string{"arn:aws:iam::" + account + ":role/Alice"}, Boundary: boundary,
		Sessions: []recipe.Scope{{Accounts: []string{account}}},
	}
}

// govern gives users and roles of the account, by their names, the policies
// that decide about their calls: a role's begins with "role/".
func (r *rig) govern(by map[string]document) {
	r.Helper()
	for name, d := range by {
		document, err := d.Document()
		if err != nil {
			r.Fatal(err)
		}
		text, err := document.MarshalJSON()
		if err != nil {
			r.Fatal(err)
		}
		name, role := strings.CutPrefix(name, "role/")
		p := awstest.Principal{Account: account, Name: name, Role: role}
		if err := r.w.Attach(p, string(text)); err != nil {
			r.Fatal(err)
		}
	}
	for _, p := range []awstest.Principal{{Account: account, Name: "alice"}, {Account: account, Name: "Alice", Role: true}} {
		if err := r.w.Bound(p, boundary, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["ssm:*", "ec2:Describe*"], "Resource": "*"}}`); err != nil {
			r.Fatal(err)
		}
	}
}

func TestThePolicyOfTheServerAllowsWhatItDoes(t *testing.T) {
	story(t, func(r *rig) {
		r.govern(map[string]document{"sesame": r.server("App", "Release", flowfile.MarkerTag)})
		var ids []access.GrantID
		for _, plan := range []access.Plan{r.tagged("payments", "r-1"), r.tagged("ledger", "r-2"), r.directory(), r.iamGroup()} {
			ids = append(ids, r.grant(plan, time.Hour))
		}
		r.pass(time.Minute)
		for _, id := range ids {
			r.want(id, access.Open)
		}
		r.pass(time.Hour + settled)
		for _, id := range ids {
			r.want(id, access.Closed)
		}
		for _, c := range r.w.Calls() {
			if c.Outcome != awstest.OK && strings.Contains(c.Outcome, "AccessDenied") {
				r.Errorf("%s was denied", c.Operation)
			}
		}
	})
}

func TestThePolicyOfTheServerDeniesOtherTags(t *testing.T) {
	story(t, func(r *rig) {
		r.govern(map[string]document{"sesame": r.server("App", flowfile.MarkerTag)})
		id := r.grant(r.tagged("payments", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Closed)
		r.wantTags(map[string]string{})
		r.wantAlarm("AWS refused to create the tags App payments, Release r-1", "AccessDenied")
	})
}

// start starts a session on a machine, and returns the code of a refusal.
func (r *rig) start(key aws.CredentialsProvider, target string) string {
	r.Helper()
	return r.call(key, "StartSession", fmt.Sprintf(`{"Target":%q}`, target))
}

// call calls Session Manager, and returns the code of a refusal.
func (r *rig) call(key aws.CredentialsProvider, operation, body string) string {
	r.Helper()
	return r.callIn("us-east-1", key, operation, body)
}

func (r *rig) callIn(region string, key aws.CredentialsProvider, operation, body string) string {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.config.Endpoint+"/", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AmazonSSM."+operation)
	keys, err := key.Retrieve(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(r.Context(), keys, req, hex.EncodeToString(sum[:]), "ssm", region, time.Now()); err != nil {
		r.Fatal(err)
	}
	resp, err := r.config.Transport.RoundTrip(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	_, rest, _ := strings.Cut(string(answer), `"__type":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return code
}

// machines are one of each sort.
func (r *rig) machines() {
	for id, tags := range map[string]map[string]string{
		"i-frontend": {"App": "FrontEnd", "Release": "r-1"}, "i-backend": {"App": "BackEnd", "Release": "r-1"},
		"i-older": {"App": "FrontEnd", "Release": "r-0"}, "i-untagged": nil,
	} {
		r.w.AddInstance(awstest.Instance{ID: id, Account: account, Region: "us-east-1", Tags: tags})
	}
}

// wantSessions fails unless sessions can be started on these machines and no
// others.
func (r *rig) wantSessions(when string, key aws.CredentialsProvider, allowed ...string) {
	r.Helper()
	for _, target := range []string{"i-frontend", "i-backend", "i-older", "i-untagged"} {
		want := "AccessDeniedException"
		if slices.Contains(allowed, target) {
			want = ""
		}
		if got := r.start(key, target); got != want {
			r.Errorf("%s, on %s: %q, want %q", when, target, got, want)
		}
	}
}

// TestSessionsOfAUserWithSlots has a user start sessions, whom only the tags
// that grants write let in.
func TestSessionsOfAUserWithSlots(t *testing.T) {
	story(t, func(r *rig) {
		r.machines()
		r.w.Tune(func(s *awstest.Settings) { s.Idle = 24 * time.Hour }) // nobody connects to them
		r.govern(map[string]document{"sesame": r.server("App", "Release", flowfile.MarkerTag), "alice": shell(slots)})
		key := r.w.AddKey(account, "alice")
		alice := credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
		r.wantSessions("before", alice)
		first := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.wantSessions("with one grant", alice, "i-frontend")
		second := r.grant(r.tagged("BackEnd", "r-0"), time.Hour)
		r.pass(time.Minute)
		r.wantSessions("with slots that agree with other machines only together", alice, "i-frontend")
		r.end(second)
		r.pass(time.Minute)
		r.grant(r.tagged("BackEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.wantSessions("with two grants", alice, "i-frontend", "i-backend")
		r.end(first)
		r.pass(time.Minute)
		r.wantSessions("with the second alone", alice, "i-backend")
		if code := r.call(alice, "TerminateSession", fmt.Sprintf(`{"SessionId":%q}`, r.w.ShellSessions()[0].ID)); code != "" {
			r.Errorf("ending her own session: %s", code)
		}
		r.pass(time.Hour + settled)
		r.wantSessions("afterwards", alice)
		if left := r.w.ShellSessions(); len(left) != 0 {
			r.Errorf("sessions go on: %+v", left)
		}
	})
}

// TestSessionsOfARoleWithTags does the same for a role, whose sessions have the
// tags that they were given for as long as they last.
func TestSessionsOfARoleWithTags(t *testing.T) {
	story(t, func(r *rig) {
		r.machines()
		const role = "arn:aws:iam::" + account + ":role/Shell"
		r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{account}, TagSession: true})
		r.govern(map[string]document{"role/Shell": shell(1), "sesame": r.server()})
		for app, allowed := range map[string][]string{"FrontEnd": {"i-frontend"}, "BackEnd": {"i-backend"}, "Other": nil} {
			r.wantSessions("as "+app, r.assume(role, app, "r-1"), allowed...)
		}
		other := r.assume(role, "Other", "r-1")
		if code := r.call(other, "TerminateSession", fmt.Sprintf(`{"SessionId":%q}`, r.w.ShellSessions()[0].ID)); code != "AccessDeniedException" {
			r.Errorf("ending somebody else's session: %q", code)
		}
	})
}

// assume returns a session of a role with tags.
func (r *rig) assume(role, app, release string) aws.CredentialsProvider {
	r.Helper()
	client := sts.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: r.config.Credentials, BaseEndpoint: &r.config.Endpoint, HTTPClient: &http.Client{Transport: r.config.Transport},
	})
	out, err := client.AssumeRole(r.Context(), &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("as-" + app),
		Tags: []ststypes.Tag{{Key: aws.String("App"), Value: &app}, {Key: aws.String("Release"), Value: &release}},
	})
	if err != nil {
		r.Fatal(err)
	}
	return credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}
