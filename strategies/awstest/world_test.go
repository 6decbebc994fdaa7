package awstest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/strategies/awstest"
)

func TestCallsAreLogged(t *testing.T) {
	r := newRig(t)
	r.clock.Advance(time.Minute)
	must(r.create(r.tuple(payments)))(t)
	_, _ = r.create(r.tuple(payments))
	calls := r.w.Calls()
	if len(calls) != 2 {
		t.Fatalf("calls = %d, want 2", len(calls))
	}
	c := calls[0]
	if c.Seq != 1 || !c.At.Equal(noon.Add(time.Minute)) || c.Service != "sso" || c.Operation != createCall || c.Region != "us-east-1" ||
		c.Caller.KeyID != r.key.ID || c.Input["TargetId"] != payments || len(c.RequestID) != 36 || c.Outcome != awstest.OK || !c.Done {
		t.Errorf("call = %+v", c)
	}
	if c := calls[1]; c.Outcome != "ConflictException" || c.Done {
		t.Errorf("second call = %+v, want refused", c)
	}
}

func TestHookSeesBothSidesOfTheEffect(t *testing.T) {
	r := newRig(t)
	var seen []string
	r.w.OnCall(func(c awstest.Call) {
		seen = append(seen, fmt.Sprintf("%d %s %q ops=%d", c.Stage, c.Input["TargetId"], c.Outcome, len(r.w.Operations())))
	})
	must(r.create(r.tuple(payments)))(t)
	want := fmt.Sprintf("[1 %[1]s \"\" ops=0 2 %[1]s \"OK\" ops=1]", payments)
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("hook saw %s, want %s", got, want)
	}
}

func TestChangesAreTold(t *testing.T) {
	r := newRig(t)
	changed := r.w.Changed()
	r.w.Assign(r.tuple(billing))
	<-changed
	must(r.create(r.tuple(payments)))(t)
	changed = r.w.Changed()
	r.clock.Advance(2 * time.Second)
	<-changed // although nobody calls
	if n := len(r.w.Assignments()); n != 2 {
		t.Errorf("assignments = %d, want 2", n)
	}
}

func TestHistoryByHand(t *testing.T) {
	r := newRig(t)
	r.w.Assign(r.tuple(payments))
	r.w.Assign(r.tuple(payments))
	r.clock.Advance(time.Minute)
	r.w.Unassign(r.tuple(payments))
	h := r.w.History(r.tuple(payments))
	if len(h) != 2 || !h[0].Present || h[1].Present || !h[1].At.Equal(noon.Add(time.Minute)) {
		t.Errorf("history = %+v, want made at noon and gone a minute later", h)
	}
	if h := r.w.History(r.tuple(billing)); h != nil {
		t.Errorf("history of nothing = %+v", h)
	}
}

func TestKeysPrintAsTheirID(t *testing.T) {
	k := awstest.Key{ID: "AKIA1", Secret: "s3cret", Token: "t0ken"}
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, &k, []awstest.Key{k}, struct{ K awstest.Key }{k}} {
			b = fmt.Appendf(b, verb, v)
		}
	}
	for _, secret := range []string{"s3cret", "t0ken", fmt.Sprintf("%x", "s3cret")} {
		if strings.Contains(string(b), secret) {
			t.Errorf("printed %q", secret)
		}
	}
}

func TestContended(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings = awstest.Settings{Rate: -1, Outstanding: -1} })
	var wg sync.WaitGroup
	for i := range 8 {
		account := fmt.Sprintf("66666666666%d", i)
		r.w.AddAccount(awstest.Account{ID: account})
		wg.Go(func() {
			for range 5 {
				if _, err := r.create(r.tuple(account)); err != nil {
					t.Error(err)
				}
				r.clock.Advance(2 * time.Second)
				if _, err := r.delete(r.tuple(account)); err != nil {
					t.Error(err)
				}
				r.clock.Advance(2 * time.Second)
			}
		})
	}
	wg.Wait()
	if left := r.w.Assignments(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if n := len(r.w.Operations()); n != 80 {
		t.Errorf("operations = %d, want 80", n)
	}
}
