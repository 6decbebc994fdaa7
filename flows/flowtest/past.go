package flowtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
	"sesame/store/memory"
)

// A Past is an earlier request.
type Past struct {
	By       string `yaml:"by"`       // e-mail address
	Target   string `yaml:"target"`   // its name
	At       string `yaml:"at"`       // as in 2026-11-20T18:30:00Z
	Outcome  string `yaml:"outcome"`  // approved, denied, withdrawn, lapsed or pending
	Duration string `yaml:"duration"` // that was granted. Optional, default the flow's
	// Ended is when the access was ended, if that was before its time. Optional.
	Ended string `yaml:"ended"`
	// Extension says that the access which the person had to the target was
	// made to last longer.
	Extension  bool `yaml:"extension"`
	BreakGlass bool `yaml:"break_glass"`
	// ReviewDue is when somebody was to have looked at how broken glass was
	// used, and nobody has. Optional.
	ReviewDue string `yaml:"review_due"`
	// Automatic says that a route of the flow approved it by itself.
	Automatic bool `yaml:"automatic"`
}

// request returns p as history counts it.
func (p Past) request(w World, set *flowfile.Set) (policies.Past, error) {
	at, err := moment("past", p.At)
	if err != nil {
		return policies.Past{}, err
	}
	states := []access.RequestState{access.Approved, access.Denied, access.Withdrawn, access.Lapsed, access.Pending}
	if !slices.Contains(states, access.RequestState(p.Outcome)) {
		return policies.Past{}, fmt.Errorf("past: %q is no outcome: it is one of %v", p.Outcome, states)
	}
	past := policies.Past{By: w.person(strings.ToLower(p.By)).ID, Target: p.Target, At: at, Outcome: access.RequestState(p.Outcome), BreakGlass: p.BreakGlass, Auto: p.Automatic}
	f, ok := set.Flow(p.Target)
	if !ok {
		return policies.Past{}, fmt.Errorf("past: there is no target %q%s", p.Target, near(p.Target, targetNames(set)))
	}
	past.Flow = f.Name
	if past.Duration, err = p.lasting(set, f); err != nil {
		return policies.Past{}, fmt.Errorf("past: %w", err)
	}
	return past, nil
}

// lasting returns for how long access was granted.
func (p Past) lasting(set *flowfile.Set, f *flowfile.Flow) (time.Duration, error) {
	switch {
	case p.Duration != "":
		return policies.ParseDuration(p.Duration)
	case p.Extension:
		return f.Extend.Default, nil
	}
	return set.DefaultDuration(p.Target), nil
}

// moment reads a time, where a file says what it is.
func moment(what, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s: %q is not a time such as 2026-11-20T18:30:00Z", what, text)
	}
	return at, nil
}

// past returns all earlier requests as history counts them.
func (w World) past(set *flowfile.Set) ([]policies.Past, error) {
	var all []policies.Past
	for _, p := range w.Past {
		past, err := p.request(w, set)
		if err != nil {
			return nil, err
		}
		all = append(all, past)
	}
	return all, nil
}

// A granted request is one of the past that was approved, and what it gave.
type granted struct {
	access.Request
	grant *access.Grant // that of another request, for an extension
}

// grants returns what was granted until now, or at all where no time is set, in
// the order of time.
func (w World) grants(set *flowfile.Set) ([]granted, error) {
	var all []granted
	for i, p := range w.Past {
		past, err := p.request(w, set)
		if err != nil {
			return nil, err
		}
		if past.Outcome != access.Approved || !w.at.IsZero() && past.At.After(w.at) {
			continue
		}
		target, _ := set.Target(p.Target)
		r := access.Request{
			ID: access.RequestIDFrom(fmt.Sprint("past ", i)), State: access.Approved, By: w.person(strings.ToLower(p.By)),
			Target: target, Duration: past.Duration, BreakGlass: p.BreakGlass, AskedAt: past.At, EndedAt: past.At,
		}
		g := granted{r, given(r)}
		if err := p.detail(&g); err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	slices.SortStableFunc(all, func(a, b granted) int { return a.AskedAt.Compare(b.AskedAt) })
	return all, extend(all)
}

// given returns what r gave, as if it had been there at once.
func given(r access.Request) *access.Grant {
	ends := r.AskedAt.Add(r.Duration)
	return &access.Grant{
		ID: r.ID.Grant(), Request: r.ID, State: access.Open, Holder: r.By.ID, Target: r.Target.Name,
		Duration: r.Duration, DecidedAt: r.AskedAt, OpenedAt: r.AskedAt, EndsAt: ends, CloseBy: ends,
	}
}

// detail adds to g what p says of its end and its review. An extension has no
// grant yet.
func (p Past) detail(g *granted) (err error) {
	if p.Ended != "" {
		g.grant.End.Cause = access.EndedEarly
		if g.grant.End.At, err = moment("past: ended", p.Ended); err == nil && g.grant.End.At.Before(g.AskedAt) {
			err = fmt.Errorf("past: access that was asked for at %s was ended before, at %s", p.At, p.Ended)
		}
	}
	if p.ReviewDue != "" && err == nil {
		g.Review.DueAt, err = moment("past: review_due", p.ReviewDue)
	}
	if p.Extension {
		g.grant = nil
	}
	return err
}

// extend has each extension among all, which are in order, make the grant last
// longer that its person had.
func extend(all []granted) error {
	for i, x := range all {
		if x.grant != nil {
			continue
		}
		g := open(all[:i], x.Request, x.AskedAt)
		if g == nil {
			return fmt.Errorf("past: %s had no access to %s that could be extended at %s", x.By.Email, x.Target.Name, x.AskedAt.Format(time.RFC3339))
		}
		longer, err := g.Extended(access.Request{ID: x.ID, State: access.Approved, Extends: g.ID, By: x.By, Target: x.Target, Duration: x.Duration}, x.AskedAt)
		if err != nil {
			return fmt.Errorf("past: %w", err)
		}
		*g, all[i].grant, all[i].Extends = longer, g, g.ID
	}
	return nil
}

// open returns the latest grant among all that who asks for r has of its target
// at a moment; nil if there is none.
func open(all []granted, r access.Request, at time.Time) *access.Grant {
	for _, g := range slices.Backward(all) {
		if g.By.ID == r.By.ID && g.Target.Name == r.Target.Name && g.grant != nil && at.Before(over(*g.grant)) && !at.Before(g.AskedAt) {
			return g.grant
		}
	}
	return nil
}

// over returns when g is over.
func over(g access.Grant) time.Time {
	if g.End.Cause != "" && g.End.At.Before(g.EndsAt) {
		return g.End.At
	}
	return g.EndsAt
}

// store returns a store that holds what was granted until now, and the request
// r as it would be asked: what it would extend is among that, or is access of
// which nothing is known.
func (w World) store(set *flowfile.Set, r access.Request) (*memory.Store, access.Request, error) {
	all, err := w.grants(set)
	if err != nil {
		return nil, r, err
	}
	var kept []access.Stored
	for _, g := range all {
		kept = append(kept, g.Request)
		if g.Extends == "" {
			kept = append(kept, as(*g.grant, w.at))
		}
	}
	switch g := open(all, r, w.at); {
	case r.Extends != "" && g != nil:
		r.Extends = g.ID
	case r.Extends != "":
		kept = append(kept, access.Grant{ID: r.Extends, State: access.Open, Holder: r.By.ID, Target: r.Target.Name})
	}
	s := memory.New()
	for _, v := range kept {
		if err := keep(s, v); err != nil {
			return nil, r, err
		}
	}
	return s, r, nil
}

// as returns g as it stands at a moment.
func as(g access.Grant, at time.Time) access.Grant {
	end := over(g)
	switch {
	case at.Before(end):
		g.End = access.End{}
		return g
	case end.Equal(g.EndsAt):
		g.End = access.End{At: end, Cause: access.EndedDue}
	}
	g.State = access.Closed
	return g
}

// keep stores what is not there yet.
func keep(s *memory.Store, v access.Stored) error {
	change, err := access.Put(v, 0)
	if err != nil {
		return err
	}
	_, err = s.Commit(context.Background(), access.Commit{Changes: []access.Change{change}})
	return err
}
