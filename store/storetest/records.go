package storetest

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"sesame/flows/access"
)

func testGet(r *rig) {
	r.absent(key("a"))
	v := r.put(write("a", 0, "one"), write("empty", 0, ""))
	if v == 0 {
		r.t.Error("the first version is 0, which means that a record does not exist")
	}
	r.same("record", r.get(key("a")), access.Record{Key: key("a"), Version: v, Data: []byte("one")})
	if rec := r.get(key("empty")); len(rec.Data) != 0 || rec.Version != v {
		r.t.Errorf("empty record = %+v", rec)
	}
	r.absent(access.Key{Kind: "other", ID: "a"})
	w := r.put(write("a", v, "two"))
	r.same("record", r.get(key("a")), access.Record{Key: key("a"), Version: w, Data: []byte("two")})
}

func testCompareAndSet(r *rig) {
	v := r.put(write("a", 0, "one"))
	for name, c := range map[string]access.Change{
		"put over what is there":      write("a", 0, "new"),
		"put over a version to come":  write("a", v+1, "new"),
		"put over what is not there":  write("b", v, "new"),
		"delete of what is there":     access.Delete(key("a"), 0),
		"delete of what is not there": access.Delete(key("b"), v),
	} {
		_, err := r.s.Commit(context.Background(), access.Commit{Changes: []access.Change{c}})
		if !errors.Is(err, access.ErrConflict) {
			r.t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	w := r.put(write("a", v, "two"), access.Delete(key("b"), 0))
	r.refused(access.Commit{Changes: []access.Change{write("a", v, "again")}}, access.ErrConflict)
	if got := string(r.get(key("a")).Data); got != "two" || w <= v {
		r.t.Errorf("a = %q at %d, want two after %d", got, w, v)
	}
	r.absent(key("b"))
}

func testNoABA(r *rig) {
	first := r.put(write("a", 0, "one"))
	r.put(access.Delete(key("a"), first))
	r.absent(key("a"))
	second := r.put(write("a", 0, "one"))
	if second <= first+1 {
		r.t.Errorf("made again at version %d, want after the deletion's, which is after %d", second, first)
	}
	r.refused(access.Commit{Changes: []access.Change{write("a", first, "two")}}, access.ErrConflict)
	other := r.put(write("b", 0, "one"))
	if other <= second {
		r.t.Errorf("another record at version %d, want one after %d: versions belong to the whole store", other, second)
	}
}

func testAtomic(r *rig) {
	v := r.put(write("a", 0, "one", under("x", "1")))
	r.refused(access.Commit{
		Changes: []access.Change{
			write("b", 0, "new", under("x", "2")), access.Delete(key("a"), v), write("c", v, "conflict"),
		},
		Events:  []access.Event{event("r-1", 1)},
		Notices: []access.Notice{{Kind: access.NoticeAlarm, At: noon, Text: "no"}},
	}, access.ErrConflict)
	r.absent(key("b"))
	r.same("listed", r.ids(access.Query{Index: "x"}), []string{"a"})
	if got := r.log(1, 10); len(got) != 0 {
		r.t.Errorf("a refused commit left %d events", len(got))
	}
	if got := r.ids(access.Query{Index: access.IndexNotices}); len(got) != 0 {
		r.t.Errorf("a refused commit left notices %v", got)
	}
	twice := access.Commit{Changes: []access.Change{write("d", 0, "1"), write("d", 0, "2")}}
	if _, err := r.s.Commit(context.Background(), twice); err == nil {
		r.t.Error("one commit changed a record twice")
	}
	r.absent(key("d"))
}

func testLimits(r *rig) {
	many := make([]access.Change, access.MaxChanges+1)
	for i := range many {
		many[i] = write(strings.Repeat("i", i+1), 0, "x")
	}
	r.refused(access.Commit{Changes: many}, access.ErrTooLarge)
	r.put(many[:access.MaxChanges]...)

	mega := strings.Repeat("x", access.MaxCommitBytes)
	r.refused(access.Commit{Changes: []access.Change{write("mega", 0, mega+"x")}}, access.ErrTooLarge)
	half := access.MaxCommitBytes/2 + 1
	r.refused(access.Commit{Changes: []access.Change{
		write("mega", 0, mega[:half]), write("more", 0, mega[:half]),
	}}, access.ErrTooLarge)
	large := event("r-1", 1)
	large.Data = []byte(`"` + mega + `"`)
	r.refused(access.Commit{Events: []access.Event{large}}, access.ErrTooLarge)
	r.refused(access.Commit{Notices: []access.Notice{{Text: mega}}}, access.ErrTooLarge)
	r.put(write("mega", 0, mega[:access.MaxCommitBytes-64<<10]))
	if n := len(r.get(key("mega")).Data); n != access.MaxCommitBytes-64<<10 {
		r.t.Errorf("a large record came back with %d bytes", n)
	}
}

// testNames holds that no name can be taken for a part of another.
func testNames(r *rig) {
	names := []string{
		"a", "a/b", "a\x00b", "a\x00", "\x00", "\xff", "ü", "a b", "a\x01", strings.Repeat("long", 250),
	}
	for _, n := range names {
		r.put(write(n, 0, n, under("names", n), under(n, "v")))
		if utf8.ValidString(n) {
			r.commit(access.Commit{Events: []access.Event{event(access.RequestID(n), 1)}})
		}
	}
	for _, n := range names {
		if got := string(r.get(key(n)).Data); got != n {
			r.t.Errorf("record %q holds %q", n, got)
		}
		r.same("index named "+n, r.ids(access.Query{Index: n}), []string{n})
		if utf8.ValidString(n) {
			wantChain(r, r.stream(access.RequestID(n), 1, 10), 1)
		}
	}
	want := []string{"\x00", "a", "a\x00", "a\x00b", "a\x01", "a b", "a/b", names[9], "ü", "\xff"}
	r.same("in order", r.ids(access.Query{Index: "names", Limit: 1}), want)
	if _, err := r.s.Commit(context.Background(), access.Commit{Events: []access.Event{{Type: access.EventAlarm}}}); err == nil {
		r.t.Error("an event of no request was taken")
	}
}

func testNoAliasing(r *rig) {
	data := []byte("one")
	e := event("r-1", 1)
	r.commit(access.Commit{Changes: []access.Change{{Key: key("a"), Data: data}}, Events: []access.Event{e}})
	data[0], e.Data[2] = 'X', 'X'
	rec, page := r.get(key("a")), r.log(1, 1)
	rec.Data[0], page[0].Data[2] = 'Y', 'Y'
	if got := string(r.get(key("a")).Data); got != "one" {
		r.t.Errorf("the record is %q after a caller wrote to its own bytes", got)
	}
	if got := r.log(1, 1)[0]; got.Follows(access.Event{}) != nil {
		r.t.Errorf("the event is %s after a caller wrote to its own bytes", got.Data)
	}
}

func testContext(r *rig) {
	t := r.t
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(over)
	for name, do := range map[string]func() error{
		"get":    func() error { _, err := r.s.Get(ctx, key("a")); return err },
		"list":   func() error { _, err := r.s.List(ctx, access.Query{Index: "x"}); return err },
		"stream": func() error { _, err := r.s.Stream(ctx, "r-1", 1, 1); return err },
		"log":    func() error { _, err := r.s.Log(ctx, 1, 1); return err },
		"commit": func() error {
			_, err := r.s.Commit(ctx, access.Commit{Changes: []access.Change{write("a", 0, "late")}})
			return err
		},
		"lead": func() error { _, err := r.s.Lead(ctx); return err },
	} {
		if err := do(); !errors.Is(err, over) {
			t.Errorf("%s = %v, want the cause", name, err)
		}
	}
	r.absent(key("a"))
}

func testReopen(r *rig) {
	e1, err := r.s.Lead(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	v := r.commit(access.Commit{
		Epoch:   e1,
		Changes: []access.Change{write("a", 0, "one", under("x", "1")), write("b", 0, "two", under("x", "0"))},
		Events:  []access.Event{event("r-1", 1), event("r-2", 1), event("r-1", 2)},
		Notices: []access.Notice{{Kind: access.NoticeAlarm, At: noon, Text: "before"}},
	})
	before := r.log(1, 10)
	r.stop()
	r.start()

	r.same("record", r.get(key("a")), access.Record{Key: key("a"), Version: v, Data: []byte("one")})
	r.same("listing", r.ids(access.Query{Index: "x"}), []string{"b", "a"})
	r.same("log", r.log(1, 10), before)
	w := r.commit(access.Commit{
		Epoch: e1, Events: []access.Event{event("r-1", 3)},
		Notices: []access.Notice{{Kind: access.NoticeAlarm, At: noon, Text: "after"}},
	})
	if w <= v {
		r.t.Errorf("version %d after opening again, want after %d", w, v)
	}
	chained := r.stream("r-1", 1, 10)
	wantChain(r, chained, 3)
	if got := chained[2].Pos; got != 4 {
		r.t.Errorf("the log goes on at %d, want 4", got)
	}
	r.same("outbox", r.ids(access.Query{Index: access.IndexNotices}), []string{"0000000000000001", "0000000000000002"})
	e2, err := r.s.Lead(context.Background())
	if err != nil || e2 <= e1 {
		r.t.Errorf("leadership %d, %v after %d", e2, err, e1)
	}
	r.refused(access.Commit{Epoch: e1}, access.ErrDeposed)
}
