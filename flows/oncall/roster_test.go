package oncall_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
	"sesame/flows/oncall/oncalltest"
)

// set returns flow files with on-call schedules: lines of YAML by name.
func set(t *testing.T, schedules string) *flowfile.Set {
	t.Helper()
	text := `version: 1
on_call:
` + schedules + `
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  site: {strategy: sso, account: "111111111111", permission_set: Web}
flows:
  site:
    targets: [site]
    duration: {choices: [1h]}
    who: "true"
    routes: [{name: on-call, approvers: {on_call: platform}}]
`
	s, err := flowfile.Load(fstest.MapFS{"flows.yaml": {Data: []byte(text)}}, "flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	vendor = `  platform: {http: {url: "https://oncall.example/on-call", token: "${file:t}"}}`
	paged  = `  platform: {pagerduty: {policy: POLICY1, level: 2, token: "${file:t}"}}`
)

func secret(string) (string, error) { return oncalltest.Token, nil }

func TestAReloadSwapsSchedules(t *testing.T) {
	service := oncalltest.NewService(clock.Frozen(noon))
	c := clock.Frozen(noon)
	r := oncall.NewRoster(oncall.World{Transport: service, Secret: secret}, c)
	on := func(name string) (bool, error) { return r.On(t.Context(), "platform", person(name)) }
	if is, err := on("ana"); is || !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), "platform") {
		t.Errorf("before there are flow files: %t, %v", is, err)
	}
	service.Put(oncalltest.Shift{Email: "ana@example.com"})
	use := func(schedules string) {
		t.Helper()
		if err := r.Use(set(t, schedules)); err != nil {
			t.Fatal(err)
		}
	}
	use(vendor)
	for range 2 {
		if is, err := on("ana"); !is || err != nil {
			t.Errorf("on call: %t, %v", is, err)
		}
		use("\n\n" + vendor) // moved, and the same
	}
	if service.Asked() != 1 {
		t.Errorf("a schedule that stayed as it was is asked %d times", service.Asked())
	}
	use(`  platform: {static: {people: [bob@example.com]}}`)
	for name, want := range map[string]bool{"ana": false, "bob": true} {
		if is, err := on(name); is != want || err != nil {
			t.Errorf("after the reload %s is on call: %t, %v", name, is, err)
		}
	}
	if who, err := r.People(t.Context(), "platform"); err != nil || len(who) != 1 || who[0].Email != "bob@example.com" {
		t.Errorf("people: %v, %v", who, err)
	}
}

func TestASetThatCannotBeUsedChangesNothing(t *testing.T) {
	r := oncall.NewRoster(oncall.World{}, clock.Frozen(noon))
	if err := r.Use(set(t, `  platform: {static: {people: [bob@example.com]}}`)); err != nil {
		t.Fatal(err)
	}
	if err := r.Use(set(t, `  platform: {slack: S012ABCDEF}`)); err == nil {
		t.Error("a Slack group is used without a Slack")
	}
	if is, err := r.On(t.Context(), "platform", person("bob")); !is || err != nil {
		t.Errorf("on call: %t, %v", is, err)
	}
}

// What was seen shows for a while after it gives no authority any more.
func TestSeenIsNotOn(t *testing.T) {
	c := clock.Frozen(noon)
	service := oncalltest.NewService(c)
	service.Put(oncalltest.Shift{Email: "ana@example.com", End: noon.Add(10 * time.Minute)})
	r := oncall.NewRoster(oncall.World{Transport: service, Secret: secret}, c)
	if err := r.Use(set(t, vendor)); err != nil {
		t.Fatal(err)
	}
	seen := func(when string, on, known bool) {
		t.Helper()
		if o, k := r.Seen("platform", person("ana"), 5*time.Minute); o != on || k != known {
			t.Errorf("%s: %t, known %t", when, o, k)
		}
	}
	seen("before anybody asked", false, false)
	if is, err := r.On(t.Context(), "platform", person("ana")); !is || err != nil {
		t.Fatal(is, err)
	}
	service.Misbehave(oncalltest.Down)
	c.Advance(2 * time.Minute)
	if is, err := r.On(t.Context(), "platform", person("ana")); is || err == nil {
		t.Errorf("down: on call %t, %v", is, err)
	}
	seen("while the service is down", true, true)
	c.Advance(4 * time.Minute)
	seen("later", false, false)
	if on, known := r.Seen("nothing", person("ana"), time.Hour); on || known {
		t.Error("a schedule that is not there was seen")
	}
}

// slow is a source that counts its questions and answers a second later.
type slow struct{ asked *atomic.Int32 }

func (s slow) OnCall(context.Context, time.Time) ([]oncall.Who, error) {
	s.asked.Add(1)
	time.Sleep(time.Second) // of the bubble's
	return []oncall.Who{{Email: "ana@example.com"}}, nil
}

func TestManyAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		schedule := oncall.New("platform", slow{&asked}, clock.System{})
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if is, err := schedule.Is(gone, person("ana")); is || !errors.Is(err, access.ErrUnavailable) {
				t.Errorf("who left: on call %t, %v", is, err)
			}
		})
		synctest.Wait()
		for range 20 {
			wg.Go(func() {
				if is, err := schedule.Is(t.Context(), person("ana")); !is || err != nil {
					t.Errorf("on call %t, %v", is, err)
				}
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestCheck(t *testing.T) {
	c := clock.Frozen(noon)
	service := oncalltest.NewService(c)
	world := oncall.World{Transport: service, Secret: secret}
	lost := world
	lost.Secret = func(string) (string, error) { return "", errors.New("there is no file t") }
	two := []oncalltest.Shift{{Email: "ana@example.com", Policy: "POLICY1", Level: 2, Schedule: "ROTATION1"}}
	for name, test := range map[string]struct {
		schedule string
		shifts   []oncalltest.Shift
		fault    oncalltest.Fault
		world    oncall.World
		is       error // nil if nothing is wrong
		says     string
	}{
		"good":                     {schedule: paged, shifts: two, world: world},
		"a schedule":               {schedule: strings.Replace(paged, "policy: POLICY1, level: 2", "schedule: ROTATION1", 1), shifts: two, world: world},
		"no such policy":           {schedule: paged, world: world, is: access.ErrNotFound, says: "404"},
		"no such schedule":         {schedule: strings.Replace(paged, "policy: POLICY1, level: 2", "schedule: ROTATION2", 1), shifts: two, world: world, is: access.ErrNotFound, says: "404"},
		"no such level":            {schedule: strings.Replace(paged, "level: 2", "level: 3", 1), shifts: two, world: world, is: access.ErrNotFound, says: "no level 3"},
		"no such token":            {schedule: paged, shifts: two, world: lost, is: access.ErrForbidden, says: "no file t"},
		"down":                     {schedule: paged, shifts: two, fault: oncalltest.Down, world: world, is: access.ErrUnavailable, says: "503"},
		"a service":                {schedule: vendor, world: world},
		"no service at that place": {schedule: strings.Replace(vendor, "/on-call", "/now", 1), world: world, is: access.ErrNotFound, says: "404"},
		"a Slack without groups":   {schedule: `  platform: {slack: S012ABCDEF}`, world: world, is: access.ErrForbidden, says: "no Slack"},
		"a rotation":               {schedule: `  platform: {static: {people: [ana@example.com]}}`, world: world},
	} {
		service.Put(test.shifts...)
		service.Misbehave(test.fault)
		o, _ := set(t, test.schedule).Schedule("platform")
		err := oncall.Check(t.Context(), o, test.world, c)
		if (err == nil) != (test.is == nil) || !errors.Is(err, test.is) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
