package stories_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/accountassignment"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/rolesession"
	"sesame/strategies/shells"
)

// Where people start sessions with credentials of their own, and as whom Sesame
// ends them there.
const (
	far       = "222222222222"
	ends      = "arn:aws:iam::" + far + ":role/SesameEnds"
	ec2Role   = "arn:aws:iam::" + far + ":role/EC2"
	shellRole = "arn:aws:iam::" + far + ":role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Shell_0123456789abcdef"
)

// endPolicy lets Sesame end sessions, of which seeing is what it may be denied.
const endPolicy = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["ssm:TerminateSession", "ec2:DescribeRegions"%s], "Resource": "*"}}`

// elsewhere sets up the other account: a permission set and a role in it, and
// machines.
func (r *rig) elsewhere() {
	r.Helper()
	r.lasting()
	r.w.AddAccount(awstest.Account{ID: far, Name: "front end"})
	for _, arn := range []string{shellRole, ec2Role, strings.Replace(shellRole, "_Shell_", "_Other_", 1)} {
		r.w.AddRole(awstest.Role{ARN: arn, Trusts: []string{account}})
	}
	r.w.AddRole(awstest.Role{ARN: ends, Trusts: []string{account}})
	for _, region := range []string{"us-east-1", "eu-central-1"} {
		r.w.AddInstance(awstest.Instance{ID: "i-" + region, Account: far, Region: region})
	}
	r.w.AddInstance(awstest.Instance{ID: "mi-0123456789abcdef0", Account: far, Region: "us-east-1"})
	center, err := identitycenter.Open(r.Context(), r.config)
	if err != nil {
		r.Fatal(err)
	}
	r.cutter = shells.New(func(params map[string]string) (identitycenter.Config, error) {
		own := r.config
		own.Account, own.RoleChain = params[flowfile.ParamAccount], []identitycenter.Role{{ARN: params[flowfile.ParamRoleARN]}}
		return own, nil
	}, func(context.Context, map[string]string) (*identitycenter.Center, error) { return center, nil })
	r.cut()
	r.lead()
}

func endSessions() string {
	return flowfile.EndSessions{RoleARN: ends, Regions: []string{"us-east-1", "eu-central-1"}}.Encode()
}

// byPermissionSet is the plan of a grant by the permission set Shell, whose ARN is
// returned as well.
func (r *rig) byPermissionSet(end string) (access.Plan, string) {
	arn := r.w.AddPermissionSet(awstest.PermissionSet{Name: "Shell", Session: time.Hour})
	t := shellTarget(end)
	t.Params[flowfile.ParamPermissionSetARN] = arn
	return r.plan(accountassignment.Planner{}.Plan(t, r.alice)), arn
}

func shellTarget(end string) access.Target {
	return access.Target{Name: "shell", Way: flowfile.WaySSO, Params: map[string]string{
		"region": "us-east-1", "instance_arn": instance, "identity_store_id": store, "account": far, "permission_set": "Shell", flowfile.ParamEndSessions: end,
	}}
}

// vended is the plan of a grant of the role EC2, for credentials of AWS.
func (r *rig) vended(target string) access.Plan {
	return r.plan(rolesession.Planner{}.Plan(access.Target{Name: target, Params: map[string]string{
		"region": "us-east-1", "account": far, "role_arn": ec2Role, "external_id": "${file:x}", "vend": "real", flowfile.ParamEndSessions: endSessions(),
	}}, r.alice))
}

// begin starts a session as a role under a name.
func (r *rig) begin(role, name, machine string) {
	r.Helper()
	key, err := r.w.Assume(role, name)
	if err != nil {
		r.Fatal(err)
	}
	r.shell(credentials.NewStaticCredentialsProvider(key.ID, key.Secret, key.Token), machine)
}

// sentences are what the receipt says of sessions.
func sentences(g access.Grant) string {
	var all []string
	for _, o := range g.Receipt.Objects {
		all = append(all, o.Sessions()...)
	}
	return strings.Join(all, ". ")
}

func (r *rig) wantSaid(g access.Grant, want string) {
	r.Helper()
	if got := sentences(g); !strings.Contains(got, want) {
		r.Errorf("the receipt says %q, want %q", got, want)
	}
}

// asksSessions is how often sessions were asked for.
func (r *rig) asksSessions() (n int) {
	for _, c := range r.w.Calls() {
		if c.Operation == "DescribeSessions" {
			n++
		}
	}
	return n
}

func TestSessionsOfAPermissionSetEndWithIt(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		plan, _ := r.byPermissionSet(endSessions())
		r.begin(shellRole, "alice", "i-us-east-1") // by some right that she had before
		r.pass(time.Hour)
		id := r.grant(plan, time.Hour)
		r.pass(5 * time.Minute)
		r.want(id, access.Open)
		r.begin(shellRole, "alice", "i-us-east-1")
		r.begin(shellRole, "alice", "mi-0123456789abcdef0")
		r.begin(shellRole, "bob", "i-us-east-1")
		r.begin(strings.Replace(shellRole, "_Shell_", "_Other_", 1), "alice", "i-us-east-1")
		r.begin(shellRole, "alice", "i-eu-central-1")
		r.pass(time.Hour + settled)
		closed := r.want(id, access.Closed)
		r.wantShells("afterwards", "alice on i-us-east-1", "bob on i-us-east-1", "alice on i-us-east-1")
		r.wantCut(closed, "i-us-east-1", "mi-0123456789abcdef0", "i-eu-central-1")
		r.wantSaid(closed, "Sesame had AWS end 3 sessions that had been started with it, and none is left")
	})
}

// Nobody asked for it, so that nothing is asked of AWS, and nothing can go wrong.
func TestSessionsOfAPermissionSetAreLeftWhereNothingIsSaid(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		plan, _ := r.byPermissionSet("")
		id := r.grant(plan, time.Hour)
		r.pass(5 * time.Minute)
		r.begin(shellRole, "alice", "i-us-east-1")
		r.pass(time.Hour + settled)
		if got := sentences(r.want(id, access.Closed)); got != "" || r.asksSessions() != 0 {
			r.Errorf("asked %d times: %s", r.asksSessions(), got)
		}
		r.wantShells("afterwards", "alice on i-us-east-1")
	})
}

// What else lets the same person in, and whose a name is, decides at the end.
func TestSessionsOfAPermissionSetThatAreLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *rig, set string)
		said   string
	}{
		"a group gives it as well": {func(r *rig, set string) {
			for n := range 120 { // more than AWS is asked about at once
				group := r.w.AddGroup(fmt.Sprint("g", n))
				r.w.Assign(awstest.Tuple{Account: far, PermissionSet: set, PrincipalType: "GROUP", Principal: group})
				if n == 119 {
					r.w.Join(group, string(r.alice.Principal))
				}
			}
		}, "something else gives the same person Shell in " + far + " still"},
		"somebody else is called so now": {func(r *rig, _ string) {
			r.w.EditUser(string(r.alice.Principal), func(u *awstest.User) { u.UserName = "alice.b" })
			if _, err := r.w.AddUser(awstest.User{UserName: "alice"}); err != nil {
				r.Fatal(err)
			}
		}, "another user of Identity Center is called alice now"},
		"Sesame may not ask": {func(r *rig, _ string) {
			r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "IsMemberInGroups", Times: -1})
			group := r.w.AddGroup("g")
			r.w.Assign(awstest.Tuple{Account: far, PermissionSet: r.shellSet(), PrincipalType: "GROUP", Principal: group})
		}, "Sesame may not ask Identity Center whose they are"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				r.elsewhere()
				plan, set := r.byPermissionSet(endSessions())
				id := r.grant(plan, time.Hour)
				r.pass(5 * time.Minute)
				r.begin(shellRole, "alice", "i-us-east-1")
				c.change(r, set)
				r.pass(time.Hour + settled)
				closed := r.want(id, access.Closed)
				r.wantShells("afterwards", "alice on i-us-east-1")
				r.wantSaid(closed, "Sesame did not end the sessions that had been started with it, since "+c.said)
				if all := r.alarms(); len(all) != 0 {
					r.Errorf("alarms %q", all)
				}
			})
		})
	}
}

func (r *rig) shellSet() string { return r.w.Assignments()[0].PermissionSet }

// Somebody who leaves in the middle is the one whose sessions matter most: what
// they were called was read while they were there.
func TestSessionsOfSomebodyWhoLeft(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		plan, _ := r.byPermissionSet(endSessions())
		id := r.grant(plan, time.Hour)
		r.pass(5 * time.Minute)
		r.begin(shellRole, "alice", "i-us-east-1")
		r.w.RemoveUser(string(r.alice.Principal))
		r.end(id)
		r.pass(settled)
		r.wantCut(r.want(id, access.Closed), "i-us-east-1")
		r.wantShells("afterwards")
	})
}

// A role that may not see sessions holds the end of a grant up that asked for it,
// and no removal; once it may, the end is proven.
func TestSessionsOfAPermissionSetThatCannotBeSeen(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		at := awstest.Principal{Account: far, Name: "SesameEnds", Role: true}
		for _, of := range []awstest.Principal{at, {Account: far, Name: "AWSReservedSSO_Shell_0123456789abcdef", Role: true}} {
			text := fmt.Sprintf(endPolicy, "")
			if of != at {
				text = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
			}
			if err := r.w.Attach(of, text); err != nil {
				r.Fatal(err)
			}
		}
		plan, _ := r.byPermissionSet(endSessions())
		id := r.grant(plan, time.Hour)
		r.pass(5 * time.Minute)
		r.begin(shellRole, "alice", "i-us-east-1")
		r.end(id)
		r.pass(20 * time.Minute)
		r.want(id, access.Closing)
		r.wantAlarm("sessions that were started by Shell in "+far+" for alice@example.com are not confirmed over", "DescribeSessions")
		if all := r.w.Assignments(); len(all) != 0 {
			r.Errorf("assignments %+v", all)
		}
		if err := r.w.Attach(at, fmt.Sprintf(endPolicy, `, "ssm:DescribeSessions"`)); err != nil {
			r.Fatal(err)
		}
		r.pass(20 * time.Minute)
		r.wantCut(r.want(id, access.Closed), "i-us-east-1")
		r.wantShells("afterwards")
	})
}

// Sessions with credentials that were handed out end with their grant, and those
// of another grant of the same person with that one, although the role is one.
func TestSessionsOfVendedCredentialsEndWithTheirGrant(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		first, second := r.grant(r.vended("web"), 3*time.Hour), r.grant(r.vended("db"), 3*time.Hour)
		r.pass(time.Minute)
		r.want(first, access.Open)
		r.want(second, access.Open)
		for _, name := range []string{"alice@example.com+" + string(first), "alice@example.com+" + string(second), "bob@example.com+" + string(first), "sesame-probe"} {
			r.begin(ec2Role, name, "i-us-east-1")
		}
		r.end(first)
		r.pass(settled)
		r.wantCut(r.want(first, access.Closed), "i-us-east-1")
		r.wantShells("after the first", "alice@example.com+"+string(second)+" on i-us-east-1", "bob@example.com+"+string(first)+" on i-us-east-1", "sesame-probe on i-us-east-1")
		r.end(second)
		r.pass(settled)
		r.wantCut(r.want(second, access.Closed), "i-us-east-1")
		r.wantShells("after both", "bob@example.com+"+string(first)+" on i-us-east-1", "sesame-probe on i-us-east-1")
	})
}

// Two grants on one target have one proxy key between them: what they let start
// ends with the last.
func TestSessionsOfTwoGrantsOnOneTarget(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		first, second := r.grant(r.vended("web"), 3*time.Hour), r.grant(r.vended("web"), 3*time.Hour)
		r.pass(time.Minute)
		r.begin(ec2Role, "alice@example.com+"+string(first), "i-us-east-1")
		r.begin(ec2Role, "alice@example.com+"+string(second), "i-eu-central-1")
		r.end(first)
		r.pass(settled)
		r.want(first, access.Closed)
		r.end(second)
		r.pass(settled)
		r.wantCut(r.want(second, access.Closed), "i-us-east-1", "i-eu-central-1")
		r.wantShells("after both")
	})
}

// TestCrashAtEachStepOfEndingSessions cuts the process off at each step of an end.
func TestCrashAtEachStepOfEndingSessions(t *testing.T) {
	for steps := int64(0); ; steps++ {
		lived := false
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			story(t, func(r *rig) {
				r.elsewhere()
				plan, _ := r.byPermissionSet(endSessions())
				id := r.grant(plan, 10*time.Hour)
				r.pass(5 * time.Minute)
				for _, who := range []string{"alice", "bob"} {
					r.begin(shellRole, who, "i-us-east-1")
				}
				r.end(id)
				lived = r.through(steps)
				r.wantCut(r.want(id, access.Closed), "i-us-east-1")
				r.wantShells("afterwards", "bob on i-us-east-1")
			})
		})
		if lived || t.Failed() {
			return
		}
	}
}

// TestWhatEndingSessionsNeeds is said when flow files are checked.
func TestWhatEndingSessionsNeeds(t *testing.T) {
	story(t, func(r *rig) {
		r.elsewhere()
		check := func(of access.Target) shells.Report {
			r.Helper()
			report, err := r.cutter.Check(r.Context(), of)
			if err != nil {
				r.Fatal(err)
			}
			return report
		}
		wants := func(when string, got shells.Report, problem, warning string) {
			r.Helper()
			for text, want := range map[string]string{got.Problem: problem, got.Warning: warning} {
				if !strings.Contains(text, want) || want == "" && text != "" {
					r.Errorf("%s: %q, want %q", when, text, want)
				}
			}
		}
		shell := shellTarget(endSessions())
		r.w.AddRole(awstest.Role{ARN: ends})
		wants("a role that trusts nobody", check(shell), "AWS did not let it assume "+ends, "")
		r.w.AddRole(awstest.Role{ARN: ends, Trusts: []string{account}})
		at := awstest.Principal{Account: far, Name: "SesameEnds", Role: true}
		for _, c := range []struct{ policy, problem, warning string }{
			{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:DescribeRegions", "Resource": "*"}}`, "AWS answers AccessDeniedException to DescribeSessions in us-east-1): let " + ends + " see them", ""},
			{`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*"}}`, "", "AWS answers AccessDeniedException to TerminateSession in us-east-1): let " + ends + " do that"},
			{fmt.Sprintf(endPolicy, ""), "", ""},
		} {
			if err := r.w.Attach(at, c.policy); err != nil {
				r.Fatal(err)
			}
			wants(c.policy, check(shell), c.problem, c.warning)
		}
		ec2 := access.Target{Name: "web", Way: flowfile.WayRole, Params: map[string]string{"region": "us-east-1", "account": far, "role_arn": ec2Role, "vend": "real", flowfile.ParamEndSessions: endSessions()}}
		wants("credentials that are handed out", check(ec2), "", "")
		clear := r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "GetUserId", Times: -1})
		wants("who may not ask for users", check(shell), "", "so that it would leave them alone: allow identitystore:GetUserId and identitystore:IsMemberInGroups")
		clear()
		wants("all of it", check(shell), "", "")
	})
}

// rings is the way of proxy keys.
func (r *rig) rings() access.Way {
	r.Helper()
	dir := r.TempDir()
	sealer, err := rolesession.OpenSealer(filepath.Join(dir, "seal"), filepath.Join(dir, "data"))
	if err != nil {
		r.Fatal(err)
	}
	return rolesession.New(r.store, sealer, clock.System{})
}
