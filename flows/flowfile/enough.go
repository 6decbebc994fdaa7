package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/policies"
)

// The bounds of the search for people who could approve. Beyond them nothing
// is said.
const (
	maxWays   = 256
	maxPlaces = 200
	maxPeople = 500
	maxEffort = 1_000_000 // people looked at, in all files
)

// A place is one approval that a route wants: the people who can give it.
type place []string

// A crew is what the needs of a route want of people whom the files name. What
// others can give as well is left aside.
type crew struct {
	always  []place
	choices [][][]place // of each choice, the places of each alternative
	effort  *int        // that is left
}

// crew returns what needs want, and whether that can be looked at.
func (d *draft) crew(ask askDraft, linked []access.Need) (c crew, ok bool) {
	if d.effort < 0 {
		return crew{}, false
	}
	type choice struct{ stage, number int }
	groups, open := map[choice][][]place{}, map[choice]bool{}
	var order []choice
	c.effort = &d.effort
	for i, need := range ask.needs {
		people, closed := d.members(need)
		places := slices.Repeat([]place{slices.Sorted(maps.Keys(people))}, max(linked[i].Count, 0))
		if closed && linked[i].Count > len(people) {
			return crew{}, false
		}
		at := choice{need.stage, need.choice}
		switch {
		case need.choice == 0 && closed:
			c.always = append(c.always, places...)
		case need.choice == 0:
		case !closed:
			open[at] = true
		default:
			if groups[at] == nil {
				order = append(order, at)
			}
			groups[at] = append(groups[at], places)
		}
	}
	for _, at := range order {
		if !open[at] {
			c.choices = append(c.choices, groups[at])
		}
	}
	return c, c.small()
}

// small reports whether all ways through the choices can be tried.
func (c crew) small() bool {
	ways, places := 1, len(c.always)
	for _, alternatives := range c.choices {
		if ways *= len(alternatives); ways > maxWays {
			return false
		}
		most := 0
		for _, a := range alternatives {
			most = max(most, len(a))
		}
		places += most
	}
	return places <= maxPlaces
}

// complete reports whether different people can take all places, one of them
// being away.
func (c crew) complete(away string) bool { return c.with(c.always, 0, away) }

// with reports it with the places that were chosen so far.
func (c crew) with(places []place, choice int, away string) bool {
	if choice == len(c.choices) {
		return c.seated(places, away)
	}
	return slices.ContainsFunc(c.choices[choice], func(alternative []place) bool {
		return c.with(slices.Concat(places, alternative), choice+1, away)
	})
}

// seated matches people to places by augmenting paths, and reports whether
// every place has somebody, or the effort is spent.
func (c crew) seated(places []place, away string) bool {
	at := map[string]int{}
	var take func(i int, tried map[string]bool) bool
	take = func(i int, tried map[string]bool) bool {
		for _, who := range places[i] {
			if *c.effort--; *c.effort < 0 {
				return true
			}
			if who == away || tried[who] {
				continue
			}
			tried[who] = true
			if other, taken := at[who]; !taken || take(other, tried) {
				at[who] = i
				return true
			}
		}
		return false
	}
	for i := range places {
		if !take(i, map[string]bool{}) {
			return false
		}
	}
	return true
}

// people returns everybody who can take a place.
func (c crew) people() []string {
	all := map[string]bool{}
	add := func(places []place) {
		for _, p := range places {
			for _, who := range p {
				all[who] = true
			}
		}
	}
	add(c.always)
	for _, alternatives := range c.choices {
		for _, a := range alternatives {
			add(a)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// enough notes approvers of whom there are too few, since each counts once.
func (d *draft) enough(route string, at policies.Position, ask askDraft, linked []access.Need) {
	if c, ok := d.crew(ask, linked); ok && !c.complete("") {
		d.add(at, fmt.Sprintf("nobody can get all approvals of the route %s: each person counts once, and the files name too few", route), "name more people, or ask for fewer")
	}
}

// lintCrew warns about people whose own requests nobody can approve.
func (d *draft) lintCrew(rt routeDraft) {
	c, ok := d.crew(rt.ask, d.counts(rt.ask))
	people := c.people()
	if !ok || rt.self || len(people) < 2 || len(people) > 50 || !c.complete("") {
		return
	}
	var stuck []string
	for _, who := range people {
		if !c.complete(who) {
			stuck = append(stuck, who)
		}
	}
	if len(stuck) > 0 {
		d.warn(rt.pos, fmt.Sprintf("the route %s needs every approval of %s, so nobody can approve their own requests, and one absence stops all others", rt.name, strings.Join(stuck, ", ")))
	}
}

// counts returns the needs of a route as far as how many people they want.
func (d *draft) counts(ask askDraft) []access.Need {
	all := make([]access.Need, len(ask.needs))
	for i, need := range ask.needs {
		all[i].Count = 1
		if need.count != nil {
			all[i].Count, _ = whole(need.count)
		}
	}
	return all
}
