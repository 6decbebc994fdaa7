package keeper_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/store/bolt"
)

// BenchmarkDeadline ends 10,000 grants within one minute, on a real clock and a
// real store, with an AWS that has no limits: how much later than its end is
// each removal requested? It takes that minute, whatever -benchtime says.
func BenchmarkDeadline(b *testing.B) {
	const grants = 10_000
	for range b.N {
		s, err := bolt.Open(bolt.Options{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		first := time.Now().Add(10 * time.Second)
		ends := openGrants(b, s, grants, func(i int) time.Time {
			return first.Add(time.Duration(i) * time.Minute / grants)
		})
		w := &endless{op: 2 * time.Second, removed: map[access.ObjectKey]time.Time{}, want: grants, done: make(chan struct{})}
		stop := run(b, keeper.Config{
			Store: s, Ways: map[string]access.Way{"test": w}, Clock: clock.System{}, Gate: open,
			Limits: keeper.Limits{Outstanding: grants, PerLane: grants, Readers: grants},
		})
		<-w.done
		stop()
		var late []time.Duration
		for k, at := range w.removed {
			late = append(late, at.Sub(ends[k]))
		}
		slices.Sort(late)
		b.ReportMetric(late[len(late)/2].Seconds(), "late-p50-s")
		b.ReportMetric(late[len(late)*99/100].Seconds(), "late-p99-s")
		b.ReportMetric(late[len(late)-1].Seconds(), "late-max-s")
		b.ReportMetric(0, "ns/op")
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}
}

func open(context.Context, access.Grant) error { return nil }

// run runs a Keeper until stop is called.
func run(tb testing.TB, c keeper.Config) (stop func()) {
	c.Log = zerolog.Nop()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error)
	go func() { ended <- keeper.New(c).Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Keeper: %v", err)
		}
	}
}

// openGrants stores n open grants, each with an object of its own, and returns
// when they end. There are 100 accounts.
func openGrants(tb testing.TB, s access.Store, n int, ends func(int) time.Time) map[access.ObjectKey]time.Time {
	tb.Helper()
	at := map[access.ObjectKey]time.Time{}
	var c access.Commit
	put := func(v access.Stored) {
		ch, err := access.Put(v, 0)
		if err != nil {
			tb.Fatal(err)
		}
		c.Changes = append(c.Changes, ch)
	}
	for i := range n {
		key, end := access.ObjectKey(fmt.Sprintf("object-%05d", i)), ends(i)
		at[key] = end
		begun := end.Add(-time.Hour)
		g := access.Grant{
			ID: access.RequestIDFrom(string(key)).Grant(), Request: access.RequestIDFrom(string(key)), State: access.Open,
			Holder: access.PersonID("p-" + string(key)), Target: "ec2", Duration: time.Hour, Objects: []access.ObjectKey{key},
			DecidedAt: begun, OpenBy: end, CloseBy: end, OpenedAt: begun, EndsAt: end, Reminded: true,
		}
		o := access.Object{
			Spec:  access.Spec{Key: key, Way: "test", Lane: fmt.Sprint(i % 100), Budget: "aws"},
			State: access.Present, ReadAbsentAt: begun, AttemptAt: begun, AttemptRun: 1, SeenAt: begun,
		}
		o = o.Leased(g.ID, end, begun)
		o.NextAt = end.Add(time.Hour)
		put(g)
		put(o)
		if len(c.Changes) > access.MaxChanges-2 || i == n-1 {
			if _, err := s.Commit(tb.Context(), c); err != nil {
				tb.Fatal(err)
			}
			c = access.Commit{}
		}
	}
	return at
}

// An endless way has no limits: every call is answered at once.
type endless struct {
	op time.Duration // how long operations take

	mu      sync.Mutex // guards what follows
	removed map[access.ObjectKey]time.Time
	want    int
	done    chan struct{} // closed when so many were removed
}

func (w *endless) Observe(context.Context, access.Spec, time.Time) (access.Observation, error) {
	return access.Observation{}, nil
}

func (w *endless) Apply(_ context.Context, s access.Spec) (access.Operation, error) {
	return access.Operation{}, fmt.Errorf("%s is to be made", s.Key)
}

func (w *endless) Remove(_ context.Context, s access.Spec) (access.Operation, error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, again := w.removed[s.Key]; !again {
		w.removed[s.Key] = now
	}
	if len(w.removed) == w.want {
		w.want = 0
		close(w.done)
	}
	return access.Operation{Kind: access.Removal, ID: string(s.Key), State: access.OpRunning, StartedAt: now}, nil
}

func (w *endless) Poll(_ context.Context, _ access.Spec, op access.Operation) (access.Operation, error) {
	if time.Since(op.StartedAt) >= w.op {
		op.State = access.OpSucceeded
	}
	return op, nil
}
