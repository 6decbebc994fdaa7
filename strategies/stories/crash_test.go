package stories_test

import (
	"fmt"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
)

// TestCrashAtEachStep cuts the process off after each step of a grant's opening
// and of its end: before and behind each commit, before each call and before
// its answer. Whoever comes after ends with nothing left, no shell among it, and
// nothing of others touched.
func TestCrashAtEachStep(t *testing.T) {
	for _, c := range []struct {
		name string
		plan func(*rig) access.Plan
	}{
		{"tags", func(r *rig) access.Plan { return r.tagged("payments", "r-1") }},
		{"directory", (*rig).directory},
		{"iam", (*rig).iamGroup},
	} {
		for steps := int64(0); ; steps++ {
			lived := false
			t.Run(fmt.Sprintf("%s after %d", c.name, steps), func(t *testing.T) {
				story(t, func(r *rig) { lived = crash(r, c.plan(r), steps) })
			})
			if lived || t.Failed() {
				break
			}
		}
	}
}

// crash grants and ends under Keepers that are cut off after some steps, and
// reports whether they lived.
func crash(r *rig, plan access.Plan, steps int64) (lived bool) {
	tagged := plan.Objects[0].Way == flowfile.WayTags
	r.lasting()
	for id, tags := range map[string]map[string]string{"i-payments": {"App": "payments", "Release": "r-1"}, "i-ledger": {"App": "ledger", "Release": "r-2"}} {
		r.w.AddInstance(awstest.Instance{ID: id, Account: account, Region: "us-east-1", Tags: tags})
	}
	r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Team"] = "x" })
	other := r.grant(r.tagged("ledger", "r-2"), 24*time.Hour)
	r.pass(time.Minute)
	id := r.grant(plan, time.Hour)
	lived = r.through(steps)
	if g, _, err := access.Load[access.Grant](r.Context(), r.store, access.Grant{ID: id}.Key()); err != nil || g.State != access.Open {
		r.Errorf("grant is %s (%+v), %v, want it open", g.State, g.End, err)
	}
	alice := r.keysOf("alice")
	if tagged {
		r.shell(alice, "i-payments")
		r.shell(alice, "i-payments")
	}
	r.shell(alice, "i-ledger")
	r.end(id)
	lived = r.through(steps) && lived
	closed := r.want(id, access.Closed)
	r.want(other, access.Open)
	if r.wantShells("afterwards", "alice on i-ledger"); tagged {
		r.wantCut(closed, "i-payments", "i-payments")
	}
	if directory, iam := r.members(); directory || iam {
		r.Error("she is in a group still")
	}
	r.wantTags(map[string]string{"Team": "x", "App": "ledger", "Release": "r-2"})
	r.wantWhole()
	return lived
}

// through has a Keeper do so many steps of what is to be done, and another one
// the rest. It reports whether the first did all of it.
func (r *rig) through(steps int64) (lived bool) {
	r.Helper()
	r.cut()
	r.leadFor(steps)
	r.pass(settled)
	if lived = r.life.left.Load() >= 0; !lived {
		r.cut()
		r.lead()
		r.pass(3 * time.Minute)
	}
	return lived
}

// TestLostAnswersOfTags loses the answers to both writes, and has both arrive
// once more at a throttled, a busy and a broken IAM.
func TestLostAnswersOfTags(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"lost answer":  {Kind: awstest.Drop, AfterEffect: true},
		"lost request": {Kind: awstest.Drop},
		"throttled":    {Kind: awstest.Throttle, Times: 3},
		"busy":         {Kind: awstest.Conflict, Times: 3},
		"broken":       {Kind: awstest.ServerError, Times: 2, AfterEffect: true},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				for _, operation := range []string{"TagUser", "UntagUser", "ListUserTags"} {
					own := fault
					own.Operation = operation
					r.w.Fault(own)
				}
				id := r.grant(r.tagged("payments", "r-1"), time.Hour)
				r.pass(2 * time.Minute)
				r.want(id, access.Open)
				r.wantTags(map[string]string{"App": "payments", "Release": "r-1"})
				r.pass(time.Hour + settled)
				r.want(id, access.Closed)
				r.wantTags(map[string]string{})
				r.wantWhole()
			})
		})
	}
}
