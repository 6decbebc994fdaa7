package flows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
)

// A Draft is what somebody asks for, as it came in.
type Draft struct {
	// ID is made from the delivery, so that one delivery asks once.
	ID       access.RequestID
	From     access.Account
	Target   string
	Duration time.Duration
	Reason   string
	Fields   map[string]string
	// Extends is the grant that is to last longer by Duration; the target is
	// its own, and may be left out.
	Extends access.GrantID
	// BreakGlass says that the requester opens this themselves, for Incident.
	BreakGlass bool
	Incident   string
	Source     access.Source
}

// How much one person may have open at once. More of it would be a nuisance to
// those who decide, and many leases on one object a burden to each step on it.
const (
	MaxPending = 20 // requests that wait for a decision
	MaxLive    = 50 // grants that are not closed
)

// Ask takes a request. The same draft asked again returns the request as it
// stands by now.
func (d *Desk) Ask(ctx context.Context, draft Draft) (access.Request, error) {
	var r access.Request
	err := ledger.Retry(func() (err error) {
		r, err = d.askOnce(ctx, draft)
		return err
	})
	if err != nil {
		return access.Request{}, d.refused(ctx, r, draft, unable("record the request", err))
	}
	return r, nil
}

// askOnce carries out one attempt. With an error, the request says who asked
// and for what, as far as that was found out.
func (d *Desk) askOnce(ctx context.Context, draft Draft) (access.Request, error) {
	was, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: draft.ID}.Key())
	switch {
	case err == nil && was.By.Account == draft.From:
		return was, nil
	case err == nil:
		return access.Request{ID: draft.ID}, &access.Refusal{
			Code: access.RefusedInput, Text: "Nothing was asked for, because somebody else has sent this before: ask anew with /access.",
		}
	case !errors.Is(err, access.ErrNotFound):
		return access.Request{ID: draft.ID}, fmt.Errorf("ask for %q: %w", draft.Target, err)
	}
	r, plan, err := d.consider(ctx, draft)
	if err != nil {
		return r, err
	}
	return d.record(ctx, r, plan)
}

// Check returns what is wrong with a draft as far as the rules in memory can
// tell, as a *access.Refusal, or nil. It asks nobody, so that a form can be
// answered at once; Ask checks the same again.
func (d *Desk) Check(draft Draft) error {
	s, err := d.setting().about(draft.Target)
	if err != nil {
		return err
	}
	_, _, err = s.input(draft)
	return err
}

// consider returns the request that a draft makes, and what it would need. On
// a refusal the request says who asked, as far as that was found out.
func (d *Desk) consider(ctx context.Context, draft Draft) (access.Request, access.Plan, error) {
	r := access.Request{ID: draft.ID, State: access.Pending, Source: draft.Source}
	who, err := d.People.Identify(ctx, draft.From)
	if err != nil {
		return r, access.Plan{}, unable("find out who you are", err)
	}
	r.By = who
	s, err := d.setting().about(draft.Target)
	if err != nil {
		return r, access.Plan{}, err
	}
	r.Target.Name, r.Duration, r.AskedAt = draft.Target, draft.Duration, s.now
	if r.Reason, r.Fields, err = s.input(draft); err != nil {
		return r, access.Plan{}, err
	}
	if err := d.bounded(ctx, who.ID); err != nil {
		return r, access.Plan{}, err
	}
	if r, err = d.judge(ctx, s, r); err != nil {
		return r, access.Plan{}, err
	}
	r.LapsesAt = s.now.Add(r.Verdict.Route.LapseAfter)
	standing, err := d.standing(ctx, who, nil)
	if err != nil {
		return r, access.Plan{}, unable("check that you are still a member", err)
	}
	if err := access.Authorize(access.Ask, standing, r); err != nil {
		return r, access.Plan{}, err
	}
	plan, err := d.plan(r)
	return r, plan, err
}

// bounded refuses somebody who has too much open already. Requests made at the
// same moment may each find room, which does no harm.
func (d *Desk) bounded(ctx context.Context, who access.PersonID) error {
	count := func(index string, most int) (bool, error) {
		q := access.Exactly(index, string(who))
		q.Limit = most
		page, err := d.Store.List(ctx, q)
		return len(page.Records) == most, err
	}
	if full, err := count(access.IndexPending, MaxPending); err != nil {
		return err
	} else if full {
		return &access.Refusal{
			Code: access.RefusedTooMany,
			Text: fmt.Sprintf("You have %d requests that wait for a decision, which is the most that anybody can have: withdraw one, or wait.", MaxPending),
		}
	}
	if full, err := count(access.IndexLive, MaxLive); err != nil {
		return err
	} else if full {
		return &access.Refusal{
			Code: access.RefusedTooMany,
			Text: fmt.Sprintf("You have access %d times at once, which is the most that anybody can have: end some of it with /access end, or wait.", MaxLive),
		}
	}
	return nil
}

// input checks what was typed, all of it at once, and returns it as it is
// kept.
func (s setting) input(draft Draft) (reason string, fields map[string]string, err error) {
	problems := map[string]string{}
	if problem := s.duration(draft); problem != "" {
		problems[FieldDuration] = problem
	}
	reason, problem := cleanReason(draft.Reason)
	if problem != "" {
		problems[FieldReason] = problem
	}
	fields = map[string]string{}
	for _, f := range s.flow.Fields {
		value, problem := f.Parse(draft.Fields[f.Name])
		if problem != "" {
			problems[f.Name] = problem
		} else if value != "" {
			fields[f.Name] = value
		}
	}
	s.unknown(draft, problems)
	if len(problems) == 0 {
		return reason, fields, nil
	}
	return "", nil, &access.Refusal{Code: access.RefusedInput, Text: joined(problems), Fields: problems}
}

// duration returns what is wrong with the duration of a draft.
func (s setting) duration(draft Draft) string {
	switch {
	case slices.Contains(s.flow.Durations, draft.Duration):
		return ""
	case draft.Duration <= 0:
		return fmt.Sprintf("Say for how long you need %s: choose %s.", draft.Target, spokenList(s.flow.Durations))
	default:
		return fmt.Sprintf("%s cannot be had for %s: choose %s.", draft.Target, access.Spoken(draft.Duration), spokenList(s.flow.Durations))
	}
}

// mostUnknown is how many fields that do not exist are spoken of.
const mostUnknown = 5

// unknown adds what there is to say about fields that the flow does not have.
func (s setting) unknown(draft Draft, problems map[string]string) {
	n := 0
	for _, name := range slices.Sorted(maps.Keys(draft.Fields)) {
		if slices.ContainsFunc(s.flow.Fields, func(f flowfile.Field) bool { return f.Name == name }) {
			continue
		}
		if n++; n > mostUnknown {
			return
		}
		problems[name] = fmt.Sprintf("%s has no field %s: leave it out.", draft.Target, quoted(name))
	}
}

// The names under which a refusal speaks of what is not a field of the flow.
const (
	FieldDuration = "duration"
	FieldReason   = "reason"
)

// plan returns what a grant of r would need.
func (d *Desk) plan(r access.Request) (access.Plan, error) {
	planner, ok := d.Planners[r.Target.Way]
	if !ok {
		return access.Plan{}, fmt.Errorf("target %q: no strategy %q", r.Target.Name, r.Target.Way)
	}
	plan, err := planner.Plan(r.Target, r.By)
	if err != nil {
		return access.Plan{}, fmt.Errorf("plan %q: %w", r.Target.Name, err)
	}
	return plan, nil
}

// record commits a request that the rules let pass, with its grant if its
// route decides by itself, and returns it as it stands then.
func (d *Desk) record(ctx context.Context, r access.Request, plan access.Plan) (access.Request, error) {
	b := ledger.NewBatch(r.AskedAt)
	b.Event(r.ID, access.EventAsked, r.By, asked{r.Terms(), r.Verdict, r.Source})
	b.Tell(access.NoticeAsked, r.ID, "")
	taken := r
	if r.Verdict.Route.Auto {
		var err error
		if taken, err = r.ApproveByRoute(r.AskedAt); err != nil {
			return r, err
		}
		b.Event(r.ID, access.EventApproved, access.Person{}, taken.Decisions[0])
		if err := b.Grant(ctx, d.Store, taken, plan); err != nil {
			return r, err
		}
	}
	b.Put(taken, 0)
	_, err := b.Commit(ctx, d.Store)
	return taken, err
}

// asked is the data of EventAsked and EventChanged: the terms, and the rules
// and facts that they were judged by.
type asked struct {
	Terms   access.Terms   `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
	Source  access.Source  `json:"source"`
}

// refusal is the data of EventRefused.
type refusal struct {
	asked
	Text string `json:"text"`
	Last bool   `json:"last,omitempty"` // as of attempt
}

// refused records a request that was not taken, and returns the refusal.
func (d *Desk) refused(ctx context.Context, r access.Request, draft Draft, err error) error {
	if _, ok := errors.AsType[*access.Refusal](err); !ok {
		return err
	}
	by := teller{draft.From, r.By}
	return d.recordRefusal(ctx, by, err, func(b *ledger.Batch, last bool) {
		b.Event(stream(draft.ID), access.EventRefused, by.named(), refusal{asked{r.Terms(), r.Verdict, draft.Source}, err.Error(), last})
	})
}
