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
	// Sole has whoever holds the target, or has asked for it, be answered with
	// that in place of another request.
	Sole   bool
	Source access.Source
	// SentAt is when it was sent, if that may have been a while ago: what came
	// too late is refused. The zero time is now.
	SentAt time.Time
}

// How much one person may have open at once. More of it would be a nuisance to
// those who decide, and many leases on one object a burden to each step on it.
const (
	MaxPending = 20 // requests that wait for a decision
	MaxLive    = 50 // grants that are not closed
)

// Ask takes a request. The same draft asked again returns the request as it
// stands by now, and of sole drafts at once all return one.
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
			Code: access.RefusedInput, Text: "Nothing was asked for, because somebody else has sent this before: " + access.NextAsk + ".",
		}
	case !errors.Is(err, access.ErrNotFound):
		return access.Request{ID: draft.ID}, fmt.Errorf("ask for %q: %w", draft.Target, err)
	}
	r, a, err := d.consider(ctx, draft)
	if errors.Is(err, errUnderWay) {
		return r, nil
	} else if err == nil {
		err = a.fresh(draft.SentAt)
	}
	if err != nil {
		return r, d.unseen(ctx, r, err)
	}
	return d.record(ctx, a, r)
}

// Check returns what is wrong with a draft as far as the rules in memory can
// tell, as a *access.Refusal, or nil. It asks nobody, so that a form can be
// answered at once; Ask checks the same again.
func (d *Desk) Check(draft Draft) error {
	s, err := d.setting().about(draft.Target)
	if err != nil {
		return err
	}
	_, err = s.input(draft)
	return err
}

// An asking is what a draft is judged by.
type asking struct {
	setting
	draft Draft
	room  room
	// grant is the one that is to last longer, as it was read, and first the
	// request that it was given for.
	grant   access.Grant
	version access.Version
	first   access.Request
	// who is the requester, as far as they may decide themselves.
	who access.Standing
}

// consider returns the request that a draft makes, and what it would need. On
// a refusal the request says who asked, as far as that was found out.
func (d *Desk) consider(ctx context.Context, draft Draft) (access.Request, asking, error) {
	r := access.Request{
		ID: draft.ID, State: access.Pending, Source: draft.Source, Extends: draft.Extends, BreakGlass: draft.BreakGlass,
	}
	who, err := d.People.Identify(ctx, draft.From)
	if err != nil {
		return r, asking{}, unable("find out who you are", err)
	}
	r.By = who
	a, err := d.asking(ctx, who, draft)
	if err != nil {
		return r, a, err
	}
	r.Target.Name, r.Duration, r.AskedAt = a.draft.Target, draft.Duration, a.now
	if a.room, err = d.room(ctx, who.ID, r.Target.Name); err != nil {
		return r, a, err
	}
	if draft.Sole {
		if was, err := d.underWay(ctx, who.ID, draft.Target); err != nil {
			return was, a, err
		}
	}
	if r, err = a.read(r); err != nil {
		return r, a, err
	}
	if err := d.bounded(ctx, r); err != nil {
		return r, a, err
	}
	if r, err = d.judge(ctx, a.setting, r); err != nil {
		return r, a, err
	}
	r.LapsesAt = a.lapse(r)
	return d.admit(ctx, a, r)
}

// asking returns what a draft of who is judged by. That of an extension is for
// the target of its grant.
func (d *Desk) asking(ctx context.Context, who access.Person, draft Draft) (asking, error) {
	a := asking{setting: d.setting(), draft: draft}
	var err error
	if draft.Extends != "" {
		if a, err = d.extended(ctx, a, who); err != nil {
			return a, err
		}
	}
	a.setting, err = a.about(a.draft.Target)
	return a, err
}

// read returns r with what was typed, as it is kept. An extension keeps the
// fields of the request that it extends.
func (a asking) read(r access.Request) (access.Request, error) {
	in, err := a.input(a.draft)
	r.Reason, r.Incident, r.Fields = in.reason, in.incident, in.fields
	if a.draft.Extends != "" {
		r.Fields = a.first.Fields
	}
	return r, err
}

// lapse returns when silence means no to r: an extension has to be decided on
// before the access is over.
func (a asking) lapse(r access.Request) time.Time {
	at := a.now.Add(r.Verdict.Route.LapseAfter)
	if ends := a.grant.EndsAt; a.draft.Extends != "" && ends.Before(at) {
		return ends
	}
	return at
}

// admit asks, of a request that was judged, whether its requester may make it
// and whether there is room for it.
func (d *Desk) admit(ctx context.Context, a asking, r access.Request) (access.Request, asking, error) {
	standing, err := d.standing(ctx, r.By, nil)
	if err != nil {
		return r, a, unable("check that you are still a member", err)
	}
	if err := access.Authorize(access.Ask, standing, r); err != nil {
		return r, a, err
	}
	switch {
	case r.BreakGlass:
		a.who, err = d.mayBreak(ctx, a.setting, r)
	case r.Extends != "":
		if err = a.mayExtend(a.grant, r); err == nil {
			err = d.oneAtATime(ctx, a.grant)
		}
	}
	if err != nil {
		return r, a, err
	}
	if err := (counting{d, a.setting, r, true}).within(ctx); err != nil {
		return r, a, err
	}
	if r.Extends == "" {
		// What cannot be planned, or has no place, is said now, not at the approval.
		err = d.plannable(ctx, r)
	}
	return r, a, err
}

// bounded refuses somebody who has too much open already. Requests made at the
// same moment may each find room, which does no harm.
func (d *Desk) bounded(ctx context.Context, r access.Request) error {
	count := func(index string, most int) (bool, error) {
		q := access.Exactly(index, string(r.By.ID))
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
	} else if full && r.Extends == "" {
		return &access.Refusal{
			Code: access.RefusedTooMany,
			Text: fmt.Sprintf("You have access %d times at once, which is the most that anybody can have: %s, or wait.", MaxLive, access.NextEndSome),
		}
	}
	return nil
}

// An input is what was typed, as it is kept.
type input struct {
	reason   string
	incident string // of broken glass
	fields   map[string]string
}

// input checks what was typed, all of it at once.
func (s setting) input(draft Draft) (input, error) {
	problems, in := map[string]string{}, input{fields: map[string]string{}}
	keep := func(name, value, problem string) string {
		if problem != "" {
			problems[name] = problem
		}
		return value
	}
	keep(FieldDuration, "", s.duration(draft))
	reason, problem := cleanReason(draft.Reason)
	in.reason = keep(FieldReason, reason, problem)
	if draft.BreakGlass {
		incident, problem := cleanIncident(draft.Incident)
		in.incident = keep(FieldIncident, incident, problem)
	}
	for _, f := range s.fields(draft) {
		value, problem := f.Parse(draft.Fields[f.Name])
		if keep(f.Name, value, problem) != "" && problem == "" {
			in.fields[f.Name] = value
		}
	}
	s.unknown(draft, problems)
	if len(problems) == 0 {
		return in, nil
	}
	return input{}, &access.Refusal{Code: access.RefusedInput, Text: joined(problems), Fields: problems}
}

// fields returns what the form of a draft asks besides.
func (s setting) fields(draft Draft) []flowfile.Field {
	if draft.Extends != "" {
		return nil
	}
	return s.flow.Fields
}

// duration returns what is wrong with the duration of a draft. That access
// cannot be extended at all is not said here.
func (s setting) duration(draft Draft) string {
	choices := s.choices(draft)
	switch {
	case slices.Contains(choices, draft.Duration), draft.Extends != "" && len(choices) == 0:
		return ""
	case draft.Extends != "" && draft.Duration > 0:
		return fmt.Sprintf("This access cannot be extended by %s: choose %s.", access.Spoken(draft.Duration), spokenList(choices))
	case draft.Extends != "":
		return fmt.Sprintf("Say by how much to extend it: choose %s.", spokenList(choices))
	case draft.Duration <= 0:
		return fmt.Sprintf("Say for how long you need %s: choose %s.", draft.Target, spokenList(choices))
	default:
		return fmt.Sprintf("%s cannot be had for %s: choose %s.", draft.Target, access.Spoken(draft.Duration), spokenList(choices))
	}
}

// mostUnknown is how many fields that do not exist are spoken of.
const mostUnknown = 5

// unknown adds what there is to say about fields that the flow does not have.
func (s setting) unknown(draft Draft, problems map[string]string) {
	n := 0
	for _, name := range slices.Sorted(maps.Keys(draft.Fields)) {
		if slices.ContainsFunc(s.fields(draft), func(f flowfile.Field) bool { return f.Name == name }) {
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
	FieldIncident = "incident"
)

// plan returns what a grant of r would need.
func (d *Desk) plan(r access.Request) (access.Plan, error) {
	planner, ok := d.Planners[r.Target.Way]
	if !ok {
		return access.Plan{}, &access.Refusal{
			Code: access.RefusedUnable,
			Text: fmt.Sprintf("Nobody can have %s at the moment, because this server is not set up for its strategy %s: ask an admin to set it up.", r.Target.Name, r.Target.Strategy),
		}
	}
	plan, err := planner.Plan(flowfile.For(r.Target, r.Fields), r.By)
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return access.Plan{}, refusal
	}
	if err != nil {
		return access.Plan{}, fmt.Errorf("plan %q: %w", r.Target.Name, err)
	}
	return plan, nil
}

// record commits a request that the rules let pass, with what it gives if
// nobody else has to decide, and returns it as it stands then.
func (d *Desk) record(ctx context.Context, a asking, r access.Request) (access.Request, error) {
	b := ledger.NewBatch(r.AskedAt)
	b.Event(r.ID, access.EventAsked, r.By, askedOf(r))
	taken, err := d.decideAtOnce(ctx, b, a, r)
	if err != nil {
		return r, err
	}
	switch {
	case taken.State == access.Approved:
		a.room.take(b, a.setting)
	case r.Extends != "":
		b.Put(a.grant, a.version)
	case a.draft.Sole:
		b.Count(a.room.person.Tally, a.room.person.version)
	}
	b.Put(taken, 0)
	_, err = b.Commit(ctx, d.Store)
	return taken, err
}

// decideAtOnce adds to b what is decided with the asking: by the route, or by
// who breaks the glass. Anybody else is asked.
func (d *Desk) decideAtOnce(ctx context.Context, b *ledger.Batch, a asking, r access.Request) (access.Request, error) {
	var err error
	switch {
	case r.BreakGlass:
		return d.breakGlass(ctx, b, a, r)
	case r.Verdict.Route.Auto:
		b.Tell(access.NoticeAsked, r.ID, "")
		if r, err = r.ApproveByRoute(r.AskedAt); err != nil {
			return r, err
		}
		b.Event(r.ID, access.EventApproved, access.Person{}, r.Decisions[0])
		return r, d.give(ctx, b, a.setting, r)
	default:
		b.Tell(access.NoticeAsked, r.ID, "")
		return r, nil
	}
}

// plannable refuses what a grant of r would need and cannot have now.
func (d *Desk) plannable(ctx context.Context, r access.Request) error {
	plan, err := d.plan(r)
	if err != nil {
		return err
	}
	return ledger.Room(ctx, d.Store, plan)
}

// give adds to b what an approved request gives: a grant, or more time for the
// one that it extends.
func (d *Desk) give(ctx context.Context, b *ledger.Batch, s setting, r access.Request) error {
	if r.Extends != "" {
		return d.extendedBy(ctx, b, s, r)
	}
	plan, err := d.plan(r)
	if err != nil {
		return err
	}
	machines, err := d.matched(ctx, r.Target)
	if err != nil {
		return err
	}
	plan.Connect = append(machines.ways(r.Target), plan.Connect...)
	return b.Grant(ctx, d.Store, r, plan)
}

// asked is the data of EventAsked and EventChanged: the terms, and the rules
// and facts that they were judged by.
type asked struct {
	Terms   access.Terms   `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
	Source  access.Source  `json:"source"`
	Begins  time.Time      `json:"begins,omitzero"` // of an extension
	// Left are those who approved and have left, so that it does not count.
	Left []access.PersonID `json:"left,omitempty"`
}

func askedOf(r access.Request) asked {
	a := asked{Terms: r.Terms(), Verdict: r.Verdict, Source: r.Source, Begins: r.BeginsAt}
	for _, d := range r.Decisions {
		if d.Left {
			a.Left = append(a.Left, d.By)
		}
	}
	return a
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
	r.Source = draft.Source
	return d.recordRefusal(ctx, by, err, func(b *ledger.Batch, last bool) {
		b.Event(stream(draft.ID), access.EventRefused, by.named(), refusal{askedOf(r), err.Error(), last})
	})
}
