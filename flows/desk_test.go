package flows_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
)

// types returns the types of the events of a request, in order.
func (r *rig) types(id access.RequestID) (all []access.EventType) {
	r.t.Helper()
	events, err := r.store.Stream(r.t.Context(), id, 1, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range events {
		all = append(all, e.Type)
	}
	return all
}

// notices returns the kinds of what is to be told.
func (r *rig) notices() (all []access.NoticeKind) {
	r.t.Helper()
	err := access.Each(r.t.Context(), r.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		all = append(all, n.Kind)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func TestAskedApprovedGranted(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	if q.State != access.Pending || q.By.Name != "alice" || !q.LapsesAt.Equal(noon.Add(24*time.Hour)) || q.Target.Params["account"] != "222222222222" {
		t.Errorf("asked: %+v", q)
	}
	r.clock.Advance(time.Minute)
	if got := r.approve("bob", q); got.State != access.Approved {
		t.Errorf("approved: %s", got.State)
	}
	g, ok := r.grant(q.ID)
	if !ok || g.State != access.Opening || !g.OpenBy.Equal(noon.Add(16*time.Minute)) || g.Holder != q.By.ID {
		t.Errorf("grant: %+v", g)
	}
	want := []access.EventType{access.EventAsked, access.EventApproved, access.EventGranted}
	if diff := cmp.Diff(want, r.types(q.ID)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	told := []access.NoticeKind{access.NoticeAsked, access.NoticeChanged}
	if diff := cmp.Diff(told, r.notices()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	again, err := r.Ask(t.Context(), flows.Draft{ID: q.ID, From: r.people.Account("alice")})
	if err != nil || again.State != access.Approved {
		t.Errorf("the same delivery later: %s, %v", again.State, err)
	}
}

func TestAutomaticRoute(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "sandbox")
	if q.State != access.Approved || len(q.Decisions) != 1 || q.Decisions[0].Source != access.FromRoute {
		t.Errorf("%s by %+v", q.State, q.Decisions)
	}
	for _, do := range []func() (access.Request, error){
		func() (access.Request, error) { return r.Approve(t.Context(), r.say("bob", q)) },
		func() (access.Request, error) { return r.Approve(t.Context(), r.say("alice", q)) },
	} {
		_, err := do()
		if got := refused(t, "a click on it", err); got.Code != access.RefusedDecided {
			t.Errorf("a click on it: %q", got.Text)
		}
	}
	if n := r.count(access.EventGranted); n != 1 {
		t.Errorf("%d grants", n)
	}
}

func TestSelfRoute(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "glass")
	if q = r.approve("alice", q); q.State != access.Approved {
		t.Errorf("%s", q.State)
	}
}

// What is typed is kept as it was typed, but for what cannot be seen.
func TestReasonsAreKeptAsTyped(t *testing.T) {
	for typed, want := range map[string]string{
		"<!channel> <https://evil.example|harmless> *bold*": "<!channel> <https://evil.example|harmless> *bold*",
		"  disk\r\nfull\t!  ":                               "disk\nfull\t!",
		"a\x00b\x07c\u0085d\x7fe":                           "abcde",
		"pay \u202egpj.exe\u202c \u2066now\u2069\u200f":     "pay gpj.exe now",
		"zero\u200bwidth\u00ad\ufeff\U000e0041":             "zerowidth",
		"line\u2028paragraph\u2029end":                      "line\nparagraph\nend",
		"broken \xff\xfe bytes":                             "broken \ufffd bytes",
		"👩\u200d🚒 می\u200cخواهم":                            "👩\u200d🚒 می\u200cخواهم",
		strings.Repeat("x", flows.MaxReason):                strings.Repeat("x", flows.MaxReason),
	} {
		r := newRig(t)
		d := r.draft("alice", "ec2")
		d.Reason = typed
		q, err := r.Ask(t.Context(), d)
		if err != nil || q.Reason != want {
			t.Errorf("%q became %q, %v", typed, q.Reason, err)
		}
		s := r.say("bob", q)
		s.Reason = typed
		if q, err = r.Deny(t.Context(), s); err != nil || q.Decisions[0].Reason != want {
			t.Errorf("denied for %q, kept %+v, %v", typed, q.Decisions, err)
		}
	}
}

func TestFieldsAreToldAllAtOnce(t *testing.T) {
	r := newRig(t)
	d := r.draft("alice", "ec2")
	d.Duration, d.Reason = 7*time.Hour, "\u200b"
	d.Fields = map[string]string{"ticket": "x", "hosts": "10", "write": "?", "zone": "moon"}
	for range 1000 {
		d.Fields["field-"+string(access.NewRequestID())] = strings.Repeat("x", 100)
	}
	_, err := r.Ask(t.Context(), d)
	got := refused(t, "all wrong", err)
	for _, name := range []string{flows.FieldDuration, flows.FieldReason, "ticket", "hosts", "write", "zone"} {
		if got.Fields[name] == "" {
			t.Errorf("nothing is said about %s", name)
		}
	}
	if len(got.Fields) > 12 || len(got.Text) > 1500 {
		t.Errorf("%d fields are spoken of in %d bytes", len(got.Fields), len(got.Text))
	}
	if check := refused(t, "checked before", r.Check(d)); check.Text != got.Text {
		t.Errorf("Check says %q", check.Text)
	}
	d = r.draft("alice", "ec2")
	d.Fields = map[string]string{"ticket": " INC-42 ", "hosts": "03", "write": "Yes", "zone": "EU"}
	q, err := r.Ask(t.Context(), d)
	want := map[string]string{"ticket": "INC-42", "hosts": "3", "write": "true", "zone": "eu"}
	if diff := cmp.Diff(want, q.Fields); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// An old digest decides nothing, on this request or another.
// What was said just in time counts, and what was counted is not refused as
// late: the answer to it may have been lost.
func TestWhatIsLate(t *testing.T) {
	r := newRig(t)
	d := r.draft("alice", "billing")
	d.SentAt = noon.Add(time.Second - access.OpenWithin)
	q := r.must(d)
	s := r.say("bob", q)
	s.SentAt = d.SentAt
	if _, err := r.Approve(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Hour)
	if again := r.must(d); again.ID != q.ID {
		t.Errorf("asked anew as %s", again.ID)
	}
	if _, err := r.Approve(t.Context(), s); refused(t, "what counts", err).Code != access.RefusedTwice {
		t.Error(err)
	}
	s = r.say("carol", q)
	s.SentAt = noon
	if _, err := r.Approve(t.Context(), s); refused(t, "an hour later", err).Code != access.RefusedLate {
		t.Error(err)
	}
	if _, err := r.Deny(t.Context(), s); err != nil {
		t.Errorf("a denial came too late: %v", err)
	}
}

func TestDigestsCannotBeReplayed(t *testing.T) {
	r := newRig(t)
	first, second := r.ask("alice", "ec2"), r.ask("alice", "ec2")
	s := r.say("bob", first)
	s.Request = second.ID
	_, err := r.Approve(t.Context(), s)
	if got := refused(t, "the digest of another request", err); got.Code != access.RefusedChanged {
		t.Errorf("%q", got.Text)
	}
	old := r.say("bob", first)
	r.load("later.yaml")
	if _, err = r.Approve(t.Context(), old); err == nil {
		t.Error("approved what was shown before it changed")
	}
	changed := r.stored(first.ID)
	if _, err = r.Approve(t.Context(), old); err == nil {
		t.Error("approved with the old button after it was shown anew")
	}
	if q := r.approve("bob", changed); q.Target.Params["account"] != "777777777777" {
		t.Errorf("approved %v", q.Target.Params)
	}
	want := []access.EventType{
		access.EventAsked, access.EventChanged, access.EventDenial, access.EventDenial, access.EventApproved, access.EventGranted,
	}
	if diff := cmp.Diff(want, r.types(first.ID)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Whoever sends wrong digests changes nothing and has nothing drawn anew.
func TestAForgedDigestChangesNothing(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	told := r.notices()
	for _, digest := range []access.Digest{"", "0000000000000000", access.Digest(strings.Repeat("f", 10000))} {
		for _, who := range []string{"bob", "mallory"} {
			s := r.say(who, q)
			s.Digest = digest
			if _, err := r.Approve(t.Context(), s); err == nil {
				t.Errorf("%s approved with digest %.20q", who, digest)
			}
		}
	}
	if diff := cmp.Diff(q, r.stored(q.ID)); diff != "" {
		t.Errorf("the request changed (-was +is):\n%s", diff)
	}
	if diff := cmp.Diff(told, r.notices()); diff != "" {
		t.Errorf("people were told something:\n%s", diff)
	}
	r.load("later.yaml")
	s := r.say("mallory", q)
	if _, err := r.Approve(t.Context(), s); err == nil || len(r.notices()) != len(told) {
		t.Errorf("somebody who may not decide had it drawn anew: %v", err)
	}
}

// An approval of terms that changed before the next one counts no more.
func TestAQuorumAgreesOnOneThing(t *testing.T) {
	r := newRig(t)
	q := r.approve("bob", r.ask("alice", "billing"))
	r.load("later.yaml")
	if _, err := r.Approve(t.Context(), r.say("carol", q)); err == nil {
		t.Fatal("carol approved what she was not shown")
	}
	q = r.approve("carol", r.stored(q.ID))
	if q.State != access.Pending || q.Missing() != 1 {
		t.Fatalf("%s, %d missing: bob approved another account", q.State, q.Missing())
	}
	if q = r.approve("bob", q); q.State != access.Approved {
		t.Errorf("%s", q.State)
	}
}

func TestWhoIsAskedAboutAreTheFactsOfNow(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	r.people.SetSlackGroup(leads, "carol")
	if _, err := r.Approve(t.Context(), r.say("bob", q)); err == nil {
		t.Error("bob approved after he had left the group")
	}
	r.people.SetSlackGroup(leads, "bob", "carol")

	r.people.ChangeProfile(r.people.Account("alice"), func(p *facts.Profile) { p.Kind = facts.Deleted })
	if _, err := r.Approve(t.Context(), r.say("bob", q)); err == nil {
		t.Error("approved for somebody who is deactivated")
	}
	if q = r.stored(q.ID); q.State != access.Denied {
		t.Errorf("what somebody asked for who is deactivated is %s", q.State)
	}
	r.people.ChangeProfile(r.people.Account("alice"), func(p *facts.Profile) { p.Kind = facts.Member })
	q = r.approve("bob", r.ask("alice", "ec2"))
	g, _ := r.grant(q.ID)
	if err := r.MayOpen(t.Context(), g); err != nil {
		t.Errorf("may open: %v", err)
	}
	r.people.Remove("user-alice")
	if err := r.MayOpen(t.Context(), g); refused(t, "holder gone", err).Code != access.RefusedStranger {
		t.Errorf("may open: %v", err)
	}
}

func TestWithoutRulesThingsStillEnd(t *testing.T) {
	r := newRig(t)
	held := r.approve("bob", r.ask("alice", "ec2")).ID.Grant()
	one, two, three := r.ask("alice", "ec2"), r.ask("alice", "ec2"), r.ask("bob", "named")
	r.load("")
	if q, err := r.Deny(t.Context(), r.say("root", one)); err != nil || q.State != access.Denied {
		t.Errorf("an admin denies: %s, %v", q.State, err)
	}
	if q, err := r.Withdraw(t.Context(), r.say("alice", two)); err != nil || q.State != access.Withdrawn {
		t.Errorf("alice withdraws: %s, %v", q.State, err)
	}
	if q, err := r.Deny(t.Context(), r.say("carol", three)); err != nil || q.State != access.Denied {
		t.Errorf("carol, named by her address, denies: %s, %v", q.State, err)
	}
	if g, err := r.End(t.Context(), flows.Ending{From: r.people.Account("bob"), Grant: held}); err != nil || g.State != access.Closing {
		t.Errorf("bob, who approved, ends: %s, %v", g.State, err)
	}
}

func TestWithdrawNeedsNoFacts(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	r.people.Fail(factstest.SlackGroups, errDown)
	if q, err := r.Withdraw(t.Context(), r.say("alice", q)); err != nil || q.State != access.Withdrawn {
		t.Errorf("%s, %v", q.State, err)
	}
}

func TestWhoCanEnd(t *testing.T) {
	for _, who := range []string{"alice", "bob", "carol", "root"} {
		for name, world := range map[string]func(r *rig){
			"all is well":       func(*rig) {},
			"the disk is short": func(r *rig) { r.before = unlessEnding },
			"Slack is down":     func(r *rig) { r.people.Fail(factstest.Slack, errDown); r.people.Fail(factstest.SlackGroups, errDown) },
			"AWS is down":       func(r *rig) { r.people.Fail(factstest.Directory, errDown) },
		} {
			r := newRig(t)
			q := r.ask("alice", "ec2")
			r.ask("root", "ec2") // links them
			r.approve("bob", q)
			g := r.opened(q.ID.Grant())
			world(r)
			ended, err := r.End(t.Context(), flows.Ending{From: r.people.Account(who), Grant: g.ID, Source: access.FromCLI})
			if who == "carol" && name != "all is well" && name != "the disk is short" {
				if err == nil {
					t.Errorf("%s: carol, of whom nobody can tell, ended it", name)
				}
				continue
			}
			if err != nil || ended.State != access.Closing || ended.End.Cause != access.EndedEarly {
				t.Errorf("%s: %s ends: %s, %v", name, who, ended.State, err)
			}
		}
	}
}

func unlessEnding(c access.Commit) error {
	if c.Ending {
		return nil
	}
	return access.ErrNoSpace
}

// Nobody gets anything when it cannot be recorded, and it is said.
func TestNothingHappensUnrecorded(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	events := len(r.log())
	r.before = full
	_, err := r.Approve(t.Context(), r.say("bob", q))
	if got := refused(t, "approve", err); got.Code != access.RefusedUnable || !errors.Is(err, access.ErrNoSpace) {
		t.Errorf("%v", err)
	}
	if _, ok := r.grant(q.ID); ok || r.stored(q.ID).State != access.Pending || len(r.log()) != events {
		t.Error("something happened")
	}
}

// A crash before the commit has done nothing, one behind it everything; asked
// again, the Desk finds out which.
func TestCrashAroundTheCommit(t *testing.T) {
	crash := func(access.Commit) error { return errors.New("power cut") }
	for _, when := range []string{"before", "after"} {
		r := newRig(t)
		d := r.draft("alice", "ec2")
		set := func(f func(access.Commit) error) {
			if when == "before" {
				r.before = f
			} else {
				r.after = f
			}
		}
		r.ask("alice", "ec2") // links her, so that the crash falls on the request
		set(crash)
		if _, err := r.Ask(t.Context(), d); err == nil {
			t.Fatal("the crash went unnoticed")
		}
		set(nil)
		r.open()
		q, err := r.Ask(t.Context(), d)
		if err != nil || q.State != access.Pending || len(r.types(q.ID)) != 1 {
			t.Fatalf("%s: asked again: %s, %v, events %v", when, q.State, err, r.types(q.ID))
		}
		r.ask("bob", "sandbox") // links him
		set(crash)
		if _, err := r.Approve(t.Context(), r.say("bob", q)); err == nil {
			t.Fatal("the crash went unnoticed")
		}
		set(nil)
		r.open()
		_, err = r.Approve(t.Context(), r.say("bob", q))
		if (when == "before") != (err == nil) {
			t.Errorf("%s: approved again: %v", when, err)
		}
		if got := r.types(q.ID); !slices.Equal(got[:3], []access.EventType{access.EventAsked, access.EventApproved, access.EventGranted}) {
			t.Errorf("%s: events %v", when, got)
		}
	}
}

// Every change of a record comes with an event about it.
func TestNoChangeWithoutAnEvent(t *testing.T) {
	r := newRig(t)
	r.before = func(c access.Commit) error {
		for _, ch := range c.Changes {
			if k := ch.Key.Kind; (k == access.KindRequest || k == access.KindGrant || k == access.KindObject) && len(c.Events) == 0 {
				t.Errorf("%s is changed without an event", ch.Key)
			}
		}
		return nil
	}
	q := r.ask("alice", "ec2")
	r.load("later.yaml")
	if _, err := r.Approve(t.Context(), r.say("bob", q)); err == nil {
		t.Fatal("approved what changed")
	}
	q = r.approve("bob", r.stored(q.ID))
	if _, err := r.End(t.Context(), flows.Ending{From: r.people.Account("alice"), Grant: q.ID.Grant()}); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func(flows.Say) (access.Request, error){
		func(s flows.Say) (access.Request, error) { return r.Deny(t.Context(), s) },
		func(s flows.Say) (access.Request, error) {
			s.From = r.people.Account("alice")
			return r.Withdraw(t.Context(), s)
		},
	} {
		if _, err := do(r.say("bob", r.ask("alice", "ec2"))); err != nil {
			t.Fatal(err)
		}
	}
}

// What an auditor reads of an approval is what was approved.
func TestTheRecordSaysWhatWasApproved(t *testing.T) {
	r := newRig(t)
	q := r.approve("bob", r.ask("alice", "ec2"))
	events, err := r.store.Stream(t.Context(), q.ID, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	var asked struct{ Terms access.Terms }
	var approved struct {
		By      access.PersonID
		Terms   access.Digest
		Verdict access.Verdict
	}
	if err := errors.Join(json.Unmarshal(events[0].Data, &asked), json.Unmarshal(events[1].Data, &approved)); err != nil {
		t.Fatal(err)
	}
	if asked.Terms.Digest() != approved.Terms || approved.By != events[1].Actor || !approved.Verdict.Allow || approved.Verdict.Revision == "" {
		t.Errorf("approved %+v of %+v", approved, asked)
	}
}
