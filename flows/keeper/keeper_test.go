package keeper_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/flows/ledger"
	"sesame/store/memory"
	"sesame/strategies/strategytest"
)

// A bench is a Keeper with a store and a cloud, inside a bubble in which time
// passes when nothing else can happen.
type bench struct {
	t     *testing.T
	store access.Store
	cloud *cloud
	gate  keeper.Gate
	conf  func(*keeper.Config)
	runs  *keeper.Keeper
	stop  func()
	asked int
	// sessions are what people start who hold something; nil is that nobody does.
	sessions *strategytest.Shells
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, store: memory.New(), cloud: newCloud(1)}
	b.gate = func(context.Context, access.Grant) error { return nil }
	b.conf = func(*keeper.Config) {}
	return b
}

// start starts a Keeper; stop ends it and waits.
func (b *bench) start() {
	conf := keeper.Config{
		Store: b.store, Ways: map[string]access.Way{"test": b.cloud}, Clock: clock.System{},
		Gate: func(ctx context.Context, g access.Grant) error { return b.gate(ctx, g) },
		Log:  zerolog.New(zerolog.NewTestWriter(b.t)),
	}
	if b.sessions != nil {
		conf.Cutter = b.sessions
	}
	b.conf(&conf)
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error)
	b.runs = keeper.New(conf)
	go func() { ended <- b.runs.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("Keeper: %v", err)
		}
	}
	synctest.Wait()
}

// spec is the object named by key.
func (b *bench) spec(key string) access.Spec {
	s := access.Spec{Key: access.ObjectKey(key), Way: "test", Lane: "account-" + key, Budget: "aws"}
	if b.sessions != nil {
		s.Lane, s.SessionsOf = "alice", "alice"
	}
	return s
}

// grant has person hold the object named by key for d, decided now.
func (b *bench) grant(key string, d time.Duration) access.GrantID {
	b.t.Helper()
	b.asked++
	now := time.Now()
	r := access.Request{
		ID: access.RequestIDFrom(fmt.Sprint("test", b.asked)), State: access.Approved, Duration: d,
		By: access.Person{ID: "p-alice", Name: "alice"}, Target: access.Target{Name: key, Overhang: time.Hour}, AskedAt: now,
	}
	plan := access.Plan{Objects: []access.Spec{b.spec(key)}}
	err := ledger.Retry(func() error {
		batch := ledger.NewBatch(now)
		batch.Put(r, 0)
		if err := batch.Grant(b.t.Context(), b.store, r, plan); err != nil {
			return err
		}
		_, err := batch.Commit(b.t.Context(), b.store)
		return err
	})
	if err != nil {
		b.t.Fatalf("grant %s: %v", key, err)
	}
	return r.ID.Grant()
}

func (b *bench) state(id access.GrantID) access.Grant {
	b.t.Helper()
	g, _, err := access.Load[access.Grant](b.t.Context(), b.store, access.Grant{ID: id}.Key())
	if err != nil {
		b.t.Fatal(err)
	}
	return g
}

// endEarly ends a grant as a person would.
func (b *bench) endEarly(id access.GrantID) {
	b.t.Helper()
	err := ledger.Retry(func() error {
		g, v, err := access.Load[access.Grant](b.t.Context(), b.store, access.Grant{ID: id}.Key())
		if err != nil {
			return err
		}
		batch := ledger.NewBatch(time.Now())
		if _, err := batch.End(b.t.Context(), b.store, g, v, access.End{At: time.Now(), Cause: access.EndedEarly}); err != nil {
			return err
		}
		_, err = batch.Commit(b.t.Context(), b.store)
		return err
	})
	if err != nil {
		b.t.Fatalf("end %s: %v", id, err)
	}
}

// want checks the state of a grant and whether its object is there.
func (b *bench) want(id access.GrantID, state access.GrantState, there bool) {
	b.t.Helper()
	g := b.state(id)
	if g.State != state {
		b.t.Errorf("grant %s is %s (%s), want %s", id, g.State, g.End.Detail, state)
	}
	if _, ok := b.cloud.there()[g.Objects[0]]; ok != there {
		b.t.Errorf("%s there: %v, want %v", g.Objects[0], ok, there)
	}
}

func (b *bench) alarms() (texts []string) {
	page, err := b.store.List(b.t.Context(), access.Query{Index: access.IndexNotices})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, rec := range page.Records {
		if n, err := access.Decode[access.Notice](rec); err == nil && n.Kind == access.NoticeAlarm {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func story(name string, t *testing.T, f func(*testing.T, *bench)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newBench(t)) })
	})
}

func TestKeeping(t *testing.T) {
	story("opens, and closes on time", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(10 * time.Second)
		b.want(id, access.Open, true)
		time.Sleep(time.Hour - time.Minute)
		b.want(id, access.Open, true)
		time.Sleep(time.Minute)
		b.want(id, access.Closed, false)
		g := b.state(id)
		if r := g.Receipt.Objects[0]; r.Reads != 2 || r.Operation == "" {
			t.Errorf("receipt %+v, want two reads and the operation", r)
		}
		if late := g.Receipt.RemovedAt.Sub(g.EndsAt); late > 10*time.Second {
			t.Errorf("removed %v after its end", late)
		}
		if got := g.Receipt.DeadBy.Sub(g.Receipt.RemovedAt); got != time.Hour {
			t.Errorf("overhang %v after removal, want 1h", got)
		}
		time.Sleep(time.Hour)
		if page, _ := b.store.List(t.Context(), access.Query{Index: access.IndexObjects}); len(page.Records) != 0 {
			t.Errorf("%d objects are still kept after the watch", len(page.Records))
		}
	})
	story("overlapping grants, the shorter first", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		short, long := b.grant("a", time.Hour), b.grant("a", 2*time.Hour)
		time.Sleep(61 * time.Minute)
		b.want(short, access.Closed, true)
		b.want(long, access.Open, true)
		if kept := b.state(short).Receipt.Objects[0].KeptFor; !slices.Equal(kept, []access.GrantID{long}) {
			t.Errorf("receipt says kept for %v, want %v", kept, long)
		}
		if !b.state(short).Receipt.RemovedAt.IsZero() {
			t.Error("the receipt says removed while the access is there")
		}
		time.Sleep(time.Hour)
		b.want(long, access.Closed, false)
	})
	story("ended while opening", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Second)
		b.want(id, access.Opening, false)
		b.endEarly(id)
		time.Sleep(20 * time.Second)
		b.want(id, access.Closed, false)
	})
	story("there before", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		b.cloud.byHand("a", true)
		id := b.grant("a", time.Hour)
		time.Sleep(20 * time.Second)
		b.want(id, access.Closed, true)
		if g := b.state(id); g.End.Cause != access.EndedFailed || !g.Receipt.Objects[0].Foreign {
			t.Errorf("end %+v, receipt %+v, want failed and foreign", g.End, g.Receipt)
		}
	})
	story("removed by somebody else", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", 2*time.Hour)
		time.Sleep(time.Minute)
		b.cloud.byHand("a", false)
		time.Sleep(20 * time.Minute)
		b.want(id, access.Closed, false)
		if len(b.alarms()) != 1 {
			t.Errorf("alarms %q, want one", b.alarms())
		}
	})
	story("no leader, no access after the end", t, func(t *testing.T, b *bench) {
		b.start()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		b.stop()
		time.Sleep(3 * time.Hour)
		b.want(id, access.Open, true)
		b.start()
		defer b.stop()
		time.Sleep(20 * time.Second)
		b.want(id, access.Closed, false)
	})
	story("an attempt that had no effect makes nothing ours", t, func(t *testing.T, b *bench) {
		b.twist(twisted{apply: fails(access.Throttled, "slow down")})
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(10 * time.Second)
		b.cloud.byHand("a", true)
		time.Sleep(2 * time.Hour)
		b.want(id, access.Closed, true)
		if g := b.state(id); g.End.Cause != access.EndedFailed || !g.Receipt.Objects[0].Foreign {
			t.Errorf("end %+v, receipt %+v, want failed and foreign", g.End, g.Receipt)
		}
	})
	story("operations in progress keep their places over a restart", t, func(t *testing.T, b *bench) {
		b.conf = func(c *keeper.Config) { c.Limits.Outstanding = 2 }
		b.cloud.latency = 30 * time.Second
		b.start()
		b.grant("a", time.Hour)
		b.grant("b", time.Hour)
		time.Sleep(5 * time.Second)
		b.stop()
		last := b.grant("c", time.Hour)
		b.start()
		defer b.stop()
		time.Sleep(2 * time.Minute)
		b.want(last, access.Open, true)
		if b.cloud.most > 2 {
			t.Errorf("%d operations were in progress at once, want 2", b.cloud.most)
		}
	})
	story("AWS forgets its operations", t, func(t *testing.T, b *bench) {
		b.twist(twisted{poll: fails(access.Refused, "no such request")})
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(30 * time.Second)
		b.want(id, access.Open, true)
		time.Sleep(time.Hour)
		b.want(id, access.Closed, false)
	})
	story("what is there for a grant before is looked at for the next", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		b.grant("a", 2*time.Hour)
		time.Sleep(time.Minute)
		b.cloud.byHand("a", false)
		id := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		b.want(id, access.Closed, false)
		if g := b.state(id); !g.OpenedAt.IsZero() {
			t.Errorf("it was said to be open at %v, and nothing was there", g.OpenedAt)
		}
	})
	story("reads lag behind", t, func(t *testing.T, b *bench) {
		b.twist(twisted{observe: func(seen access.Observation) access.Observation {
			seen.Present = seen.Present || time.Since(b.cloud.lastRemoval()) < 20*time.Second
			return seen
		}})
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(62 * time.Minute)
		b.want(id, access.Closed, false)
		if n := b.cloud.operations(); n != 2 {
			t.Errorf("%d operations, want one creation and one removal", n)
		}
	})
	story("waits for its turn, and says so", t, func(t *testing.T, b *bench) {
		b.conf = func(c *keeper.Config) { c.Limits.Outstanding = 1 }
		b.start()
		defer b.stop()
		for _, key := range []string{"a", "b", "c"} {
			b.grant(key, time.Hour)
		}
		time.Sleep(time.Second)
		if n := b.runs.Waiting(); n != 2 {
			t.Errorf("%d wait, want all but the one whose turn it is", n)
		}
		time.Sleep(time.Minute)
		if n := b.runs.Waiting(); n != 0 {
			t.Errorf("%d wait still", n)
		}
	})
	story("never opens after its time", t, func(t *testing.T, b *bench) {
		id := b.grant("a", time.Hour)
		time.Sleep(access.OpenWithin)
		b.start()
		defer b.stop()
		time.Sleep(time.Minute)
		b.want(id, access.Closed, false)
		if b.cloud.calls > 0 && len(b.cloud.ops) > 0 {
			t.Error("something was asked of AWS for a grant that was over")
		}
	})
}
