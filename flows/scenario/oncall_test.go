package scenario_test

import (
	"context"
	"errors"
	"strings"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/line"
	"sesame/flows/oncall"
	"sesame/flows/oncall/oncalltest"
	"sesame/policies"
)

// startOnCall starts the service that knows who is on call.
func (w *world) startOnCall() {
	w.onCall = oncalltest.NewService(clock.System{})
	w.onCall.Shifts()
	w.roster = oncall.NewRoster(oncall.World{
		Usergroups: w.people, Transport: w.onCall, Secret: func(string) (string, error) { return oncalltest.Token, nil },
	}, w.shift)
}

// parse reads what somebody typed after /access: a line, or the list that it
// asks for. A complete line may name any target, and others those that are
// shown to them.
func (w *world) parse(ctx context.Context, from access.Account, text string) (l line.Line, list string, err error) {
	rules := w.rules.Load()
	l = line.Parse(text, vocabulary(rules, func(access.Target, *flowfile.Flow) bool { return true }))
	if l.Verb != line.List && l.Complete() {
		return l, "", nil
	}
	who, err := w.known.Identify(ctx, from)
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return l, refusal.Text, nil
	} else if err != nil {
		return l, "", nil // the Desk says so
	}
	seen := vocabulary(rules, func(t access.Target, f *flowfile.Flow) bool { return w.shows(ctx, who, t, f) })
	if l.Verb != line.List {
		return line.Parse(text, seen), "", nil
	}
	names := make([]string, len(seen))
	for i, s := range seen {
		names[i] = s.Name
	}
	return l, "You can ask for " + strings.Join(names, ", "), nil
}

// vocabulary returns the targets of which shows holds.
func vocabulary(rules *flowfile.Set, shows func(access.Target, *flowfile.Flow) bool) line.Vocabulary {
	if rules == nil {
		return nil
	}
	var v line.Vocabulary
	for _, t := range rules.Targets() {
		if flow, ok := rules.Flow(t.Name); ok && shows(t, flow) {
			v = append(v, line.SubjectOf(t.Name, flow))
		}
	}
	return v
}

// shows reports whether somebody is shown a target.
func (w *world) shows(ctx context.Context, who access.Person, t access.Target, flow *flowfile.Flow) bool {
	r := access.Request{By: who, Target: t, Duration: flow.Default}
	known, err := w.known.Gather(ctx, policies.About{Request: r}, w.rules.Load().Groups(), flow.Rules.VisibleNeeds())
	return err == nil && flow.Rules.Visible(policies.Input{Request: r, Now: w.shift.Now(), Zone: flow.Zone, Facts: known})
}
