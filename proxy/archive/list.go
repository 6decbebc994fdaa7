package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/proxy/record"
)

// A Filter says which recordings are meant, by one thing at most. The zero
// Filter means all.
type Filter struct {
	Grant, Person, Target string
	Open                  bool // only sessions that go on
	After                 string
	Limit                 int // 1 to 1000
}

// query is the newest first.
func (f Filter) query() access.Query {
	q := access.Query{Index: IndexRecordings, Descending: true, After: f.After, Limit: f.Limit}
	of := func(index, what string) {
		q.Index, q.From, q.To = index, what+"/", what+"0"
	}
	switch {
	case f.Open:
		q.Index = IndexOpen
	case f.Grant != "":
		of(IndexGrant, f.Grant)
	case f.Person != "":
		of(IndexPerson, f.Person)
	case f.Target != "":
		of(IndexTarget, f.Target)
	}
	return q
}

// takes reports whether r is meant, where the index says less.
func (f Filter) takes(r Recording) bool {
	m := r.Manifest
	return (f.Grant == "" || f.Grant == m.Grant) && (f.Person == "" || f.Person == m.Person) && (f.Target == "" || f.Target == m.Target)
}

// maxPages bounds the pages that are read for one that somebody may see.
const maxPages = 50

// List returns the recordings that somebody may know of, newest first, and where
// the next page begins.
func (a *Archive) List(ctx context.Context, from access.Account, f Filter) (found []Recording, next string, err error) {
	who, err := a.acquainted(ctx, from)
	if err != nil {
		return nil, "", err
	}
	q := f.query()
	for range maxPages {
		page, err := a.Store.List(ctx, q)
		if err != nil {
			return nil, "", fmt.Errorf("list recordings: %w", err)
		}
		for _, rec := range page.Records {
			r, err := access.Decode[Recording](rec)
			if err != nil {
				return nil, "", err
			}
			watch, _ := a.audience(r.Manifest.Target)
			if f.takes(r) && authorize(Exists, who, r, watch) == nil {
				found = append(found, r)
			}
		}
		if q.After = page.Next; q.After == "" || len(found) >= f.Limit/2 {
			break
		}
	}
	return found, q.After, nil
}

// acquainted is who somebody is, with membership in every group that watches
// anything. Groups that give no answer have no members.
func (a *Archive) acquainted(ctx context.Context, from access.Account) (viewer, error) {
	who, err := a.viewer(ctx, from, nil)
	groups := a.watching()
	if err != nil || who.auditor || len(groups) == 0 {
		return who, err
	}
	s, err := a.People.Standing(ctx, who.Person, groups)
	if err != nil && !errors.Is(err, access.ErrUnavailable) {
		return who, err
	}
	if s.Active {
		who.Standing = s
	}
	return who, nil
}

// watching are the groups that flows name under watch.
func (a *Archive) watching() (all []flowfile.Group) {
	set := a.Rules()
	if set == nil {
		return nil
	}
	for _, t := range set.Targets() {
		_, groups := a.audience(t.Name)
		for _, g := range groups {
			if !slices.ContainsFunc(all, func(o flowfile.Group) bool { return o.Name == g.Name }) {
				all = append(all, g)
			}
		}
	}
	return all
}

// Get returns a recording that somebody may know of.
func (a *Archive) Get(ctx context.Context, from access.Account, id string) (Recording, error) {
	r, err := a.find(ctx, id)
	if err != nil {
		return Recording{}, err
	}
	if _, err := a.may(ctx, Exists, from, r); err != nil {
		return Recording{}, err
	}
	return r, nil
}

// A Hunt says what is searched for, and where.
type Hunt struct {
	record.Query
	Filter
	Recording string // only in this one
	Since     time.Time
}

// A Catch is what was found.
type Catch struct {
	Hits []record.Hit
	// Of are the recordings that Hits are in, by id.
	Of map[string]Recording
	// Searched is how many recordings were looked through.
	Searched int
	// Unread is what could not be.
	Unread error
	// More says that there may be hits that are not shown.
	More bool
}

// maxSearched bounds the recordings that one search looks through.
const maxSearched = 2000

// Search looks for something in what was shown. That somebody is shown rows of a
// recording is in the record before they are.
func (a *Archive) Search(ctx context.Context, from access.Account, h Hunt) (Catch, error) {
	who, err := a.acquainted(ctx, from)
	if err != nil {
		return Catch{}, err
	}
	all, more, err := a.searchable(ctx, who, h)
	if err != nil {
		return Catch{}, err
	}
	ids := make([]string, len(all))
	c := Catch{Of: map[string]Recording{}, Searched: len(all), More: more}
	for i, r := range all {
		ids[i] = r.Manifest.ID
	}
	c.Hits, c.Unread = a.files.Search(ctx, h.Query, ids...)
	if ctx.Err() != nil {
		return Catch{}, context.Cause(ctx)
	}
	c.More = c.More || len(c.Hits) >= h.Query.Limit
	for _, hit := range c.Hits {
		c.Of[hit.Recording] = all[slices.Index(ids, hit.Recording)]
	}
	return c, a.noteHits(ctx, who.Person, c)
}

// noteHits records that rows of recordings are about to be shown.
func (a *Archive) noteHits(ctx context.Context, who access.Person, c Catch) error {
	if len(c.Of) == 0 {
		return nil
	}
	b := ledger.NewBatch(a.Clock.Now())
	for id, r := range c.Of {
		b.Event(stream(r.Manifest), EventViewed, who, viewed{id, Search, ""})
	}
	if _, err := b.Commit(ctx, a.Store); err != nil {
		return unrecorded(err)
	}
	return nil
}

// searchable are the recordings that somebody may search, newest first.
func (a *Archive) searchable(ctx context.Context, who viewer, h Hunt) (all []Recording, more bool, err error) {
	if h.Recording != "" {
		r, err := a.find(ctx, h.Recording)
		if err != nil {
			return nil, false, err
		}
		watch, _ := a.audience(r.Manifest.Target)
		if err := authorize(Search, who, r, watch); err != nil {
			return nil, false, err
		}
		return []Recording{r}, false, lookable(Looking{Look: Export}, r)
	}
	h.Filter.Limit = 1000
	q := h.query()
	for {
		page, err := a.Store.List(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("list recordings: %w", err)
		}
		for _, rec := range page.Records {
			r, err := access.Decode[Recording](rec)
			if err != nil {
				return nil, false, err
			}
			watch, _ := a.audience(r.Manifest.Target)
			if !h.takes(r) || r.Removed != nil || r.Manifest.Began.Before(h.Since) || authorize(Search, who, r, watch) != nil {
				continue
			}
			if all = append(all, r); len(all) == maxSearched {
				return all, true, nil
			}
		}
		if q.After = page.Next; q.After == "" {
			return all, false, nil
		}
	}
}
