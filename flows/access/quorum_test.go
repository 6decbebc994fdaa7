package access_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sesame/flows/access"
)

// TestMissingByBruteForce compares who is missing with what trying every way to
// seat people says: for random needs with stages and choices, and random people
// in random groups.
func TestMissingByBruteForce(t *testing.T) {
	groups := []string{"a", "b", "c"}
	for seed := range uint64(800) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := asked(randomNeeds(rng, groups)...)
		for n := range rng.IntN(6) {
			who := member(fmt.Sprint("p", n), some(rng, groups)...)
			stage, open := stageByTrying(r)
			helps := open && helpsByTrying(r, who, stage)
			next, err := r.Approve(who, access.Decision{At: noon})
			if helps != (err == nil) {
				t.Fatalf("seed %d: %v says %v; that it fills a place of %v is %t", seed, who.Groups, err, r.Verdict.Route.Needs, helps)
			}
			if err != nil {
				continue
			}
			if missingByTrying(next) > missingByTrying(r) {
				t.Fatalf("seed %d: more are missing by an approval", seed)
			}
			r = next
		}
		if got, want := r.Missing(), missingByTrying(r); got != want && r.State == access.Pending {
			t.Fatalf("seed %d: %d missing of %v, want %d", seed, got, r.Verdict.Route.Needs, want)
		}
		if done := missingByTrying(r) == 0; done != (r.State == access.Approved) {
			t.Fatalf("seed %d: %s with %d missing", seed, r.State, missingByTrying(r))
		}
	}
}

func some(rng *rand.Rand, of []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(string) bool { return rng.IntN(2) == 0 })
}

// randomNeeds returns needs of up to two stages, some of them choices.
func randomNeeds(rng *rand.Rand, groups []string) []access.Need {
	var all []access.Need
	for stage := range 1 + rng.IntN(2) {
		for range 1 + rng.IntN(3) {
			n := access.Need{Count: 1 + rng.IntN(2), Stage: stage, Choice: rng.IntN(3), Groups: some(rng, groups)}
			if len(n.Groups) == 0 {
				n.Groups = groups[:1]
			}
			all = append(all, n)
		}
	}
	return all
}

// stageByTrying returns the first stage that lacks somebody.
func stageByTrying(r access.Request) (int, bool) {
	for stage := range 2 {
		if lacking(r.Verdict.Route.Needs, r.Decisions, stage) > 0 {
			return stage, true
		}
	}
	return 0, false
}

func missingByTrying(r access.Request) int {
	return lacking(r.Verdict.Route.Needs, r.Decisions, 0) + lacking(r.Verdict.Route.Needs, r.Decisions, 1)
}

// helpsByTrying reports whether one more vote would fill a place of some way
// through the stage.
func helpsByTrying(r access.Request, who access.Standing, stage int) bool {
	vote := access.Decision{Approve: true}
	for i, n := range r.Verdict.Route.Needs {
		if n.Stage == stage && slices.ContainsFunc(n.Groups, func(g string) bool { return who.Groups[g] }) {
			vote.Needs = append(vote.Needs, i)
		}
	}
	with := append(slices.Clone(r.Decisions), vote)
	return slices.ContainsFunc(waysThrough(r.Verdict.Route.Needs, stage), func(way []int) bool {
		return mostSeated(r.Verdict.Route.Needs, way, with) > mostSeated(r.Verdict.Route.Needs, way, r.Decisions)
	})
}

// lacking returns how many a stage lacks by the shortest way.
func lacking(needs []access.Need, votes []access.Decision, stage int) int {
	least := -1
	for _, way := range waysThrough(needs, stage) {
		places := 0
		for _, i := range way {
			places += needs[i].Count
		}
		if n := places - mostSeated(needs, way, votes); least < 0 || n < least {
			least = n
		}
	}
	return max(0, least)
}

// waysThrough returns every set of needs that completes a stage: all subsets
// that hold each need which is no choice, and one of every choice.
func waysThrough(needs []access.Need, stage int) (ways [][]int) {
	for set := range 1 << len(needs) {
		var way []int
		per, ok := map[int]int{}, true
		for i, n := range needs {
			in := set&(1<<i) != 0
			switch {
			case n.Stage != stage:
				ok = ok && !in
			case n.Choice == 0:
				ok = ok && in
			default:
				per[n.Choice] += 0
				if in {
					per[n.Choice]++
				}
			}
			if in {
				way = append(way, i)
			}
		}
		for _, n := range per {
			ok = ok && n == 1
		}
		if ok {
			ways = append(ways, way)
		}
	}
	return ways
}

// mostSeated tries every way to give each vote a place or none.
func mostSeated(needs []access.Need, way []int, votes []access.Decision) int {
	taken := map[int]int{}
	var try func(vote int) int
	try = func(vote int) int {
		if vote == len(votes) {
			return 0
		}
		best := try(vote + 1)
		for _, need := range votes[vote].Needs {
			if !slices.Contains(way, need) || taken[need] == needs[need].Count {
				continue
			}
			taken[need]++
			best = max(best, 1+try(vote+1))
			taken[need]--
		}
		return best
	}
	return try(0)
}

// Who has left counts no more, and anew should they come back.
func TestWhoHasLeftDoesNotCount(t *testing.T) {
	bob := member("bob", "leads")
	before := approve(t, asked(need(2, "leads")), bob)
	r := before.Without(bob.Person.ID)
	if r.Counted() != 0 || r.Missing() != 2 || r.Counts(r.Decisions[0]) || !before.Counts(before.Decisions[0]) {
		t.Errorf("%d count and %d are missing: %+v", r.Counted(), r.Missing(), r.Decisions)
	}
	if r = approve(t, approve(t, r, member("carol", "leads")), bob); r.State != access.Approved {
		t.Errorf("with two others it is %s", r.State)
	}
}

// Whatever stands in the record, a person counts once.
func TestAQuorumCountsPeople(t *testing.T) {
	r := approve(t, asked(need(2, "leads")), member("bob", "leads"))
	r.Decisions = append(r.Decisions, r.Decisions[0])
	if r.Counted() != 1 || r.Missing() != 1 {
		t.Errorf("one person who is recorded twice: %d count and %d are missing", r.Counted(), r.Missing())
	}
}

// A stage comes before another by its number, in whatever order they stand.
func TestStagesComeInOrder(t *testing.T) {
	later := need(1, "security")
	later.Stage = 1
	r := asked(later, need(1, "leads"))
	if now := r.Outstanding(); len(now) != 1 || now[0].Stage != 0 {
		t.Errorf("asked first: %+v", now)
	}
}
