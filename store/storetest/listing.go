package storetest

import (
	"context"
	"fmt"
	"slices"

	"sesame/flows/access"
)

func testOrder(r *rig) {
	r.put(
		write("c", 0, "", under("x", "1")), write("a", 0, "", under("x", "2")), write("b", 0, "", under("x", "1")),
		write("none", 0, ""), write("other", 0, "", under("xx", "1"), under("w", "1")),
		access.Change{Key: access.Key{Kind: "apple", ID: "z"}, Data: []byte{}, Index: func(access.Version) []access.Index {
			return []access.Index{under("x", "1"), under("x", "1"), under("x", "3")}
		}},
	)
	want := []string{"z", "b", "c", "a", "z"}
	r.same("ascending", r.ids(access.Query{Index: "x"}), want)
	slices.Reverse(want)
	r.same("descending", r.ids(access.Query{Index: "x", Descending: true}), want)
	r.same("an index without entries", r.ids(access.Query{Index: "y"}), []string(nil))
	r.same("no index", r.ids(access.Query{}), []string(nil))
}

func testRange(r *rig) {
	for _, v := range []string{"", "a", "aa", "b", "c"} {
		r.put(write("id"+v, 0, "", under("x", v)))
	}
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"", "", []string{"id", "ida", "idaa", "idb", "idc"}},
		{"a", "", []string{"ida", "idaa", "idb", "idc"}},
		{"", "b", []string{"id", "ida", "idaa"}},
		{"a", "aa", []string{"ida"}},
		{"ab", "c", []string{"idb"}},
		{"b", "b", nil},
		{"c", "a", nil},
		{"d", "", nil},
	} {
		q := access.Query{Index: "x", From: c.from, To: c.to, Limit: 2}
		r.same(fmt.Sprintf("from %q to %q", c.from, c.to), r.ids(q), c.want)
		q.Descending = true
		back := slices.Clone(c.want)
		slices.Reverse(back)
		r.same(fmt.Sprintf("from %q to %q, descending", c.from, c.to), r.ids(q), back)
	}
}

func testPages(r *rig) {
	const n = 1100
	var want []string
	for i := 0; i < n; i += access.MaxChanges {
		var changes []access.Change
		for j := i; j < min(n, i+access.MaxChanges); j++ {
			id := fmt.Sprintf("%04d", j)
			want = append(want, id)
			changes = append(changes, write(id, 0, "data", under("x", id[:3])))
		}
		r.put(changes...)
	}
	for _, limit := range []int{0, 1, 7, 1000, 5000} {
		r.same(fmt.Sprintf("by %d", limit), r.ids(access.Query{Index: "x", Limit: limit}), want)
	}
	for _, limit := range []int{0, 5000} {
		if p := r.page(access.Query{Index: "x", Limit: limit}); len(p.Records) != 1000 || p.Next == "" {
			r.t.Errorf("a page of %d has %d records, next %q", limit, len(p.Records), p.Next)
		}
	}
	if p := r.page(access.Query{Index: "x", From: "109", Limit: 10}); len(p.Records) != 10 || p.Next != "" {
		r.t.Errorf("a page that holds just the rest has %d records, next %q", len(p.Records), p.Next)
	}
	slices.Reverse(want)
	r.same("descending by 9", r.ids(access.Query{Index: "x", Limit: 9, Descending: true}), want)
}

// testPagesUnderChange holds that a cursor is a place, not a count: what did
// not change is seen exactly once, whatever came and went around it.
func testPagesUnderChange(r *rig) {
	var versions [10]access.Version
	for i := range versions {
		versions[i] = r.put(write(fmt.Sprint(i), 0, "", under("x", fmt.Sprint(i))))
	}
	q := access.Query{Index: "x", Limit: 3}
	first := r.page(q)
	q.After = first.Next
	r.put(access.Delete(key("2"), versions[2]))           // where the cursor stands
	r.put(write("1", versions[1], "", under("x", "8.5"))) // seen, and moves ahead
	r.put(write("9", versions[9], "", under("x", "0")))   // not seen, and moves back
	r.put(write("new", 0, "", under("x", "0")), write("3", versions[3], "changed", under("x", "3")))
	var rest []string
	for _, rec := range r.page(access.Query{Index: "x", After: q.After}).Records {
		rest = append(rest, rec.Key.ID)
	}
	r.same("after the first page", rest, []string{"3", "4", "5", "6", "7", "8", "1"})
	r.same("the same cursor backwards", len(r.page(access.Query{Index: "x", After: q.After, Descending: true}).Records), 3)
}

func testForeignCursor(r *rig) {
	t := r.t
	for i := range 3 {
		r.put(write(fmt.Sprint(i), 0, "", under("x", fmt.Sprint(i)), under("y", fmt.Sprint(i))))
	}
	next := r.page(access.Query{Index: "x", Limit: 1}).Next
	for name, q := range map[string]access.Query{
		"garbage":          {Index: "x", After: "no cursor at all!"},
		"of another index": {Index: "y", After: next},
	} {
		if p, err := r.s.List(context.Background(), q); err == nil {
			t.Errorf("%s: listed %d records", name, len(p.Records))
		}
	}
}

func testIndexFollows(r *rig) {
	v := r.put(write("a", 0, "", under("x", "1"), under("y", "1")))
	w := r.put(write("a", v, "", under("x", "2")))
	r.same("x", r.ids(access.Query{Index: "x"}), []string{"a"})
	r.same("x below 2", r.ids(access.Query{Index: "x", To: "2"}), []string(nil))
	r.same("y", r.ids(access.Query{Index: "y"}), []string(nil))
	if p := r.page(access.Query{Index: "x"}); p.Records[0].Version != w {
		r.t.Errorf("listed at version %d, want %d", p.Records[0].Version, w)
	}
	u := r.put(access.Change{Key: key("a"), Expect: w, Data: []byte("unlisted")})
	r.same("x when listed nowhere", r.ids(access.Query{Index: "x"}), []string(nil))
	u = r.put(write("a", u, "", under("x", "3")))
	r.put(access.Delete(key("a"), u))
	r.same("x after deletion", r.ids(access.Query{Index: "x"}), []string(nil))
}

func testIndexByVersion(r *rig) {
	byVersion := func(id string, expect access.Version) access.Change {
		return access.Change{Key: key(id), Expect: expect, Data: []byte{}, Index: func(v access.Version) []access.Index {
			return []access.Index{under("order", fmt.Sprintf("%016x", v))}
		}}
	}
	v := r.put(byVersion("b", 0))
	r.put(byVersion("a", 0))
	r.same("in the order of commits", r.ids(access.Query{Index: "order"}), []string{"b", "a"})
	v = r.put(byVersion("b", v))
	r.same("after b was written again", r.ids(access.Query{Index: "order"}), []string{"a", "b"})
	r.same("from its version", r.ids(access.Query{Index: "order", From: fmt.Sprintf("%016x", v)}), []string{"b"})
}
