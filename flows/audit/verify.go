package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"sesame/flows/access"
)

// VerifyOptions say what else is known.
type VerifyOptions struct {
	// Head is a head that was taken off the machine. With it, a tail that was
	// cut off together with its checkpoints is noticed as well.
	Head Head
	// Calls is told in order where the record of calls is to have stood, by
	// each checkpoint that holds. Optional.
	Calls func(head string)
	// Events is told in order every event that holds. Optional.
	Events func(access.Event)
}

// A Report says what was verified.
type Report struct {
	Events      uint64
	Checkpoints uint64
	Head        Head // of the last checkpoint
	// Uncovered is how many events came after the last checkpoint: their
	// chains hold, but nothing signed says that they are all.
	Uncovered uint64
}

// Verify reads the whole record of r and checks every chain of events, every
// checkpoint with its signature by the owner of pub, and each against the
// other. The error, an access.ErrBroken, names the first record in the order
// of the log that does not hold; the report then says what held up to there.
func Verify(ctx context.Context, r access.Reader, pub ed25519.PublicKey, o VerifyOptions) (Report, error) {
	v := &verifier{r: r, pub: pub, head: o.Head, calls: o.Calls, events: o.Events}
	// A checkpoint can be large, so that a few at a time are enough.
	err := access.Each(ctx, r, access.Query{Index: IndexCheckpoints, Limit: 10}, func(rec access.Record) error {
		return v.checkpoint(ctx, rec)
	})
	if err == nil {
		err = v.rest(ctx)
	}
	return v.report, err
}

// A verifier stands at one place of the log.
type verifier struct {
	r      access.Reader
	pub    ed25519.PublicKey
	head   Head
	calls  func(string)
	events func(access.Event)
	report Report
	last   Checkpoint
	page   []access.Event // read and not yet verified
	slow   bool           // read events one by one
}

// checkpoint verifies the next checkpoint and the events that it covers.
func (v *verifier) checkpoint(ctx context.Context, rec access.Record) error {
	c, err := access.Decode[Checkpoint](rec)
	switch {
	case errors.Is(err, access.ErrNewer):
		return err
	case err != nil:
		return broken("checkpoint %d cannot be read: %v", v.last.Number+1, err)
	}
	if err := c.follows(v.last, v.pub); err != nil {
		return err
	}
	head := c.Head()
	if v.head.Number == c.Number && v.head != head {
		return broken("checkpoint %d is not the one whose head was taken away: it is %s", c.Number, head)
	}
	if err := v.covered(ctx, c); err != nil {
		return err
	}
	if v.calls != nil && c.moves(v.last) {
		v.calls(c.Calls)
	}
	v.last, v.report.Checkpoints, v.report.Head = c, c.Number, head
	return nil
}

// covered verifies the events of c, and that c names their heads.
func (v *verifier) covered(ctx context.Context, c Checkpoint) error {
	heads := tips{}
	for v.report.Events < c.Pos {
		e, ok, err := v.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return broken("event at position %d is missing: checkpoint %d covers it, and the log ends there", v.report.Events+1, c.Number)
		}
		heads.add(e)
		// So that a checkpoint over the whole log costs no more memory than
		// its own list of heads.
		if len(heads) > len(c.Heads) {
			return broken("checkpoint %d does not cover event %s/%d", c.Number, e.Stream, e.Seq)
		}
	}
	for i, tip := range heads.sorted() {
		if i >= len(c.Heads) || tip != c.Heads[i] {
			return broken("event %s/%d is not the one that checkpoint %d signed", tip.Stream, tip.Seq, c.Number)
		}
	}
	if len(heads) < len(c.Heads) {
		return broken("checkpoint %d names %d chains, and %d moved", c.Number, len(c.Heads), len(heads))
	}
	return nil
}

// rest verifies what comes after the last checkpoint.
func (v *verifier) rest(ctx context.Context) error {
	if v.head.Number > v.last.Number {
		return broken("the record ends with checkpoint %d, and the head of checkpoint %d was taken away: its tail was cut off", v.last.Number, v.head.Number)
	}
	for {
		_, ok, err := v.next(ctx)
		if err != nil || !ok {
			return err
		}
		v.report.Uncovered++
	}
}

// next returns the next event of the log, verified.
func (v *verifier) next(ctx context.Context) (access.Event, bool, error) {
	if len(v.page) == 0 {
		if err := v.read(ctx); err != nil {
			return access.Event{}, false, err
		}
	}
	if len(v.page) == 0 {
		return access.Event{}, false, nil
	}
	e := v.page[0]
	v.page = v.page[1:]
	if err := v.event(ctx, e); err != nil {
		return access.Event{}, false, err
	}
	v.report.Events++
	if v.events != nil {
		v.events(e)
	}
	return e, true, nil
}

// read gets a page of the log. A page with an event that the store cannot read
// is gone through one by one, since what comes before it may be broken too.
func (v *verifier) read(ctx context.Context) (err error) {
	pos := v.report.Events + 1
	if !v.slow {
		if v.page, err = v.r.Log(ctx, pos, maxEvents); !errors.Is(err, access.ErrBroken) {
			return err
		}
		v.slow = true
	}
	v.page, err = v.r.Log(ctx, pos, 1)
	return err
}

// event verifies e as the next event of the log and of its stream. The event
// before it in the stream is read again, which costs time instead of memory
// for as many heads as there ever were requests.
func (v *verifier) event(ctx context.Context, e access.Event) error {
	if pos := v.report.Events + 1; e.Pos != pos {
		return broken("event at position %d is missing: event %s/%d at %d comes next", pos, e.Stream, e.Seq, e.Pos)
	}
	if e.Seq == 0 {
		return broken("event at position %d has no number in its stream", e.Pos)
	}
	near, err := v.r.Stream(ctx, e.Stream, max(e.Seq-1, 1), 2)
	if err != nil {
		return fmt.Errorf("event %s/%d: %w", e.Stream, e.Seq, err)
	}
	at := slices.IndexFunc(near, func(o access.Event) bool { return o.Seq == e.Seq })
	if at < 0 || near[at].Pos != e.Pos || near[at].Hash != e.Hash {
		return broken("event %s/%d at position %d is not a part of its stream", e.Stream, e.Seq, e.Pos)
	}
	var prev access.Event
	if at > 0 {
		prev = near[at-1]
	}
	if err := e.Follows(prev); err != nil {
		return err
	}
	if prev.Pos >= e.Pos {
		return broken("event %s/%d stands before the one that it follows", e.Stream, e.Seq)
	}
	return nil
}
