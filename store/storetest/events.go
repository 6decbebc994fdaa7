package storetest

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
)

// wantChain wants n events that follow each other from the first.
func wantChain(r *rig, events []access.Event, n int) {
	r.t.Helper()
	if len(events) != n {
		r.t.Fatalf("%d events, want %d", len(events), n)
	}
	var prev access.Event
	for _, e := range events {
		if err := e.Follows(prev); err != nil {
			r.t.Error(err)
		}
		if e.Pos <= prev.Pos {
			r.t.Errorf("event %s/%d at %d comes after %d", e.Stream, e.Seq, e.Pos, prev.Pos)
		}
		prev = e
	}
}

func testChains(r *rig) {
	r.commit(access.Commit{Events: []access.Event{event("r-1", 1), event("r-2", 1), event("r-1", 2)}})
	r.commit(access.Commit{Events: []access.Event{event("r-2", 2)}})
	forged := event("r-1", 3)
	forged.Pos, forged.Seq, forged.Prev, forged.Hash = 99, 99, "no", "no"
	r.commit(access.Commit{Events: []access.Event{forged}})

	wantChain(r, r.stream("r-1", 1, 10), 3)
	wantChain(r, r.stream("r-2", 0, 10), 2)
	if got := r.stream("r-3", 1, 10); len(got) != 0 {
		r.t.Errorf("a stream without events has %d", len(got))
	}
	var order []string
	for i, e := range r.log(1, 10) {
		order = append(order, fmt.Sprintf("%s/%d", e.Stream, e.Seq))
		if e.Pos != uint64(i+1) {
			r.t.Errorf("event %d of the log is at %d", i+1, e.Pos)
		}
	}
	r.same("log", order, []string{"r-1/1", "r-2/1", "r-1/2", "r-2/2", "r-1/3"})
	first := r.log(1, 1)[0]
	if want := event("r-1", 1); !first.At.Equal(want.At) || first.Type != want.Type || first.Name != want.Name {
		r.t.Errorf("the first event came back as %+v", first)
	}
}

func testEventPages(r *rig) {
	const n = 1010
	for i := 0; i < n; i += 100 {
		var c access.Commit
		for j := i; j < min(n, i+100); j++ {
			c.Events = append(c.Events, event("r-1", j))
		}
		r.commit(c)
	}
	for _, read := range []struct {
		name string
		page func(from uint64, limit int) []access.Event
	}{
		{"stream", func(from uint64, limit int) []access.Event { return r.stream("r-1", from, limit) }},
		{"log", r.log},
	} {
		for _, c := range []struct {
			from  uint64
			limit int
			want  int
		}{
			{1, 1, 1}, {0, 5, 5}, {1, 0, 1000}, {1, 5000, 1000}, {1001, 100, 10}, {n, 10, 1}, {n + 1, 10, 0},
		} {
			got := read.page(c.from, c.limit)
			if len(got) != c.want {
				r.t.Errorf("%s from %d at most %d: %d events, want %d", read.name, c.from, c.limit, len(got), c.want)
			}
			if len(got) > 0 && got[0].Seq != max(1, c.from) {
				r.t.Errorf("%s from %d begins at %d", read.name, c.from, got[0].Seq)
			}
		}
	}
}

func testEventsAlone(r *rig) {
	v := r.commit(access.Commit{Events: []access.Event{event("r-1", 1)}})
	if w := r.put(write("a", 0, "")); w <= v || v == 0 {
		r.t.Errorf("versions %d, then %d", v, w)
	}
}

func testBadEvent(r *rig) {
	t := r.t
	bad := event("r-1", 1)
	bad.Data = []byte("{")
	c := access.Commit{Changes: []access.Change{write("a", 0, "")}, Events: []access.Event{event("r-1", 0), bad}}
	if _, err := r.s.Commit(context.Background(), c); err == nil || errors.Is(err, access.ErrConflict) {
		t.Errorf("commit = %v", err)
	}
	r.absent(key("a"))
	if got := r.log(1, 10); len(got) != 0 {
		t.Errorf("a refused commit left %d events", len(got))
	}
}

func testNotices(r *rig) {
	texts := func() []string {
		var all []string
		for _, rec := range r.page(access.Query{Index: access.IndexNotices}).Records {
			n, err := access.Decode[access.Notice](rec)
			if err != nil {
				r.t.Fatal(err)
			}
			if n.Key() != rec.Key {
				r.t.Errorf("notice %d is stored as %v", n.Seq, rec.Key)
			}
			all = append(all, fmt.Sprintf("%d %s", n.Seq, n.Text))
		}
		return all
	}
	notice := func(text string) access.Notice {
		return access.Notice{Seq: 99, Kind: access.NoticeChanged, Request: "r-1", At: noon, Text: text}
	}
	r.commit(access.Commit{Notices: []access.Notice{notice("one"), notice("two")}})
	r.commit(access.Commit{Notices: []access.Notice{notice("three")}})
	r.same("outbox", texts(), []string{"1 one", "2 two", "3 three"})

	for _, rec := range r.page(access.Query{Index: access.IndexNotices}).Records {
		r.put(access.Delete(rec.Key, rec.Version))
	}
	r.commit(access.Commit{Notices: []access.Notice{notice("four")}})
	r.same("outbox after it was drained", texts(), []string{"4 four"})
}
