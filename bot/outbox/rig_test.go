package outbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot/outbox"
	"sesame/bot/slacktest"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/ledger"
	"sesame/store/memory"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A rig is an outbox between a store and the stand-in.
type rig struct {
	*slacktest.Workspace
	t                 *testing.T
	clk               *clock.Movable
	store             access.Store
	api               *webapi.API
	box               *outbox.Outbox
	alice, bob        string // users
	ask, other, admin string // channels
	deciders          []string
	hearers, skipped  []string
	announced         func() error // what is in the way of noting that
	stop              func()
}

type option func(*slacktest.Config, *webapi.Config)

// paced has both sides keep to Slack's limits.
func paced(s *slacktest.Config, w *webapi.Config) { s.NoRateLimits, w.Unpaced = false, false }

func newRig(t *testing.T, opts ...option) *rig {
	t.Helper()
	clk := clock.Frozen(noon)
	sc, wc := slacktest.Config{Clock: clk, NoRateLimits: true}, webapi.Config{Clock: clk, Unpaced: true}
	for _, o := range opts {
		o(&sc, &wc)
	}
	r := &rig{Workspace: slacktest.New(sc), t: t, clk: clk, store: memory.New()}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.alice = r.AddUser(slacktest.User{Name: "alice", RealName: "Alice Ames", Email: "alice@example.com"})
	r.bob = r.AddUser(slacktest.User{Name: "bob", RealName: "Bob Burr", Email: "bob@example.com"})
	for name, id := range map[string]*string{"access": &r.ask, "other": &r.other, "admins": &r.admin} {
		*id = r.AddChannel(slacktest.Channel{Name: name, Members: []string{r.alice, r.bob, r.BotUser()}})
	}
	wc.Token, wc.URL = r.BotToken(), r.APIURL()
	api, err := webapi.New(wc)
	if err != nil {
		t.Fatal(err)
	}
	r.api = api
	r.run()
	t.Cleanup(func() {
		r.stop()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for _, v := range r.Violations() {
			t.Error("violation:", v)
		}
	})
	return r
}

// run starts an outbox on the store, as a start of the program does.
func (r *rig) run() {
	r.box = outbox.New(outbox.Config{
		Store: r.store, API: r.api, Clock: r.clk, Log: zerolog.New(zerolog.NewTestWriter(r.t)), AdminChannel: r.admin,
		Labels: func(string) map[string]string { return map[string]string{"ticket": "Ticket"} },
		Deciders: func(_ context.Context, _ access.Request, n int) ([]string, error) {
			return r.deciders[:min(n, len(r.deciders))], nil
		},
		Longer: func(access.Grant) []time.Duration { return []time.Duration{30 * time.Minute} },
		Audience: func(_ context.Context, a access.Audience, n int) ([]string, error) {
			if slices.Contains(a.Groups, "managers") {
				return r.hearers, nil
			}
			return r.skipped, nil
		},
		Names: func(_ context.Context, users []string) ([]string, error) {
			names := make([]string, len(users))
			for i, u := range users {
				names[i] = "the real name of " + u
			}
			return names, nil
		},
		Announced: r.noted,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return r.box.Run(ctx) })
	r.stop = func() {
		cancel()
		if err := g.Wait(); err != nil {
			r.t.Error(err)
		}
		r.stop = func() {}
	}
}

// noted records that a place took note of broken glass.
func (r *rig) noted(ctx context.Context, id access.RequestID, where string) error {
	if r.announced != nil {
		if err := r.announced(); err != nil {
			return err
		}
	}
	q, v, err := access.Load[access.Request](ctx, r.store, access.Request{ID: id}.Key())
	if err != nil {
		return err
	}
	q, err = q.Announced(where, r.clk.Now())
	if errors.Is(err, access.ErrCountedAlready) {
		return nil
	} else if err != nil {
		return err
	}
	b := ledger.NewBatch(r.clk.Now())
	b.Put(q, v)
	_, err = b.Commit(ctx, r.store)
	return err
}

func (r *rig) archived(id string, is bool) {
	r.EditChannel(id, func(c *slacktest.Channel) { c.Archived = is })
}

// until drives the clock, a second at a time, until what is waited for is so.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	if err := r.AwaitMoving(r.t.Context(), r.clk, ok); err != nil {
		r.t.Fatalf("never: %s: %v", what, err)
	}
}

// told waits until nothing is left to be told.
func (r *rig) told() {
	r.t.Helper()
	r.until("everything is told", func() bool {
		p, err := r.store.List(r.t.Context(), access.Query{Index: access.IndexNotices})
		return err == nil && len(p.Records) == 0
	})
}

func (r *rig) commit(fill func(b *ledger.Batch)) {
	r.t.Helper()
	b := ledger.NewBatch(r.clk.Now())
	fill(b)
	if _, err := b.Commit(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
}

// request is one of Alice, told to channels.
func (r *rig) request(id access.RequestID, channels ...string) access.Request {
	q := access.Request{
		ID: id, State: access.Pending, AskedAt: r.clk.Now(), LapsesAt: r.clk.Now().Add(24 * time.Hour),
		By: access.Person{
			ID: "p-alice", Name: "Alice Ames", Email: "alice@example.com", Principal: "user-alice",
			Account: access.Account{Workspace: r.TeamID(), User: r.alice},
		},
		Target: access.Target{Name: "ec2-frontend", Label: "EC2 front end", Way: "aws_sso"}, Duration: time.Hour,
		Reason: "disk full", Fields: map[string]string{"ticket": "INC-42"}, Source: access.FromCommand,
		Verdict: access.Verdict{Allow: true, Route: access.Route{Name: "leads", Needs: []access.Need{{Count: 1, People: []string{"bob@example.com"}}}}},
	}
	for _, c := range channels {
		q.Verdict.Route.Notify = append(q.Verdict.Route.Notify, access.Channel{Name: "access", ID: c})
	}
	return q
}

// asked commits a new request, as the Desk does.
func (r *rig) asked(q access.Request) {
	r.t.Helper()
	r.commit(func(b *ledger.Batch) {
		b.Put(q, 0)
		b.Tell(access.NoticeAsked, q.ID, "")
	})
}

// change rewrites a request and tells of it.
func (r *rig) change(id access.RequestID, to func(q access.Request) access.Request, tell func(b *ledger.Batch)) {
	r.t.Helper()
	q, v, err := access.Load[access.Request](r.t.Context(), r.store, access.Request{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	r.commit(func(b *ledger.Batch) {
		b.Put(to(q), v)
		tell(b)
	})
}

// deny has Bob deny a request.
func (r *rig) deny(id access.RequestID) {
	r.t.Helper()
	r.change(id, func(q access.Request) access.Request {
		bob := access.Standing{Person: access.Person{ID: "p-bob", Name: "Bob Burr"}}
		q, err := q.Deny(bob, access.Decision{At: r.clk.Now(), Reason: "use staging"})
		if err != nil {
			r.t.Fatal(err)
		}
		return q
	}, func(b *ledger.Batch) {
		b.Tell(access.NoticeChanged, id, "Bob Burr denied the request.")
		b.Tell(access.NoticeOutcome, id, "")
	})
}

// posts returns the texts of what stands in a conversation.
func (r *rig) posts(channel string) []string {
	var all []string
	for _, m := range r.Messages(channel) {
		all = append(all, m.Text())
	}
	return all
}

func (r *rig) calls(method string) int {
	n := 0
	for _, c := range r.Calls() {
		if c.Method == method && c.Error == "" && c.Status == 200 {
			n++
		}
	}
	return n
}

// missed is how often Slack gave no answer, or a fault for one.
func (r *rig) missed() int {
	n := 0
	for _, c := range r.Calls() {
		if c.Status != 200 {
			n++
		}
	}
	return n
}

func (r *rig) wantCount(what string, got []string, want int) {
	r.t.Helper()
	if len(got) != want {
		r.t.Errorf("%s: %d messages, want %d:\n%s", what, len(got), want, strings.Join(got, "\n---\n"))
	}
}

func (r *rig) wantText(what string, got []string, parts ...string) {
	r.t.Helper()
	all := strings.Join(got, "\n---\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			r.t.Errorf("%s lacks %q:\n%s", what, p, all)
		}
	}
}
