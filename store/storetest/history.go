package storetest

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/flows/clock"
)

// A History is a past that a store can be filled with, to measure what
// somebody does who has one behind them.
type History struct {
	// Requests is how many there were. Each was granted, and its grant is
	// closed.
	Requests int
	// By are the people who asked, in turn. Required.
	By []access.Person
	// Until is when the last of it was over.
	Until time.Time
}

// apart is how long after one request the next one comes: a million of them
// are a year.
const apart = 30 * time.Second

// together is how many requests make a commit, each with its grant.
const together = access.MaxChanges / 2

// Fill commits the history to s. The record of it is signed with a key in
// dir, which is the store's own folder.
func (h History) Fill(ctx context.Context, s access.Store, dir string) error {
	filling, commits := errgroup.WithContext(ctx)
	filling.SetLimit(64)
	for first := 0; first < h.Requests; first += together {
		filling.Go(func() error { return h.commit(commits, s, first) })
	}
	if err := filling.Wait(); err != nil {
		return err
	}
	a, err := audit.Open(ctx, audit.Options{Store: s, Dir: dir, Clock: clock.Frozen(h.Until)})
	if err != nil {
		return err
	}
	return a.Checkpoint(ctx)
}

// commit makes the commit of the requests from first on.
func (h History) commit(ctx context.Context, s access.Store, first int) error {
	var c access.Commit
	for n := first; n < min(first+together, h.Requests); n++ {
		r, g := h.ended(n)
		for _, v := range []access.Stored{r, g} {
			ch, err := access.Put(v, 0)
			if err != nil {
				return err
			}
			c.Changes = append(c.Changes, ch)
		}
		events, err := trail(r, g)
		if err != nil {
			return err
		}
		c.Events = append(c.Events, events...)
	}
	_, err := s.Commit(ctx, c)
	return err
}

// ended returns the nth request and its grant. The record of its object went
// when nothing was left to watch.
func (h History) ended(n int) (access.Request, access.Grant) {
	at := h.Until.Add(-time.Hour - time.Duration(h.Requests-n)*apart)
	over := at.Add(time.Hour)
	object := access.ObjectKey(fmt.Sprintf("aws_sso/ssoins-1234567890abcdef/%012d/ps-1234567890abcdef/user", n))
	r := access.Request{
		ID: access.RequestID(fmt.Sprintf("r-%010d", n)), State: access.Approved, By: h.By[n%len(h.By)],
		Target:   access.Target{Name: "billing-readonly", Label: "Billing", Way: "aws_sso"},
		Duration: time.Hour, Reason: "INC-42 the disk is full again", Source: access.FromCommand,
		AskedAt: at, LapsesAt: at.Add(24 * time.Hour), EndedAt: at,
		Decisions: []access.Decision{{By: "p-0000000000", Name: "Bob", Approve: true, At: at, Source: access.FromButton, Route: "leads"}},
	}
	g := access.Grant{
		ID: r.ID.Grant(), Request: r.ID, State: access.Closed, Holder: r.By.ID, Target: r.Target.Name,
		Duration: r.Duration, Objects: []access.ObjectKey{object}, DecidedAt: at, OpenedAt: at, EndsAt: over,
		OpenBy: at.Add(access.OpenWithin), CloseBy: over.Add(access.OpenWithin),
		End:     access.End{At: over, Cause: access.EndedDue},
		Receipt: access.Receipt{RemovedAt: over, DeadBy: over, Objects: []access.ObjectReceipt{{Object: object, AbsentAt: over, Reads: 2}}},
	}
	return r, g
}

// trail returns the first and the last event of a request that ended.
func trail(r access.Request, g access.Grant) ([]access.Event, error) {
	var all []access.Event
	for _, what := range []struct {
		happened access.EventType
		at       time.Time
		data     any
	}{
		{access.EventAsked, r.AskedAt, r.Terms()},
		{access.EventClosed, g.End.At, g.Receipt},
	} {
		e, err := access.NewEvent(r.ID, what.happened, what.at, what.data)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
