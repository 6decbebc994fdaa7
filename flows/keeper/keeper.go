// Package keeper keeps the promises: it brings every object in AWS to the
// state that its leases want, opens and closes grants accordingly, and does what
// a route says about requests that nobody decides.
//
// It is level-triggered, as a Kubernetes controller is: a step loads one
// record, looks at it and at the time, and does the one thing that is next.
// What has to be remembered is in the record, so that a step can be cut off
// anywhere and begun again by whoever comes after.
//
//	object:  unknown -> creating -> present -> deleting -> leaving -> gone
//	         unknown -> foreign            (there, and not made by us)
//	         unknown -> gone               (never made)
//
// It promises:
//   - the intent is durable before AWS is called, and the answer after;
//   - an answer that was lost is looked for before anything is repeated;
//   - what was not made by Sesame is not touched, and is said out loud;
//   - absence counts only with no operation in progress and two agreeing
//     reads, and is looked at again for half an hour;
//   - closing needs neither Slack, nor a person, nor the flow files, nor room
//     on the disk, and is tried again for ever;
//   - what was started by an object, and goes on without it, is ended, and no
//     receipt is written before that is proven;
//   - one operation at a time per lane, and no more than the budget allows,
//     ends before openings, without starving either.
//
// It refuses to open what the gate does not let pass at that moment, and to
// work under a leadership that is over.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/ledger"
)

// A Gate is asked before AWS is called for a grant that is to open, or before it
// opens where AWS need not be called, since another has the same: nil lets
// it pass, a *access.Refusal fails it, and any other error makes it wait.
type Gate func(ctx context.Context, g access.Grant) error

// Unsure says what to do with an object that is there after a crash in the
// middle of its creation, when AWS does not show whose it is.
type Unsure string

// The reactions. Either raises an alarm. Remove treats the object as ours:
// its absence was read just before. Report leaves it alone, as foreign.
const (
	Remove Unsure = "remove"
	Report Unsure = "report"
)

// Config is what a Keeper works with. Store, Ways, Gate and Clock are
// required.
type Config struct {
	Store access.Store
	Ways  map[string]access.Way // by the spec's way: "aws_sso"
	// Cutter ends the sessions that were started by objects. Required as soon as
	// there is an object by which any can be.
	Cutter access.Cutter
	Gate   Gate
	Clock  clock.Clock
	// Skew returns how far AWS's clock is from ours; nil means not at all.
	Skew   func() time.Duration
	Unsure Unsure // default Remove
	Limits Limits
	Log    zerolog.Logger
}

// Limits are the Keeper's settings. A zero field takes its default.
type Limits struct {
	Workers     int           // steps at once; default 32
	Outstanding int           // operations in progress per budget; default 10
	PerLane     int           // operations in progress per lane; default 1
	Readers     int           // reads at once per budget; default 4: who removes waits behind them
	CallTimeout time.Duration // of one call to AWS; default 30s
	OpTimeout   time.Duration // until an operation counts as never finishing; default 10m
	PollEvery   time.Duration // of an operation of which nobody knows how long it takes; default 1s
	ConfirmGap  time.Duration // between two agreeing reads; default 2s
	SweepEvery  time.Duration // how often what is present is read again; default 15m
	WatchFor    time.Duration // after a confirmed absence; default 30m
	MaxSkew     time.Duration // beyond it nothing opens; default 5s
	Resync      time.Duration // between looks at everything that is due; default 1m
}

func (l Limits) withDefaults() Limits {
	def(&l.Workers, 32)
	def(&l.Outstanding, 10)
	def(&l.PerLane, 1)
	def(&l.Readers, 4)
	def(&l.CallTimeout, 30*time.Second)
	def(&l.OpTimeout, 10*time.Minute)
	def(&l.PollEvery, time.Second)
	def(&l.ConfirmGap, 2*time.Second)
	def(&l.SweepEvery, 15*time.Minute)
	def(&l.WatchFor, 30*time.Minute)
	def(&l.MaxSkew, 5*time.Second)
	def(&l.Resync, time.Minute)
	return l
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A Keeper keeps grants. One Keeper leads per store; a second one deposes the
// first.
type Keeper struct {
	Config
	store *spill // Config.Store, and what could not be recorded yet
	queue *queue
	pace  *pace
	waits *waits
	epoch access.Epoch
	// syncing is held while everything that is due is looked at.
	syncing sync.Mutex
}

// New returns a Keeper. Run starts it.
func New(c Config) *Keeper {
	c.Limits = c.Limits.withDefaults()
	def(&c.Unsure, Remove)
	return &Keeper{Config: c, store: newSpill(c.Store), queue: newQueue(c.Limits), pace: newPace(c.Limits.PollEvery), waits: newWaits()}
}

// Waiting returns how many records wait for their turn with AWS: for a place
// of their lane and budget, to change something or to read it.
func (k *Keeper) Waiting() int { return k.queue.waiting() }

// Run takes leadership and keeps grants until ctx ends, then waits for the
// calls in progress and returns nil. It returns an error when it cannot go on:
// the store is out of reach at the start, or leadership was lost.
func (k *Keeper) Run(ctx context.Context) error {
	epoch, err := k.Store.Lead(ctx)
	if ctx.Err() != nil {
		return nil
	} else if err != nil {
		return fmt.Errorf("take leadership: %w", err)
	}
	k.epoch = epoch
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	k.Store.Watch(ctx, func(keys []access.Key) { k.queue.hint(keys) })
	if err := k.resync(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	var steps errgroup.Group
	k.dispatch(ctx, &steps, stop)
	if err := steps.Wait(); err != nil {
		return err
	}
	if err := context.Cause(ctx); errors.Is(err, access.ErrDeposed) {
		return err
	}
	return nil
}

// dispatch starts steps as they become due and as places are free, until ctx
// ends.
func (k *Keeper) dispatch(ctx context.Context, steps *errgroup.Group, stop context.CancelCauseFunc) {
	resync := k.Clock.Now().Add(k.Limits.Resync)
	for ctx.Err() == nil {
		now := k.Clock.Now()
		if !now.Before(resync) {
			resync = now.Add(k.Limits.Resync)
			// Beside the steps, since it takes longer with much that is live.
			steps.Go(func() error {
				k.resyncAgain(ctx)
				return nil
			})
		}
		changed := k.queue.changed()
		if key, ok := k.queue.take(now); ok {
			steps.Go(func() error {
				k.step(ctx, key, stop)
				return nil
			})
			continue
		}
		next := resync
		if at, ok := k.queue.next(); ok && at.Before(next) {
			next = at
		}
		k.wait(ctx, next, changed)
	}
}

// wait blocks until the moment at, a change of the queue, or the end of ctx.
func (k *Keeper) wait(ctx context.Context, at time.Time, changed <-chan struct{}) {
	timer := k.Clock.Timer(at)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// resyncAgain is resync, unless the one before is not over yet.
func (k *Keeper) resyncAgain(ctx context.Context) {
	if !k.syncing.TryLock() {
		return
	}
	defer k.syncing.Unlock()
	if err := k.resync(ctx); err != nil && ctx.Err() == nil {
		k.Log.Error().Err(err).Msg("look at everything that is due")
	}
}

// resync puts everything that waits for a moment into the queue, from the
// store's own index of what is due, and records what could not be recorded.
func (k *Keeper) resync(ctx context.Context) error {
	k.store.flush(ctx)
	horizon := k.Clock.Now().Add(2 * k.Limits.Resync)
	soon := access.Query{Index: access.IndexDue, To: access.TimeKey(horizon)}
	if err := access.Each(ctx, k.Store, soon, k.enqueue); err != nil {
		return err
	}
	// Grants on their way wait for their objects, not for a moment of their
	// own; operations in progress hold their places whenever they are due.
	live := access.Query{Index: access.IndexLive}
	if err := access.Each(ctx, k.Store, live, k.enqueueMoving); err != nil {
		return err
	}
	return access.Each(ctx, k.Store, access.Query{Index: access.IndexObjects}, k.holdPlace)
}

func (k *Keeper) enqueue(rec access.Record) error {
	at, err := dueAt(rec)
	if err != nil {
		k.Log.Error().Err(err).Stringer("record", rec.Key).Msg("due record cannot be read")
		return nil
	}
	k.queue.wake(rec.Key, at)
	return nil
}

func (k *Keeper) enqueueMoving(rec access.Record) error {
	if g, err := access.Decode[access.Grant](rec); err == nil && g.State != access.Open {
		k.queue.wake(rec.Key, k.Clock.Now())
	}
	return nil
}

func (k *Keeper) holdPlace(rec access.Record) error {
	o, err := access.Decode[access.Object](rec)
	switch {
	case err != nil:
		k.Log.Error().Err(err).Stringer("record", rec.Key).Msg("object cannot be read")
	case k.inProgress(o):
		k.queue.hold(rec.Key, o.Spec.Lane, o.Spec.Budget)
	case o.NextAt.IsZero():
		k.queue.wake(rec.Key, k.Clock.Now())
	}
	return nil
}

// dueAt returns when a record of any kind waits for.
func dueAt(rec access.Record) (time.Time, error) {
	switch rec.Key.Kind {
	case access.KindRequest:
		r, err := access.Decode[access.Request](rec)
		return r.Due(), err
	case access.KindGrant:
		g, err := access.Decode[access.Grant](rec)
		return g.Due(), err
	case access.KindObject:
		o, err := access.Decode[access.Object](rec)
		return o.NextAt, err
	default:
		return time.Time{}, fmt.Errorf("%s: unexpected kind in index %q", rec.Key, access.IndexDue)
	}
}

// step does the one thing that is next for a record, and gives its place in
// the queue back.
func (k *Keeper) step(ctx context.Context, key access.Key, stop context.CancelCauseFunc) {
	var again time.Time
	var err error
	switch key.Kind {
	case access.KindRequest:
		again, err = k.stepRequest(ctx, key)
	case access.KindGrant:
		again, err = k.stepGrant(ctx, key)
	case access.KindObject:
		again, err = k.stepObject(ctx, key)
	}
	switch {
	case errors.Is(err, access.ErrDeposed):
		stop(err)
	case errors.Is(err, access.ErrConflict):
		again = k.Clock.Now()
	case err != nil && ctx.Err() == nil:
		again = k.Clock.Now().Add(backoff(k.queue.failed(key)))
		k.Log.Error().Err(err).Stringer("record", key).Time("again", again).Msg("step")
	}
	k.queue.done(key, again, err == nil)
}

// batch returns a batch of this leadership.
func (k *Keeper) batch() *ledger.Batch { return ledger.NewBatch(k.Clock.Now()).Under(k.epoch) }

// commit carries b out.
func (k *Keeper) commit(ctx context.Context, b *ledger.Batch) error {
	_, err := b.Commit(ctx, k.store)
	return err
}

// backoff returns how long to wait after so many failures: from half a second
// to a minute.
func backoff(tries int) time.Duration {
	return min(time.Minute, 250*time.Millisecond<<min(tries, 10))
}
