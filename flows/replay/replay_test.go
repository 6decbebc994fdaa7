package replay_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/flows/replay"
	"sesame/store/memory"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// rules returns flow files whose one flow has some rules.
func rules(t *testing.T, flow string) *flowfile.Set {
	t.Helper()
	text := `version: 1
groups:
  engineering: {slack: S012ABCDEF}
  security: {slack: S012ABCDE0}
  leads: {members: [bob@example.com]}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  billing: {label: Billing, strategy: sso, account: "222222222222", permission_set: ReadOnly}
flows:
  finance:
    targets: [billing]
    duration: {choices: [1h], default: 1h}
` + flow
	set, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// An asked is the data of an event, in the form in which the record keeps it.
type asked struct {
	Terms   access.Terms   `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
	Source  access.Source  `json:"source"`
}

// past is a record of n requests that were allowed, a minute apart, with one
// fact: that who asked is in engineering.
func past(t *testing.T, n int) *memory.Store {
	t.Helper()
	store := memory.New()
	alice := access.Person{ID: "p-alice", Email: "alice@example.com", Name: "Alice"}
	commit(t, store, noon, func(b *ledger.Batch) { b.Put(alice, 0) })
	for i := range n {
		id := access.RequestIDFrom(fmt.Sprint(i))
		a := asked{
			Terms: access.Terms{Request: id, Who: alice.ID, Target: access.Target{Name: "billing"}, Duration: time.Hour, Reason: fmt.Sprint("reason ", i)},
			Verdict: access.Verdict{
				Allow: true, Revision: "before", Facts: map[string]string{"group engineering of requester": "true"},
				Route: access.Route{Name: "leads", Pos: "old.yaml:1:1", Needs: []access.Need{{Count: 1, Groups: []string{"leads"}}}, LapseAfter: 24 * time.Hour},
			},
		}
		commit(t, store, noon.Add(time.Duration(i)*time.Minute), func(b *ledger.Batch) {
			b.Event(id, access.EventAsked, alice, a)
			b.Event(id, access.EventWithdrawn, alice, nil)
		})
	}
	return store
}

func commit(t *testing.T, store *memory.Store, at time.Time, fill func(*ledger.Batch)) {
	t.Helper()
	b := ledger.NewBatch(at)
	fill(b)
	if _, err := b.Commit(t.Context(), store); err != nil {
		t.Fatal(err)
	}
}

// TestWhatWouldBeOtherwise tells, for one request that leads decided on, what
// becomes of it by other rules.
func TestWhatWouldBeOtherwise(t *testing.T) {
	const leads = "\n    routes: [{name: leads, approvers: {groups: [leads]}}]"
	const who = "    who: in_group(\"engineering\", requester)"
	guardrail := func(rule string) string {
		return who + "\n    guardrails: [{name: g, " + rule + ", message: No.}]" + leads
	}
	tests := []struct {
		name, flow string
		want       replay.Kind // empty for nothing
		because    string
	}{
		{"the same rules", who + leads, "", ""},
		{"another order of words", "    who: 'in_group(\"engineering\", requester) and true'" + leads, "", ""},
		{"a rule that refuses", guardrail(`deny: 'request.reason == "reason 0"'`), replay.Refused, "g f.yaml:15:35"},
		{"the time of then", guardrail(`deny: now.hour == 12`), replay.Refused, "g f.yaml:15:34"},
		{"a fact that nobody recorded", guardrail(`deny: 'in_group("security", requester)'`), replay.Unknown, "needs the fact group security of requester "},
		{"such a fact, which is not asked for", guardrail(`deny: 'now.hour < 9 and in_group("security", requester)'`), "", ""},
		{"such a fact, beside a refusal", guardrail(`deny: 'in_group("security", requester)', message: No.}, {name: h, deny: now.hour == 12`), replay.Refused, "h f.yaml:15:100"},
		{"members that the files list", "    who: in_group(\"leads\", requester)" + leads, replay.Refused, "who f.yaml:14:10"},
		{"an e-mail address, which is recorded", "    who: requester.email == \"alice@example.com\"" + leads, "", ""},
		{"more approvers", who + "\n    routes: [{name: leads, approvers: {groups: [leads, security]}}]", replay.Decides, "route leads f.yaml:15:15"},
		{"less time to answer", who + "\n    routes: [{name: leads, approvers: {groups: [leads]}, lapse_after: 1h}]", replay.Told, "route leads f.yaml:15:15"},
		{"a warning", guardrail(`warn: request.reason startsWith "reason"`), replay.Warned, "g f.yaml:15:34"},
		{"a route that hangs on an unknown fact", who + "\n    routes: [{name: s, when: 'in_group(\"security\", requester)', auto_approve: true}, {name: leads, approvers: {groups: [leads]}}]", replay.Unknown, "needs the fact group security of requester "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, err := replay.Run(t.Context(), replay.Options{Record: past(t, 1), Set: rules(t, tt.flow)})
			if err != nil || report.Requests != 1 {
				t.Fatalf("%+v, %v", report, err)
			}
			var kind replay.Kind
			var because string
			for _, c := range append(report.Changes, report.Unknowns...) {
				kind, because = c.Kind, because+c.Causes[0].Rule+" "+c.Causes[0].Pos
			}
			if kind != tt.want || because != tt.because {
				t.Errorf("%q because of %q, want %q because of %q", kind, because, tt.want, tt.because)
			}
		})
	}
}

// A long record is counted as a whole, and named as far as it was asked for:
// the latest, in order.
func TestALongRecord(t *testing.T) {
	const n = 1700
	store := past(t, n)
	set := rules(t, "    who: 'not in_group(\"engineering\", requester)'\n    routes: [{name: leads, approvers: {groups: [leads]}}]")
	run := func(since time.Time) replay.Report {
		r, err := replay.Run(t.Context(), replay.Options{Record: store, Set: set, Keep: 3, Since: since})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	all := run(time.Time{})
	if all.Requests != n || all.Changed != n || all.Same() {
		t.Errorf("%d of %d requests changed, want all of %d", all.Changed, all.Requests, n)
	}
	var last []string
	for _, c := range all.Changes {
		last = append(last, c.At)
	}
	want := []string{"2026-03-05T16:17:00Z", "2026-03-05T16:18:00Z", "2026-03-05T16:19:00Z"}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Error(diff)
	}
	if later := run(noon.Add((n - 10) * time.Minute)); later.Requests != 10 {
		t.Errorf("%d requests in the last ten minutes, want 10", later.Requests)
	}
	if none := run(noon.AddDate(1, 0, 0)); none.Requests != 0 || !none.Same() {
		t.Errorf("%+v, want nothing a year later", none)
	}
}
