package awstest

import "time"

func createAssignment(r *request) (doc, error) { return r.change(creation) }
func deleteAssignment(r *request) (doc, error) { return r.change(deletion) }

// change starts the operation that makes or removes an assignment.
func (r *request) change(kind statusKind) (doc, error) {
	t := Tuple{r.text("TargetId"), r.text("PermissionSetArn"), r.text("PrincipalType"), r.text("PrincipalId")}
	if _, err := r.permissionSet(); err != nil {
		return nil, err
	}
	if t.Account == r.w.config.Management && r.call.Caller.Account != r.w.config.Management {
		return nil, r.denied("a delegated administrator cannot change assignments in the management account")
	}
	if err := r.free(t); err != nil {
		return nil, err
	}
	failure, err := r.prospect(kind, t)
	if err != nil {
		return nil, err
	}
	o := r.operation(kind, t, failure)
	r.w.center.start(o)
	r.w.settleLocked() // a negative latency ends it at once
	return doc{kind.one: o.doc()}, nil
}

// free refuses a change while another is in its way.
func (r *request) free(t Tuple) error {
	c, s := &r.w.center, r.w.settings
	switch {
	case c.changing[t] != nil:
		return conflict("another operation on this assignment is in progress")
	case r.now.Sub(c.history(t).last().At) < s.Settle:
		return conflict("the last change of this assignment has not propagated yet")
	case s.PerAccount > 0 && c.busy[t.Account] >= s.PerAccount:
		return conflict("another role update in account %s is in progress", t.Account)
	case s.Outstanding > 0 && len(c.running) >= s.Outstanding:
		return conflict("there are %d assignment operations in progress already", len(c.running))
	}
	return nil
}

// prospect says why the operation is going to fail, if it is, or refuses to
// start it.
func (r *request) prospect(kind statusKind, t Tuple) (failure string, err error) {
	there := r.w.center.present(t)
	switch {
	case kind.removal && !there:
		return r.idle(r.w.settings.DeleteMissing, "assignment not found", notFound)
	case !kind.removal && there:
		return r.idle(r.w.settings.CreateExisting, "assignment exists already", conflict)
	case !kind.removal && !r.w.org.active(t.Account):
		return "Received a 404 status error: Account not found.", nil
	case !kind.removal && !r.w.store.principal(t):
		return "Received a 404 status error: Principal not found.", nil
	}
	return "", nil
}

// idle is what a write comes to that has nothing to do.
func (r *request) idle(o Outcome, why string, refuse func(string, ...any) *apiError) (string, error) {
	switch o {
	case Succeeds:
		return "", nil
	case Fails:
		return why, nil
	}
	return "", refuse("%s", why)
}

// operation is a new operation under the settings and the fault that shapes
// it.
func (r *request) operation(kind statusKind, t Tuple, failure string) *assignmentOperation {
	o := &assignmentOperation{
		Tuple: t, id: r.w.uuidLocked(), removal: kind.removal,
		by: r.call.Caller, created: r.now, failure: failure,
	}
	takes := max(r.w.settings.Latency, 0)
	if f := r.shaping; f != nil {
		switch f.Kind {
		case FailOperation:
			o.failure = f.Reason
			orDefault(&o.failure, "failed on purpose")
		case NeverFinish:
			o.stuck, takes = true, r.w.settings.Stuck
		case Slow:
			takes = f.Delay
		}
	}
	o.ends = r.now.Add(takes)
	return o
}

// A bucket is what is left of a rate. The zero bucket is full.
type bucket struct {
	spent float64
	at    time.Time
}

// take reports whether one more call is within the rate, and counts it.
func (b *bucket) take(now time.Time, s Settings) bool {
	if s.Rate < 0 {
		return true
	}
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*float64(s.Rate))
	b.at = now
	// A thousandth of a call forgives the rounding of binary fractions.
	if b.spent+1 > float64(s.Burst)+0.001 {
		return false
	}
	b.spent++
	return true
}
