package awstest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"sesame/strategies/awstest"
)

// ssm calls Systems Manager, and returns the code of what it refuses.
func (r *rig) ssm(operation string, in map[string]any) (answer map[string]any, code string) {
	r.t.Helper()
	body := must(json.Marshal(in))(r.t)
	status, text := r.post("ssm", string(body), http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM." + operation},
	})
	if err := json.Unmarshal(text, &answer); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	if status != http.StatusOK {
		code, _ = answer["__type"].(string)
	}
	return answer, code
}

func TestShellSessions(t *testing.T) {
	r := newRig(t)
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: management, Region: "us-east-1"})
	r.w.AddInstance(awstest.Instance{ID: "i-0b", Account: payments, Region: "us-east-1"})
	answer, code := r.ssm("StartSession", map[string]any{"Target": "i-0a", "Reason": "INC-42"})
	id, _ := answer["SessionId"].(string)
	if code != "" || !strings.HasPrefix(id, "sesame-0") || answer["TokenValue"] == "" || !strings.Contains(answer["StreamUrl"].(string), id) {
		t.Errorf("started %v, %s", answer, code)
	}
	if open := r.w.ShellSessions(); len(open) != 1 || open[0].Document != "SSM-SessionManagerRunShell" || open[0].By.KeyID != r.key.ID {
		t.Errorf("open sessions %+v", open)
	}
	for _, target := range []string{"i-0b", "i-none"} {
		if _, code := r.ssm("StartSession", map[string]any{"Target": target}); code != "TargetNotConnected" {
			t.Errorf("%s: %q", target, code)
		}
	}
	for range 2 {
		if _, code := r.ssm("TerminateSession", map[string]any{"SessionId": id}); code != "" || len(r.w.ShellSessions()) != 0 {
			t.Errorf("terminated: %q, left %v", code, r.w.ShellSessions())
		}
	}
}

// TestCallsAreDecided has somebody decide, and looks at what they are asked.
func TestCallsAreDecided(t *testing.T) {
	r := newIAMRig(t)
	r.w.AddIAMUser(management, "sesame")
	r.w.EditIAMTags(management, "sesame", func(tags map[string]string) { tags["Team"] = "x" })
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: management, Region: "us-east-1", Tags: map[string]string{"App": "a"}})
	group := r.w.AddGroup("shell")
	var asked []awstest.Ask
	allow := true
	r.w.Decide(func(a awstest.Ask) bool {
		asked = append(asked, a)
		return allow
	})
	r.iam("TagUser", tag("alice", "App", "a")...)
	r.iam("UntagUser", "UserName", "alice", "TagKeys.member.1", "App")
	r.iam("AddUserToGroup", "GroupName", "Shell", "UserName", "alice")
	started, _ := r.ssm("StartSession", map[string]any{"Target": "i-0a", "DocumentName": "AWS-StartSSHSession"})
	r.ssm("TerminateSession", map[string]any{"SessionId": started["SessionId"]})
	must(r.store.CreateGroupMembership(r.ctx(), &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: ptr(storeID), GroupId: ptr(group), MemberId: &store.MemberIdMemberUserId{Value: r.alice},
	}))(t)
	var got []string
	for _, a := range asked {
		line := []string{a.Action}
		for _, about := range a.Resources {
			line = append(line, about.ARN)
			for _, key := range slices.Sorted(maps.Keys(about.Tags)) {
				line = append(line, key+"="+about.Tags[key])
			}
		}
		got = append(got, strings.Join(append(line, a.TagKeys...), " "))
		if a.PrincipalTags["Team"] != "x" {
			t.Errorf("%s: tags of who calls are %v", a.Action, a.PrincipalTags)
		}
	}
	session, _ := started["SessionId"].(string)
	want := []string{
		"iam:TagUser arn:aws:iam::111111111111:user/alice App",
		"iam:UntagUser arn:aws:iam::111111111111:user/alice App",
		"iam:AddUserToGroup arn:aws:iam::111111111111:group/Shell",
		"ssm:StartSession arn:aws:ec2:us-east-1:111111111111:instance/i-0a App=a arn:aws:ssm:us-east-1::document/AWS-StartSSHSession",
		"ssm:TerminateSession arn:aws:ssm:us-east-1:111111111111:session/" + session + " aws:ssmmessages:session-id=" + asked[0].Caller.UserID + " aws:ssmmessages:target-id=i-0a",
		"identitystore:CreateGroupMembership arn:aws:identitystore::111111111111:identitystore/d-90677f1112 arn:aws:identitystore:::group/" + group + " arn:aws:identitystore:::user/" + r.alice,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	allow = false
	r.wantIAM("denied", r.iam("TagUser", tag("alice", "App", "b")...), 403, "AccessDenied")
	if _, code := r.ssm("StartSession", map[string]any{"Target": "i-0a"}); code != "AccessDeniedException" {
		t.Errorf("denied: %q", code)
	}
	if len(r.w.IAMTags(management, "alice")) != 0 || len(r.w.ShellSessions()) != 0 {
		t.Error("what was denied had an effect")
	}
	must(r.sts.GetCallerIdentity(r.ctx(), nil))(t)
	r.w.Decide(nil)
	r.wantIAM("nobody decides", r.iam("TagUser", tag("alice", "App", "b")...), 200, "")
}

func TestSessionsAreDecidedByTheirTags(t *testing.T) {
	r := newIAMRig(t)
	const role = "arn:aws:iam::111111111111:role/Shell"
	r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{management}, TagSession: true})
	out := must(r.sts.AssumeRole(r.ctx(), &sts.AssumeRoleInput{
		RoleArn: ptr(role), RoleSessionName: ptr("alice"), Policy: ptr(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}}`),
		Tags: []ststypes.Tag{{Key: ptr("App"), Value: ptr("a")}},
	}))(t)
	r.key = awstest.Key{ID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
	var asked awstest.Ask
	r.w.Decide(func(a awstest.Ask) bool { asked = a; return true })
	r.iam("GetUser", "UserName", "alice")
	if asked.PrincipalTags["App"] != "a" || asked.Policy == "" {
		t.Errorf("asked %+v, want the session's tags and policy", asked)
	}
	r.wantIAM("beyond the policy of the session", r.iam("TagUser", tag("alice", "App", "b")...), 403, "AccessDenied")
}
