package flows_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// trail returns what is said below the message of requests.
func (r *rig) trail() string {
	r.t.Helper()
	var said []string
	err := access.Each(r.t.Context(), r.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		if n.Kind == access.NoticeChanged {
			said = append(said, n.Text)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(said, "\n")
}

// TestTheRulesOfNowDecide reloads other files between message and click: what
// they answer is kept and said once, and those who were asked are told.
func TestTheRulesOfNowDecide(t *testing.T) {
	for files, want := range map[string]struct {
		code  access.RefusalCode
		trail string
	}{
		"automatic.yaml": {access.RefusedNotYours, "nobody needs to decide by now"},
		"later.yaml":     {access.RefusedChanged, "The terms changed since they were shown"},
		"freeze":         {access.RefusedRules, "The rules refuse this request by now: No production access over the weekend"},
	} {
		r := newRig(t)
		q := r.ask("alice", "ec2")
		if files == "freeze" {
			r.change(q.ID, func(q *access.Request) { q.LapsesAt = q.AskedAt.Add(100 * time.Hour) })
			r.clock.Advance(58 * time.Hour)
		} else {
			r.load(files)
		}
		for range 2 {
			_, err := r.Approve(t.Context(), r.say("bob", q))
			if got := refused(t, files, err).Code; got != want.code {
				t.Errorf("%s: refused as %s, want %s: %v", files, got, want.code, err)
			}
		}
		if got := r.trail(); !strings.Contains(got, want.trail) {
			t.Errorf("%s: the trail says %q, want %q", files, got, want.trail)
		}
		if n := r.count(access.EventChanged); n != 1 {
			t.Errorf("%s: recorded %d times, want once", files, n)
		}
		if _, granted := r.grant(q.ID); granted {
			t.Errorf("%s: granted", files)
		}
	}
}

// An extension that was not dismissed with its grant is at the click.
func TestAnExtensionOfWhatIsOverIsDismissed(t *testing.T) {
	r := newCounted(t)
	g := r.opens("alice", "shell")
	q := r.must(r.longer("alice", g.ID, 30*time.Minute))
	g, v, err := access.Load[access.Grant](t.Context(), r.store, g.Key())
	if err != nil {
		t.Fatal(err)
	}
	g.State, g.End = access.Closing, access.End{At: r.clock.Now(), Cause: access.EndedEarly}
	b := ledger.NewBatch(r.clock.Now())
	b.Put(g, v)
	if _, err := b.Commit(t.Context(), r.store); err != nil {
		t.Fatal(err)
	}
	_, err = r.Approve(t.Context(), r.say("bob", q))
	if got := refused(t, "the approval", err); got.Code != access.RefusedDecided || !strings.Contains(got.Text, "Nothing was extended") {
		t.Errorf("refused as %s: %s", got.Code, got.Text)
	}
	if q := r.stored(q.ID); q.State != access.Denied || q.Decisions[0].Reason != ledger.NothingToExtend {
		t.Errorf("it is %s: %+v", q.State, q.Decisions)
	}
}
