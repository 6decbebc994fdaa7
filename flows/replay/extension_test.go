package replay_test

import (
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/flows/replay"
	"sesame/store/memory"
)

// An extension of the past is judged as one: by how grants are extended, and by
// the time that it added to the end which the access had.
func TestAnExtension(t *testing.T) {
	store := memory.New()
	alice := access.Person{ID: "p-alice", Name: "Alice"}
	commit(t, store, noon, func(b *ledger.Batch) {
		b.Put(alice, 0)
		b.Event("r-0123456789", access.EventAsked, alice, struct {
			asked
			Begins time.Time `json:"begins"`
		}{asked{
			Terms:   access.Terms{Request: "r-0123456789", Who: alice.ID, Target: access.Target{Name: "billing"}, Duration: 30 * time.Minute, Reason: "longer", Extends: "g-0123456788"},
			Verdict: access.Verdict{Allow: true, Revision: "before", Route: access.Route{Name: "leads", Needs: []access.Need{{Count: 1, Groups: []string{"leads"}}}, LapseAfter: 24 * time.Hour}},
		}, noon.Add(50 * time.Minute)})
	})
	const extend = "    who: 'true'\n    extend: {choices: [30m], count: 1, total: 30m}\n    routes: [{name: leads, approvers: {groups: [leads]}}]\n    guardrails: "
	for rule, want := range map[string]int{
		`[{name: late, deny: 'request.extension and window.to.hour == 13', message: Too late.}]`:       1,
		`[{name: late, deny: 'request.extension and window.from.time < "12:50"', message: Too late.}]`: 0,
	} {
		report, err := replay.Run(t.Context(), replay.Options{Record: store, Set: rules(t, extend+rule)})
		if err != nil || report.Requests != 1 || report.Changed != want {
			t.Errorf("%s: %d of %d changed, %v, want %d: %+v", rule, report.Changed, report.Requests, err, want, report.Changes)
		}
	}
}
