package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	Source   access.Source
}

// Ask takes a request. The same draft asked again returns the request as it
// stands by now.
func (d *Desk) Ask(ctx context.Context, draft Draft) (access.Request, error) {
	if r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: draft.ID}.Key()); err == nil {
		return r, nil
	} else if !errors.Is(err, access.ErrNotFound) {
		return access.Request{}, fmt.Errorf("ask for %q: %w", draft.Target, err)
	}
	r, plan, err := d.consider(ctx, draft)
	if err != nil {
		return access.Request{}, d.refused(ctx, r, draft, err)
	}
	if err := d.record(ctx, r, plan); err != nil {
		if errors.Is(err, access.ErrConflict) {
			// The same delivery was handled twice at once; the other one won.
			r, _, err := access.Load[access.Request](ctx, d.Store, r.Key())
			return r, err
		}
		return access.Request{}, unable("record the request", err)
	}
	return r, nil
}

// Check returns what is wrong with a draft as far as the rules in memory can
// tell, as a *access.Refusal, or nil. It asks nobody, so that a form can be
// answered at once; Ask checks the same again.
func (d *Desk) Check(draft Draft) error {
	s, err := d.setting(draft.Target)
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
	s, err := d.setting(draft.Target)
	if err != nil {
		return r, access.Plan{}, err
	}
	r.Target.Name, r.Duration, r.AskedAt = draft.Target, draft.Duration, s.now
	if r.Reason, r.Fields, err = s.input(draft); err != nil {
		return r, access.Plan{}, err
	}
	if r, err = d.judge(ctx, s, r); err != nil {
		return r, access.Plan{}, err
	}
	r.LapsesAt = s.now.Add(r.Verdict.Route.LapseAfter)
	standing, err := d.People.Standing(ctx, who, nil)
	if err != nil {
		return r, access.Plan{}, unable("check that you are still a member", err)
	}
	if err := access.Authorize(access.Ask, standing, r); err != nil {
		return r, access.Plan{}, err
	}
	plan, err := d.plan(r)
	return r, plan, err
}

// input checks what was typed, all of it at once, and returns it as it is
// kept.
func (s setting) input(draft Draft) (reason string, fields map[string]string, err error) {
	problems := map[string]string{}
	if !slices.Contains(s.flow.Durations, draft.Duration) {
		problems[FieldDuration] = fmt.Sprintf("%s cannot be had for %s: choose %s.", draft.Target, Spoken(draft.Duration), spokenList(s.flow.Durations))
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
	for name := range draft.Fields {
		if !slices.ContainsFunc(s.flow.Fields, func(f flowfile.Field) bool { return f.Name == name }) {
			problems[name] = fmt.Sprintf("%s has no field %q.", draft.Target, name)
		}
	}
	if len(problems) == 0 {
		return reason, fields, nil
	}
	return "", nil, &access.Refusal{Code: access.RefusedInput, Text: joined(problems), Fields: problems}
}

// The names under which a refusal speaks of what is not a field of the flow.
const (
	FieldDuration = "duration"
	FieldReason   = "reason"
)

// cleanReason returns a reason without the characters that could make it read
// differently from how it was typed, or what is wrong with it.
func cleanReason(s string) (reason, problem string) {
	reason = strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(s, "\uFFFD")))
	switch {
	case reason == "":
		return "", "Say why you need it: the approver and the auditor read the reason."
	case len(reason) > MaxReason:
		return "", fmt.Sprintf("The reason has %d characters: shorten it to %d, and link to the rest.", utf8.RuneCountInString(reason), MaxReason)
	}
	return reason, ""
}

// printable drops control characters, and the marks that reorder text.
func printable(c rune) rune {
	switch {
	case c == '\n' || c == '\t':
		return c
	case c < ' ' || c >= 0x7f && c < 0xa0:
		return -1
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0x200e, c == 0x200f, c == 0x061c:
		return -1
	}
	return c
}

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
// route decides by itself.
func (d *Desk) record(ctx context.Context, r access.Request, plan access.Plan) error {
	b := ledger.NewBatch(r.AskedAt)
	b.Event(r.ID, access.EventAsked, r.By, asked{r.Terms(), r.Verdict, r.Source})
	b.Tell(access.NoticeAsked, r.ID, "")
	if r.Verdict.Route.Auto {
		approved, err := r.ApproveByRoute(r.AskedAt)
		if err != nil {
			return err
		}
		r = approved
		b.Event(r.ID, access.EventApproved, access.Person{}, r.Decisions[0])
		if err := b.Grant(ctx, d.Store, r, plan); err != nil {
			return err
		}
	}
	b.Put(r, 0)
	_, err := b.Commit(ctx, d.Store)
	return err
}

// asked is the data of EventAsked and EventRefused: the terms, and the rules
// and facts that they were judged by.
type asked struct {
	Terms   access.Terms   `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
	Source  access.Source  `json:"source"`
}

// refused records a request that was not taken, when somebody known asked for
// it, and returns the refusal.
func (d *Desk) refused(ctx context.Context, r access.Request, draft Draft, err error) error {
	if _, ok := errors.AsType[*access.Refusal](err); !ok {
		return err
	}
	b := ledger.NewBatch(d.Clock.Now())
	who := r.By
	if who.ID == "" {
		who = access.Person{Name: draft.From.String()}
	}
	b.Event(draft.ID, access.EventRefused, who, refusal{asked{r.Terms(), r.Verdict, draft.Source}, err.Error()})
	if _, failed := b.Commit(ctx, d.Store); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

type refusal struct {
	asked
	Text string `json:"text"`
}
