package identitycenter_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
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

// inBubble runs f with a Center of that rate where time passes by itself, as
// soon as nothing else can happen.
func inBubble(t *testing.T, perSecond float64, f func(*testing.T, *rig)) {
	hideAWS(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, w: awstest.New(awstest.Config{Settings: awstest.Settings{Rate: -1}})}
		transport := r.w.StartInMemory()
		r.people()
		c := r.config()
		c.Clock, c.Transport, c.CallsPerSecond = clock.System{}, transport, perSecond
		r.center = must(identitycenter.Open(t.Context(), c))(t)
		time.Sleep(time.Minute) // the limit is as new
		f(t, r)
		transport.CloseIdleConnections()
		r.w.Close()
	})
}

// read reads n times, one after the other.
func (r *rig) read(n int) {
	for range n {
		if _, err := r.center.Exists(r.Context(), r.assignment(payments)); err != nil {
			r.Error(err)
		}
	}
}

func TestRateIsKept(t *testing.T) {
	inBubble(t, 20, func(t *testing.T, r *rig) {
		r.w.Tune(func(s *awstest.Settings) { s.Rate, s.Burst = 20, 20 })
		from := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { r.read(30) })
		}
		wg.Wait()
		if took := time.Since(from); took != 7*time.Second {
			t.Errorf("150 calls took %v, want 7s at 20 a second, of which 10 at once", took)
		}
	})
}

func TestThrottlingSlowsDown(t *testing.T) {
	inBubble(t, 8, func(t *testing.T, r *rig) {
		r.w.Fault(awstest.Fault{Kind: awstest.Throttle})
		if _, err := r.center.Exists(t.Context(), r.assignment(payments)); access.ClassOf(err) != access.Throttled {
			t.Fatalf("got %v, want throttled", err)
		}
		from := time.Now()
		r.read(7) // three are left of the burst
		if took := time.Since(from); took != time.Second {
			t.Errorf("after throttling, 7 calls took %v, want a second at 4 a second", took)
		}
		time.Sleep(time.Minute)
		from = time.Now()
		r.read(12)
		if took := time.Since(from); took != time.Second {
			t.Errorf("a minute later, 12 calls took %v, want a second at 8 a second", took)
		}
	})
}

func TestAfterIsHonoured(t *testing.T) {
	inBubble(t, 20, func(t *testing.T, r *rig) {
		r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: "DescribeGroup", RetryAfter: 7 * time.Second})
		group := r.w.AddGroup("engineers")
		_, err := r.center.DirectoryGroup(t.Context(), group)
		if way, ok := errors.AsType[*access.WayError](err); !ok || way.After != 7*time.Second {
			t.Fatalf("got %v, want to wait 7s", err)
		}
		from := time.Now()
		must(r.center.DirectoryGroup(t.Context(), group))(t)
		if took := time.Since(from); took != 7*time.Second {
			t.Errorf("waited %v, want 7s", took)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, r *rig) {
		r.read(1)
		before := len(r.w.Calls())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := r.center.Create(ctx, r.assignment(payments))
		if access.ClassOf(err) != access.Throttled || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want no effect", err)
		}
		if len(r.w.Calls()) != before {
			t.Error("something was sent")
		}
		from := time.Now()
		r.read(1)
		if took := time.Since(from); took != 900*time.Millisecond {
			t.Errorf("the next waited %v, want 900ms: the place was given back", took)
		}
	})
}
