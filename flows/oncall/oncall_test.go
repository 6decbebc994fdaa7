package oncall_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
	"sesame/flows/oncall/oncalltest"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func token() (string, error) { return oncalltest.Token, nil }

func person(name string) access.Person {
	return access.Person{ID: access.PersonID("p-" + name), Email: name + "@example.com", Account: access.Account{Workspace: "T1", User: "U" + name}}
}

// service returns a stand-in, its clock, and how its service is reached.
func service(t *testing.T) (*oncalltest.Server, *clock.Movable, oncall.Remote) {
	t.Helper()
	c := clock.Frozen(noon)
	s := oncalltest.New(c)
	t.Cleanup(s.Close)
	return s, c, oncall.Remote{URL: s.URL + "/on-call", Token: token}
}

func must(t *testing.T, s oncall.Source, err error) oncall.Source {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(who []oncall.Who) []string {
	var all []string
	for _, w := range who {
		all = append(all, strings.TrimSuffix(w.Email, "@example.com"))
	}
	slices.Sort(all)
	return all
}

func TestPagerDutyLevels(t *testing.T) {
	s, _, _ := service(t)
	s.PageSize(2)
	s.Put(
		oncalltest.Shift{Email: "Ana@Example.com", Policy: "PP", Schedule: "PS", Level: 1, Start: noon.Add(-time.Hour), End: noon.Add(time.Hour)},
		oncalltest.Shift{Email: "bob@example.com", Policy: "PP", Level: 1},
		oncalltest.Shift{Email: "chief@example.com", Policy: "PP", Level: 2},
		oncalltest.Shift{Email: "gone@example.com", Policy: "PP", Schedule: "PS", Level: 1, Start: noon.Add(-2 * time.Hour), End: noon},
		oncalltest.Shift{Email: "next@example.com", Policy: "PP", Schedule: "PS", Level: 1, Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		oncalltest.Shift{Email: "other@example.com", Policy: "PO", Schedule: "PX", Level: 1},
	)
	remote := oncall.Remote{URL: s.URL, Token: token}
	for what, c := range map[string]struct {
		of   oncall.PagerDuty
		want []string
	}{
		"the first level of a policy is not the whole policy": {oncall.PagerDuty{Remote: remote, Policy: "PP"}, []string{"ana", "bob"}},
		"another level":            {oncall.PagerDuty{Remote: remote, Policy: "PP", Level: 2}, []string{"chief"}},
		"a schedule":               {oncall.PagerDuty{Remote: remote, Schedule: "PS"}, []string{"ana"}},
		"nobody knows the policy":  {oncall.PagerDuty{Remote: remote, Policy: "P0"}, nil},
		"nobody is on level seven": {oncall.PagerDuty{Remote: remote, Policy: "PP", Level: 7}, nil},
	} {
		source, err := oncall.NewPagerDuty(c.of)
		schedule := oncall.New("platform", must(t, source, err), clock.Frozen(noon))
		a, err := schedule.Now(t.Context())
		if diff := cmp.Diff(c.want, names(a.People)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
}

func TestWhatCannotBeASource(t *testing.T) {
	remote := oncall.Remote{URL: "https://pagerduty.example"}
	for what, err := range map[string]error{
		"nothing asked about": second(oncall.NewPagerDuty(oncall.PagerDuty{Remote: remote})),
		"both":                second(oncall.NewPagerDuty(oncall.PagerDuty{Remote: remote, Schedule: "a", Policy: "b"})),
		"level of a schedule": second(oncall.NewPagerDuty(oncall.PagerDuty{Remote: remote, Schedule: "a", Level: 1})),
		"in the clear":        second(oncall.HTTP(oncall.Remote{URL: "http://oncall.example/x"})),
		"with a password":     second(oncall.HTTP(oncall.Remote{URL: "https://a:b@oncall.example/x"})),
		"no address":          second(oncall.HTTP(oncall.Remote{})),
		"nobody":              second(oncall.Static(oncall.Rotation{})),
		"no handover":         second(oncall.Static(oncall.Rotation{People: []string{"a", "b"}, Since: noon})),
		"no beginning":        second(oncall.Static(oncall.Rotation{People: []string{"a", "b"}, Handover: "0 9 * * MON"})),
		"backward":            second(oncall.Static(oncall.Rotation{People: []string{"a"}, Overrides: []oncall.Override{{From: noon, To: noon}}})),
	} {
		if err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
}

func second(_ oncall.Source, err error) error { return err }

// TestNothingButAGoodAnswerGivesAuthority has both services misbehave in every
// way, after they answered well.
func TestNothingButAGoodAnswerGivesAuthority(t *testing.T) {
	wants := map[oncalltest.Fault]string{
		oncalltest.Throttle: "asked too often", oncalltest.Garbage: "not what was expected", oncalltest.Empty: "not what was expected",
		oncalltest.Huge: "longer than", oncalltest.Redirect: "302", oncalltest.Down: "503", oncalltest.Lies: "answer",
		oncalltest.Stale: "stale", oncalltest.Future: "from the future", oncalltest.Forever: "more than",
	}
	for fault, want := range wants {
		for kind, build := range map[string]func(oncall.Remote) (oncall.Source, error){
			"http": oncall.HTTP,
			"pagerduty": func(r oncall.Remote) (oncall.Source, error) {
				return oncall.NewPagerDuty(oncall.PagerDuty{Remote: r, Policy: "PP"})
			},
		} {
			if kind == "pagerduty" && (fault == oncalltest.Stale || fault == oncalltest.Future) || kind == "http" && fault == oncalltest.Forever {
				// PagerDuty says until when each shift lasts; a service has one page.
				continue
			}
			t.Run(kind+"/"+string(fault), func(t *testing.T) {
				s, c, remote := service(t)
				if kind == "pagerduty" {
					remote.URL = s.URL
				}
				s.Put(oncalltest.Shift{Email: "ana@example.com", Policy: "PP", Level: 1}, oncalltest.Shift{Email: "zoe@example.com", Policy: "PZ", Level: 1})
				source, err := build(remote)
				schedule := oncall.New("platform", must(t, source, err), c)
				if is, err := schedule.Is(t.Context(), person("ana")); !is || err != nil {
					t.Fatalf("before: %t, %v", is, err)
				}
				s.Misbehave(fault)
				c.Advance(oncall.MaxAge)
				is, err := schedule.Is(t.Context(), person("ana"))
				u, ok := errors.AsType[*oncall.Unreachable](err)
				if is || !ok || u.Schedule != "platform" || !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), want) {
					t.Errorf("on call %t: %v", is, err)
				}
				if strings.Contains(err.Error(), oncalltest.Token) || strings.Contains(err.Error(), s.URL) || s.Leaked() {
					t.Errorf("says too much: %v, leaked %t", err, s.Leaked())
				}
				if last, known := schedule.Last(); !known || !last.AsOf.Equal(noon) {
					t.Errorf("what was known is lost: %+v", last)
				}
			})
		}
	}
}

func TestTokenIsAskedFor(t *testing.T) {
	s, c, remote := service(t)
	for _, f := range []func() (string, error){
		nil,
		func() (string, error) { return "wrong", nil },
		func() (string, error) { return "", errors.New("no such file") },
	} {
		remote.Token = f
		source, err := oncall.HTTP(remote)
		if is, err := oncall.New("platform", must(t, source, err), c).Is(t.Context(), person("ana")); is || err == nil || !strings.Contains(err.Error(), "token") {
			t.Errorf("on call %t: %v", is, err)
		}
	}
	s.Close()
	remote.Token = token
	source, err := oncall.HTTP(remote)
	if is, err := oncall.New("platform", must(t, source, err), c).Is(t.Context(), person("ana")); is || !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("nobody listens: %t, %v", is, err)
	}
}

// hanging is a source that answers when its context ends.
type hanging struct{}

func (hanging) OnCall(ctx context.Context, _ time.Time) ([]oncall.Who, error) {
	<-ctx.Done()
	return []oncall.Who{{Email: "ana@example.com"}}, ctx.Err()
}

func TestCallerWhoGivesUp(t *testing.T) {
	s, c, remote := service(t)
	s.Misbehave(oncalltest.Hangs)
	source, err := oncall.HTTP(remote)
	for _, source := range []oncall.Source{must(t, source, err), hanging{}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too late"))
		if is, err := oncall.New("platform", source, c).Is(ctx, person("ana")); is || err == nil || !strings.Contains(err.Error(), "too late") {
			t.Errorf("on call %t: %v", is, err)
		}
	}
}

// TestSourceThatTakesTooLong runs in a bubble, whose time passes at once.
func TestSourceThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		is, err := oncall.New("platform", hanging{}, clock.System{}).Is(t.Context(), person("ana"))
		if is || err == nil || !strings.Contains(err.Error(), "platform: no answer within 5s") || time.Since(began) != oncall.Timeout {
			t.Errorf("on call %t after %v: %v", is, time.Since(began), err)
		}
	})
}

func TestAnswersAreKeptForAMinute(t *testing.T) {
	s, c, remote := service(t)
	s.Put(oncalltest.Shift{Email: "ana@example.com", End: noon.Add(40 * time.Second)})
	source, err := oncall.HTTP(remote)
	schedule := oncall.New("platform", must(t, source, err), c)
	for _, step := range []struct {
		after time.Duration
		is    bool
		asked int
	}{{0, true, 1}, {39 * time.Second, true, 1}, {40 * time.Second, false, 1}, {59 * time.Second, false, 1}, {time.Minute, false, 2}} {
		c.Advance(noon.Add(step.after).Sub(c.Now()))
		is, err := schedule.Is(t.Context(), person("ana"))
		if is != step.is || err != nil || s.Asked() != step.asked {
			t.Errorf("after %v: on call %t, %v, asked %d times", step.after, is, err, s.Asked())
		}
	}
}

func TestServiceIsLeftAloneWhenItAsks(t *testing.T) {
	s, c, remote := service(t)
	s.Misbehave(oncalltest.Throttle)
	source, err := oncall.HTTP(remote)
	schedule := oncall.New("platform", must(t, source, err), c)
	for range 3 {
		if _, err := schedule.Now(t.Context()); err == nil {
			t.Error("answered")
		}
	}
	if s.Asked() != 1 {
		t.Errorf("asked %d times", s.Asked())
	}
	s.Misbehave(oncalltest.None)
	c.Advance(time.Minute)
	if _, err := schedule.Now(t.Context()); err != nil || s.Asked() != 2 {
		t.Errorf("%v, asked %d times", err, s.Asked())
	}
}

// members is a Slack with one user group.
type members map[string][]access.Account

func (m members) Members(_ context.Context, group string) ([]access.Account, error) {
	all, ok := m[group]
	if !ok {
		return nil, access.ErrNotFound
	}
	return all, nil
}

func TestUsergroupIsPinnedByAccount(t *testing.T) {
	slack := members{"S1": {person("ana").Account}}
	c := clock.Frozen(noon)
	schedule := oncall.New("platform", oncall.Usergroup(slack, "S1"), c)
	impostor := person("eve")
	impostor.Email = "ana@example.com"
	for p, want := range map[access.Person]bool{person("ana"): true, person("bob"): false, impostor: false} {
		if is, err := schedule.Is(t.Context(), p); is != want || err != nil {
			t.Errorf("%s: %t, %v", p.ID, is, err)
		}
	}
	if _, err := oncall.New("gone", oncall.Usergroup(slack, "S2"), c).Now(t.Context()); !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a group that is not there: %v", err)
	}
}

func TestRotationTakesTurns(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		t.Helper()
		m, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	source, err := oncall.Static(oncall.Rotation{
		People: []string{"ana@example.com", "bob@example.com", "cy@example.com"}, Handover: "0 9 * * MON", Since: at("2026-03-16 09:00"), Zone: berlin,
		Overrides: []oncall.Override{
			{From: at("2026-04-03 09:00"), To: at("2026-04-05 09:00"), People: []string{"dan@example.com"}},
			{From: at("2026-04-04 09:00"), To: at("2026-04-04 10:00")},
		},
	})
	must(t, source, err)
	for _, c := range []struct{ at, want string }{
		{"2026-03-16 08:59", ""}, {"2026-03-16 09:00", "ana"}, {"2026-03-23 08:59", "ana"}, {"2026-03-23 09:00", "bob"},
		// The clocks go forward on the 29th.
		{"2026-03-30 08:59", "bob"}, {"2026-03-30 09:00", "cy"}, {"2026-04-03 09:00", "dan"}, {"2026-04-04 09:30", ""},
		{"2026-04-04 10:00", "dan"}, {"2026-04-05 09:00", "cy"}, {"2026-04-06 09:00", "ana"}, {"2026-03-24 12:00", "bob"},
	} {
		who, err := source.OnCall(t.Context(), at(c.at))
		if got := strings.Join(names(who), " "); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.at, got, err, c.want)
		}
	}
}

// TestHandoverWhenTheClocksChange has a handover at half past two, which comes
// twice in one night of autumn and not at all in one of spring.
func TestHandoverWhenTheClocksChange(t *testing.T) {
	for _, place := range []struct {
		zone                string
		autumn, after, next string // the first half past one or two, the second, and a day later
		spring              string // just after it would have been, and an hour before
	}{
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", "2027-03-28T01:30:00Z"},
		{"America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z", "2027-03-14T07:30:00Z"},
	} {
		zone, err := time.LoadLocation(place.zone)
		if err != nil {
			t.Fatal(err)
		}
		at := func(text string) time.Time {
			t.Helper()
			m, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		turn := func(since time.Time, handover string, now time.Time) string {
			t.Helper()
			source, err := oncall.Static(oncall.Rotation{
				People: []string{"ana@example.com", "bob@example.com", "cy@example.com"}, Handover: handover, Since: since, Zone: zone,
			})
			who, err := must(t, source, err).OnCall(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(names(who), " ")
		}
		night := at(place.autumn).In(zone).Format("4 15 * * *")
		since := at(place.autumn).AddDate(0, 0, -1)
		for when, want := range map[time.Time]string{
			at(place.autumn).Add(-time.Minute): "ana", at(place.autumn): "bob",
			at(place.after): "bob", at(place.next).Add(-time.Minute): "bob", at(place.next): "cy",
		} {
			if got := turn(since, night, when); got != want {
				t.Errorf("%s, autumn: %s at %s, want %s", place.zone, got, when, want)
			}
		}
		since = at(place.spring).AddDate(0, 0, -1)
		for when, want := range map[time.Time]string{
			at(place.spring).Add(-time.Minute): "ana", at(place.spring): "bob", at(place.spring).Add(22 * time.Hour): "bob", at(place.spring).Add(23 * time.Hour): "cy",
		} {
			if got := turn(since, "30 2 * * *", when); got != want {
				t.Errorf("%s, spring: %s at %s, want %s", place.zone, got, when, want)
			}
		}
	}
}

func TestRotationWithoutEnd(t *testing.T) {
	source, err := oncall.Static(oncall.Rotation{People: []string{"a", "b"}, Handover: "* * * * *", Since: noon, Zone: time.UTC})
	must(t, source, err)
	if _, err := source.OnCall(t.Context(), noon.AddDate(1, 0, 0)); err == nil {
		t.Error("half a million handovers are counted")
	}
	alone, err := oncall.Static(oncall.Rotation{People: []string{"a"}, Zone: time.UTC})
	if who, err := must(t, alone, err).OnCall(t.Context(), noon); len(who) != 1 || err != nil {
		t.Errorf("one person: %v, %v", who, err)
	}
}

// TestFromFile makes a source of each kind that a flow file describes.
func TestFromFile(t *testing.T) {
	files, err := flowfile.Abilities{}.Open("../../testdata/flows/oncall/flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := oncalltest.New(clock.Frozen(noon))
	t.Cleanup(s.Close)
	s.Put(oncalltest.Shift{Email: "pia@example.com", Policy: "PAYMENT1", Level: 1})
	world := oncall.World{
		Usergroups: members{"S0NETWORK1": {person("nick").Account}},
		Secret: func(ref string) (string, error) {
			return map[string]string{"${file:pagerduty-token}": oncalltest.Token}[ref], nil
		},
	}
	for name, want := range map[string]access.Person{"platform": person("ana"), "payments": person("pia"), "network": person("nick")} {
		o, _ := files.Schedule(name)
		if o.Source == flowfile.OnCallPagerDuty {
			o.URL = s.URL
		}
		source, err := oncall.FromFile(o, world)
		if is, err := oncall.New(name, must(t, source, err), clock.Frozen(noon)).Is(t.Context(), want); !is || err != nil {
			t.Errorf("%s: %s on call %t, %v", name, want.ID, is, err)
		}
	}
	for _, o := range files.Schedules() {
		source, err := oncall.FromFile(o, oncall.World{Transport: nowhere{}})
		if o.Source == flowfile.OnCallStatic {
			continue
		}
		if err == nil {
			_, err = source.OnCall(t.Context(), noon)
		}
		if err == nil {
			t.Errorf("%s answers without the world that it needs", o.Name)
		}
	}
	if _, err := oncall.FromFile(flowfile.OnCall{Name: "x", Source: "fax"}, world); err == nil || !strings.Contains(err.Error(), "schedule x") {
		t.Errorf("an unknown source: %v", err)
	}
}

// nowhere is a network without anybody.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}
