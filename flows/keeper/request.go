package keeper

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// stepRequest does what is due because nobody did it: the next step of the
// route while nobody decides, the end of the time to decide, and the alarm
// about broken glass that nobody reviews. All of it is in the record, so it
// needs neither Slack nor the flow files.
func (k *Keeper) stepRequest(ctx context.Context, key access.Key) (time.Time, error) {
	r, v, err := access.Load[access.Request](ctx, k.store, key)
	if err != nil {
		return time.Time{}, ignoreMissing(err)
	}
	due, now := r.Due(), k.Clock.Now()
	if due.IsZero() || now.Before(due) {
		return due, nil
	}
	b := k.batch()
	switch {
	case r.State != access.Pending:
		r, err = overdue(b, r, now)
	case !now.Before(r.LapsesAt) && k.over(ctx, r.Extends, now):
		if _, err = b.Dismiss(r, v, ledger.NothingToExtend); err != nil {
			return time.Time{}, err
		}
		return time.Time{}, k.commit(ctx, b)
	case !now.Before(r.LapsesAt):
		r, err = lapse(b, r, now)
	default:
		r, err = escalate(b, r, now)
	}
	if err != nil {
		return time.Time{}, err
	}
	b.Put(r, v)
	return r.Due(), k.commit(ctx, b)
}

// over reports whether there is such a grant, and its time is over. The Keeper
// may come to a request to extend it first.
func (k *Keeper) over(ctx context.Context, id access.GrantID, now time.Time) bool {
	g, _, err := access.Load[access.Grant](ctx, k.store, access.Grant{ID: id}.Key())
	return err == nil && id != "" && !now.Before(g.EndsAt)
}

// lapse ends a request that nobody decided in time.
func lapse(b *ledger.Batch, r access.Request, now time.Time) (access.Request, error) {
	lapsed, err := r.Lapse(now)
	if err != nil {
		return r, err
	}
	b.Ending()
	b.Event(r.ID, access.EventLapsed, access.Person{}, nil)
	b.Tell(access.NoticeChanged, r.ID, "Nobody decided in time, so the request lapsed, which means no.")
	b.Tell(access.NoticeOutcome, r.ID, "")
	return lapsed, nil
}

// escalate takes the next step of the route of a request that nobody decided.
func escalate(b *ledger.Batch, r access.Request, now time.Time) (access.Request, error) {
	next, step, err := r.Escalate(now)
	if err != nil {
		return r, err
	}
	b.Event(r.ID, access.EventEscalated, access.Person{}, escalated{step, next.Verdict.Route.Needs})
	silent := "Nobody decided in " + access.Spoken(step.In)
	if step.Deny {
		b.Ending()
		b.Event(r.ID, access.EventDenied, access.Person{}, next.Decisions[len(next.Decisions)-1])
		b.Tell(access.NoticeChanged, r.ID, silent+", so the request was denied, as its route says.")
		b.Tell(access.NoticeOutcome, r.ID, "")
		return next, nil
	}
	b.Tell(access.NoticeAsked, r.ID, "")
	b.Tell(access.NoticeChanged, r.ID, silent+", so "+following(r, next, step)+".")
	return next, nil
}

// escalated is the data of EventEscalated: the step, and who decides from then
// on.
type escalated struct {
	access.Escalation
	Deciders []access.Need `json:"deciders,omitempty"`
}

// following says what a step did, after which was has become is.
func following(was, is access.Request, step access.Escalation) string {
	var did []string
	if told := audience(step); told != "" {
		did = append(did, told+" was told too")
	}
	if len(step.Needs) > 0 {
		did = append(did, "it is for "+is.Asked()+" to decide now")
	}
	if was.Counted() > is.Counted() {
		did = append(did, "what was approved before does not count any more")
	}
	if len(did) == 0 {
		return "those who can decide are asked again"
	}
	return strings.Join(did, ", and ")
}

// audience names who is told by a step, besides those who decide.
func audience(step access.Escalation) string {
	var all []string
	for _, c := range step.Notify {
		all = append(all, c.Name)
	}
	all = append(append(all, step.Tell.Groups...), step.Tell.People...)
	return strings.Join(all, ", ")
}

// overdue says out loud that nobody reviewed broken glass in time.
func overdue(b *ledger.Batch, r access.Request, now time.Time) (access.Request, error) {
	late, err := r.ReviewOverdue(now)
	if err != nil {
		return r, err
	}
	text := fmt.Sprintf("%s used break-glass for %s (request %s), and nobody reviewed it by %s: until somebody does, %s cannot use it again.",
		r.By.Name, r.Target.Name, r.ID, r.Review.DueAt.UTC().Format("2006-01-02 15:04 UTC"), r.By.Name)
	b.Event(r.ID, access.EventOverdue, access.Person{}, late.Review)
	b.Tell(access.NoticeAlarm, r.ID, text)
	b.Tell(access.NoticeChanged, r.ID, "Nobody reviewed this in time: the admins were told.")
	return late, nil
}

// unopened says why a grant was not open in time.
func (k *Keeper) unopened(ctx context.Context, g access.Grant) string {
	r, _, err := access.Load[access.Request](ctx, k.store, access.Request{ID: g.Request}.Key())
	if err == nil && r.BreakGlass && len(r.Announcements) == 0 {
		return "Nobody could be told that you broke the glass, and it is never broken in silence: ask for the access in the ordinary way, or again once Slack answers."
	}
	return k.hindrance(ctx, g)
}
