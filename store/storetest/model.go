package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"sesame/flows/access"
)

// A model is what a store should hold, kept in the plainest way there is.
type model struct {
	records map[string]access.Record
	listed  map[string]string // by id: the value under the one index
	events  []string          // "stream/data"
}

// testModel makes random commits, some of which must fail, and compares the
// store with the model after every few and after opening it again.
func testModel(r *rig) {
	t := r.t
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, seed))
	m := &model{records: map[string]access.Record{}, listed: map[string]string{}}
	for step := range 200 {
		c, stale := m.draw(rnd)
		v, err := r.s.Commit(context.Background(), c)
		switch {
		case stale && errors.Is(err, access.ErrConflict):
		case stale || err != nil:
			t.Fatalf("step %d: commit = %v, with a stale version: %v", step, err, stale)
		default:
			m.apply(c, v)
		}
		if step%20 == 19 {
			m.compare(r, rnd)
		}
	}
	r.stop()
	r.start()
	m.compare(r, rnd)
}

// draw returns a random commit, and whether one of its versions is stale.
func (m *model) draw(rnd *rand.Rand) (c access.Commit, stale bool) {
	for _, n := range rnd.Perm(12)[:rnd.IntN(5)] {
		id := fmt.Sprint(n)
		expect := m.records[id].Version
		if rnd.IntN(20) == 0 {
			expect, stale = expect+1, true
		}
		if rnd.IntN(4) == 0 {
			c.Changes = append(c.Changes, access.Delete(key(id), expect))
			continue
		}
		c.Changes = append(c.Changes, write(id, expect, fmt.Sprint(rnd.Int()), under("m", fmt.Sprint(rnd.IntN(6)))))
	}
	for range rnd.IntN(3) {
		c.Events = append(c.Events, event(access.RequestID(fmt.Sprint("r-", rnd.IntN(4))), rnd.IntN(100)))
	}
	return c, stale
}

func (m *model) apply(c access.Commit, v access.Version) {
	for _, ch := range c.Changes {
		delete(m.records, ch.Key.ID)
		delete(m.listed, ch.Key.ID)
		if ch.Data != nil {
			m.records[ch.Key.ID] = access.Record{Key: ch.Key, Version: v, Data: ch.Data}
			m.listed[ch.Key.ID] = ch.Index(v)[0].Value
		}
	}
	for _, e := range c.Events {
		m.events = append(m.events, fmt.Sprintf("%s at %v", e.Stream, e.At))
	}
}

// list returns the ids with from <= value < to in order.
func (m *model) list(from, to string, descending bool) []string {
	var ids []string
	for id, v := range m.listed {
		if v >= from && (to == "" || v < to) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.listed[a], m.listed[b]), cmp.Compare(a, b))
	})
	if descending {
		slices.Reverse(ids)
	}
	return ids
}

func (m *model) compare(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	for n := range 12 {
		id := fmt.Sprint(n)
		if want, ok := m.records[id]; ok {
			r.same("record "+id, r.get(key(id)), want)
		} else {
			r.absent(key(id))
		}
	}
	from, to := fmt.Sprint(rnd.IntN(6)), fmt.Sprint(rnd.IntN(6))
	for _, descending := range []bool{false, true} {
		q := access.Query{Index: "m", Descending: descending, Limit: 1 + rnd.IntN(5)}
		r.same("listing", r.ids(q), m.list("", "", descending))
		q.From, q.To = from, to
		r.same("listing from "+from+" to "+to, r.ids(q), m.list(from, to, descending))
	}
	var log []string
	for _, e := range r.log(1, 1000) {
		log = append(log, fmt.Sprintf("%s at %v", e.Stream, e.At))
	}
	r.same("log", log, m.events)
}
