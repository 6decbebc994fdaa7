package flows

import (
	"context"
	"slices"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// An Offer is a target that somebody may ask for, and how.
type Offer struct {
	Target    access.Target
	Durations []time.Duration
	Fields    []flowfile.Field
	// Longer says that access to it can be extended, and Glass that it can be
	// had by breaking the glass.
	Longer, Glass bool
}

// offersAtOnce is how many targets are looked at at a time.
const offersAtOnce = 8

// Offers returns what somebody may ask for, sorted by name. Where
// nobody can tell at present whether they may ask, it is offered; where nobody
// can tell whether they may see it, it is not. What is asked for is judged anew.
func (d *Desk) Offers(ctx context.Context, from access.Account) ([]Offer, error) {
	who, standing, err := d.inquirer(ctx, from)
	if err != nil || !standing.Active {
		return nil, err
	}
	rules := d.Rules()
	if rules == nil {
		return nil, errClosingOnly
	}
	targets := rules.Targets()
	offered := make([]bool, len(targets))
	var looking sync.WaitGroup
	for from := range offersAtOnce {
		looking.Go(func() {
			for i := from; i < len(targets); i += offersAtOnce {
				offered[i] = d.offers(ctx, who, targets[i])
			}
		})
	}
	looking.Wait()
	var all []Offer
	for i, t := range targets {
		if flow, ok := rules.Flow(t.Name); ok && offered[i] {
			all = append(all, Offer{t, rules.Durations(t.Name), slices.Clone(flow.Fields), len(flow.Extend.Choices) > 0, flow.Rules.Breakable()})
		}
	}
	return all, nil
}

// offers reports whether somebody may see a target, and may ask for it as far as
// that is known.
func (d *Desk) offers(ctx context.Context, who access.Person, t access.Target) bool {
	s, err := d.setting().about(t.Name)
	if err != nil {
		return false
	}
	r := access.Request{By: who, Target: t, Duration: s.flow.Default, AskedAt: s.now}
	if !d.shows(ctx, s, r) {
		return false
	}
	may, known := d.admits(ctx, s, r)
	return may || !known
}

// inquirer returns who looks for something to ask for.
func (d *Desk) inquirer(ctx context.Context, from access.Account) (access.Person, access.Standing, error) {
	who, err := d.People.Identify(ctx, from)
	if err != nil {
		return who, access.Standing{}, unable("find out who you are", err)
	}
	standing, err := d.standing(ctx, who, nil)
	return who, standing, unable("check that you are still a member", err)
}

// admits reports whether the requester of r is among those who may ask, and
// whether that is known.
func (d *Desk) admits(ctx context.Context, s setting, r access.Request) (may, known bool) {
	needs := s.flow.Rules.Needs()
	facts, err := d.People.Gather(ctx, policies.About{Request: r}, s.groupsOf(needs), needs)
	if err != nil {
		return false, false
	}
	return s.flow.Rules.Admits(policies.Input{Request: r, Now: s.now, Zone: s.flow.Zone, Facts: facts})
}
