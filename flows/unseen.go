package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/policies"
)

// unseen returns the refusal of r, unless it would tell the requester of a
// target that is not shown to them: then there is no such target. Whoever the
// rules let have it gets it, seen or not; and who holds it knows of it.
func (d *Desk) unseen(ctx context.Context, r access.Request, err error) error {
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok || r.By.ID == "" || r.Extends != "" || !tells(refusal.Code) {
		return err
	}
	s, missing := d.setting().about(r.Target.Name)
	if missing != nil || d.shows(ctx, s, r) {
		return err
	}
	return noTarget(r.Target.Name)
}

// shows reports whether the target of r is shown to its requester. What cannot
// be told is not.
func (d *Desk) shows(ctx context.Context, s setting, r access.Request) bool {
	if !s.flow.Rules.Restricted() {
		return true
	}
	r.Target, _ = s.rules.Target(r.Target.Name)
	needs := s.flow.Rules.VisibleNeeds()
	facts, err := d.People.Gather(ctx, policies.About{Request: r}, s.groupsOf(needs), needs)
	return err == nil && s.flow.Rules.Visible(policies.Input{Request: r, Now: s.now, Zone: s.flow.Zone, Facts: facts})
}

// tells reports whether a refusal says of a target that it exists.
func tells(c access.RefusalCode) bool { return c == access.RefusedRules || c == access.RefusedInput }

func noTarget(name string) *access.Refusal {
	return &access.Refusal{
		Code: access.RefusedUnknown,
		Text: fmt.Sprintf("There is no target %s: %s.", quoted(name), access.NextTargets),
	}
}
