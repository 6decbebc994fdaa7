package flows_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// atOnce has all of do happen at the same moment, and returns their errors.
func atOnce(do ...func() error) []error {
	errs := make([]error, len(do))
	var start, end sync.WaitGroup
	start.Add(1)
	for i, f := range do {
		end.Go(func() {
			start.Wait()
			errs[i] = f()
		})
	}
	start.Done()
	end.Wait()
	return errs
}

// won returns how many of errs are nil. What is not must be a refusal.
func won(t *testing.T, errs []error) (n int) {
	t.Helper()
	for _, err := range errs {
		if err == nil {
			n++
		} else if r := refused(t, "the other", err); r.Code != access.RefusedDecided && r.Code != access.RefusedTwice {
			t.Errorf("the other was told %q", r.Text)
		}
	}
	return n
}

func TestDecisionsAtOnce(t *testing.T) {
	for range 20 {
		r := newRig(t)
		q := r.ask("alice", "ec2")
		approve := func(who string) func() error {
			return func() error { _, err := r.Approve(t.Context(), r.say(who, q)); return err }
		}
		deny := func() error { _, err := r.Deny(t.Context(), r.say("carol", q)); return err }
		withdraw := func() error { _, err := r.Withdraw(t.Context(), r.say("alice", q)); return err }
		if n := won(t, atOnce(approve("bob"), approve("carol"), approve("bob"), deny, withdraw)); n != 1 {
			t.Errorf("%d of five decisions at once counted", n)
		}
		q = r.stored(q.ID)
		_, granted := r.grant(q.ID)
		if granted != (q.State == access.Approved) || q.State == access.Pending {
			t.Errorf("%s, granted %v", q.State, granted)
		}
	}
}

func TestAQuorumAtOnce(t *testing.T) {
	for range 10 {
		r := newRig(t)
		q := r.ask("alice", "billing")
		var clicks []func() error
		for _, who := range []string{"bob", "bob", "bob", "carol", "carol", "dave"} {
			clicks = append(clicks, func() error { _, err := r.Approve(t.Context(), r.say(who, q)); return err })
		}
		if n := won(t, atOnce(clicks...)); n != 2 {
			t.Errorf("%d approvals of two counted", n)
		}
		if n := r.count(access.EventGranted); n != 1 {
			t.Errorf("%d grants", n)
		}
	}
}

func TestOneDeliveryAtOnce(t *testing.T) {
	r := newRig(t)
	for _, target := range []string{"ec2", "sandbox"} {
		d := r.draft("alice", target)
		ask := func() error { _, err := r.Ask(t.Context(), d); return err }
		if n := won(t, atOnce(ask, ask, ask, ask)); n != 4 {
			t.Errorf("%s: %d of four were told what became of it", target, n)
		}
	}
	if n := r.count(access.EventAsked); n != 2 {
		t.Errorf("asked %d times, want once each", n)
	}
}

// Whoever has programs see to it that they have access may do so twice at once:
// the other asks here when this one is about to be recorded.
func TestSoleDraftsAtOnce(t *testing.T) {
	for _, target := range []string{"ec2", "sandbox"} {
		r := newRig(t)
		sole := func() access.Request {
			d := r.draft("alice", target)
			d.Sole = true
			q, err := r.Ask(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		var other access.Request
		r.before = func(access.Commit) error {
			r.before = nil
			other = sole()
			return nil
		}
		if q := sole(); q.ID != other.ID || r.count(access.EventAsked) != 1 {
			t.Errorf("%s: %d requests, one was told of %s and the other of %s", target, r.count(access.EventAsked), q.ID, other.ID)
		}
	}
}

func TestASoleDraft(t *testing.T) {
	r := newRig(t)
	sole := func(reason string) access.RequestID {
		t.Helper()
		d := r.draft("alice", "ec2")
		d.Sole, d.Reason = true, reason
		q, err := r.Ask(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return q.ID
	}
	first := sole("disk full")
	if again := sole(""); again != first {
		t.Errorf("asked for %s beside %s, which waits", again, first)
	}
	other := r.ask("alice", "ec2")
	r.approve("bob", other)
	if now := sole(""); now != other.ID {
		t.Errorf("answered with %s, want %s, which is being opened", now, other.ID)
	}
}

func TestEndsAtOnce(t *testing.T) {
	r := newRig(t)
	g := r.approve("bob", r.ask("alice", "ec2")).ID.Grant()
	end := func(who string) func() error {
		return func() error {
			_, err := r.End(t.Context(), flows.Ending{From: r.people.Account(who), Grant: g})
			return err
		}
	}
	if n := won(t, atOnce(end("alice"), end("bob"), end("root"), end("alice"))); n != 1 {
		t.Errorf("%d of four ends counted", n)
	}
}

// The Keeper changes objects all the time. Who decides meanwhile tries again.
func TestDecidingWhileTheKeeperWorks(t *testing.T) {
	r := newRig(t)
	r.ask("alice", "sandbox")
	meddle := 0
	r.before = func(c access.Commit) error {
		for _, ch := range c.Changes {
			if ch.Key.Kind == access.KindObject && meddle < 5 {
				meddle++
				r.touch(ch.Key)
			}
		}
		return nil
	}
	if q, err := r.Ask(t.Context(), r.draft("alice", "sandbox")); err != nil || q.State != access.Approved {
		t.Errorf("asked: %s, %v", q.State, err)
	}
	if meddle != 5 {
		t.Fatalf("the Keeper was in the way %d times", meddle)
	}
	o, _, err := access.Load[access.Object](t.Context(), r.store, access.ObjectKey("444444444444/user-alice").Record())
	if err != nil || len(o.Leases) != 2 {
		t.Errorf("leases %v, %v", o.Leases, err)
	}
	r.before = func(c access.Commit) error { return access.ErrConflict }
	_, err = r.Ask(t.Context(), r.draft("alice", "sandbox"))
	if got := refused(t, "always overtaken", err); got.Code != access.RefusedUnable {
		t.Errorf("%q", got.Text)
	}
}

// touch changes an object as the Keeper does.
func (r *rig) touch(k access.Key) {
	o, v, err := access.Load[access.Object](r.t.Context(), r.store, k)
	if err != nil {
		r.t.Fatal(err)
	}
	b := ledger.NewBatch(r.clock.Now())
	b.Put(o, v)
	if _, err := b.Commit(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
}

// A guest who clicks a thousand times fills no disk, and does not hide what
// somebody else tries.
func TestStrangersDoNotFloodTheRecord(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	eve := r.say("eve", q)
	for range 1000 {
		if _, err := r.Approve(t.Context(), eve); err == nil {
			t.Fatal("a guest approved")
		}
		if _, err := r.Ask(t.Context(), r.draft("eve", "ec2")); err == nil {
			t.Fatal("a guest asked")
		}
	}
	first := r.count(access.EventDenial) + r.count(access.EventRefused)
	if first == 0 || first > 20 {
		t.Errorf("%d of 2000 attempts are recorded", first)
	}
	if last := r.log()[len(r.log())-1]; string(last.Name) != "T1/UEVE" {
		t.Errorf("the last one is recorded as of %q", last.Name)
	}
	for i := range 5000 {
		s := eve
		s.From.User = fmt.Sprint("U", i)
		if _, err := r.Approve(t.Context(), s); err == nil {
			t.Fatal("a stranger approved")
		}
	}
	if n := r.count(access.EventDenial); n > 600 {
		t.Errorf("%d attempts of 5000 strangers are recorded", n)
	}
	if _, err := r.Approve(t.Context(), r.say("mallory", q)); err == nil {
		t.Fatal("mallory approved")
	}
	if last := r.log()[len(r.log())-1]; last.Name != "mallory" {
		t.Error("somebody known was not recorded after that")
	}
	r.clock.Advance(time.Hour)
	n := r.count(access.EventDenial)
	if _, err := r.Approve(t.Context(), eve); err == nil || r.count(access.EventDenial) != n+1 {
		t.Errorf("an hour later: %v, recorded %d", err, r.count(access.EventDenial)-n)
	}
}

// Ids that nobody gave out make no records of any length.
func TestForgedIDsStayShort(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	for _, id := range []access.RequestID{"", "r-", "x", access.RequestID(make([]byte, 1<<20)), "g-0123456789"} {
		s := r.say("mallory", q)
		s.Request = id
		_, err := r.Approve(t.Context(), s)
		if got := refused(t, "forged", err); got.Code != access.RefusedUnknown || len(got.Text) > 500 {
			t.Errorf("id of %d bytes: %q", len(id), got.Text)
		}
	}
	if n := r.count(access.EventDenial); n != 5 {
		t.Errorf("%d attempts are recorded, want 5", n)
	}
	for _, e := range r.log() {
		if !e.Stream.Valid() {
			t.Errorf("an event is recorded under %.40q", e.Stream)
		}
	}
}

func TestWhatIsOverMakesRoom(t *testing.T) {
	r := newRig(t)
	r.askTimes(flows.MaxPending-1, "ec2")
	q := r.ask("alice", "ec2")
	r.ask("bob", "named") // others are not concerned
	if _, err := r.Ask(t.Context(), r.draft("alice", "ec2")); err == nil {
		t.Fatal("one too many")
	}
	if _, err := r.Withdraw(t.Context(), r.say("alice", q)); err != nil {
		t.Fatal(err)
	}
	r.ask("alice", "ec2")
}

// A stored record that cannot be read is nobody's fault who asks.
func TestABrokenRecordIsNoRefusal(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	rec, err := r.store.Get(t.Context(), q.Key())
	if err != nil {
		t.Fatal(err)
	}
	bad := access.Change{Key: q.Key(), Expect: rec.Version, Data: []byte(`{"format":99}`)}
	if _, err := r.store.Commit(t.Context(), access.Commit{Changes: []access.Change{bad}}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Approve(t.Context(), r.say("bob", q))
	if _, ok := errors.AsType[*access.Refusal](err); ok || !errors.Is(err, access.ErrNewer) {
		t.Errorf("%v, want it to say that a newer Sesame wrote it", err)
	}
}
