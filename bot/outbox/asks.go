package outbox

import (
	"context"
	"fmt"
	"slices"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// How many people are told directly of one request: of those who decide, and
// of those who only hear of it.
const (
	mostDeciders = 10
	mostTold     = 20
)

// asks returns the messages that ask for a decision: to the channels of the
// route, and to people whom no channel tells; a copy for the requester if
// nothing else shows them what they sent; and what others see who are told.
// What needs no question to Slack comes first.
func (o *Outbox) asks(ctx context.Context, s scene) ([]step, error) {
	r := s.subject.Request
	steps, heard := o.channels(s)
	if r.Source == access.FromForm && !r.Verdict.Route.Auto && !r.BreakGlass {
		steps = append(steps, o.once(s, RoleOwn, Address{User: r.By.Account.User})...)
	}
	if len(steps) > 0 {
		return steps, nil
	}
	if r.State == access.Pending && (!heard || moved(r)) {
		var err error
		if steps, err = o.deciders(ctx, s, heard); err != nil {
			return nil, err
		}
	}
	told, err := o.told(ctx, s)
	return append(steps, told...), err
}

// next returns the messages to those whose turn it is now, after the stage
// before theirs is complete. A redrawn message notifies nobody.
func (o *Outbox) next(ctx context.Context, s scene) ([]step, error) {
	r := s.subject.Request
	if s.item.version == 0 || r.State != access.Pending || !moved(r) {
		return nil, nil
	}
	heard := slices.ContainsFunc(r.Verdict.Route.Notify, func(c access.Channel) bool { return s.has(RoleDecide, Address{Channel: c.ID}) })
	return o.deciders(ctx, s, heard)
}

// moved reports whether others are asked by now than when the request was new.
func moved(r access.Request) bool {
	if open := r.Outstanding(); len(open) > 0 && open[0].Stage > r.Verdict.Route.Needs[0].Stage {
		return true
	}
	return slices.ContainsFunc(r.Verdict.Route.Silence, func(step access.Escalation) bool {
		return step.In <= r.SilentFor && len(step.Needs) > 0
	})
}

// channels returns the messages to the channels of the route, and whether any
// of them hears of the request.
func (o *Outbox) channels(s scene) (steps []step, heard bool) {
	for _, c := range s.subject.Request.Verdict.Route.Notify {
		to := Address{Channel: c.ID, Name: c.Name}
		if s.find(newPost(s.item.notice, RoleDecide, to).ID).State != dropped {
			heard = true
		}
		steps = append(steps, o.once(s, RoleDecide, to)...)
	}
	return steps, heard
}

// deciders returns the messages to people who are asked to decide. Where a
// channel hears of the request, nobody minds that Slack cannot name them.
func (o *Outbox) deciders(ctx context.Context, s scene, heard bool) ([]step, error) {
	r := s.subject.Request
	if s.item.deciders == nil {
		users, err := o.Deciders(ctx, r, mostDeciders)
		if err != nil {
			return nil, fmt.Errorf("find who decides on %s: %w", r.ID, err)
		}
		if len(users) == 0 && !heard {
			if err := o.unheard(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		s.item.deciders = append([]string{}, users...)
	}
	var steps []step
	for _, user := range s.item.deciders {
		steps = append(steps, o.once(s, RoleDecide, Address{User: user})...)
	}
	return steps, nil
}

// told returns the messages to people who are told and are not asked. Being
// told gives no authority, so theirs have no buttons.
func (o *Outbox) told(ctx context.Context, s scene) ([]step, error) {
	r := s.subject.Request
	if tell := r.Verdict.Route.Tell; s.item.told == nil && len(tell.Groups)+len(tell.People) > 0 {
		users, err := o.Audience(ctx, tell, mostTold)
		if err != nil {
			return nil, fmt.Errorf("find who is told of %s: %w", r.ID, err)
		}
		s.item.told = append([]string{}, users...)
	}
	var steps []step
	for _, user := range s.item.told {
		if to := (Address{User: user}); !slices.Contains(s.item.deciders, user) && !s.has(RoleDecide, to) {
			steps = append(steps, o.once(s, RoleTold, to)...)
		}
	}
	return steps, nil
}

// once is view, unless an earlier notice had the same posted there.
func (o *Outbox) once(s scene, r Role, to Address) []step {
	if s.has(r, to) {
		return nil
	}
	return o.view(s, r, to)
}

// has reports whether there is a message of a role at an address.
func (s scene) has(r Role, to Address) bool {
	return slices.ContainsFunc(s.posts, func(p held) bool {
		return p.Role == r && p.State == posted && p.To.String() == to.String()
	})
}

// unheard tells admins of a request that waits for people who cannot be told.
func (o *Outbox) unheard(ctx context.Context, id access.RequestID) error {
	b := ledger.NewBatch(o.Clock.Now())
	b.Tell(access.NoticeAlarm, id, fmt.Sprintf("Nobody could be told of request %s, since no channel and none of its approvers can be reached in Slack: tell them, or name a channel under notify.", id))
	if _, err := b.Commit(ctx, o.Store); err != nil {
		return fmt.Errorf("record that nobody hears of %s: %w", id, err)
	}
	return nil
}
