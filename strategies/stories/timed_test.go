package stories_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
	"sesame/strategies/principaltags"
)

// timed is a plan with tags for an owner, and the policy that has their end.
func (r *rig) timed(owner flowfile.IAMOwner, app string) access.Plan {
	t := access.Target{Name: app, Params: map[string]string{
		"region": "us-east-1", "account": account, "tag_names": `["App","Release"]`, "slots": "2", "timed": "true",
		"principal_tags": `{"App":"` + app + `","Release":"r-1"}`,
	}}
	users := func(access.Target, access.Person) (flowfile.IAMOwner, error) { return owner, nil }
	return r.plan(principaltags.Planner{Users: users}.Plan(t, r.alice))
}

// around is what goes with timed policies.
func around() document {
	return recipe.PrincipalTags{Shell: recipe.Shell{Scope: recipe.Scope{Accounts: []string{account}, Regions: []string{"us-east-1"}}, Timed: true}}
}

// policies returns the names of those of an owner's own.
func (r *rig) policies(owner flowfile.IAMOwner) (names []string) {
	for name := range r.w.IAMPolicies(awstest.Principal{Account: account, Name: owner.Name, Role: owner.Role}) {
		names = append(names, name)
	}
	return names
}

func TestTheBotIsDeadPastALiteralWindow(t *testing.T) {
	story(t, func(r *rig) {
		r.machines()
		r.govern(map[string]document{"sesame": r.server("App", "Release", flowfile.MarkerTag), "alice": around()})
		key := r.w.AddKey(account, "alice")
		alice := credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
		owner := flowfile.IAMOwner{Name: "alice"}
		r.wantSessions("before", alice)
		id := r.grant(r.timed(owner, "FrontEnd"), time.Hour)
		r.pass(time.Minute)
		g := r.want(id, access.Open)
		r.wantSessions("while it is open", alice, "i-frontend")
		r.cut()
		r.pass(time.Until(g.CloseBy) - time.Second)
		r.wantSessions("with nobody there, before the last moment", alice, "i-frontend")
		r.pass(2 * time.Second)
		r.wantSessions("with nobody there, past the window", alice)
		if left := r.policies(owner); len(left) != 1 || len(r.tags()) != 2 {
			t.Errorf("policies %v and tags %v, want those that nobody removed", left, r.tags())
		}
		r.pass(24 * time.Hour)
		r.lead()
		r.pass(10 * time.Minute)
		closed := r.want(id, access.Closed)
		if len(closed.Receipt.Objects) != 2 || len(r.policies(owner)) != 0 || len(r.tags()) != 0 {
			t.Errorf("receipt %+v, policies %v, tags %v", closed.Receipt, r.policies(owner), r.tags())
		}
	})
}

// TestTimedGrantsOfARole has two grants at once on one role, each of which has
// an end of its own.
func TestTimedGrantsOfARole(t *testing.T) {
	story(t, func(r *rig) {
		r.machines()
		const role = "arn:aws:iam::" + account + ":role/Alice"
		r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{account}, TagSession: true})
		r.govern(map[string]document{"sesame": r.server("App", "Release", flowfile.MarkerTag), "role/Alice": around()})
		owner := flowfile.IAMOwner{Name: "Alice", Role: true}
		alice := r.assume(role, "none", "none")
		short := r.grant(r.timed(owner, "FrontEnd"), 30*time.Minute)
		again := r.grant(r.timed(owner, "FrontEnd"), time.Hour)
		other := r.grant(r.timed(owner, "BackEnd"), time.Hour)
		r.pass(time.Minute)
		for _, id := range []access.GrantID{short, again, other} {
			r.want(id, access.Open)
		}
		if n := len(r.policies(owner)); n != 3 {
			t.Errorf("%d policies, want one for each grant", n)
		}
		r.wantSessions("with three grants", alice, "i-frontend", "i-backend")
		r.pass(30*time.Minute + settled)
		r.want(short, access.Closed)
		r.wantSessions("after the first", alice, "i-frontend", "i-backend")
		r.end(other)
		r.pass(settled)
		r.want(other, access.Closed)
		r.wantSessions("after the third", alice, "i-frontend")
		r.pass(time.Hour)
		r.want(again, access.Closed)
		r.wantSessions("after all", r.assume(role, "none", "none"))
		if left := r.policies(owner); len(left) != 0 || len(r.w.IAMTagsOf(awstest.Principal{Account: account, Name: "Alice", Role: true})) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestTimedPolicyEditedByAnOutsider(t *testing.T) {
	story(t, func(r *rig) {
		owner := awstest.Principal{Account: account, Name: "alice"}
		id := r.grant(r.timed(flowfile.IAMOwner{Name: "alice"}, "FrontEnd"), 2*time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.w.EditIAMPolicies(owner, func(all map[string]string) {
			for name, text := range all {
				all[name] = strings.ReplaceAll(text, "FrontEnd", "BackEnd")
			}
		})
		r.pass(40 * time.Minute)
		g := r.want(id, access.Closed)
		if !strings.Contains(g.End.Detail, "is not what Sesame wrote there") || len(r.w.IAMPolicies(owner)) != 1 {
			t.Errorf("ended %+v, with policies %v", g.End, r.w.IAMPolicies(owner))
		}
		r.wantAlarm("the policy for instances with App FrontEnd", "Sesame leaves it alone")
	})
}
