package access_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

// sessions are some that began at noon, with these numbers.
func sessions(numbers ...int) (all []access.Session) {
	for _, n := range numbers {
		all = append(all, access.Session{ID: fmt.Sprint("s-", n), Machine: fmt.Sprint("i-", n), StartedAt: noon})
	}
	return all
}

func TestWhichSessionsAreOfAnObject(t *testing.T) {
	of := access.Sessions{}.Since(noon).Inheriting(sessions(7))
	for name, c := range map[string]struct {
		one  access.Session
		want bool
	}{
		"begun with it":            {access.Session{ID: "s-1", StartedAt: noon}, true},
		"begun later":              {access.Session{ID: "s-1", StartedAt: noon.Add(time.Hour)}, true},
		"begun before, by a clock": {access.Session{ID: "s-1", StartedAt: noon.Add(-5 * time.Second)}, true},
		"begun before":             {access.Session{ID: "s-1", StartedAt: noon.Add(-6 * time.Second)}, false},
		"inherited":                {access.Session{ID: "s-7", StartedAt: noon.Add(-time.Hour)}, true},
	} {
		if got := of.Has(c.one, 5*time.Second); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSessionsThatAreNotOverStay(t *testing.T) {
	first := access.Sessions{}.Since(noon)
	if again := first.Since(noon.Add(time.Hour)); !again.From.Equal(noon) {
		t.Errorf("made again, they began at %v, want what may be left to count", again.From)
	}
	first.ClearAt = noon.Add(time.Minute)
	if next := first.Since(noon.Add(time.Hour)); !next.From.Equal(noon.Add(time.Hour)) || !next.Pending() {
		t.Errorf("after all were over: %+v", next)
	}
	if (access.Sessions{}).Pending() {
		t.Error("there may be some where nobody could start any")
	}
}

func TestSessionsAreNamedOnceAndNotAll(t *testing.T) {
	asked := access.Sessions{Reads: 1}
	numbers := make([]int, 300)
	for i := range numbers {
		numbers[i] = i
	}
	for range 2 {
		asked = asked.Asked(sessions(numbers[:10]...), noon)
	}
	if len(asked.Cut) != 10 || asked.More || asked.Reads != 0 {
		t.Errorf("asked twice for the end of ten: %d are named, others: %v", len(asked.Cut), asked.More)
	}
	asked = asked.Asked(sessions(numbers[10:]...), noon)
	if len(asked.Cut) != 200 || !asked.More {
		t.Errorf("of 300, %d are named, others: %v", len(asked.Cut), asked.More)
	}
	if !asked.WasAsked(sessions(3)[0]) || asked.WasAsked(sessions(400)[0]) {
		t.Error("whose end was asked for is not known")
	}
}

// An object is proven to be over by nothing while sessions may go on.
func TestNoReceiptBeforeSessionsAreOver(t *testing.T) {
	gone := access.Object{State: access.Gone, AttemptAt: noon, AbsentAt: noon, AbsentReads: 2, Sessions: access.Sessions{}.Since(noon)}
	foreign := access.Object{State: access.Foreign, AttemptAt: noon, Sessions: access.Sessions{}.Since(noon)}
	for name, o := range map[string]access.Object{"gone": gone, "foreign": foreign} {
		if r, ok := o.Receipt(); ok {
			t.Errorf("%s: receipt %+v", name, r)
		}
		o.Sessions = o.Sessions.Asked(sessions(1), noon)
		o.Sessions.ClearAt = noon.Add(time.Minute)
		if r, ok := o.Receipt(); !ok || len(r.Cut) != 1 || r.ClearAt.IsZero() {
			t.Errorf("%s, once they are over: %+v, %v", name, r, ok)
		}
	}
	gone.Leases = []access.Lease{{Grant: "g-2"}}
	if r, ok := gone.Receipt(); !ok || len(r.KeptFor) != 1 || len(r.Sessions()) != 0 {
		t.Errorf("kept for another: %+v, %v", r, ok)
	}
}

func TestWhatIsSaidOfSessions(t *testing.T) {
	all := access.ObjectReceipt{Cut: sessions(1, 2, 3, 4, 5, 6, 7), LeftCount: 2, ClearAt: noon}
	for name, c := range map[string]struct {
		receipt access.ObjectReceipt
		want    string
	}{
		"nobody starts any":   {access.ObjectReceipt{}, ""},
		"there was none":      {access.ObjectReceipt{ClearAt: noon}, "No session that had been started with it was left"},
		"one":                 {access.ObjectReceipt{Cut: sessions(1), ClearAt: noon}, "Sesame had AWS end 1 session that had been started with it, and none is left: s-1 on i-1"},
		"more than are known": {access.ObjectReceipt{Cut: sessions(1, 2), CutMore: true, ClearAt: noon}, "Sesame had AWS end more than 2 sessions that had been started with it, and none is left: s-1 on i-1, s-2 on i-2, and others"},
		"many, and some stay": {all, "Sesame had AWS end 7 sessions that had been started with it, and none is left: s-1 on i-1, s-2 on i-2, s-3 on i-3, s-4 on i-4, s-5 on i-5 and 2 more|" +
			"2 sessions may go on, since another grant of the same person is open there"},
	} {
		if got := strings.Join(c.receipt.Sessions(), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatIsSaidOfMachinesThatAreAway(t *testing.T) {
	for want, silent := range map[string][]string{
		"": nil,
		"Not removed yet on i-1, which could not be reached: Sesame does it there once that is back":                                {"i-1"},
		"Not removed yet on i-1, i-2, i-3, i-4, i-5 and 1 more, which could not be reached: Sesame does it there once that is back": {"i-1", "i-2", "i-3", "i-4", "i-5", "i-6"},
	} {
		if got := (access.ObjectReceipt{Silent: silent}).Unasked(); got != want {
			t.Errorf("of %v: %q, want %q", silent, got, want)
		}
	}
}
