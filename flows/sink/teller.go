package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// Work is what a Teller works with. All of it is required.
type Work struct {
	Store access.Store
	Sinks []*Sink
	// Announced is called once a sink has acknowledged broken glass, as often
	// as it takes to return nil.
	Announced func(ctx context.Context, id access.RequestID, where string) error
	Clock     clock.Clock
	Log       zerolog.Logger
}

// A Teller tells the sinks. What is still to be told of broken glass stands in
// the requests themselves: a place that took note is among their
// announcements.
type Teller struct {
	Work
	posts []*post
}

// A post is what one sink is still to be told.
type post struct {
	sink *Sink
	news chan struct{} // look again

	mu   sync.Mutex // guards head
	head *message   // the latest checkpoint that it does not have

	// Only the goroutine of the sink touches these.
	glass  map[access.RequestID]*due // to be acknowledged
	signed due                       // of checkpoints
}

// A due is when something is to be tried, and how often that failed.
type due struct {
	at    time.Time
	tries int
}

// failed returns d after a try that failed at now.
func (d due) failed(now time.Time) due {
	pause := min(mostPause, firstPause<<min(d.tries, 10))
	return due{now.Add(pause), d.tries + 1}
}

// NewTeller returns a Teller. Run makes it work.
func NewTeller(w Work) *Teller {
	t := &Teller{Work: w}
	for _, s := range w.Sinks {
		t.posts = append(t.posts, &post{sink: s, news: make(chan struct{}, 1), glass: map[access.RequestID]*due{}})
	}
	return t
}

// Checkpoint has every sink told of a signed checkpoint, whose JSON form c has.
// It waits for none of them. Of several that a sink does not have yet, it gets
// the latest, which covers the others.
func (t *Teller) Checkpoint(number uint64, c any) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode checkpoint %d: %w", number, err)
	}
	for _, p := range t.posts {
		m := message{Version: 1, Kind: "checkpoint", At: t.Clock.Now().UTC(), Checkpoint: body, key: fmt.Sprintf("checkpoint/%d", number)}
		p.mu.Lock()
		p.head = &m
		p.mu.Unlock()
		p.wake()
	}
	return nil
}

// Run tells the sinks until ctx ends. It returns when no post is under way.
func (t *Teller) Run(ctx context.Context) error {
	if len(t.posts) == 0 {
		<-ctx.Done()
		return nil
	}
	t.Store.Watch(ctx, func(keys []access.Key) {
		for _, k := range keys {
			if k.Kind == access.KindRequest {
				for _, p := range t.posts {
					p.wake()
				}
				return
			}
		}
	})
	var all sync.WaitGroup
	for _, p := range t.posts {
		all.Go(func() { t.serve(ctx, p) })
	}
	all.Wait()
	return nil
}

func (p *post) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// A hint of the store can be missed, so requests are also looked at now and
// then.
const lookEvery = 15 * time.Second

// The pauses after tries that failed.
const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// serve tells one sink, again and again until it has everything.
func (t *Teller) serve(ctx context.Context, p *post) {
	for ctx.Err() == nil {
		if err := t.collect(ctx, p); err != nil && ctx.Err() == nil {
			t.Log.Error().Err(err).Str("sink", p.sink.Name).Msg("look for what is to be told")
		}
		t.glass(ctx, p)
		t.head(ctx, p)
		p.wait(ctx, t.Clock)
	}
}

// wait blocks until there is something to do.
func (p *post) wait(ctx context.Context, c clock.Clock) {
	next := c.Now().Add(lookEvery)
	for _, d := range p.glass {
		if d.at.Before(next) {
			next = d.at
		}
	}
	if p.waiting() != nil && p.signed.at.Before(next) {
		next = p.signed.at
	}
	timer := c.Timer(next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.news:
	}
}

// glass tells a sink of the broken glass that is due. Each is tried for itself,
// so that one which it refuses holds up no other.
func (t *Teller) glass(ctx context.Context, p *post) {
	for id, d := range p.glass {
		if now := t.Clock.Now(); ctx.Err() != nil || now.Before(d.at) {
			continue
		}
		if err := t.announce(ctx, p, id); err != nil {
			*d = d.failed(t.Clock.Now())
			t.later(ctx, p, err, "announce broken glass later")
			continue
		}
		delete(p.glass, id)
	}
}

// head tells a sink of the latest checkpoint, if that is due.
func (t *Teller) head(ctx context.Context, p *post) {
	m := p.waiting()
	if m == nil || ctx.Err() != nil || t.Clock.Now().Before(p.signed.at) {
		return
	}
	if err := p.sink.post(ctx, *m); err != nil {
		p.signed = p.signed.failed(t.Clock.Now())
		t.later(ctx, p, err, "send a checkpoint later")
		return
	}
	p.signed = due{}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head == m {
		p.head = nil
	}
}

func (t *Teller) later(ctx context.Context, p *post, err error, what string) {
	if ctx.Err() == nil {
		t.Log.Warn().Err(err).Str("sink", p.sink.Name).Msg(what)
	}
}

// waiting returns the checkpoint that the sink does not have, or nil.
func (p *post) waiting() *message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.head
}

// collect adds the broken glass that a sink has not acknowledged. What was
// found once stays to be told also when it has been reviewed since.
func (t *Teller) collect(ctx context.Context, p *post) error {
	return access.Each(ctx, t.Store, access.Query{Index: access.IndexReview}, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err == nil && p.glass[r.ID] == nil && !noted(r, p.sink) {
			p.glass[r.ID] = &due{}
		}
		return err
	})
}

// announce tells a sink of broken glass, unless it has acknowledged that.
func (t *Teller) announce(ctx context.Context, p *post, id access.RequestID) error {
	r, _, err := access.Load[access.Request](ctx, t.Store, access.Request{ID: id}.Key())
	if err != nil || noted(r, p.sink) {
		return err
	}
	g, _, err := access.LoadOrNew[access.Grant](ctx, t.Store, access.Grant{ID: id.Grant()}.Key())
	if err != nil {
		return err
	}
	if err := p.sink.post(ctx, broken(r, g, t.Clock.Now())); err != nil {
		return err
	}
	t.Log.Info().Str("request", string(id)).Str("sink", p.sink.Name).Msg("announced")
	// What was acknowledged is recorded, even while we are told to stop.
	return t.Announced(context.WithoutCancel(ctx), id, p.sink.where())
}

// where is what the record calls the sink.
func (s *Sink) where() string { return "sink " + s.Name }

func noted(r access.Request, s *Sink) bool {
	for _, a := range r.Announcements {
		if a.Where == s.where() {
			return true
		}
	}
	return false
}
