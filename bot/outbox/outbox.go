package outbox

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/clock"
)

// Config is what an Outbox works with. All of it is required.
type Config struct {
	Store access.Store
	API   *webapi.API
	// Labels returns what the fields of a target's form are called, by name.
	Labels func(target string) map[string]string
	// Longer returns by how much a grant can be extended by now.
	Longer func(g access.Grant) []time.Duration
	// Deciders returns the users who can be told of a request directly, at
	// most n of them: those who are asked in the stage that it is in. It is
	// asked when no channel is told, and when others are asked than at first.
	Deciders func(ctx context.Context, r access.Request, n int) ([]string, error)
	// Audience returns the users who are in it, at most n of them, and Names
	// what users are called.
	Audience func(ctx context.Context, a access.Audience, n int) ([]string, error)
	Names    func(ctx context.Context, users []string) ([]string, error)
	// Announced is called once Slack has confirmed that somebody who broke the
	// glass was announced somewhere, as often as it takes to return nil.
	Announced func(ctx context.Context, id access.RequestID, where string) error
	Clock     clock.Clock
	Log       zerolog.Logger
	// AdminChannel is the id of the channel that hears of what needs a person;
	// empty if there is none.
	AdminChannel string
}

// The sizes of an Outbox.
const (
	workers    = 16
	mostLoaded = 4096 // notices in memory; the others wait in the store
)

// An Outbox tells people what the store says is to be told.
type Outbox struct {
	Config
	more    chan struct{} // there may be notices that are not loaded
	places  places
	blocked blocked
}

// New returns an Outbox. Run makes it work.
func New(c Config) *Outbox {
	return &Outbox{
		Config: c, more: make(chan struct{}, 1),
		places: places{dms: map[string]string{}, channels: map[string]channel{}}, blocked: blocked{places: map[string]bool{}},
	}
}

// Run tells what is to be told until ctx ends, after redrawing once what can
// still change. It returns when no call is under way, so that what was posted
// is recorded; a call takes as long as the API's patience at most.
func (o *Outbox) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	o.Store.Watch(ctx, o.seen)
	jobs, results := make(chan job), make(chan worked)
	for range workers {
		g.Go(func() error { return o.work(ctx, jobs, results) })
	}
	g.Go(func() error { return o.schedule(ctx, jobs, results) })
	return g.Wait()
}

// seen hears of commits.
func (o *Outbox) seen(keys []access.Key) {
	for _, k := range keys {
		if k.Kind == access.KindNotice {
			o.wake()
			return
		}
	}
}

func (o *Outbox) wake() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// A result is what became of an attempt at the first item of a lane.
type result struct {
	finished bool
	failed   bool      // try again after a while
	again    time.Time // not before
	reached  bool      // Slack did something that we asked for
	outage   bool      // Slack could not be reached at all
}

// A job is a lane that a worker has, with the items that were in it then: more
// may be added while it works.
type job struct {
	lane  *lane
	items []*item
}

type worked struct {
	lane *lane
	result
}

func (o *Outbox) work(ctx context.Context, jobs <-chan job, results chan<- worked) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-jobs:
			r := o.attempt(ctx, j.items)
			select {
			case results <- worked{j.lane, r}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// schedule owns the queue.
func (o *Outbox) schedule(ctx context.Context, jobs chan<- job, results <-chan worked) error {
	q := newQueue()
	l := &loader{outbox: o, redraw: true}
	for ctx.Err() == nil {
		retry := l.load(ctx, q)
		now := o.Clock.Now()
		next, at := q.ready(now)
		var out chan<- job
		var todo job
		if next != nil {
			out, todo = jobs, job{next, next.items}
		}
		fire, stop := o.alarm(next, at, retry)
		select {
		case <-ctx.Done():
		case out <- todo:
			q.start(next)
		case r := <-results:
			q.done(r.lane, r.result, o.Clock.Now())
		case <-o.more:
			l.more = true
		case <-fire:
		}
		stop()
	}
	return nil
}

// alarm fires when a lane is due, or when loading is to be tried again: never,
// if neither is waited for. The caller calls stop.
func (o *Outbox) alarm(ready *lane, due, retry time.Time) (fire <-chan time.Time, stop func()) {
	if ready != nil || due.IsZero() || !retry.IsZero() && retry.Before(due) {
		due = retry
	}
	if due.IsZero() {
		return nil, func() {}
	}
	t := o.Clock.Timer(due)
	return t.C, t.Stop
}
