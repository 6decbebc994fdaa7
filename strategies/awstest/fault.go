package awstest

import (
	"slices"
	"time"
)

// A FaultKind is one way for a call to go wrong.
type FaultKind int

// The faults, by what they strike. The first group refuses the call, or with
// AfterEffect answers so although it was done; the second shapes the operation
// that the call starts.
const (
	_             FaultKind = iota
	Drop                    // the connection ends without an answer
	ServerError             // 500 and the service's internal error
	Unavailable             // 503
	Hang                    // no answer until the caller gives up or the fault is cleared
	Throttle                // the service's throttling error
	Conflict                // ConflictException
	Deny                    // the service's access denied error
	Refuse                  // the exception named Code
	FailOperation           // the operation ends FAILED with Reason
	NeverFinish             // the operation stays IN_PROGRESS
	Slow                    // the operation takes Delay instead of its latency
)

// A Fault is something that goes wrong on purpose. Faults of both groups may
// strike one call: a lost response of an operation that never finishes.
type Fault struct {
	Kind FaultKind
	// Operation is the operation that is struck; empty means every one.
	Operation string
	// When narrows the calls down further. Nil means all. It must not call
	// the World.
	When func(Call) bool
	// Times is how many calls are struck. Zero means one, negative all until
	// the fault is cleared.
	Times int
	// AfterEffect lets the call take effect first, so that the caller cannot
	// know: Drop with AfterEffect is a lost response.
	AfterEffect bool
	// Reason is the FailureReason of FailOperation, and for the others the
	// message.
	Reason string
	// Code is what Refuse answers with.
	Code string
	// Delay is how long Slow takes.
	Delay time.Duration
	// RetryAfter is what Throttle tells the caller to wait.
	RetryAfter time.Duration
}

// refuses reports whether f strikes the answer and not the operation.
func (f Fault) refuses() bool { return f.Kind < FailOperation }

type liveFault struct {
	Fault
	cleared chan struct{}
}

// Fault arms f and returns what clears it before its times are used up.
func (w *World) Fault(f Fault) (clear func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	orDefault(&f.Times, 1)
	live := &liveFault{f, make(chan struct{})}
	w.faults = append(w.faults, live)
	return func() { w.clear(live) }
}

// ClearFaults ends every fault and answers what hangs.
func (w *World) ClearFaults() {
	w.mu.Lock()
	faults := slices.Clone(w.faults)
	w.mu.Unlock()
	for _, f := range faults {
		w.clear(f)
	}
}

func (w *World) clear(f *liveFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-f.cleared:
	default:
		close(f.cleared)
	}
	w.faults = slices.DeleteFunc(w.faults, func(other *liveFault) bool { return other == f })
}

// strikeLocked uses up the faults that strike call: at most one that refuses
// it and one that shapes its operation, oldest first. A used-up Hang stays in
// the list, so that ClearFaults can end it.
func (w *World) strikeLocked(call Call) (refusal, shaping *liveFault) {
	for _, f := range w.faults {
		if f.Times == 0 || f.Operation != "" && f.Operation != call.Operation || f.When != nil && !f.When(call) {
			continue
		}
		place := &shaping
		if f.refuses() {
			place = &refusal
		}
		if *place != nil {
			continue
		}
		*place = f
		if f.Times > 0 {
			f.Times--
		}
	}
	w.faults = slices.DeleteFunc(w.faults, func(f *liveFault) bool { return f.Times == 0 && f.Kind != Hang })
	return refusal, shaping
}
