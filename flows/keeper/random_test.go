package keeper_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/store/storetest"
)

var (
	runs = flag.Int("runs", 12, "how many random histories to play")
	seed = flag.Uint64("seed", 0, "play only the history of this seed, and show its log")
	from = flag.Uint64("from", 1, "the seed of the first history; the others follow it")
)

// TestNothingLeftBehind plays random histories of grants, ends, crashes around
// every commit and every call, faults of AWS and changes by other people; then
// lets everything end, and compares what is in AWS with what was recorded.
func TestNothingLeftBehind(t *testing.T) {
	first := *from
	if *seed != 0 {
		first, *runs = *seed, 1
	}
	for s := first; s < first+uint64(*runs); s++ {
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newHistory(t, s).play() })
		})
	}
}

// A history is one random run.
type history struct {
	*bench
	rng    *rand.Rand
	grants []access.GrantID
	life   *life        // of the latest Keeper
	full   *atomic.Bool // the disk
	runs   []func()     // ends the Keepers that were started
	// foreign is what somebody else made, and nobody else removed since.
	foreign map[access.ObjectKey]bool
	door    *doorman
}

// keys are what alice asks for, the last two in vain.
var keys = []access.ObjectKey{"a", "b", "c", "d", "e", "f", "g", "h", "foreign-0", "foreign-1"}

// ownKey draws one that nobody has made in the beginning.
func (h *history) ownKey() access.ObjectKey { return keys[h.rng.IntN(len(keys)-2)] }

// nowAndThen is how often an answer is lost in ordinary times.
const nowAndThen = 0.2

// places are fewer than objects, so that who keeps one too many is seen.
const places = 2

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{bench: newBench(t), rng: rand.New(rand.NewPCG(seed, 2)), full: new(atomic.Bool), foreign: map[access.ObjectKey]bool{}}
	h.door = &doorman{passed: map[access.GrantID]bool{}}
	h.cloud = newCloud(seed)
	// Others have given alice these two, and she asks for them as well.
	for _, k := range keys[len(keys)-2:] {
		h.makeByHand(k)
	}
	return h
}

// A life is that of one process. It can be cut off in the middle of anything:
// from then on, nothing that it does arrives anywhere.
type life struct {
	left atomic.Int64
	over chan struct{}
	once sync.Once
}

func newLife() *life {
	l := &life{over: make(chan struct{})}
	l.left.Store(1 << 40)
	return l
}

// step uses up one step, and fails when the life is over.
func (l *life) step() error {
	select {
	case <-l.over:
		return errCut
	default:
	}
	if l.left.Add(-1) <= 0 {
		l.end()
		return errCut
	}
	return nil
}

func (l *life) end() { l.once.Do(func() { close(l.over) }) }

// lead starts a Keeper with a life of its own.
func (h *history) lead() {
	h.life = newLife()
	life := h.life
	step := func(access.Commit) error { return life.step() }
	store := storetest.Hooked{Store: h.store, After: step, Before: func(c access.Commit) error {
		if h.full.Load() {
			return access.ErrNoSpace
		}
		return life.step()
	}}
	ctx, cancel := context.WithCancel(h.t.Context())
	go func() {
		<-life.over
		cancel()
	}()
	k := keeper.New(keeper.Config{
		Store: store, Ways: map[string]access.Way{"test": &mortal{h.cloud, life}}, Clock: clock.System{},
		Gate:   h.door.gate,
		Limits: keeper.Limits{Outstanding: places},
	})
	ended := make(chan error)
	go func() { ended <- k.Run(ctx) }()
	h.runs = append(h.runs, func() {
		life.end()
		if err := <-ended; err != nil && !errors.Is(err, access.ErrDeposed) && !errors.Is(err, errCut) {
			h.t.Errorf("Keeper: %v", err)
		}
	})
}

// A mortal way stops answering when its process is gone: before the call
// arrives, or after.
type mortal struct {
	*cloud
	life *life
}

func (m *mortal) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	if m.life.step() != nil {
		return access.Observation{}, errCut
	}
	return m.cloud.Observe(ctx, s, since)
}

func (m *mortal) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.around(func() (access.Operation, error) { return m.cloud.Apply(ctx, s) })
}

func (m *mortal) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.around(func() (access.Operation, error) { return m.cloud.Remove(ctx, s) })
}

func (m *mortal) around(call func() (access.Operation, error)) (access.Operation, error) {
	if m.life.step() != nil {
		return access.Operation{}, errCut
	}
	op, err := call()
	if m.life.step() != nil {
		return access.Operation{}, errCut
	}
	return op, err
}

func (h *history) play() {
	h.cloud.setFaults(0, nowAndThen)
	h.lead()
	for range 20 + h.rng.IntN(60) {
		h.event()
		synctest.Wait()
	}
	h.heal()
	for range 6 {
		time.Sleep(time.Hour)
		h.checkOpen()
	}
	h.checkDrained()
	for _, end := range h.runs {
		end()
	}
}

// event has something happen, and some time pass.
func (h *history) event() {
	switch h.rng.IntN(16) {
	case 0, 1, 2:
		for range 1 + h.rng.IntN(3) {
			key := keys[h.rng.IntN(len(keys))]
			h.grants = append(h.grants, h.grant(string(key), time.Duration(1+h.rng.IntN(90))*time.Minute))
		}
	case 3:
		if len(h.grants) > 0 {
			h.tryEnd(h.grants[h.rng.IntN(len(h.grants))])
		}
	case 4:
		h.life.left.Store(1 + h.rng.Int64N(12))
	case 5:
		h.lead()
	case 6:
		h.cloud.setFaults(h.rng.Float64()*0.5, h.rng.Float64())
	case 7:
		h.cloud.setFaults(0, nowAndThen)
	case 8:
		h.fillDisk(h.rng.IntN(3) == 0)
	case 9:
		h.removeByHand(h.ownKey())
	case 10:
		if k := h.ownKey(); h.rng.IntN(2) == 0 && h.unclaimed(k) {
			h.makeByHand(k)
		}
	case 11:
		h.cloud.takes(time.Duration(1+h.rng.IntN(180)) * time.Second)
	case 12:
		h.door.feel(mood(h.rng.IntN(int(moods))))
	case 13:
		h.door.feel(lets)
	case 14:
		time.Sleep(time.Duration(h.rng.IntN(40)) * time.Minute)
	}
	time.Sleep(time.Duration(h.rng.IntN(int(30 * time.Second))))
}

func (h *history) tryEnd(id access.GrantID) {
	if s := h.state(id).State; s == access.Opening || s == access.Open {
		h.endEarly(id)
	}
}

// removeByHand has somebody else remove what is there and at rest.
func (h *history) removeByHand(k access.ObjectKey) {
	if !h.cloud.busy(k) {
		h.cloud.byHand(k, false)
		delete(h.foreign, k)
	}
}

func (h *history) makeByHand(k access.ObjectKey) {
	h.cloud.byHand(k, true)
	h.foreign[k] = true
}

// unclaimed reports whether k is not there, and would not be Sesame's if it
// were: Sesame has not begun to make it, or had made it, and it went.
func (h *history) unclaimed(k access.ObjectKey) bool {
	if _, there := h.cloud.there()[k]; there || h.cloud.busy(k) {
		return false
	}
	o, _, err := access.LoadOrNew[access.Object](h.t.Context(), h.store, k.Record())
	if err != nil {
		h.t.Fatal(err)
	}
	return o.AttemptAt.IsZero() || o.State == access.Gone && !o.SeenAt.Before(o.AttemptAt)
}

// heal ends all faults, and starts a Keeper that lives.
func (h *history) heal() {
	h.cloud.setFaults(0, 0)
	h.cloud.takes(2 * time.Second)
	h.door.feel(lets)
	h.fillDisk(false)
	h.lead()
}

// fillDisk fills the disk, or makes room. Then a Keeper still has to record
// what it held, which it does once a minute.
func (h *history) fillDisk(full bool) {
	switch was := h.full.Swap(full); {
	case full:
		h.cloud.unrecord(time.Now().Add(365 * 24 * time.Hour))
	case was:
		h.cloud.unrecord(time.Now().Add(2 * time.Minute))
	}
}

// checkOpen checks that what is open is there, and that nothing is there for
// nobody.
func (h *history) checkOpen() {
	h.t.Helper()
	open := map[access.ObjectKey]bool{}
	for _, id := range h.grants {
		if g := h.state(id); g.State == access.Open {
			open[g.Objects[0]] = true
		}
	}
	there := h.cloud.there()
	for k := range open {
		if _, ok := there[k]; !ok {
			h.t.Errorf("%s is open and not there", k)
		}
	}
	for k, byHand := range there {
		if !byHand && !open[k] && !h.onItsWay(k) {
			h.t.Errorf("%s is there for nobody", k)
		}
	}
}

func (h *history) onItsWay(k access.ObjectKey) bool {
	for _, id := range h.grants {
		if g := h.state(id); g.Objects[0] == k && g.State != access.Closed {
			return true
		}
	}
	return false
}

func (h *history) checkDrained() {
	h.t.Helper()
	for _, id := range h.grants {
		g := h.state(id)
		if g.State != access.Closed {
			h.t.Errorf("grant %s of %s is %s after everything should be over", id, g.Objects[0], g.State)
		}
		if !g.OpenedAt.IsZero() && !h.door.let(id) {
			h.t.Errorf("grant %s of %s was opened, and nobody let it pass", id, g.Objects[0])
		}
		if len(g.Receipt.Objects) != 1 {
			h.t.Errorf("grant %s of %s has no receipt", id, g.Objects[0])
		}
	}
	there := h.cloud.there()
	for k := range h.foreign {
		if byHand, ok := there[k]; !ok || !byHand {
			h.t.Errorf("%s, which somebody else made, was touched", k)
		}
		delete(there, k)
	}
	if len(there) > 0 {
		h.t.Errorf("left behind: %v", there)
	}
	if page, err := h.store.List(h.t.Context(), access.Query{Index: access.IndexObjects}); err != nil || len(page.Records) > 0 {
		h.t.Errorf("%d objects still have a record: %v", len(page.Records), err)
	}
	if h.cloud.most > places {
		h.t.Errorf("%d operations were in progress at once", h.cloud.most)
	}
}
