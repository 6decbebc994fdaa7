package stories_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot"
	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/scenario"
	"sesame/strategies/awstest"
)

var (
	runs = flag.Int("runs", 2, "how many random histories to play")
	seed = flag.Uint64("seed", 0, "play only the history of this seed")
	from = flag.Uint64("from", 1, "the seed of the first history; the others follow it")
)

// TestNothingLeftBehind plays random histories of people, restarts, a server
// that is killed around commits and calls, and faults of Slack, AWS and the
// disk; then lets everything end, and compares what AWS holds with what was
// recorded. The same history may run otherwise a second time, since who comes
// first on several processors is not the seed's to say.
func TestNothingLeftBehind(t *testing.T) {
	first := *from
	if *seed != 0 {
		first, *runs = *seed, 1
	}
	for s := first; s < first+uint64(*runs); s++ {
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) { newHistory(t, s).play() })
	}
}

// longestLag is how far reads of AWS are behind at most.
const longestLag = time.Second

// A history is one random run.
type history struct {
	*world
	rng     *rand.Rand
	foreign map[awstest.Tuple]int // made by others, with how often it had changed by then
	full    bool                  // the disk
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{world: newWorld(t, scenario.Story{}), rng: rand.New(rand.NewPCG(seed, 3)), foreign: map[awstest.Tuple]int{}}
	for name, target := range map[string]string{"alice": "billing-readonly", "dave": "sandbox"} {
		h.makeByHand(h.tuple(name, target))
	}
	return h
}

func (h *history) play() {
	for range 30 + h.rng.IntN(20) {
		h.revive()
		h.fillDisk(h.full && h.rng.IntN(3) > 0)
		h.event()
		h.pace.pass(time.Duration(h.rng.IntN(int(30 * time.Second))))
	}
	h.heal()
	h.decideAll()
	for hours := 0; !h.drained() && hours < 12; hours++ {
		h.pace.pass(time.Hour)
		h.compare()
	}
	h.compare()
	h.checkDrained()
}

// revive starts a server that was killed, as whoever watches it would.
func (h *history) revive() {
	for h.server.over() {
		h.restart()
	}
}

func (h *history) restart() {
	h.stop()
	h.start(&plug{full: h.full, counts: ofAnybody, callsCount: true})
}

func (h *history) fillDisk(full bool) {
	h.full = full
	h.server.plug.fill(full)
}

// event has something happen.
func (h *history) event() {
	switch h.rng.IntN(20) {
	case 0, 1, 2, 3:
		h.ask()
	case 4, 5, 6, 7:
		h.approve()
	case 8:
		h.say([]string{"deny", "withdraw"}[h.rng.IntN(2)], "alice", "bob", "dave")
	case 9:
		h.say("end", "alice", "bob", "carol", "dave")
	case 10:
		h.restart()
	case 11:
		h.server.plug.cutAfter(1 + h.rng.IntN(40))
	case 12, 13, 14:
		h.breakAWSAtRandom()
		h.ask()
		h.approve()
	case 15:
		h.breakSlackAtRandom()
	case 16, 17:
		h.changeByHand()
	case 18, 19:
		h.pace.pass(time.Duration(h.rng.IntN(40)) * time.Minute)
	}
}

func (h *history) ask() {
	line := []string{
		"ec2-frontend 30m INC-1 disk full", "ec2-frontend 2h INC-2 disk full", "sandbox 30m trying", "sandbox 1h trying",
		"billing-readonly 1h month end",
	}[h.rng.IntN(5)]
	h.tell(scenario.Act{Who: []string{"alice", "bob", "dave"}[h.rng.IntN(3)], Verb: "ask", Text: line})
}

// approve has somebody approve a request that waits for that; it may have been
// decided, or its message be gone, and not everybody may.
func (h *history) approve() {
	if h.server.over() {
		return
	}
	var waiting []int
	for _, rec := range h.left(access.IndexPending) {
		if n := slices.Index(h.asked, access.RequestID(rec.Key.ID)); n >= 0 && h.offered("approve", h.asked[n]) {
			waiting = append(waiting, n+1)
		}
	}
	if len(waiting) == 0 {
		h.say("approve", "bob", "carol", "dave", "alice")
		return
	}
	who := []string{"bob", "carol", "bob", "carol", "dave", "alice"}[h.rng.IntN(6)]
	h.tell(scenario.Act{Who: who, Verb: "approve", Request: waiting[h.rng.IntN(len(waiting))]})
}

// say has one of the people do something about one of the latest requests.
func (h *history) say(verb string, people ...string) {
	who, back := people[h.rng.IntN(len(people))], h.rng.IntN(4)
	if n := len(h.asked) - back; n > 0 && h.offered(verb, h.asked[n-1]) {
		h.tell(scenario.Act{Who: who, Verb: verb, Request: n})
	}
}

// offered reports whether there is, or was, something to do that with.
func (h *history) offered(verb string, id access.RequestID) bool {
	_, ok := h.buttons[id]
	return ok || verb == "end"
}

// tell has somebody do something. That it cannot be done, since nobody was
// shown a button or the server died over it, is part of the game.
func (h *history) tell(a scenario.Act) {
	shown, err := h.Say(h.t.Context(), a)
	h.t.Logf("%s %s %s #%d: %.80q %v", a.Who, a.Verb, a.Text, a.Request, shown, err)
	if err != nil && !h.server.over() && !errors.Is(err, errNoButton) {
		h.t.Errorf("%s %s: %v", a.Who, a.Verb, err)
	}
}

// breakAWSAtRandom has some of the next calls go wrong, more often than not so
// that nobody knows whether they had their effect.
func (h *history) breakAWSAtRandom() {
	faults := []awstest.Fault{
		{Kind: awstest.Drop}, {Kind: awstest.Drop, AfterEffect: true}, {Kind: awstest.ServerError},
		{Kind: awstest.ServerError, AfterEffect: true}, {Kind: awstest.Throttle}, {Kind: awstest.Conflict},
		{Kind: awstest.FailOperation}, {Kind: awstest.NeverFinish}, {Kind: awstest.Slow, Delay: 3 * time.Minute},
		{Kind: awstest.Drop, AfterEffect: true}, {Kind: awstest.ServerError, AfterEffect: true},
	}
	f := faults[h.rng.IntN(len(faults))]
	f.Times = 1 + h.rng.IntN(4)
	f.Operation = []string{"CreateAccountAssignment", "DeleteAccountAssignment"}[h.rng.IntN(2)]
	if reads := []string{"ListAccountAssignments", "ListAccountAssignmentCreationStatus"}; f.Kind <= awstest.Throttle && h.rng.IntN(3) == 0 {
		f.Operation = reads[h.rng.IntN(len(reads))]
	}
	h.aws.Fault(f)
	lag := time.Duration(h.rng.IntN(2)) * longestLag
	h.aws.Tune(func(s *awstest.Settings) { s.Lag = lag })
}

// breakSlackAtRandom has something go wrong with Slack, or with the disk.
func (h *history) breakSlackAtRandom() {
	switch h.rng.IntN(5) {
	case 0:
		h.slack.Break(slacktest.Fault{Kind: slacktest.LostAnswer, Method: "chat.postMessage", Times: 1})
	case 1:
		h.slack.Break(slacktest.Fault{Kind: slacktest.ServerError, Times: 1 + h.rng.IntN(5)})
	case 2:
		h.slack.NextEnvelope(slacktest.Duplicate)
	case 3:
		if conns := h.slack.Connections(); len(conns) > 0 {
			h.ok(h.slack.Drop(conns[h.rng.IntN(len(conns))].ID))
		}
	case 4:
		h.fillDisk(true)
	}
}

// changeByHand has somebody else remove what Sesame made, or make what Sesame
// knows nothing of.
func (h *history) changeByHand() {
	if h.rng.IntN(2) == 0 {
		for _, a := range h.ours() {
			if h.rng.IntN(2) == 0 {
				h.aws.Unassign(a)
			}
		}
		return
	}
	a := h.tuple([]string{"alice", "bob", "dave"}[h.rng.IntN(3)], []string{"ec2-frontend", "billing-readonly", "sandbox"}[h.rng.IntN(3)])
	if !h.server.over() && h.unclaimed(a) {
		h.t.Logf("somebody else makes %v", a)
		h.makeByHand(a)
	}
}

// makeByHand has somebody else make what AWS shows to everybody by now: whose
// something is that no read showed before it was asked for, nobody can tell.
func (h *history) makeByHand(a awstest.Tuple) {
	h.aws.Assign(a)
	h.foreign[a] = len(h.aws.History(a))
	h.pace.pass(longestLag)
}

// unclaimed reports whether a is not there, and would not be Sesame's if it
// were: Sesame has not begun to make it, or had made it, and it went.
func (h *history) unclaimed(a awstest.Tuple) bool {
	there := slices.ContainsFunc(h.aws.Assignments(), func(is awstest.Assignment) bool { return is.Tuple == a })
	changing := slices.ContainsFunc(h.aws.Operations(), func(op awstest.Operation) bool { return op.Tuple == a && op.Finished.IsZero() })
	if there || changing {
		return false
	}
	for _, rec := range h.left(access.IndexObjects) {
		o, err := access.Decode[access.Object](rec)
		h.ok(err)
		if of(o, a) && !o.AttemptAt.IsZero() && (o.State != access.Gone || o.SeenAt.Before(o.AttemptAt)) {
			return false
		}
	}
	return true
}

// of reports whether o is the record of a.
func of(o access.Object, a awstest.Tuple) bool {
	return a.Principal == o.Spec.Params["principal"] && a.PermissionSet == o.Spec.Params["permission_set_arn"]
}

// ours is what AWS holds that nobody made by hand.
func (h *history) ours() []awstest.Tuple {
	var all []awstest.Tuple
	for _, a := range h.aws.Assignments() {
		if a.By != (awstest.Caller{}) {
			all = append(all, a.Tuple)
		}
	}
	return all
}

// heal ends all faults, and starts a server that lives.
func (h *history) heal() {
	h.aws.ClearFaults()
	h.slack.ClearFaults()
	h.aws.Tune(func(s *awstest.Settings) { s.Lag = 0 })
	h.full = false
	h.stop()
	h.start(&plug{})
	h.pace.pass(20 * time.Minute) // until all who were waited for are given up, and called again
}

// decideAll has every request that waits decided in Slack.
func (h *history) decideAll() {
	h.ok(h.noteAsked(h.t.Context()))
	for n := range h.asked {
		if state, err := h.See(h.t.Context(), scenario.View{Of: "request", Request: n + 1}); err != nil || state == "pending" {
			h.tell(scenario.Act{Who: "carol", Verb: "deny", Request: n + 1})
		}
	}
}

// grants returns all grants, by who holds what.
func (h *history) grants() map[string][]access.Grant {
	all := map[string][]access.Grant{}
	err := access.Each(h.t.Context(), h.store(), access.Query{Index: access.IndexGrants}, func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if err != nil {
			return err
		}
		r, _, err := access.Load[access.Request](h.t.Context(), h.store(), access.Request{ID: g.Request}.Key())
		name := strings.ToLower(strings.TrimPrefix(r.By.Account.User, "U0"))
		of := fmt.Sprint(h.tuple(name, r.Target.Name))
		all[of] = append(all[of], g)
		return err
	})
	h.ok(err)
	return all
}

// compare wants what is open to be there, and nothing of ours to be there for
// nobody.
func (h *history) compare() {
	h.t.Helper()
	grants, there := h.grants(), map[string]bool{}
	for _, a := range h.ours() {
		of := fmt.Sprint(a)
		there[of] = true
		if !slices.ContainsFunc(grants[of], func(g access.Grant) bool { return g.State != access.Closed }) {
			h.t.Errorf("%s is there for nobody", of)
		}
	}
	for of, gs := range grants {
		for _, g := range gs {
			if g.State == access.Open && !there[of] {
				h.t.Errorf("grant %s is open, and %s is not there", g.ID, of)
			}
		}
	}
}

// kept are what has to be empty in the end, by index.
var kept = map[string]string{
	access.IndexLive: "grants that are not closed", access.IndexPending: "requests that nobody decided",
	access.IndexObjects: "objects", access.IndexNotices: "notices that nobody was told", bot.IndexInbox: "deliveries",
}

// left returns what has to be dealt with still.
func (h *history) left(index string) []access.Record {
	page, err := h.store().List(h.t.Context(), access.Query{Index: index})
	h.ok(err)
	return slices.DeleteFunc(page.Records, h.watched)
}

// watched reports whether rec is an object that is proven to be gone, and is
// looked at again since AWS says to this day that it is being created.
func (h *history) watched(rec access.Record) bool {
	o, err := access.Decode[access.Object](rec)
	return rec.Key.Kind == access.KindObject && err == nil && o.State == access.Gone && !o.Wanted() && len(o.Closing) == 0 &&
		slices.ContainsFunc(h.aws.Operations(), func(op awstest.Operation) bool {
			return op.Finished.IsZero() && of(o, op.Tuple)
		})
}

// drained reports whether everything is over.
func (h *history) drained() bool {
	for index := range kept {
		if len(h.left(index)) > 0 {
			return false
		}
	}
	return true
}

func (h *history) checkDrained() {
	h.t.Helper()
	for index, what := range kept {
		for _, rec := range h.left(index) {
			h.t.Errorf("%s that should be over: %s %s", what, rec.Key, rec.Data)
		}
	}
	for _, gs := range h.grants() {
		for _, g := range gs {
			if len(g.Receipt.Objects) != len(g.Objects) {
				h.t.Errorf("grant %s has a receipt for %d of %d objects", g.ID, len(g.Receipt.Objects), len(g.Objects))
			}
		}
	}
	if left := h.ours(); len(left) > 0 {
		h.t.Errorf("left behind: %v", left)
	}
	for t, n := range h.foreign {
		if changes := h.aws.History(t); len(changes) != n {
			h.t.Errorf("%v, which somebody else made, was touched: %v", t, changes)
		}
	}
	if _, most := h.aws.Outstanding(); most > h.options.Config.Limits.Outstanding {
		h.t.Errorf("%d operations were in progress at once", most)
	}
	if got := h.record(h.t.Context()); got != "holds" {
		h.t.Errorf("the record: %s", got)
	}
}
