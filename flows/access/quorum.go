package access

import "slices"

// A quorum is how far the approvals of a request have come. Each person counts
// towards one need, whichever of those open to them serves best: people are
// matched to places, so that who is in two groups never stands in the way of
// somebody who is in one.
type quorum struct {
	needs []Need
	votes [][]int // of each person who approved, the needs they may count towards
}

// quorum returns where r stands. What was approved before the terms or the
// route changed does not count, nor what people approved who have left since.
func (r Request) quorum() quorum {
	q := quorum{needs: r.Verdict.Route.Needs}
	if len(q.needs) == 0 && !r.Verdict.Route.Auto {
		q.needs = []Need{{Count: 1}}
	}
	people, agreed := map[PersonID]bool{}, r.Agreed()
	for _, d := range r.Decisions {
		if d.Approve && d.Digest == agreed && !d.Left && !people[d.By] {
			people[d.By] = true
			q.votes = append(q.votes, d.Needs)
		}
	}
	return q
}

// stages returns the numbers of the stages, in order.
func (q quorum) stages() []int {
	var all []int
	for _, n := range q.needs {
		all = append(all, n.Stage)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// stage returns the first stage that is not complete, and whether there is one.
func (q quorum) stage() (int, bool) {
	for _, s := range q.stages() {
		if q.missing(s) > 0 {
			return s, true
		}
	}
	return 0, false
}

// missing returns how many approvals a stage lacks, by the shortest way.
func (q quorum) missing(stage int) int {
	least := -1
	for _, way := range q.ways(stage) {
		if n := q.places(way) - q.filled(way); least < 0 || n < least {
			least = n
		}
	}
	return max(least, 0)
}

// ways returns the sets of needs each of which would complete a stage: one
// need of every choice, and all that are no choice.
func (q quorum) ways(stage int) [][]int {
	all := [][]int{nil}
	choices := map[int][]int{}
	var order []int
	for i, n := range q.needs {
		switch {
		case n.Stage != stage:
		case n.Choice == 0:
			all[0] = append(all[0], i)
		default:
			if len(choices[n.Choice]) == 0 {
				order = append(order, n.Choice)
			}
			choices[n.Choice] = append(choices[n.Choice], i)
		}
	}
	for _, c := range order {
		var longer [][]int
		for _, way := range all {
			for _, need := range choices[c] {
				longer = append(longer, append(slices.Clone(way), need))
			}
		}
		all = longer
	}
	return all
}

// places returns how many approvals the needs of a way want.
func (q quorum) places(way []int) int {
	n := 0
	for _, need := range way {
		n += q.needs[need].Count
	}
	return n
}

// filled returns how many places of a way the votes can fill at once.
func (q quorum) filled(way []int) int { return len(q.seat(way)) }

// seat matches votes to the needs of a way, as many as can be, by augmenting
// paths. It returns the need of each vote that has a place.
func (q quorum) seat(way []int) map[int]int {
	seated := map[int]int{}
	for vote := range q.votes {
		q.place(way, vote, seated, map[int]bool{})
	}
	return seated
}

// place finds a place for a vote, moving others if that helps, and reports
// whether there was one.
func (q quorum) place(way []int, vote int, seated map[int]int, tried map[int]bool) bool {
	for _, need := range q.votes[vote] {
		if tried[need] || !slices.Contains(way, need) {
			continue
		}
		tried[need] = true
		if q.taken(need, seated) < q.needs[need].Count {
			seated[vote] = need
			return true
		}
		for other := range q.votes {
			if at, ok := seated[other]; ok && at == need && q.place(way, other, seated, tried) {
				seated[vote] = need
				return true
			}
		}
	}
	return false
}

func (q quorum) taken(need int, seated map[int]int) int {
	n := 0
	for _, at := range seated {
		if at == need {
			n++
		}
	}
	return n
}

// helps reports whether one more vote fills a place by any way through a stage.
func (q quorum) helps(stage int, vote []int) bool {
	with := quorum{q.needs, append(slices.Clip(q.votes), vote)}
	return slices.ContainsFunc(q.ways(stage), func(way []int) bool { return with.filled(way) > q.filled(way) })
}

// outstanding returns what a stage still lacks. Each alternative is shown with
// what it lacks by itself.
func (q quorum) outstanding(stage int) []Need {
	least := map[int]int{} // by need
	for _, way := range q.ways(stage) {
		seated := q.seat(way)
		for _, need := range way {
			lacks := q.needs[need].Count - q.taken(need, seated)
			if was, ok := least[need]; !ok || lacks < was {
				least[need] = lacks
			}
		}
	}
	var open []Need
	for i, n := range q.needs {
		if lacks := least[i]; lacks > 0 {
			n.Count = lacks
			open = append(open, n)
		}
	}
	return open
}

// Counted returns how many approvals count towards what the request needs.
func (r Request) Counted() int { return len(r.quorum().votes) }

// Missing returns how many approvals the request still needs, by the shortest
// way.
func (r Request) Missing() int {
	if r.Verdict.Route.Auto || r.State == Approved {
		return 0
	}
	q, n := r.quorum(), 0
	for _, stage := range q.stages() {
		n += q.missing(stage)
	}
	return n
}

// Outstanding returns what the request still needs in the stage that it is in,
// with Count being how many are missing. It is empty where nobody is asked.
func (r Request) Outstanding() []Need {
	q := r.quorum()
	stage, ok := q.stage()
	if !ok || len(r.Verdict.Route.Needs) == 0 || r.State == Approved {
		return nil
	}
	return q.outstanding(stage)
}

// Asked names who is to decide next, for a sentence.
func (r Request) Asked() string {
	if open := r.Outstanding(); len(open) > 0 {
		return Spell(open)
	}
	return r.Verdict.Route.Deciders()
}

// Counts reports whether d is an approval of r as it is now.
func (r Request) Counts(d Decision) bool { return d.Approve && !d.Left && d.Digest == r.Agreed() }

// Without returns r in which nothing counts that p approved, who has left. The
// receiver's decisions stay as they are.
func (r Request) Without(p PersonID) Request {
	r.Decisions = slices.Clone(r.Decisions)
	for i, d := range r.Decisions {
		r.Decisions[i].Left = d.Left || d.Approve && d.By == p
	}
	return r
}

// towards returns the needs of a stage that s may count towards.
func (r Request) towards(s Standing, stage int) []int {
	route := r.Verdict.Route
	own := route.Self && s.is(r.By)
	var open []int
	for i, n := range r.quorum().needs {
		if n.Stage == stage && (own || n.eligible(s)) {
			open = append(open, i)
		}
	}
	return open
}

// early reports whether s may approve in a later stage, and not in this one.
func (r Request) early(s Standing) bool {
	stage, ok := r.quorum().stage()
	if !ok || len(r.towards(s, stage)) > 0 {
		return false
	}
	return slices.ContainsFunc(r.Verdict.Route.Needs, func(n Need) bool { return n.Stage > stage && n.eligible(s) })
}
