package stories_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
)

const (
	histories    = 6
	historyFrom  = 20261120
	eventsOfEach = 40
)

// A history is a random one of tags and groups: what people ask for and end, what fails in
// AWS, where the process ends, and what somebody else writes.
type history struct {
	*rig
	rng    *rand.Rand
	grants []access.GrantID
	byHand map[string]string // what somebody else wrote, and nobody removed
	meddle bool
	alice  aws.CredentialsProvider
	shells map[string]int // how many she ever started, by their machines
}

// TestRandomHistoriesOfTags compares what AWS is left with to what was asked.
func TestRandomHistories(t *testing.T) {
	for n := range histories {
		seed := uint64(historyFrom + n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			story(t, func(r *rig) {
				h := &history{
					rig: r, rng: rand.New(rand.NewPCG(seed, 1)), byHand: map[string]string{}, meddle: n%2 == 1,
					alice: r.keysOf("alice"), shells: map[string]int{},
				}
				h.farm()
				h.write("Team", "x")
				for range eventsOfEach {
					h.event()
					h.wantDistinctSlots()
					h.wantHeldShells()
				}
				h.drain()
			})
		})
	}
}

func (h *history) event() {
	h.tryShell()
	switch h.rng.IntN(10) {
	case 0, 1, 2, 3:
		h.ask()
	case 4, 5:
		if len(h.grants) > 0 {
			h.tryEnd(h.grants[h.rng.IntN(len(h.grants))])
		}
	case 6:
		h.fail()
	case 7:
		h.cut()
		h.leadFor(int64(h.rng.IntN(40)))
		h.pass(time.Duration(h.rng.IntN(60)) * time.Second)
		h.cut()
		h.lead()
	case 8:
		lag := time.Duration(h.rng.IntN(2)*h.rng.IntN(15)) * time.Second
		h.w.Tune(func(s *awstest.Settings) { s.IAMLag, s.StoreLag = lag, lag })
	case 9:
		if h.meddle {
			key := []string{"App", "Release", "App2", "release2"}[h.rng.IntN(4)]
			h.write(key, fmt.Sprint("hand-", h.rng.IntN(100)))
		}
	}
	h.pass(time.Duration(h.rng.IntN(int(10 * time.Minute))))
}

// ask asks for a group, or for one of a few sets of tags, which may be refused
// for want of a slot and for nothing else.
func (h *history) ask() {
	var plan access.Plan
	switch n := h.rng.IntN(7); n {
	case 0:
		plan = h.directory()
	case 1:
		plan = h.iamGroup()
	default:
		plan = h.tagged(string(rune('a'+n%4)), "r-1")
	}
	id, err := h.tryGrant(plan, time.Duration(5+h.rng.IntN(60))*time.Minute)
	if refusal, full := errors.AsType[*access.Refusal](err); full && refusal.Code == access.RefusedCap {
		return
	}
	if err != nil {
		h.Fatal(err)
	}
	h.grants = append(h.grants, id)
}

// farm has a machine for each set of tags that is asked for.
func (h *history) farm() {
	h.lasting()
	for _, app := range apps {
		h.w.AddInstance(awstest.Instance{ID: "i-" + app, Account: account, Region: "us-east-1", Tags: map[string]string{"App": app, "Release": "r-1"}})
	}
}

// apps are those of the sets of tags that are asked for.
var apps = [...]string{"a", "b", "c", "d"}

// tryShell starts a session where the tags that she has let her.
func (h *history) tryShell() {
	app := apps[h.rng.IntN(len(apps))]
	if h.mayStart(app, "r-1") {
		h.shell(h.alice, "i-"+app)
		h.shells["i-"+app]++
	}
}

// wantHeldShells fails if a session was ended on a machine that she has had
// since before the first of them.
func (h *history) wantHeldShells() {
	h.Helper()
	open := map[string]int{}
	for _, s := range h.w.ShellSessions() {
		open[s.Target]++
	}
	held := map[string]bool{}
	err := access.Each(h.Context(), h.store, access.Query{Index: access.IndexObjects}, func(rec access.Record) error {
		o, err := access.Decode[access.Object](rec)
		if err == nil && o.Spec.Way == flowfile.WayTags && o.Wanted() && o.State == access.Present && len(o.Sessions.Cut) == 0 {
			of, err := flowfile.SlotsOf(o.Spec.Params)
			held["i-"+of.Values["App"]] = true
			return err
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	for machine, n := range h.shells {
		if held[machine] && open[machine] < n {
			h.Errorf("%d of %d sessions are left on %s, which she has", open[machine], n, machine)
		}
		if open[machine] == 0 {
			delete(h.shells, machine)
		}
	}
}

func (h *history) tryEnd(id access.GrantID) {
	g, _, err := access.Load[access.Grant](h.Context(), h.store, access.Grant{ID: id}.Key())
	if err == nil && (g.State == access.Opening || g.State == access.Open) {
		h.end(id)
	}
}

func (h *history) fail() {
	kinds := []awstest.Fault{
		{Kind: awstest.Drop}, {Kind: awstest.Drop, AfterEffect: true}, {Kind: awstest.Throttle}, {Kind: awstest.Conflict},
		{Kind: awstest.ServerError, AfterEffect: true}, {Kind: awstest.Unavailable},
	}
	f := kinds[h.rng.IntN(len(kinds))]
	operations := []string{
		"TagUser", "UntagUser", "ListUserTags", "AddUserToGroup", "RemoveUserFromGroup", "ListGroupsForUser",
		"CreateGroupMembership", "DeleteGroupMembership", "GetGroupMembershipId", "DescribeGroupMembership",
		"DescribeSessions", "TerminateSession", "DescribeInstances", "DescribeRegions",
	}
	f.Operation, f.Times = operations[h.rng.IntN(len(operations))], 1+h.rng.IntN(3)
	h.w.Fault(f)
}

// write writes a tag as somebody else would, who replaces what is there.
func (h *history) write(key, value string) {
	h.w.EditIAMTags(account, "alice", func(tags map[string]string) {
		for other := range tags {
			if strings.EqualFold(other, key) {
				delete(tags, other)
			}
		}
		tags[key] = value
	})
	for other := range h.byHand {
		if strings.EqualFold(other, key) {
			delete(h.byHand, other)
		}
	}
	h.byHand[key] = value
}

// wantDistinctSlots fails if two objects hold one slot.
func (h *history) wantDistinctSlots() {
	h.Helper()
	held := map[int]access.ObjectKey{}
	err := access.Each(h.Context(), h.store, access.Query{Index: access.IndexObjects}, func(rec access.Record) error {
		o, err := access.Decode[access.Object](rec)
		if err != nil || o.Spec.Way != flowfile.WayTags || !o.Holds() || o.State == access.Foreign {
			return err
		}
		if other, taken := held[o.Spec.Slot]; taken || o.Spec.Slot < 1 || o.Spec.Slot > slots {
			h.Errorf("%s and %s hold slot %d", o.Spec.Key, other, o.Spec.Slot)
		}
		held[o.Spec.Slot] = o.Spec.Key
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

// drain ends everything, and compares what is left.
func (h *history) drain() {
	h.Helper()
	h.w.ClearFaults()
	h.w.Tune(func(s *awstest.Settings) { s.IAMLag, s.StoreLag = 0, 0 })
	h.pass(4 * time.Hour)
	for _, id := range h.grants {
		h.want(id, access.Closed)
	}
	if directory, iam := h.members(); directory || iam {
		h.Error("she is in a group still")
	}
	h.wantShells("in the end")
	left := h.w.IAMTags(account, "alice")
	for key, value := range h.byHand {
		if left[key].Value != value {
			h.Errorf("%s=%s, which somebody else wrote, is %q now", key, value, left[key].Value)
		}
	}
	if h.meddle {
		return // of a slot that somebody else edited, the rest is left with it
	}
	for key := range left {
		if _, ok := h.byHand[key]; !ok {
			h.Errorf("%s is left behind", key)
		}
	}
	for _, alarm := range h.alarms() {
		if strings.Contains(alarm, "somebody else") || strings.Contains(alarm, "did not write") {
			h.Errorf("nobody else was there, and Sesame says: %s", alarm)
		}
	}
	h.wantWhole()
	for _, change := range h.w.IAMWrites(account, "alice") {
		if change.Tags["App"] != "" && change.Tags["App"] == change.Tags[flowfile.SlotKey("App", 2)] {
			h.Errorf("%s is in two slots at %v", change.Tags["App"], change.At)
		}
	}
}
