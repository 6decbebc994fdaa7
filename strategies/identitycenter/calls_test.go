package identitycenter_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
)

const createCall = "CreateAccountAssignment"

func TestErrorsHaveTheirClass(t *testing.T) {
	for name, c := range map[string]struct {
		fault awstest.Fault
		class access.Class
	}{
		"lost answer":       {awstest.Fault{Kind: awstest.Drop, AfterEffect: true}, access.Ambiguous},
		"dropped":           {awstest.Fault{Kind: awstest.Drop}, access.Ambiguous},
		"500":               {awstest.Fault{Kind: awstest.ServerError}, access.Ambiguous},
		"503":               {awstest.Fault{Kind: awstest.Unavailable}, access.Ambiguous},
		"throttled":         {awstest.Fault{Kind: awstest.Throttle}, access.Throttled},
		"conflict":          {awstest.Fault{Kind: awstest.Conflict}, access.Busy},
		"denied":            {awstest.Fault{Kind: awstest.Deny}, access.Refused},
		"quota":             {awstest.Fault{Kind: awstest.Refuse, Code: "ServiceQuotaExceededException"}, access.Refused},
		"expired":           {awstest.Fault{Kind: awstest.Refuse, Code: "ExpiredTokenException"}, access.Throttled},
		"something unknown": {awstest.Fault{Kind: awstest.Refuse, Code: "NewlyInventedException"}, access.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.fault.Operation = createCall
			r.w.Fault(c.fault)
			_, err := r.center.Create(t.Context(), r.assignment(payments))
			if err == nil || access.ClassOf(err) != c.class {
				t.Errorf("got %v, want %v", err, c.class)
			}
			if n := r.took(createCall); n != 1 {
				t.Errorf("sent %d times, want once", n)
			}
		})
	}
}

func TestNotSentIsWithoutEffect(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Hang, Operation: createCall})
	ctx, cancel := context.WithCancel(t.Context())
	r.w.OnCall(func(c awstest.Call) {
		if c.Stage == awstest.AfterEffect {
			cancel()
		}
	})
	_, err := r.center.Create(ctx, r.assignment(payments))
	if access.ClassOf(err) != access.Ambiguous {
		t.Errorf("cut off while it hung: %v, want ambiguous", err)
	}
	_, err = r.center.Create(ctx, r.assignment(payments))
	if access.ClassOf(err) != access.Throttled {
		t.Errorf("over before it began: %v, want no effect", err)
	}
	if n := len(r.w.Calls()); n != 3 { // with the two of Open
		t.Errorf("calls = %d, want 3", n)
	}
}

func TestNoConnectionIsWithoutEffect(t *testing.T) {
	r := newWorld(t)
	gone := awstest.New(awstest.Config{})
	if err := gone.Start(); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c := r.config()
	c.Endpoint = gone.URL()
	if _, err := identitycenter.Open(t.Context(), c); access.ClassOf(err) != access.Throttled {
		t.Errorf("got %v, want no effect", err)
	}
}

func TestCallsAreTold(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: createCall})
	_, _ = r.center.Create(t.Context(), r.assignment(payments))
	must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	if len(r.calls) != 2 {
		t.Fatalf("told of %d calls, want 2", len(r.calls))
	}
	bad, good := r.calls[0], r.calls[1]
	if bad.Code != "ThrottlingException" || bad.Class != access.Throttled || bad.Err == nil || len(bad.RequestID) != 36 {
		t.Errorf("refused call = %+v", bad)
	}
	if good.Service != "SSO Admin" || good.Operation != createCall || good.Err != nil || good.Code != "" || len(good.RequestID) != 36 || !good.At.Equal(noon) {
		t.Errorf("good call = %+v", good)
	}
	if log := r.w.Calls(); log[len(log)-1].RequestID != good.RequestID {
		t.Error("the request id is not AWS's")
	}
}

func TestRateIsKept(t *testing.T) {
	r := newRig(t, func(c *identitycenter.Config) { c.CallsPerSecond = 4 })
	r.w.Tune(func(s *awstest.Settings) { s.Rate, s.Burst = 4, 4 })
	r.whileTimePasses(func() {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 4 {
					must(r.center.Exists(t.Context(), r.assignment(payments)))(t)
				}
			})
		}
		wg.Wait()
	})
	if took := r.clock.Now().Sub(noon); took < 2*time.Second {
		t.Errorf("12 calls took %v, want at least 2s at 4 a second", took)
	}
}

// whileTimePasses runs f and moves the clock to whatever f waits for.
func (r *rig) whileTimePasses(f func()) {
	var wg sync.WaitGroup
	var done atomic.Bool
	wg.Go(func() {
		defer done.Store(true)
		f()
	})
	for !done.Load() {
		if at, waiting := r.clock.Next(); waiting {
			r.clock.Advance(at.Sub(r.clock.Now()))
		}
		runtime.Gosched()
	}
	wg.Wait()
}

func TestThrottlingSlowsDown(t *testing.T) {
	r := newRig(t, func(c *identitycenter.Config) { c.CallsPerSecond = 8 })
	read := func() error {
		_, err := r.center.Exists(t.Context(), r.assignment(payments))
		return err
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle})
	if err := read(); access.ClassOf(err) != access.Throttled {
		t.Fatalf("got %v, want throttled", err)
	}
	r.whileTimePasses(func() {
		for range 7 { // three are left of the burst
			if err := read(); err != nil {
				t.Error(err)
			}
		}
	})
	if took := r.clock.Now().Sub(noon); took < time.Second {
		t.Errorf("after throttling, 7 calls took %v, want at least a second at 4 a second", took)
	}
	r.clock.Advance(time.Minute)
	from := r.clock.Now()
	r.whileTimePasses(func() {
		for range 12 {
			if err := read(); err != nil {
				t.Error(err)
			}
		}
	})
	if took := r.clock.Now().Sub(from); took > time.Second+time.Millisecond {
		t.Errorf("a minute later, 12 calls took %v, want a second at 8 a second", took)
	}
}

func TestAfterIsHonoured(t *testing.T) {
	r := newRig(t, func(c *identitycenter.Config) { c.CallsPerSecond = 20 })
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: "DescribeGroup", RetryAfter: 7 * time.Second})
	group := r.w.AddGroup("engineers")
	_, err := r.center.Group(t.Context(), group)
	if way, ok := errors.AsType[*access.WayError](err); !ok || way.After != 7*time.Second {
		t.Fatalf("got %v, want to wait 7s", err)
	}
	r.whileTimePasses(func() { must(r.center.Group(t.Context(), group))(t) })
	if took := r.clock.Now().Sub(noon); took != 7*time.Second {
		t.Errorf("waited %v, want 7s", took)
	}
}
