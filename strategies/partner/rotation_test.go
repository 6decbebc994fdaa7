package partner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/store/memory"
	"sesame/strategies/partner"
)

const partyRole = "arn:aws:iam::222222222222:role/PartyA"

// A rotating is the external ids of partya, with a role that takes what it is
// told to.
type rotating struct {
	*testing.T
	store *memory.Store
	seal  *sealer
	clock *clock.Movable
	ids   *partner.ExternalIDs
	trust string
	err   error // of reads of the trust policy
	gone  bool  // from the flow files
}

func newRotating(t *testing.T) *rotating {
	t.Helper()
	r := &rotating{T: t, store: memory.New(), seal: &sealer{1}, clock: clock.Frozen(noon)}
	r.ids = partner.NewExternalIDs(r.store, r.seal, r.clock)
	return r
}

func (r *rotating) kit(ids partner.IDs) partner.Kit {
	p := company("partya", "333333333333")
	p.People = []string{"carol@partner.example"}
	return partner.Kit{Partner: p, Targets: []access.Target{target()}, IDs: ids}
}

func (r *rotating) wish() partner.Replacement {
	k := r.kit(partner.IDs{})
	return partner.Replacement{
		Partner: k.Partner, By: access.Person{ID: "p-admin", Name: "Admin"}, Roles: k.Roles(), Overlap: partner.UsualOverlap,
		Fits: func(ids partner.IDs) error { _, err := r.kit(ids).Trust(); return err },
	}
}

func (r *rotating) leaked() partner.Replacement {
	w := r.wish()
	w.Leaked = true
	return w
}

func (r *rotating) now() partner.IDs {
	r.Helper()
	ids, err := r.ids.Of(r.Context(), company("partya", "333333333333"))
	if err != nil {
		r.Fatal(err)
	}
	return ids
}

func (r *rotating) replace(w partner.Replacement) partner.IDs {
	r.Helper()
	ids, made, err := r.ids.Replace(r.Context(), w)
	if err != nil || !made {
		r.Fatalf("made: %v, %v", made, err)
	}
	return ids
}

func (r *rotating) finish() partner.IDs {
	r.Helper()
	ids, err := r.ids.Finish(r.Context(), r.wish())
	if err != nil {
		r.Fatal(err)
	}
	return ids
}

// apply gives the role the trust policy that is printed now.
func (r *rotating) apply() {
	r.Helper()
	d, err := r.kit(r.now()).Trust()
	if err != nil {
		r.Fatal(err)
	}
	r.trust = string(d.Format())
}

// look passes time, and looks.
func (r *rotating) look(after time.Duration) {
	r.Helper()
	r.clock.Advance(after)
	err := r.ids.Look(r.Context(), func(_ context.Context, role partner.Role) (string, error) {
		if role.ARN != partyRole || role.Params[flowfile.ParamRoleARN] == "" {
			r.Errorf("role %+v", role)
		}
		return r.trust, r.err
	}, func(name string) bool { return name == "partya" && !r.gone })
	if err != nil {
		r.Error(err)
	}
}

// wantTold fails unless the admin channel heard these, in this order, since the
// last time.
func (r *rotating) wantTold(seen *int, want ...string) {
	r.Helper()
	all := r.told()
	for i, text := range all[min(*seen, len(all)):] {
		if i >= len(want) || !strings.Contains(text, want[i]) {
			r.Errorf("told %q", text)
		}
	}
	if len(all)-*seen != len(want) {
		r.Errorf("told %d times, want %q", len(all)-*seen, want)
	}
	*seen = len(all)
}

func (r *rotating) told() (all []string) {
	r.Helper()
	err := access.Each(r.Context(), r.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		all = append(all, string(n.Kind)+": "+n.Text)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// events are what the record says, one each, without secrets.
func (r *rotating) events() string {
	r.Helper()
	events, err := r.store.Log(r.Context(), 1, 100)
	if err != nil {
		r.Fatal(err)
	}
	var all []string
	for _, e := range events {
		if strings.Contains(string(e.Data), "sesame-") {
			r.Errorf("an external id is in the record: %s", e.Data)
		}
		all = append(all, strings.TrimPrefix(string(e.Type), "external-id-")+" by "+string(e.Actor))
	}
	return strings.Join(all, ", ")
}

// TestAnExternalIDIsReplaced follows one from the wish to the proof that AWS takes
// the former one no more.
func TestAnExternalIDIsReplaced(t *testing.T) {
	r := newRotating(t)
	first, seen := r.now().Now, 0
	r.apply()
	ids := r.replace(r.wish())
	if ids.Now == first || len(ids.Taken()) != 2 || ids.Taken()[1] != first {
		t.Errorf("%+v after %q", ids, first)
	}
	r.wantTold(&seen, "Admin made a new external id for the partner partya, and the one before is to be over by 2026-11-27 12:00 UTC")
	again, made, err := r.ids.Replace(t.Context(), r.wish())
	if made || err != nil || again.Now != ids.Now {
		t.Errorf("asked for again: %v, %v, %+v", made, err, again)
	}
	r.look(10 * time.Minute)
	r.wantTold(&seen)
	r.look(25 * time.Hour)
	r.wantTold(&seen, "alarm: The new external id of the partner partya is not taken by "+partyRole)
	r.apply()
	r.look(25 * time.Hour)
	r.wantTold(&seen)
	r.look(5 * 24 * time.Hour)
	r.wantTold(&seen, "good still, although it was to be over by 2026-11-27 12:00 UTC: run sesame partner rotate partya --finish")
	r.finish()
	if ids = r.now(); len(ids.Taken()) != 1 || len(ids.Former) != 1 {
		t.Errorf("finished: %+v", ids)
	}
	r.look(25 * time.Hour)
	r.wantTold(&seen, partyRole+" takes it. Give the role the policy that sesame partner trust partya prints.")
	r.apply()
	r.look(time.Minute)
	if r.wantTold(&seen); len(r.now().Former) != 1 {
		t.Error("one look was enough")
	}
	r.look(10 * time.Minute)
	r.wantTold(&seen, "relief: The roles of the partner partya do not take the external id before its own any more")
	if ids := r.now(); len(ids.Former) != 0 || ids.Now == first {
		t.Errorf("at last: %+v", ids)
	}
	if got, want := r.events(), "made by , replaced by p-admin, ended by p-admin, refused by "; got != want {
		t.Errorf("record: %s, want %s", got, want)
	}
	_, err = r.ids.Finish(t.Context(), r.wish())
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || !strings.Contains(refusal.Text, "nothing is left to finish") {
		t.Errorf("finished again: %v", err)
	}
}

// TestOneThatLeaked is to be taken no more at once, also in the middle of another
// replacement, and the ids are not good for ever unless people hear of it.
func TestOneThatLeaked(t *testing.T) {
	r := newRotating(t)
	r.now()
	seen := 0
	r.replace(r.wish())
	r.apply()
	ids := r.replace(r.leaked())
	if len(ids.Taken()) != 1 || len(ids.Former) != 2 {
		t.Errorf("%+v", ids)
	}
	seen = 1
	r.wantTold(&seen, "since the one before leaked")
	r.err = errors.New("AccessDenied")
	r.look(time.Hour)
	r.look(23 * time.Hour)
	r.wantTold(&seen, "could not read the trust policy of "+partyRole+" (AccessDenied): let the role of the strategy call iam:GetRole")
	r.err = nil
	r.look(24 * time.Hour)
	r.wantTold(&seen, "takes it")
	for range 2 {
		r.replace(r.leaked())
	}
	if _, _, err := r.ids.Replace(t.Context(), r.leaked()); err == nil {
		t.Error("a fifth former one")
	}
	seen += 2
	r.err = fmt.Errorf("no such role: %w", access.ErrNotFound)
	r.look(time.Minute)
	r.look(time.Minute)
	r.wantTold(&seen, "do not take 4 external ids before its own any more")
}

// TestReadsThatGoBack prove nothing: IAM shows what STS goes by later.
func TestReadsThatGoBack(t *testing.T) {
	r := newRotating(t)
	r.now()
	r.apply()
	before := r.trust
	r.replace(r.leaked())
	r.apply()
	r.look(time.Minute)
	after := r.trust
	r.trust = before
	r.look(time.Minute)
	r.trust = after
	r.look(time.Minute)
	if len(r.now().Former) != 1 {
		t.Error("reads that did not agree counted")
	}
	r.look(30 * time.Second)
	if len(r.now().Former) != 1 {
		t.Error("reads right after one another counted")
	}
	r.look(30 * time.Second)
	if len(r.now().Former) != 0 {
		t.Error("reads that agreed did not count")
	}
}

// TestReplacingAtOnce makes one id.
func TestReplacingAtOnce(t *testing.T) {
	r := newRotating(t)
	r.now()
	var all sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 8 {
		all.Go(func() {
			_, made, err := r.ids.Replace(t.Context(), r.wish())
			if refusal, ok := errors.AsType[*access.Refusal](err); err != nil && (!ok || refusal.Code != access.RefusedChanged) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if made {
				n++
			}
		})
	}
	all.Wait()
	if n != 1 || len(r.now().Former) != 1 {
		t.Errorf("%d were made, and there are %d former ones", n, len(r.now().Former))
	}
}

// TestWhatIsNotReplaced leaves everything as it was.
func TestWhatIsNotReplaced(t *testing.T) {
	r := newRotating(t)
	first := r.now().Now
	short, long, full := r.wish(), r.wish(), r.wish()
	short.Overlap, long.Overlap = time.Minute, 91*24*time.Hour
	full.Fits = func(partner.IDs) error { return errors.New("too many people") }
	for name, w := range map[string]partner.Replacement{"too soon": short, "too late": long, "no room": full} {
		_, made, err := r.ids.Replace(t.Context(), w)
		if _, ok := errors.AsType[*access.Refusal](err); made || !ok {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
	if ids := r.now(); ids.Now != first || len(ids.Former) != 0 {
		t.Errorf("%+v", ids)
	}
}

// TestFormerIDsAreSealedAnew, as those in their places are.
func TestFormerIDsAreSealedAnew(t *testing.T) {
	r := newRotating(t)
	r.now()
	ids := r.replace(r.wish())
	r.seal.key = 2
	if n, err := r.ids.Reseal(t.Context()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.ids.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	if got := r.now(); fmt.Sprint(got) != fmt.Sprint(ids) {
		t.Errorf("%+v, want %+v", got, ids)
	}
}

// TestAPartnerThatIsNoneAnyMore is told of once more, and then nobody can do
// anything about it here.
func TestAPartnerThatIsNoneAnyMore(t *testing.T) {
	r := newRotating(t)
	r.now()
	now, seen := r.replace(r.wish()).Now, 1
	r.gone = true
	r.look(time.Minute)
	r.wantTold(&seen, "alarm: The company that was the partner partya is one no more, and external ids that were replaced may be good still: delete "+partyRole)
	r.look(48 * time.Hour)
	r.wantTold(&seen)
	if ids := r.now(); ids.Now != now || len(ids.Former) != 0 {
		t.Errorf("%+v", ids)
	}
	r.replace(r.wish())
	seen++
	if _, err := r.ids.Of(t.Context(), company("partya", "444444444444")); err != nil {
		t.Fatal(err)
	}
	r.wantTold(&seen, "The company that was the partner partya is one no more")
}
