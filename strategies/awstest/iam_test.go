package awstest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/flows/clock"
	"sesame/strategies/awstest"
)

// An iamAnswer is what IAM may say, as far as the tests look at it.
type iamAnswer struct {
	Status    int
	XMLName   xml.Name
	Tags      []struct{ Key, Value string } `xml:"ListUserTagsResult>Tags>member"`
	Groups    []string                      `xml:"ListGroupsForUserResult>Groups>member>GroupName"`
	Members   []string                      `xml:"GetGroupResult>Users>member>UserName"`
	User      string                        `xml:"GetUserResult>User>UserName"`
	More      bool                          `xml:"ListUserTagsResult>IsTruncated"`
	Marker    string                        `xml:"ListUserTagsResult>Marker"`
	Code      string                        `xml:"Error>Code"`
	RequestID string                        `xml:"ResponseMetadata>RequestId"`
}

// iam calls IAM as the query protocol is described: with no client in between,
// since a form is short enough to write.
func (r *rig) iam(operation string, params ...string) iamAnswer {
	r.t.Helper()
	form := url.Values{"Action": {operation}, "Version": {"2010-05-08"}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	status, text := r.post("iam", form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	answer := iamAnswer{Status: status}
	if err := xml.Unmarshal(text, &answer); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	return answer
}

// post sends one call, signed for a service.
func (r *rig) post(service, body string, header http.Header) (status int, answer []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx(), http.MethodPost, r.w.URL()+"/", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = header
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: r.key.ID, SecretAccessKey: r.key.Secret, SessionToken: r.key.Token}
	if err := v4.NewSigner().SignHTTP(r.ctx(), creds, req, hex.EncodeToString(sum[:]), service, "us-east-1", clock.System{}.Now()); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, must(io.ReadAll(resp.Body))(r.t)
}

// tag returns what TagUser takes for one tag after another.
func tag(user string, pairs ...string) []string {
	params := []string{"UserName", user}
	for i := 0; i < len(pairs); i += 2 {
		at := fmt.Sprintf("Tags.member.%d.", i/2+1)
		params = append(params, at+"Key", pairs[i], at+"Value", pairs[i+1])
	}
	return params
}

func (r *rig) wantIAM(what string, got iamAnswer, status int, code string) {
	r.t.Helper()
	if got.Status != status || got.Code != code {
		r.t.Errorf("%s: %d %s, want %d %s", what, got.Status, got.Code, status, code)
	}
}

func newIAMRig(t *testing.T, configure ...func(*awstest.Config)) *rig {
	r := newRig(t, configure...)
	r.w.AddIAMUser(management, "alice")
	r.w.AddIAMGroup(management, "Shell")
	return r
}

func TestUserTags(t *testing.T) {
	r := newIAMRig(t, func(c *awstest.Config) { c.Settings.PageSize = 2 })
	r.wantIAM("tag", r.iam("TagUser", tag("alice", "App", "a", "Team", "x", "Role", "r")...), 200, "")
	r.iam("TagUser", tag("ALICE", "app", "b")...)
	first := r.iam("ListUserTags", "UserName", "alice")
	rest := r.iam("ListUserTags", "UserName", "alice", "Marker", first.Marker)
	got := map[string]string{}
	for _, one := range append(first.Tags, rest.Tags...) {
		got[one.Key] = one.Value
	}
	if want := map[string]string{"app": "b", "Team": "x", "Role": "r"}; !maps.Equal(got, want) || !first.More || rest.More {
		t.Errorf("tags = %v, want %v in two pages", got, want)
	}
	r.wantIAM("untag", r.iam("UntagUser", "UserName", "alice", "TagKeys.member.1", "APP", "TagKeys.member.2", "none"), 200, "")
	if tags := r.w.IAMTags(management, "alice"); len(tags) != 2 || tags["Team"].By.KeyID != r.key.ID {
		t.Errorf("tags = %v, want two of %v", tags, r.key)
	}
	if n := len(r.w.IAMWrites(management, "alice")); n != 3 {
		t.Errorf("%d changes, want 3", n)
	}
	if u := r.iam("GetUser", "UserName", "alice"); u.User != "alice" || u.RequestID == "" {
		t.Errorf("user = %+v", u)
	}
}

func TestTagsHaveLimits(t *testing.T) {
	r := newIAMRig(t)
	many := func(from, n int) (pairs []string) {
		for i := range n {
			pairs = append(pairs, fmt.Sprint("k", from+i), "v")
		}
		return pairs
	}
	r.wantIAM("fifty", r.iam("TagUser", tag("alice", many(0, 50)...)...), 200, "")
	r.wantIAM("one more", r.iam("TagUser", tag("alice", "more", "v", "k1", "new")...), 409, "LimitExceeded")
	if r.w.IAMTags(management, "alice")["k1"].Value != "v" {
		t.Error("a call that was refused wrote a part")
	}
	r.wantIAM("51 at once", r.iam("TagUser", tag("alice", many(0, 51)...)...), 400, "ValidationError")
	r.wantIAM("twice", r.iam("TagUser", tag("alice", "a", "1", "A", "2")...), 400, "InvalidInput")
	r.wantIAM("reserved", r.iam("TagUser", tag("alice", "aws:x", "1")...), 400, "InvalidInput")
	r.wantIAM("wildcard", r.iam("TagUser", tag("alice", "a", "*")...), 400, "ValidationError")
	r.wantIAM("nobody", r.iam("TagUser", tag("bob", "a", "1")...), 404, "NoSuchEntity")
	r.wantIAM("bad marker", r.iam("ListUserTags", "UserName", "alice", "Marker", "x"), 400, "InvalidInput")
}

func TestIAMGroups(t *testing.T) {
	r := newIAMRig(t)
	join := []string{"GroupName", "Shell", "UserName", "alice"}
	r.wantIAM("add", r.iam("AddUserToGroup", join...), 200, "")
	r.wantIAM("add again", r.iam("AddUserToGroup", join...), 200, "")
	if !r.w.InIAMGroup(management, "Shell", "alice") {
		t.Error("she is not in the group")
	}
	if got := r.iam("ListGroupsForUser", "UserName", "alice").Groups; len(got) != 1 || got[0] != "Shell" {
		t.Errorf("groups = %v", got)
	}
	if got := r.iam("GetGroup", "GroupName", "Shell").Members; len(got) != 1 || got[0] != "alice" {
		t.Errorf("members = %v", got)
	}
	r.wantIAM("remove", r.iam("RemoveUserFromGroup", join...), 200, "")
	r.wantIAM("remove again", r.iam("RemoveUserFromGroup", join...), 404, "NoSuchEntity")
	r.wantIAM("no group", r.iam("AddUserToGroup", "GroupName", "None", "UserName", "alice"), 404, "NoSuchEntity")
	r.wantIAM("no user", r.iam("AddUserToGroup", "GroupName", "Shell", "UserName", "bob"), 404, "NoSuchEntity")
	for i := range 10 {
		name := fmt.Sprint("g", i)
		r.w.AddIAMGroup(management, name)
		r.w.SetIAMGroup(management, name, "alice", true)
	}
	r.wantIAM("an eleventh", r.iam("AddUserToGroup", join...), 409, "LimitExceeded")
	r.w.RemoveIAMUser(management, "alice")
	if r.w.InIAMGroup(management, "g1", "alice") {
		t.Error("a user that is gone is in a group")
	}
}

func TestIAMIsOneForEachAccount(t *testing.T) {
	r := newIAMRig(t)
	r.key = r.w.AddKey(payments, "other")
	r.wantIAM("another account's user", r.iam("GetUser", "UserName", "alice"), 404, "NoSuchEntity")
}

func TestIAMReadsLag(t *testing.T) {
	r := newIAMRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.IAMLag = 10 * time.Second })
	r.clock.Advance(time.Minute)
	r.iam("TagUser", tag("alice", "App", "a")...)
	if got := r.iam("ListUserTags", "UserName", "alice").Tags; len(got) != 0 {
		t.Errorf("tags = %v, want none to be seen yet", got)
	}
	r.clock.Advance(10 * time.Second)
	if got := r.iam("ListUserTags", "UserName", "alice").Tags; len(got) != 1 {
		t.Errorf("tags = %v, want one", got)
	}
}

func TestDecisionsLag(t *testing.T) {
	r := newIAMRig(t)
	r.w.AddIAMUser(management, "sesame")
	r.w.Tune(func(s *awstest.Settings) { s.PolicyLag = 10 * time.Second })
	r.clock.Advance(time.Minute)
	r.iam("TagUser", tag("sesame", "App", "a")...)
	if got := r.iam("ListUserTags", "UserName", "sesame").Tags; len(got) != 1 {
		t.Errorf("tags = %v, want one to be seen", got)
	}
	var asked awstest.Ask
	r.w.Decide(func(a awstest.Ask) bool { asked = a; return true })
	for _, want := range []string{"", "a"} {
		r.iam("GetUser", "UserName", "sesame")
		if got := asked.PrincipalTags["App"]; got != want {
			t.Errorf("asked about the tag %q, want %q", got, want)
		}
		r.clock.Advance(10 * time.Second)
	}
}

func TestTagsByHand(t *testing.T) {
	r := newIAMRig(t)
	r.iam("TagUser", tag("alice", "App", "a", "Team", "x")...)
	r.w.EditIAMTags(management, "alice", func(tags map[string]string) {
		tags["App"] = "b"
		tags["New"] = "n"
	})
	tags := r.w.IAMTags(management, "alice")
	if tags["App"].By != (awstest.Caller{}) || tags["New"].By != (awstest.Caller{}) || tags["Team"].By.KeyID != r.key.ID {
		t.Errorf("tags = %+v, want two by hand", tags)
	}
}

func TestIAMFaults(t *testing.T) {
	r := newIAMRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Conflict, Operation: "TagUser"})
	r.wantIAM("conflict", r.iam("TagUser", tag("alice", "a", "1")...), 409, "ConcurrentModification")
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: "TagUser"})
	r.wantIAM("throttle", r.iam("TagUser", tag("alice", "a", "1")...), 400, "Throttling")
	r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "TagUser"})
	r.wantIAM("deny", r.iam("TagUser", tag("alice", "a", "1")...), 403, "AccessDenied")
	if len(r.w.IAMTags(management, "alice")) != 0 {
		t.Error("a call that was refused had an effect")
	}
}

func TestMembershipsLag(t *testing.T) {
	r := newRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.StoreLag = 10 * time.Second })
	group := r.w.AddGroup("shell")
	r.w.Join(group, r.alice)
	if got := r.inGroup(group); got {
		t.Error("a membership is seen at once")
	}
	r.clock.Advance(10 * time.Second)
	if got := r.inGroup(group); !got {
		t.Error("a membership is not seen")
	}
}
