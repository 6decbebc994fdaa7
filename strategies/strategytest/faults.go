package strategytest

import (
	"context"
	"slices"
	"sync"
	"time"

	"sesame/flows/access"
)

func lostAnswer(b *bench) {
	s, since := b.Spec(1), b.Clock.Now()
	b.World.Break(Fault{Kind: LostAnswer, On: access.Creation})
	b.wantClass(s, access.Creation, access.Ambiguous)
	if seen := b.observe(s, since); !seen.Present && seen.Running.Kind != access.Creation {
		b.Errorf("observed %+v, want it running or present", seen)
	}
	if seen := b.settle(s, since); !seen.Present || !seen.Made {
		b.Errorf("in the end: %+v, want it present and ours", seen)
	}
	b.want(s, true)
}

func lostAnswerLate(b *bench) {
	const late = 50 * time.Second
	s, since := b.Spec(1), b.Clock.Now()
	b.World.Break(Fault{Kind: LostAnswer, On: access.Creation})
	b.World.Break(Fault{Kind: SlowOperation, On: access.Creation, Delay: late})
	b.wantClass(s, access.Creation, access.Ambiguous)
	b.Clock.Advance(late - 10*time.Second)
	if seen := b.observe(s, since); !seen.Present && seen.Running.Kind != access.Creation {
		b.Errorf("before its end: %+v, want it running", seen)
	}
	if seen := b.settle(s, since); !seen.Present || !seen.Made {
		b.Errorf("in the end: %+v, want it present and ours", seen)
	}
	b.remove(s)
	b.want(s, false)
}

func lostRemoval(b *bench) {
	s := b.Spec(1)
	b.apply(s)
	since := b.Clock.Now()
	b.World.Break(Fault{Kind: LostAnswer, On: access.Removal})
	b.wantClass(s, access.Removal, access.Ambiguous)
	if seen := b.observe(s, since); seen.Present && seen.Running.Kind != access.Removal {
		b.Errorf("observed %+v, want its removal running, or it gone", seen)
	}
	b.settle(s, since)
	b.want(s, false)
	b.remove(s)
}

func lostRequest(b *bench) {
	s, since := b.Spec(1), b.Clock.Now()
	b.World.Break(Fault{Kind: LostRequest, On: access.Creation})
	b.wantClass(s, access.Creation, access.Ambiguous)
	if seen := b.observe(s, since); seen.Present || seen.Made || !seen.Running.IsZero() {
		b.Errorf("observed %+v, want nothing", seen)
	}
	b.Clock.Advance(2 * patience)
	b.want(s, false)
	b.apply(s)
	b.want(s, true)
}

func classes(b *bench) {
	s := b.Spec(1)
	each := func(kind access.OpKind, exists bool) {
		for fault, class := range map[FaultKind]access.Class{
			Throttled: access.Throttled, Busy: access.Busy, Refused: access.Refused,
		} {
			b.World.Break(Fault{Kind: fault, On: kind})
			b.wantClass(s, kind, class)
			b.Clock.Advance(patience)
			b.want(s, exists)
		}
	}
	each(access.Creation, false)
	b.apply(s)
	each(access.Removal, true)
	b.remove(s)
}

func failedCreation(b *bench) {
	s, since := b.Spec(1), b.Clock.Now()
	b.World.Break(Fault{Kind: FailedOperation, On: access.Creation})
	op, err := b.Way.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	if op = b.finish(s, op); op.State != access.OpFailed || op.Reason != FailReason {
		b.Errorf("creation is %s: %q, want failed: %q", op.State, op.Reason, FailReason)
	}
	if seen := b.observe(s, since); seen.Present || seen.Made {
		b.Errorf("observed %+v, want nothing", seen)
	}
	b.want(s, false)
	b.apply(s)
}

func failedRemoval(b *bench) {
	s := b.Spec(1)
	b.apply(s)
	b.World.Break(Fault{Kind: FailedOperation, On: access.Removal})
	op, err := b.Way.Remove(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	if op = b.finish(s, op); op.State != access.OpFailed || op.Reason != FailReason {
		b.Errorf("removal is %s: %q, want failed: %q", op.State, op.Reason, FailReason)
	}
	b.want(s, true)
	b.remove(s)
	b.want(s, false)
}

func stuckOperation(b *bench) {
	s := b.Spec(1)
	b.World.Break(Fault{Kind: StuckOperation, On: access.Creation})
	op, err := b.Way.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	if op.State != access.OpRunning {
		return // a way whose changes are immediate
	}
	b.Clock.Advance(5 * time.Minute)
	if op, err = b.Way.Poll(b.Context(), s, op); err != nil || op.State != access.OpRunning {
		b.Errorf("after five minutes: %+v, %v, want it running", op, err)
	}
	if seen := b.observe(s, op.StartedAt); seen.Present {
		b.Error("what never finished is present")
	}
	for range 20 {
		b.Clock.Advance(time.Minute)
		removal, err := b.Way.Remove(b.Context(), s)
		if err == nil {
			b.finish(s, removal)
			if b.World.Exists(s) {
				b.Error("it is there after all")
			}
			return
		}
		if access.ClassOf(err) != access.Busy {
			b.Fatalf("while it is stuck: %v, want busy", err)
		}
	}
	b.Error("nothing can be done about it")
}

func laggingReads(b *bench) {
	const lag = 10 * time.Second
	s := b.Spec(1)
	b.World.Break(Fault{Kind: LaggingReads, Delay: lag})
	op, err := b.Way.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	if op = b.finish(s, op); op.State != access.OpSucceeded {
		b.Errorf("creation is %s although only lists lag", op.State)
	}
	if !b.World.Exists(s) {
		b.Error("it is not there")
	}
	b.Clock.Advance(2 * lag)
	b.settle(s, time.Time{})
	b.want(s, true)
}

func unknownOperation(b *bench) {
	op := access.Operation{Kind: access.Creation, ID: "00000000-0000-4000-8000-000000000000", State: access.OpRunning}
	if now, err := b.Way.Poll(b.Context(), b.Spec(1), op); access.ClassOf(err) != access.Refused || err == nil {
		b.Errorf("got %+v, %v, want refused", now, err)
	}
}

func overContext(b *bench) {
	s := b.Spec(1)
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	before := b.World.Writes()
	for name, call := range map[string]func() error{
		"apply":   func() error { _, err := b.Way.Apply(ctx, s); return err },
		"remove":  func() error { _, err := b.Way.Remove(ctx, s); return err },
		"observe": func() error { _, err := b.Way.Observe(ctx, s, time.Time{}); return err },
	} {
		if err := call(); err == nil || access.ClassOf(err) == access.Refused {
			b.Errorf("%s: got %v, want an error that can be tried again", name, err)
		}
	}
	if b.World.Writes() != before {
		b.Error("something was sent")
	}
	b.want(s, false)
}

func manyAtOnce(b *bench) {
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			s := b.Spec(n)
			op, err := b.Way.Apply(b.Context(), s)
			for err == nil && op.State == access.OpRunning {
				b.Clock.Advance(time.Second)
				op, err = b.Way.Poll(b.Context(), s, op)
			}
			seen, lookErr := b.Way.Observe(b.Context(), s, time.Time{})
			if err != nil || lookErr != nil || op.State != access.OpSucceeded || !seen.Present {
				b.Errorf("object %d: %+v, %+v, %v, %v", n, op, seen, err, lookErr)
			}
		})
	}
	wg.Wait()
}

// armed are faults that wait for their call.
type armed []Fault

// take uses up a fault of that kind, if there is one.
func (a *armed) take(kind FaultKind, on access.OpKind) (Fault, bool) {
	i := slices.IndexFunc(*a, func(f Fault) bool { return f.Kind == kind && f.On == on })
	if i < 0 {
		return Fault{}, false
	}
	f := (*a)[i]
	*a = slices.Delete(*a, i, i+1)
	return f, true
}
