package awstest

import (
	"slices"
	"strings"
	"time"
)

// A Tuple names an account assignment. AWS gives it no other id.
type Tuple struct {
	Account       string
	PermissionSet string // its ARN
	PrincipalType string // USER or GROUP
	Principal     string
}

// order sorts tuples within an account and permission set.
func (t Tuple) order() string {
	return strings.Join([]string{t.Account, t.PermissionSet, t.PrincipalType, t.Principal}, " ")
}

func (t Tuple) doc() doc {
	return doc{
		"AccountId": t.Account, "PermissionSetArn": t.PermissionSet,
		"PrincipalType": t.PrincipalType, "PrincipalId": t.Principal,
	}
}

// A Change is one moment in the history of an assignment.
type Change struct {
	At      time.Time
	Present bool
	By      Caller
}

// A history holds the changes of one assignment, oldest first.
type history struct {
	Tuple
	changes []Change
}

func (h *history) last() Change {
	if len(h.changes) == 0 {
		return Change{}
	}
	return h.changes[len(h.changes)-1]
}

// before returns the last change that is at least lag old.
func (h *history) before(now time.Time, lag time.Duration) Change {
	if lag == 0 {
		return h.last()
	}
	for _, c := range slices.Backward(h.changes) {
		if !c.At.After(now.Add(-lag)) {
			return c
		}
	}
	return Change{}
}

// An assignmentOperation is one asynchronous change.
type assignmentOperation struct {
	Tuple
	id       string
	removal  bool
	by       Caller
	created  time.Time
	ends     time.Time // when it gives its places back
	stuck    bool      // it then still says IN_PROGRESS
	status   string
	failure  string // what it will fail with; empty means it will succeed
	finished time.Time
}

const (
	inProgress = "IN_PROGRESS"
	succeeded  = "SUCCEEDED"
	failed     = "FAILED"
)

func (o *assignmentOperation) doc() doc {
	d := o.brief()
	d["TargetId"], d["TargetType"] = o.Account, accountTarget
	d["PermissionSetArn"] = o.PermissionSet
	d["PrincipalType"], d["PrincipalId"] = o.PrincipalType, o.Principal
	if o.status == failed {
		d["FailureReason"] = o.failure
	}
	return d
}

func (o *assignmentOperation) brief() doc {
	return doc{"RequestId": o.id, "Status": o.status, "CreatedDate": epoch(o.created)}
}

// A center is the state of the Identity Center instance.
type center struct {
	sets       map[string]PermissionSet // by ARN
	histories  map[Tuple]*history
	pairs      map[[2]string][]*history // by account and permission set
	operations []*assignmentOperation
	byID       map[string]*assignmentOperation
	running    []*assignmentOperation // by ends
	changing   map[Tuple]*assignmentOperation
	busy       map[string]int // running operations by account
	most       int            // highest number of running operations so far
}

func newCenter() center {
	return center{
		sets:      map[string]PermissionSet{},
		histories: map[Tuple]*history{},
		pairs:     map[[2]string][]*history{},
		byID:      map[string]*assignmentOperation{},
		changing:  map[Tuple]*assignmentOperation{},
		busy:      map[string]int{},
	}
}

func (c *center) history(t Tuple) *history {
	h, ok := c.histories[t]
	if !ok {
		h = &history{Tuple: t}
		c.histories[t] = h
		pair := [2]string{t.Account, t.PermissionSet}
		c.pairs[pair] = append(c.pairs[pair], h)
	}
	return h
}

// set changes whether an assignment exists. Nothing to change is no change:
// an assignment stays whose it was.
func (c *center) set(t Tuple, change Change) {
	h := c.history(t)
	if h.last().Present != change.Present {
		h.changes = append(h.changes, change)
	}
}

// present reports whether t exists.
func (c *center) present(t Tuple) bool {
	h, ok := c.histories[t]
	return ok && h.last().Present
}

func (c *center) start(o *assignmentOperation) {
	o.status = inProgress
	c.operations = append(c.operations, o)
	c.byID[o.id] = o
	at, _ := slices.BinarySearchFunc(c.running, o, func(a, b *assignmentOperation) int {
		if a.ends.After(b.ends) {
			return 1
		}
		return -1 // what started first ends first
	})
	c.running = slices.Insert(c.running, at, o)
	c.changing[o.Tuple] = o
	c.busy[o.Account]++
	c.most = max(c.most, len(c.running))
}

func (c *center) nextDue() (time.Time, bool) {
	if len(c.running) == 0 {
		return time.Time{}, false
	}
	return c.running[0].ends, true
}

// settleLocked ends the operations whose time has come, in their order. Each
// takes effect at its own moment, however late somebody looks.
func (w *World) settleLocked() {
	c, now := &w.center, w.clock.Now()
	done := 0
	for done < len(c.running) && !c.running[done].ends.After(now) {
		c.end(c.running[done])
		done++
	}
	if done > 0 {
		c.running = slices.Delete(c.running, 0, done)
		w.changedLocked()
	}
}

func (c *center) end(o *assignmentOperation) {
	delete(c.changing, o.Tuple)
	if c.busy[o.Account]--; c.busy[o.Account] == 0 {
		delete(c.busy, o.Account)
	}
	switch {
	case o.stuck:
		return
	case o.failure != "":
		o.status = failed
	default:
		o.status = succeeded
		c.set(o.Tuple, Change{At: o.ends, Present: !o.removal, By: o.by})
	}
	o.finished = o.ends
}
