// Package flows is the Desk: it takes what people say. Ask, extend, break glass,
// approve, deny, withdraw, review and end come here, from Slack, the command
// line and the page alike.
//
// It promises that every verb goes the same way (who is this, what do the
// rules say now, may they), through access.Authorize alone; that its outcome
// is one commit against the versions that were read, so that a decision counts
// once however often it is delivered, and a limit holds however many ask at the
// same moment; and that a refusal is one sentence for the person and an event in
// the record, unless a stranger has filled their share of it.
//
// It refuses to call AWS and to wait for Slack: what is to be done and told is
// left to the Keeper and the outbox, in the same commit. With no rules it
// opens nothing, and still denies, withdraws and ends.
package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// MaxReason is the longest reason that is taken, in bytes.
const MaxReason = 2000

// People say who somebody is. What they answer is fresh enough for authority:
// a minute old at most.
type People interface {
	// Identify returns the person behind an account, or a *access.Refusal.
	Identify(ctx context.Context, a access.Account) (access.Person, error)
	// Recall returns who an account was linked to, and whether that is an
	// admin, from the store and the configuration alone, or a *access.Refusal:
	// enough for ending access, and for nothing else.
	Recall(ctx context.Context, a access.Account) (access.Standing, error)
	// Standing returns what p is allowed to count as, with membership in
	// each of the groups. With an error it is what is known without those
	// that gave no answer.
	Standing(ctx context.Context, p access.Person, groups []flowfile.Group) (access.Standing, error)
	// Gather fetches the facts that rules need, with the groups they name.
	Gather(ctx context.Context, about policies.About, groups []flowfile.Group, needs []policies.Fact) (policies.Facts, error)
}

// Config is what a Desk works with. All of it is required.
type Config struct {
	Store  access.Store
	People People
	// Planners are by way: "aws_sso".
	Planners map[string]access.Planner
	// Rules returns the rules in force, nil when there are none: then nothing
	// opens. It is called once per verb.
	Rules func() *flowfile.Set
	// Find finds the machines of targets that are about some. Optional: without
	// it, none are shown.
	Find  Finder
	Clock clock.Clock
	// Left ends what somebody who has left is known by elsewhere, such as at a
	// terminal, and says why. Optional.
	Left func(ctx context.Context, who access.PersonID, why string) error
}

// A Desk takes what people say. Its methods are safe for concurrent use, and
// return a *access.Refusal where the person should be told no.
type Desk struct {
	Config
	strangers tally
}

// New returns a Desk.
func New(c Config) *Desk { return &Desk{Config: c} }

// errClosingOnly refuses everything that opens while there are no rules.
var errClosingOnly = &access.Refusal{
	Code: access.RefusedClosing,
	Text: "Sesame only ends access at the moment, because its flow files have an error: an admin has been told; try again later.",
}

// A setting is everything that a verb judges by, read once.
type setting struct {
	rules *flowfile.Set  // nil when there are none
	flow  *flowfile.Flow // of the target, once about was asked for it
	now   time.Time
}

// setting returns the rules in force and the time.
func (d *Desk) setting() setting { return setting{rules: d.Rules(), now: d.Clock.Now()} }

// about returns s with the flow of a target, or says why there is none.
func (s setting) about(target string) (setting, error) {
	if s.rules == nil {
		return s, errClosingOnly
	}
	flow, ok := s.rules.Flow(target)
	switch {
	case ok:
		s.flow = flow
		return s, nil
	case target == "":
		return s, &access.Refusal{Code: access.RefusedUnknown, Text: "Nothing was asked for, because no target was named: " + access.NextTargets + "."}
	default:
		return s, noTarget(target)
	}
}

// judge returns r as the rules see it now: with the target as it is defined
// now, and a fresh verdict.
func (d *Desk) judge(ctx context.Context, s setting, r access.Request) (access.Request, error) {
	target, ok := s.rules.Target(r.Target.Name)
	if !ok {
		return access.Request{}, fmt.Errorf("target %q has a flow and no definition", r.Target.Name)
	}
	r.Target = target
	needs := s.flow.Rules.Needs()
	facts, err := d.People.Gather(ctx, policies.About{Request: r}, s.groupsOf(needs), needs)
	if err != nil {
		return access.Request{}, unable("check the rules", err)
	}
	if r, err = d.begins(ctx, r); err != nil {
		return access.Request{}, err
	}
	verdict := s.flow.Rules.Evaluate(s.seen(r, facts))
	verdict.Revision = s.rules.Revision()
	return r.Judged(verdict), nil
}

// groups returns the definitions of named groups. A name without one stays
// out, and nobody is in it; without rules that is every name.
func (s setting) groups(names []string) []flowfile.Group {
	if s.rules == nil {
		return nil
	}
	var gs []flowfile.Group
	for _, name := range names {
		if g, ok := s.rules.Group(name); ok {
			gs = append(gs, g)
		}
	}
	return gs
}

func (s setting) groupsOf(needs []policies.Fact) []flowfile.Group {
	var names []string
	for _, n := range needs {
		if n.Kind == policies.FactGroup {
			names = append(names, n.Name)
		}
	}
	return s.groups(names)
}

func (s setting) groupsOfRoute(route access.Route) []flowfile.Group {
	return s.groups(route.Groups())
}

// A source is an error that knows who gave no answer, in words for a sentence:
// "Slack", "the on-call schedule platform".
type source interface {
	error
	Source() string
}

// unable turns an error that the person cannot help into a refusal that says
// which thing is out of reach. A refusal passes as it is.
func unable(to string, err error) error {
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		return r
	}
	outOfReach := []error{access.ErrUnavailable, access.ErrNoSpace, access.ErrConflict}
	if !slices.ContainsFunc(outOfReach, func(e error) bool { return errors.Is(err, e) }) {
		return err
	}
	if silent, ok := errors.AsType[source](err); ok {
		to += ", because " + silent.Source() + " gives no usable answer"
	}
	return &unableError{
		Refusal: &access.Refusal{
			Code: access.RefusedUnable,
			Text: fmt.Sprintf("Sesame could not %s, so nothing was done: try again in a minute, and tell an admin if it goes on.", to),
		},
		cause: err,
	}
}

// An unableError is a refusal for the person with its cause for the operator.
type unableError struct {
	*access.Refusal
	cause error
}

func (e *unableError) Error() string   { return fmt.Sprintf("%s: %v", e.Refusal.Code, e.cause) }
func (e *unableError) Unwrap() []error { return []error{e.Refusal, e.cause} }
