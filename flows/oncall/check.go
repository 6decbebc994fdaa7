package oncall

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
)

// Check asks the source of a schedule, as the server will. The error is
// access.ErrNotFound when there is no such thing at the source, and
// access.ErrForbidden when there is no such token here: neither will go away by
// itself.
func Check(ctx context.Context, o flowfile.OnCall, w World, c clock.Clock) error {
	source, err := FromFile(o, w)
	if err != nil {
		return &Unreachable{o.Name, fmt.Errorf("%w: %w", access.ErrForbidden, err)}
	}
	if o.Token != "" && w.Secret != nil {
		if _, err := w.Secret(o.Token); err != nil {
			return &Unreachable{o.Name, fmt.Errorf("its token cannot be read: %w: %w", access.ErrForbidden, err)}
		}
	}
	if p, ok := source.(PagerDuty); ok {
		source = knownPagerDuty{p}
	}
	_, err = New(o.Name, source, c).Now(ctx)
	return err
}

// A knownPagerDuty asks whether there is what it is asked about: to who is on
// call PagerDuty answers that it is nobody.
type knownPagerDuty struct{ PagerDuty }

// OnCall implements Source.
func (p knownPagerDuty) OnCall(ctx context.Context, now time.Time) ([]Who, error) {
	if err := p.exists(ctx); err != nil {
		return nil, err
	}
	return p.PagerDuty.OnCall(ctx, now)
}

// What PagerDuty answers to GET /escalation_policies/{id} (PagerDuty API
// reference, Get an escalation policy): the rules are its levels in order.
type pagerDutyPolicy struct {
	Policy struct {
		Rules []struct{} `json:"escalation_rules"`
	} `json:"escalation_policy"`
}

func (p PagerDuty) exists(ctx context.Context) error {
	if p.Schedule != "" {
		return p.get(ctx, "/schedules/"+url.PathEscape(p.Schedule), p.authorize, &struct{}{})
	}
	var found pagerDutyPolicy
	if err := p.get(ctx, "/escalation_policies/"+url.PathEscape(p.Policy), p.authorize, &found); err != nil {
		return err
	}
	if levels := len(found.Policy.Rules); levels < p.Level {
		return fmt.Errorf("the policy %s has %d levels and no level %d: %w", p.Policy, levels, p.Level, access.ErrNotFound)
	}
	return nil
}
