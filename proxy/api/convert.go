package api

import (
	"time"

	"sesame/flows/access"
)

func viewPerson(p access.Person) Person {
	return Person{ID: string(p.ID), Name: p.Name, Email: p.Email, Account: p.Account.String(), Principal: string(p.Principal)}
}

func viewRequest(r access.Request) Request {
	v := Request{
		ID: string(r.ID), State: string(r.State), By: viewPerson(r.By),
		Target: r.Target.Name, Label: r.Target.Label, Duration: r.Duration.String(),
		Reason: r.Reason, Fields: r.Fields,
		AskedAt: r.AskedAt, LapsesAt: r.LapsesAt, EndedAt: r.EndedAt,
		Route: r.Verdict.Route.Name, Revision: r.Verdict.Revision,
	}
	if r.State == access.Pending {
		v.Missing = r.Missing()
	}
	switch {
	case r.Extends != "":
		v.Grant, v.Extends = string(r.Extends), true
	case r.State == access.Approved:
		v.Grant = string(r.ID.Grant())
	}
	v.Incident, v.Review = r.Incident, viewReview(r.Review)
	for _, a := range r.Announcements {
		v.Announced = append(v.Announced, a.Where)
	}
	for _, w := range r.Verdict.Warnings {
		v.Warnings = append(v.Warnings, w.Text)
	}
	for _, d := range r.Decisions {
		v.Decisions = append(v.Decisions, Decision{
			By: string(d.By), Name: d.Name, Approve: d.Approve, Left: d.Left, Reason: d.Reason, At: d.At, Source: string(d.Source),
		})
	}
	return v
}

func viewReview(r access.Reviewing) *Review {
	if r.DueAt.IsZero() {
		return nil
	}
	return &Review{DueAt: r.DueAt, Name: r.Name, At: r.At, Text: r.Text}
}

func viewGrant(g access.Grant, holder access.Person) Grant {
	v := Grant{
		ID: string(g.ID), Request: string(g.Request), State: string(g.State), Holder: viewPerson(holder),
		Target: g.Target, Duration: g.Duration.String(),
		DecidedAt: g.DecidedAt, OpenBy: g.OpenBy, CloseBy: g.CloseBy, OpenedAt: g.OpenedAt, EndsAt: g.EndsAt,
		Overhang: words(g.Overhang),
	}
	for _, o := range g.Objects {
		v.Objects = append(v.Objects, string(o))
	}
	if g.State == access.Closing || g.State == access.Closed {
		v.End = &End{At: g.End.At, Name: g.End.Name, Cause: string(g.End.Cause), Detail: g.End.Detail, Late: words(g.Overrun().Truncate(time.Minute))}
	}
	if g.State == access.Closed {
		v.Receipt = viewReceipt(g.Receipt)
	}
	return v
}

func viewReceipt(r access.Receipt) *Receipt {
	v := &Receipt{RemovedAt: r.RemovedAt, DeadBy: r.DeadBy, Calls: viewCount(r.Calls)}
	for _, o := range r.Objects {
		entry := ObjectReceipt{
			Object: string(o.Object), Name: o.Name, Operation: o.Operation, AbsentAt: o.AbsentAt, Reads: o.Reads,
			NeverMade: o.NeverMade, Foreign: o.Foreign,
			Sessions: o.Sessions(), Cut: o.Cut, ClearAt: o.ClearAt, Unasked: o.Unasked(),
		}
		for _, g := range o.KeptFor {
			entry.KeptFor = append(entry.KeptFor, string(g))
		}
		v.Objects = append(v.Objects, entry)
	}
	return v
}

func viewCount(c access.Calls) *CallCount {
	if c.At.IsZero() {
		return nil
	}
	v := &CallCount{Reads: c.Reads, Writes: c.Writes, Refused: c.Refused, More: c.More, Text: c.Sentences()}
	for _, o := range c.Most {
		v.Most = append(v.Most, Operation(o))
	}
	for _, o := range c.RefusedMost {
		v.RefusedMost = append(v.RefusedMost, Operation(o))
	}
	return v
}

func words(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
