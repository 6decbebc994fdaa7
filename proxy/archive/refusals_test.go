package archive_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/golden"
	"sesame/proxy/archive"
	"sesame/proxy/record"
)

// refusals are all ways of being told no.
func refusals() map[string]func(r *rig) error {
	view := func(who string, l archive.Looking) func(*rig) error {
		return func(r *rig) error {
			if l.Recording == "" {
				l.Recording = id1
			}
			_, err := r.View(r.Context(), account(who), l)
			return err
		}
	}
	return map[string]func(r *rig) error{
		"nobody":               view("UNOBODY", archive.Looking{Look: archive.Play}),
		"no such recording":    view("UAUDITOR", archive.Looking{Recording: "rec-none", Look: archive.Play}),
		"somebody else's":      view("UOTHER", archive.Looking{Look: archive.Play}),
		"in no such way":       view("UAUDITOR", archive.Looking{Look: "borrow"}),
		"search by view":       view("UAUDITOR", archive.Looking{Look: archive.Search}),
		"keystrokes":           view("UAUDITOR", archive.Looking{Look: archive.Keystrokes}),
		"keystrokes, why":      view("UREADER", archive.Looking{Look: archive.Keystrokes}),
		"keystrokes, too long": view("UREADER", archive.Looking{Look: archive.Keystrokes, Reason: strings.Repeat("x", 501)}),
		"keystrokes of a port": view("UREADER", archive.Looking{Recording: id2, Look: archive.Keystrokes, Reason: "x"}),
		"watch what is over":   view("UAUDITOR", archive.Looking{Look: archive.Live}),
		"exists": func(r *rig) error {
			_, err := r.Get(r.Context(), account("UOTHER"), id1)
			return err
		},
		"left": func(r *rig) error {
			r.staff.gone["UAUDITOR"] = true
			return view("UAUDITOR", archive.Looking{Look: archive.Play})(r)
		},
		"removed": func(r *rig) error {
			r.clock.Advance(25 * time.Hour)
			if err := r.Expire(r.Context()); err != nil {
				return err
			}
			return view("UAUDITOR", archive.Looking{Look: archive.Play})(r)
		},
		"the record is full": func(r *rig) error {
			r.fail = access.ErrNoSpace
			return view("UAUDITOR", archive.Looking{Look: archive.Play})(r)
		},
		"nobody can be asked": func(r *rig) error {
			r.staff.silent = true
			return view("UAUDITOR", archive.Looking{Look: archive.Play})(r)
		},
		"a view that is over": func(r *rig) error {
			_, err := r.Read(r.Context(), account("UAUDITOR"), "v-none", archive.Place{})
			return err
		},
		"a view of another kind": func(r *rig) error {
			token, err := r.View(r.Context(), account("UAUDITOR"), archive.Looking{Recording: id1, Look: archive.Play})
			if err == nil {
				_, err = r.Watch(r.Context(), account("UAUDITOR"), token, -1)
			}
			return err
		},
		"search somebody else's": func(r *rig) error {
			_, err := r.Search(r.Context(), account("UOTHER"), archive.Hunt{Query: record.Query{Text: "x", Limit: 1}, Recording: id1})
			return err
		},
	}
}

// TestRefusals compares every sentence that somebody may be told.
func TestRefusals(t *testing.T) {
	all := refusals()
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		r := newRig(t)
		r.recorded(id1)
		s, err := r.Files().Begin(t.Context(), record.About{ID: id2, Began: noon, Kind: record.Port, Grant: "g-1", Request: "r-1", Person: "p-holder", Target: "shell"})
		if err == nil {
			err = s.End(noon, "done")
		}
		if err != nil {
			t.Fatal(err)
		}
		refusal, ok := errors.AsType[*access.Refusal](all[name](r))
		if !ok {
			t.Errorf("%s: not refused", name)
			continue
		}
		fmt.Fprintf(&b, "%s (%s)\n\t%s\n", name, refusal.Code, refusal.Text)
	}
	golden.Equal(t, "testdata/refusals.golden", b.String())
}
