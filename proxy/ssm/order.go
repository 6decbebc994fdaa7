package ssm

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
)

// ErrConflict means that a sequence number came again with other contents,
// or so late that nobody can tell. Which of the two the other end took
// depends on when it was ready, so neither can be recorded as the truth.
var ErrConflict = errors.New("a sequence number was used twice")

// ErrGaps means that a sender left out more than can be kept account of.
var ErrGaps = errors.New("too many gaps between sequence numbers")

const (
	// maxRemembered is how far back repetitions are compared. Agent and plugin
	// hold up to 10,000 messages for sending again, so nothing older is resent.
	maxRemembered = 10_240

	// maxHeldFrames is how many messages wait for one before them, at most:
	// what the plugin holds.
	maxHeldFrames = 10_000

	// maxGaps is how many gaps are given up before a sender is.
	maxGaps = 64
)

// A span is sequence numbers from first to last, inclusively.
type span struct{ first, last int64 }

// An order puts the messages of one sender into sequence: each once, each
// after the ones before it, or after it was said that those are missing.
type order struct {
	next    int64             // the first number that was not delivered yet
	held    map[int64]Message // came early; never next itself
	bytes   int               // of the data in held
	maxHeld int               // bytes
	gaps    []span            // given up, ascending; may yet come late

	seed maphash.Seed
	seen []uint64 // hash of the message n at n modulo maxRemembered
}

// A delivery is what an order does with what it puts into sequence.
type delivery struct {
	message func(m Message, late bool) error
	gap     func(span) error
}

func newOrder(maxHeld int) *order {
	return &order{held: map[int64]Message{}, maxHeld: maxHeld, seed: maphash.MakeSeed()}
}

// put delivers m and whatever waited for it. It keeps a copy of what must
// wait.
func (o *order) put(m Message, to delivery) error {
	if m.Seq == o.next { // the way of nearly all
		o.remember(m)
		o.next++
		if err := to.message(m, false); err != nil {
			return err
		}
		return o.release(to)
	}
	if m.Seq > o.next {
		return o.hold(m, to)
	}
	if o.missing(m.Seq) {
		return o.fill(m, to)
	}
	return o.compare(m)
}

// release delivers what waited for the message before it.
func (o *order) release(to delivery) error {
	for len(o.held) > 0 {
		m, ok := o.held[o.next]
		if !ok {
			return nil
		}
		delete(o.held, o.next)
		o.bytes -= len(m.Data)
		o.remember(m)
		o.next++
		if err := to.message(m, false); err != nil {
			return err
		}
	}
	return nil
}

func (o *order) hold(m Message, to delivery) error {
	if before, ok := o.held[m.Seq]; ok {
		if o.hash(before) != o.hash(m) {
			return conflict(m.Seq)
		}
		return nil
	}
	m.Data = slices.Clone(m.Data)
	o.held[m.Seq] = m
	o.bytes += len(m.Data)
	for o.bytes > o.maxHeld || len(o.held) > maxHeldFrames {
		if err := o.skip(to); err != nil {
			return err
		}
	}
	return nil
}

// skip gives up waiting for the messages before the first one held.
func (o *order) skip(to delivery) error {
	first := int64(-1)
	for seq := range o.held {
		if first < 0 || seq < first {
			first = seq
		}
	}
	if len(o.gaps) == maxGaps {
		return fmt.Errorf("%w: more than %d", ErrGaps, maxGaps)
	}
	lost := span{o.next, first - 1}
	o.gaps = append(o.gaps, lost)
	o.next = first
	if err := to.gap(lost); err != nil {
		return err
	}
	return o.release(to)
}

// flush gives up waiting for anything.
func (o *order) flush(to delivery) error {
	for len(o.held) > 0 {
		if err := o.skip(to); err != nil {
			return err
		}
	}
	return nil
}

func (o *order) missing(seq int64) bool { return o.gapOf(seq) >= 0 }

func (o *order) gapOf(seq int64) int {
	return slices.IndexFunc(o.gaps, func(g span) bool { return g.first <= seq && seq <= g.last })
}

// fill delivers what was given up and came after all: the receiver, who did
// not give up, takes it now.
func (o *order) fill(m Message, to delivery) error {
	i := o.gapOf(m.Seq)
	g := o.gaps[i]
	var rest []span
	if g.first < m.Seq {
		rest = append(rest, span{g.first, m.Seq - 1})
	}
	if m.Seq < g.last {
		rest = append(rest, span{m.Seq + 1, g.last})
	}
	if len(o.gaps)-1+len(rest) > maxGaps {
		return fmt.Errorf("%w: more than %d", ErrGaps, maxGaps)
	}
	o.gaps = slices.Replace(o.gaps, i, i+1, rest...)
	if o.next-m.Seq <= maxRemembered {
		o.remember(m)
	}
	return to.message(m, true)
}

// compare refuses a repetition that is none.
func (o *order) compare(m Message) error {
	if o.next-m.Seq > maxRemembered || o.seen[m.Seq%maxRemembered] != o.hash(m) {
		return conflict(m.Seq)
	}
	return nil
}

// remember keeps a keyed hash, so that nobody can make two contents that
// count as one.
func (o *order) remember(m Message) {
	i := int(m.Seq % maxRemembered)
	if missing := i + 1 - len(o.seen); missing > 0 {
		o.seen = append(o.seen, make([]uint64, missing)...)
	}
	o.seen[i] = o.hash(m)
}

func (o *order) hash(m Message) uint64 {
	return maphash.Bytes(o.seed, m.Data) ^ uint64(m.Payload)
}

func conflict(seq int64) error { return fmt.Errorf("%w: %d", ErrConflict, seq) }
