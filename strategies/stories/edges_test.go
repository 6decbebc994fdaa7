package stories_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
)

// TestTheLastSlotIsOneGrants has several grants be decided at once where
// one slot is free.
func TestTheLastSlotIsOneGrants(t *testing.T) {
	story(t, func(r *rig) {
		r.grant(r.tagged("a", "r"), 3*time.Hour)
		plans := []access.Plan{r.tagged("b", "r"), r.tagged("c", "r"), r.tagged("d", "r"), r.tagged("e", "r")}
		got := make([]error, len(plans))
		var all sync.WaitGroup
		for n, plan := range plans {
			request := r.approved(time.Hour)
			all.Go(func() { got[n] = r.decide(request, plan) })
		}
		all.Wait()
		granted := 0
		for _, err := range got {
			if err == nil {
				granted++
			} else if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != access.RefusedCap {
				r.Errorf("refused by %v", err)
			}
		}
		if granted != 1 {
			r.Errorf("%d of %d grants have the last slot", granted, len(plans))
		}
		r.pass(time.Minute)
		if tags := r.tags(); len(tags) != 4 {
			r.Errorf("tags %v, want those of two slots", tags)
		}
		r.pass(4 * time.Hour)
		r.wantTags(map[string]string{})
		r.wantWhole()
	})
}

// TestUsersThatAreGone: whoever is deleted has no access, and whoever comes
// under the same name is somebody else.
func TestUsersThatAreGone(t *testing.T) {
	for name, c := range map[string]struct{ again, ended bool }{
		"noticed by a sweep": {}, "noticed at the end": {ended: true},
		"made anew, noticed by a sweep": {again: true}, "made anew, noticed at the end": {again: true, ended: true},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				ids := []access.GrantID{r.grant(r.tagged("payments", "r-1"), 2*time.Hour), r.grant(r.iamGroup(), 2*time.Hour)}
				r.pass(time.Minute)
				r.w.RemoveIAMUser(account, "alice")
				if c.again {
					r.w.AddIAMUser(account, "alice")
					r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Team"] = "y" })
				}
				for _, id := range ids {
					r.want(id, access.Open)
					if c.ended {
						r.end(id)
					}
				}
				r.pass(40 * time.Minute)
				for _, id := range ids {
					r.want(id, access.Closed)
				}
				if _, in := r.members(); in {
					r.Error("whoever has the name now is in the group")
				}
				want := map[string]string{}
				if c.again {
					want["Team"] = "y"
				}
				r.wantTags(want)
				if len(ids) > 0 && c.again { // and may be granted the same again
					id := r.grant(r.tagged("payments", "r-1"), time.Hour)
					r.pass(time.Minute)
					r.want(id, access.Open)
					r.pass(2 * time.Hour)
					r.wantTags(want)
				}
			})
		})
	}
}

// TestGroupsAndPeopleThatAreGone: of the directory, and of IAM.
func TestGroupsAndPeopleThatAreGone(t *testing.T) {
	for name, c := range map[string]struct {
		plan func(*rig) access.Plan
		gone func(*rig)
	}{
		"a group of the directory":  {(*rig).directory, func(r *rig) { r.w.RemoveGroup(r.group) }},
		"a person of the directory": {(*rig).directory, func(r *rig) { r.w.RemoveUser(string(r.alice.Principal)) }},
		"a group of IAM":            {(*rig).iamGroup, func(r *rig) { r.w.RemoveIAMGroup(account, "Shell") }},
	} {
		for when, ended := range map[string]bool{"noticed by a sweep": false, "noticed at the end": true} {
			t.Run(name+", "+when, func(t *testing.T) {
				story(t, func(r *rig) {
					id := r.grant(c.plan(r), 2*time.Hour)
					r.pass(time.Minute)
					r.want(id, access.Open)
					c.gone(r)
					if ended {
						r.end(id)
					}
					r.pass(40 * time.Minute)
					if closed := r.want(id, access.Closed); closed.Receipt.Objects[0].AbsentAt.IsZero() {
						r.Errorf("receipt %+v proves nothing", closed.Receipt)
					}
					later := r.grant(c.plan(r), time.Hour)
					r.pass(settled)
					if failed := r.want(later, access.Closed); failed.End.Cause != access.EndedFailed || failed.End.Detail == "" {
						r.Errorf("granted what is not there: %+v", failed.End)
					}
				})
			})
		}
	}
}

func TestAGroupThatIsRenamed(t *testing.T) {
	story(t, func(r *rig) {
		id := r.grant(r.directory(), time.Hour)
		r.pass(time.Minute)
		r.w.EditGroup(r.group, func(g *awstest.Group) { g.Name = "shells-of-old" })
		r.pass(30 * time.Minute)
		r.want(id, access.Open)
		r.pass(time.Hour)
		if in, _ := r.members(); in || r.want(id, access.Closed).State != access.Closed {
			r.Error("she is in the group still")
		}
	})
}

// TestEveryCallIsThrottled has AWS refuse each operation several times.
func TestEveryCallIsThrottled(t *testing.T) {
	for operation, plan := range map[string]func(*rig) access.Plan{
		"ListUserTags": payments, "TagUser": payments, "UntagUser": payments,
		"ListGroupsForUser": (*rig).iamGroup, "AddUserToGroup": (*rig).iamGroup, "RemoveUserFromGroup": (*rig).iamGroup,
		"DescribeGroup": (*rig).directory, "GetGroupMembershipId": (*rig).directory,
		"CreateGroupMembership": (*rig).directory, "DeleteGroupMembership": (*rig).directory,
	} {
		t.Run(operation, func(t *testing.T) {
			story(t, func(r *rig) {
				fault := awstest.Fault{Operation: operation, Kind: awstest.Throttle, Times: 7}
				r.w.Fault(fault)
				id := r.grant(plan(r), 2*time.Hour)
				r.pass(14 * time.Minute)
				r.want(id, access.Open)
				r.w.Fault(fault)
				r.end(id)
				r.pass(20 * time.Minute)
				r.want(id, access.Closed)
				directory, iam := r.members()
				if tags := r.tags(); directory || iam || len(tags) != 0 {
					r.Errorf("left: %v, %v, %v", directory, iam, tags)
				}
				r.wantWhole()
			})
		})
	}
}

func payments(r *rig) access.Plan { return r.tagged("payments", "r-1") }

// A meddler is somebody else who does something just before or after a call.
type meddler struct {
	http.RoundTripper
	operation     string
	before, after func()
	once          sync.Once
}

func (m *meddler) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte("Action="+m.operation+"&")) {
		return m.RoundTripper.RoundTrip(req)
	}
	meddles := false
	m.once.Do(func() { meddles = true })
	if meddles && m.before != nil {
		m.before()
	}
	resp, err := m.RoundTripper.RoundTrip(req)
	if meddles && m.after != nil {
		m.after()
	}
	return resp, err
}

// TestMeddlingAroundACall: what somebody else writes in the moment in which a
// slot is written or emptied.
func TestMeddlingAroundACall(t *testing.T) {
	set := func(r *rig, key, value string) func() {
		return func() { r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags[key] = value }) }
	}
	drop := func(r *rig, keys ...string) func() {
		return func() {
			r.w.EditIAMTags(account, "alice", func(tags map[string]string) {
				for _, key := range keys {
					delete(tags, key)
				}
			})
		}
	}
	for name, c := range map[string]struct {
		meddle func(*rig) *meddler
		want   map[string]string // at the end
	}{
		"a value after it is written": {func(r *rig) *meddler { return &meddler{operation: "TagUser", after: set(r, "App", "hers")} }, map[string]string{"App": "hers", "Release": "r-1"}},
		"a tag gone after it":         {func(r *rig) *meddler { return &meddler{operation: "TagUser", after: drop(r, "Release")} }, map[string]string{"App": "payments"}},
		"all gone after it": {func(r *rig) *meddler {
			return &meddler{operation: "TagUser", after: drop(r, "App", "Release", "SesameSlot")}
		}, map[string]string{}},
		"another slot meanwhile":       {func(r *rig) *meddler { return &meddler{operation: "TagUser", before: set(r, "App2", "hers")} }, map[string]string{"App2": "hers"}},
		"a value after it was emptied": {func(r *rig) *meddler { return &meddler{operation: "UntagUser", after: set(r, "App", "hers")} }, map[string]string{"App": "hers"}},
		"a tag gone before":            {func(r *rig) *meddler { return &meddler{operation: "UntagUser", before: drop(r, "App")} }, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				r.cut()
				m := c.meddle(r)
				m.RoundTripper = r.config.Transport
				r.config.Transport = m
				r.lead()
				id := r.grant(payments(r), time.Hour)
				r.pass(3 * time.Hour)
				r.want(id, access.Closed)
				r.wantTags(c.want)
			})
		})
	}
}
