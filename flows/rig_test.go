package flows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/store/memory"
	"sesame/store/storetest"
)

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) // a Wednesday

// leads is the id of the group of approvers in Slack.
const leads = "S0LEADS"

// A rig is a Desk with people, rules and a store in memory.
type rig struct {
	*flows.Desk
	t      *testing.T
	store  *memory.Store
	before func(access.Commit) error // called around the Desk's commits; nil does nothing
	after  func(access.Commit) error
	people *factstest.World
	clock  *clock.Movable
	rules  *flowfile.Set
	asked  int
	flowOf func(target string) string

	mu   sync.Mutex // guards what follows
	left []string   // who was told of as having left, and why
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, store: memory.New(), people: factstest.New("T1", "d-1"), clock: clock.Frozen(noon)}
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory", "root"} {
		r.people.Join(name)
	}
	r.people.Visit("eve", facts.Guest)
	r.people.SetSlackGroup(leads, "bob", "carol")
	r.load("flows.yaml")
	r.open()
	return r
}

// open opens a Desk on what there is.
func (r *rig) open() {
	people := facts.New(r.store, r.people.Sources(), r.clock, facts.Config{
		Workspace: "T1", TrustEmail: true, MaxAge: -1, Admins: []string{"root@example.com"}, FlowOf: r.flowOf,
	})
	hook := func(f *func(access.Commit) error) func(access.Commit) error {
		return func(c access.Commit) error {
			if *f == nil {
				return nil
			}
			return (*f)(c)
		}
	}
	r.Desk = flows.New(flows.Config{
		Store: storetest.Hooked{Store: r.store, Before: hook(&r.before), After: hook(&r.after)}, People: people, Rules: func() *flowfile.Set { return r.rules }, Clock: r.clock,
		Planners: map[string]access.Planner{"aws_sso": planner{}},
		Left: func(_ context.Context, who access.PersonID, why string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.left = append(r.left, string(who)+": "+why)
			return nil
		},
	})
}

// load puts a flow file of testdata in force; none if name is empty.
func (r *rig) load(name string) {
	r.t.Helper()
	if name == "" {
		r.rules = nil
		return
	}
	yaml, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		r.t.Fatal(err)
	}
	r.reads(name, yaml)
}

// edit puts the flow file that a rig begins with in force, with a part replaced.
func (r *rig) edit(was, is string) {
	r.t.Helper()
	yaml, err := os.ReadFile(filepath.Join("testdata", "flows.yaml"))
	if err != nil || !bytes.Contains(yaml, []byte(was)) {
		r.t.Fatalf("%q is not in the flow file: %v", was, err)
	}
	r.reads("flows.yaml", bytes.Replace(yaml, []byte(was), []byte(is), 1))
}

func (r *rig) reads(name string, yaml []byte) {
	r.t.Helper()
	var err error
	if r.rules, err = flowfile.Load(fstest.MapFS{name: {Data: yaml}}, name); err != nil {
		r.t.Fatal(err)
	}
}

type planner struct{}

func (planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	key := access.ObjectKey(t.Params["account"] + "/" + string(p.Principal))
	return access.Plan{Objects: []access.Spec{{Key: key, Way: "aws_sso", Lane: t.Params["account"], Budget: "sso"}}}, nil
}

// draft returns what somebody asks for in good order.
func (r *rig) draft(who, target string) flows.Draft {
	r.asked++
	d := flows.Draft{
		ID: access.RequestIDFrom(fmt.Sprint(who, r.asked)), From: r.people.Account(who), Target: target,
		Duration: time.Hour, Reason: "disk full", Source: access.FromCommand,
	}
	if target == "ec2" {
		d.Fields = map[string]string{"ticket": "INC-42"}
	}
	return d
}

func (r *rig) ask(who, target string) access.Request {
	r.t.Helper()
	q, err := r.Ask(r.t.Context(), r.draft(who, target))
	if err != nil {
		r.t.Fatalf("%s asks for %s: %v", who, target, err)
	}
	return q
}

// say returns what a click of somebody on a request's message says.
func (r *rig) say(who string, q access.Request) flows.Say {
	return flows.Say{From: r.people.Account(who), Request: q.ID, Digest: q.Terms().Digest(), Source: access.FromButton}
}

func (r *rig) approve(who string, q access.Request) access.Request {
	r.t.Helper()
	q, err := r.Approve(r.t.Context(), r.say(who, q))
	if err != nil {
		r.t.Fatalf("%s approves: %v", who, err)
	}
	return q
}

// opened opens a grant as the Keeper would.
func (r *rig) opened(id access.GrantID) access.Grant {
	r.t.Helper()
	g, v, err := access.Load[access.Grant](r.t.Context(), r.store, access.Grant{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	if g, err = g.Opened(r.clock.Now()); err != nil {
		r.t.Fatal(err)
	}
	b := ledger.NewBatch(r.clock.Now())
	b.Put(g, v)
	if _, err := b.Commit(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
	return g
}

// end ends a grant as the Keeper would.
func (r *rig) end(id access.GrantID, cause access.EndCause) {
	r.t.Helper()
	g, v, err := access.Load[access.Grant](r.t.Context(), r.store, access.Grant{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	b := ledger.NewBatch(r.clock.Now())
	if _, err := b.End(r.t.Context(), r.store, g, v, access.End{At: r.clock.Now(), Cause: cause}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := b.Commit(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
}

// stored returns a request as it is stored.
func (r *rig) stored(id access.RequestID) access.Request {
	r.t.Helper()
	q, _, err := access.Load[access.Request](r.t.Context(), r.store, access.Request{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

func (r *rig) grant(id access.RequestID) (access.Grant, bool) {
	r.t.Helper()
	g, v, err := access.LoadOrNew[access.Grant](r.t.Context(), r.store, access.Grant{ID: id.Grant()}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	return g, v != 0
}

// log returns all events.
func (r *rig) log() []access.Event {
	r.t.Helper()
	var all []access.Event
	for {
		events, err := r.store.Log(r.t.Context(), uint64(len(all)+1), 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
	}
}

// count returns how many events of a type there are.
func (r *rig) count(typ access.EventType) int {
	r.t.Helper()
	n := 0
	for _, e := range r.log() {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// refused returns the refusal in err, or fails.
func refused(t *testing.T, what string, err error) *access.Refusal {
	t.Helper()
	r, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		t.Fatalf("%s: %v, want a refusal", what, err)
	}
	return r
}

var errDown = fmt.Errorf("connection refused: %w", access.ErrUnavailable)
