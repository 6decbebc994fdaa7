package stories_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
)

// groups are the two ways with groups: what is granted, who is in, and how
// somebody else changes that.
type groups struct {
	name string
	plan func(*rig) access.Plan
	in   func(*rig) bool
	put  func(r *rig, member bool)
	// create and remove are the operations of AWS.
	create, remove string
}

func bothGroups() []groups {
	return []groups{{
		"directory", (*rig).directory,
		func(r *rig) bool { in, _ := r.members(); return in },
		func(r *rig, member bool) {
			if member {
				r.w.Join(r.group, string(r.alice.Principal))
			} else {
				r.w.Leave(r.group, string(r.alice.Principal))
			}
		},
		"CreateGroupMembership", "DeleteGroupMembership",
	}, {
		"iam", (*rig).iamGroup,
		func(r *rig) bool { _, in := r.members(); return in },
		func(r *rig, member bool) { r.w.SetIAMGroup(account, "Shell", "alice", member) },
		"AddUserToGroup", "RemoveUserFromGroup",
	}}
}

func eachGroups(t *testing.T, f func(*rig, groups)) {
	for _, g := range bothGroups() {
		t.Run(g.name, func(t *testing.T) { story(t, func(r *rig) { f(r, g) }) })
	}
}

func TestMembershipIsGrantedAndEnded(t *testing.T) {
	eachGroups(t, func(r *rig, g groups) {
		first, second := r.grant(g.plan(r), time.Hour), r.grant(g.plan(r), 2*time.Hour)
		r.pass(time.Minute)
		r.want(first, access.Open)
		r.want(second, access.Open)
		r.pass(time.Hour)
		r.want(first, access.Closed)
		if !g.in(r) {
			r.Error("the end of one grant took what the other needs")
		}
		r.pass(time.Hour)
		if closed := r.want(second, access.Closed); g.in(r) || closed.Receipt.Objects[0].AbsentAt.IsZero() {
			r.Errorf("she is in the group still, or the receipt proves nothing: %+v", closed.Receipt)
		}
	})
}

func TestMembershipThatOthersGave(t *testing.T) {
	eachGroups(t, func(r *rig, g groups) {
		g.put(r, true)
		id := r.grant(g.plan(r), time.Hour)
		r.pass(time.Minute)
		if ended := r.want(id, access.Closed).End; ended.Cause != access.EndedFailed || !strings.Contains(ended.Detail, "You have this access in AWS already") {
			r.Errorf("ended %+v", ended)
		}
		r.pass(2 * time.Hour)
		if !g.in(r) {
			r.Error("Sesame took what it did not give")
		}
	})
}

func TestMembershipEndedBySomebodyElse(t *testing.T) {
	eachGroups(t, func(r *rig, g groups) {
		id := r.grant(g.plan(r), 2*time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		g.put(r, false)
		r.pass(30 * time.Minute)
		if ended := r.want(id, access.Closed).End; ended.Cause != access.EndedEarly || g.in(r) {
			r.Errorf("ended %+v", ended)
		}
		r.wantAlarm("was removed by somebody else while a grant was open")
	})
}

// TestMembershipMadeAnew is about the directory alone: IAM does not tell one
// membership from the next.
func TestMembershipMadeAnew(t *testing.T) {
	g := bothGroups()[0]
	for name, soon := range map[string]bool{"noticed by a sweep": false, "noticed at the end": true} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				id := r.grant(g.plan(r), 2*time.Hour)
				r.pass(time.Minute)
				g.put(r, false)
				g.put(r, true)
				if soon {
					r.end(id)
				}
				r.pass(30 * time.Minute)
				if closed := r.want(id, access.Closed); !closed.Receipt.Objects[0].Foreign {
					r.Errorf("closed with %+v", closed.Receipt)
				}
				r.wantAlarm("Somebody else ended the membership in AWS and made another")
				r.pass(2 * time.Hour)
				if !g.in(r) {
					r.Error("Sesame took what it did not give")
				}
			})
		})
	}
}

func TestMembershipWhoseAnswersAreLost(t *testing.T) {
	eachGroups(t, func(r *rig, g groups) {
		r.w.Fault(awstest.Fault{Kind: awstest.Drop, AfterEffect: true, Operation: g.create})
		r.w.Fault(awstest.Fault{Kind: awstest.Drop, AfterEffect: true, Operation: g.remove})
		id := r.grant(g.plan(r), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.pass(time.Hour)
		if r.want(id, access.Closed); g.in(r) {
			r.Error("she is in the group still")
		}
	})
}

func TestMembershipThatIsSeenLate(t *testing.T) {
	eachGroups(t, func(r *rig, g groups) {
		r.w.Tune(func(s *awstest.Settings) { s.StoreLag, s.IAMLag = 20*time.Second, 20*time.Second })
		r.pass(time.Minute)
		id := r.grant(g.plan(r), time.Hour)
		r.pass(15 * time.Second)
		r.want(id, access.Opening)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.end(id)
		r.pass(2 * time.Minute)
		if r.want(id, access.Closed); g.in(r) {
			r.Error("she is in the group still")
		}
	})
}

func TestGroupThatIsGoneOrOfScim(t *testing.T) {
	story(t, func(r *rig) {
		r.w.EditGroup(r.group, func(g *awstest.Group) { g.ExternalID = "https://idp.example.com 42" })
		id := r.grant(r.directory(), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Closed)
		if in, _ := r.members(); in {
			r.Error("she was put into a group that somebody else keeps")
		}
		r.wantAlarm("AWS refused to create membership of alice@example.com", "kept by somebody else, as by SCIM")
	})
}
