package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sesame/flows/access"
)

// announce returns what is left to do to have people know that somebody broke
// the glass. The channel comes first, with what is in the record, since access
// opens once Slack has confirmed it; the names of those who were skipped are
// put in afterwards, and they are told each.
func (o *Outbox) announce(ctx context.Context, s scene) ([]step, error) {
	r := s.subject.Request
	glass := r.Verdict.Route.Glass
	if glass == nil {
		o.Log.Error().Str("request", string(r.ID)).Msg("a route without broken glass has nothing to announce")
		return nil, nil
	}
	to := Address{Channel: glass.Announce.ID, Name: glass.Announce.Name}
	if steps := o.once(s, RoleAnnounce, to); len(steps) > 0 {
		return steps, nil
	}
	if s.has(RoleAnnounce, to) {
		if err := o.noted(ctx, &s, "Slack channel "+glass.Announce.Name); err != nil {
			return nil, err
		}
	}
	o.findSkipped(ctx, s)
	s.name()
	steps := o.redraws(s)
	for _, user := range s.item.skipped {
		steps = append(steps, o.once(s, RoleAnnounce, Address{User: user})...)
	}
	channels, _ := o.channels(s)
	if steps = append(steps, channels...); len(steps) > 0 {
		return steps, nil
	}
	return o.told(ctx, s)
}

// noted has it recorded that a place took note, unless it was, and shown.
func (o *Outbox) noted(ctx context.Context, s *scene, where string) error {
	r, err := s.subject.Request.Announced(where, s.now)
	if errors.Is(err, access.ErrCountedAlready) {
		return nil
	}
	if err == nil {
		err = o.Announced(ctx, r.ID, where)
	}
	if err != nil {
		return fmt.Errorf("record that %s was announced: %w", s.subject.Request.ID, err)
	}
	s.subject.Request = r
	clear(s.item.redrawn)
	return nil
}

// findSkipped finds out who was skipped, once, besides who skipped them. When nobody can say, the
// announcement names groups alone, as the rules do.
func (o *Outbox) findSkipped(ctx context.Context, s scene) {
	if s.item.skipped != nil {
		return
	}
	r := s.subject.Request
	s.item.skipped = []string{}
	var all access.Audience
	for _, n := range r.Verdict.Route.Skipped {
		all.Groups, all.People = append(all.Groups, n.Groups...), append(all.People, n.People...)
	}
	users, err := o.Audience(ctx, all, mostTold)
	users = slices.DeleteFunc(users, func(u string) bool { return u == r.By.Account.User })
	if err == nil {
		s.item.skipped = append(s.item.skipped, users...)
		s.item.names, err = o.Names(ctx, users)
	}
	if err != nil {
		o.Log.Warn().Err(err).Str("request", string(r.ID)).Msg("find who was skipped; the announcement names their groups")
	}
}

// name puts the names of those who were skipped into announcements that lack
// them.
func (s scene) name() {
	for i, p := range s.posts {
		if p.Role == RoleAnnounce && p.State == posted && len(p.Names) == 0 && len(s.item.names) > 0 {
			s.posts[i].Names = s.item.names
			delete(s.item.redrawn, p.ID)
		}
	}
}
