package bot_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot"
	"sesame/bot/outbox"
	"sesame/bot/slacktest"
	"sesame/bot/socket"
	"sesame/bot/webapi"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/flows/golden"
	"sesame/flows/ledger"
	"sesame/flows/login"
	"sesame/store/memory"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

const flowFile = `
version: 1
timezone: Europe/Berlin
groups:
  leads:       {slack: S0LEADS}
  engineering: {members: [alice@example.com, bob@example.com, carol@example.com]}
channels: {access: C0ACCESS}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  ec2-frontend: {label: EC2 front end, strategy: sso, account: "222222222222", permission_set: FrontendShell, session: 1h, tags: {env: prod}}
  ec2-backend:  {label: EC2 back end, strategy: sso, account: "222222222222", permission_set: BackendShell, session: 1h, tags: {env: prod}}
  logs:         {label: Log reader, strategy: sso, account: "222222222222", permission_set: Logs, session: 1h, tags: {env: prod}}
flows:
  ec2:
    targets: [ec2-frontend, ec2-backend]
    duration: {choices: [30m, 1h, 2h], default: 1h}
    fields:
      - {name: ticket, label: Ticket, type: string, pattern: '^[A-Z]+-\d+$', hint: like INC-42, required: true}
    who: 'in_group("engineering", requester)'
    guardrails:
      - {name: no-long-backend, deny: 'target.name == "ec2-backend" and request.duration > duration("1h")', message: "The back end can be had for an hour at most: ask for less."}
    routes:
      - {name: leads, approvers: {groups: [leads]}, notify: [access]}
  logs:
    targets: [logs]
    duration: {choices: [15m, 4h], default: 4h}
    fields:
      - {name: purpose, label: Purpose, type: select, options: [debug, audit], required: true}
      - {name: lines, label: Lines, type: int, min: 1, max: 100}
    who: 'in_group("engineering", requester)'
    routes:
      - {name: auto, when: 'request.duration <= duration("15m")', auto_approve: true, notify: [access]}
      - {name: named, approvers: {users: [bob@example.com, carol@example.com]}}
`

// A rig is the stand-in, the real connection, bot, Desk and outbox, a store in
// memory and a small world behind them.
type rig struct {
	*slacktest.Workspace
	t      *testing.T
	clk    *clock.Movable
	store  access.Store
	faults *faulty // the same
	world  *factstest.World
	api    *webapi.API
	desk   *flows.Desk
	logins *login.Logins
	box    *outbox.Outbox
	bot    *bot.Bot
	people map[string]string // user ids by name
	stop   func()
	log    strings.Builder
	names  map[string]string // of ids, in what is printed

	idle bool // the bot takes deliveries in, and deals with none

	mu    sync.Mutex
	rules *flowfile.Set
}

// faulty is a store that fails commits on demand.
type faulty struct {
	access.Store
	mu   sync.Mutex
	fail func(access.Commit) error
}

func (f *faulty) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(c); err != nil {
			return 0, err
		}
	}
	return f.Store.Commit(ctx, c)
}

// breaks has commits fail that fail says, until it is nil.
func (r *rig) breaks(fail func(access.Commit) error) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.fail = fail
}

type option func(*slacktest.Config)

func newRig(t *testing.T, opts ...option) *rig {
	t.Helper()
	clk := clock.Frozen(noon)
	cfg := slacktest.Config{Clock: clk, NoRateLimits: true}
	for _, o := range opts {
		o(&cfg)
	}
	r := &rig{Workspace: slacktest.New(cfg), t: t, clk: clk, people: map[string]string{}, names: map[string]string{}}
	r.faults = &faulty{Store: memory.New()}
	r.store = r.faults
	r.ok(r.Start())
	r.populate()
	r.setRules(flowFile)
	api, err := webapi.New(webapi.Config{Token: r.BotToken(), URL: r.APIURL(), Clock: clk, Unpaced: true})
	r.ok(err)
	r.api = api
	r.run()
	t.Cleanup(func() {
		r.stop()
		r.ok(r.Close())
		for _, v := range r.Violations() {
			t.Error("violation:", v)
		}
	})
	return r
}

func (r *rig) populate() {
	r.world = factstest.New(r.TeamID(), "d-1234567890")
	for _, u := range []slacktest.User{
		{Name: "alice", RealName: "Alice Ames", Email: "alice@example.com", TZ: "Europe/Berlin"},
		{Name: "bob", RealName: "Bob Burr", Email: "bob@example.com"},
		{Name: "carol", RealName: "Carol Cole", Email: "carol@example.com"},
		{Name: "gus", RealName: "Gus Guest", Email: "gus@example.com", Restricted: true},
		{Name: "eve", RealName: "Eve Else", Email: "eve@example.org", Team: "T0ELSEWHERE"},
	} {
		r.people[u.Name] = r.AddUser(u)
		r.world.SetUser(facts.User{Principal: r.world.Principal(u.Name), Email: u.Email, Enabled: true})
	}
	r.AddGroup(slacktest.Group{ID: "S0LEADS", Handle: "leads", Users: []string{r.people["bob"], r.people["carol"]}})
	everybody := []string{r.BotUser()}
	for _, id := range r.people {
		everybody = append(everybody, id)
	}
	r.AddChannel(slacktest.Channel{ID: "C0ACCESS", Name: "access", Members: everybody})
	r.AddChannel(slacktest.Channel{ID: "C0ADMINS", Name: "admins", Members: []string{r.BotUser(), r.people["bob"]}})
	r.AddChannel(slacktest.Channel{ID: "C0RANDOM", Name: "random", Members: everybody[1:]})
}

func (r *rig) setRules(yaml string) {
	r.t.Helper()
	set, err := flowfile.Load(fstest.MapFS{"flows.yaml": {Data: []byte(yaml)}}, "flows.yaml")
	r.ok(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = set
}

func (r *rig) current() *flowfile.Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules
}

// slackHalf is what Slack and the world say about groups.
type slackHalf struct {
	*bot.Directory
	world *factstest.World
}

func (h slackHalf) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	return h.world.InDirectoryGroup(ctx, group, p)
}

// plan is a planner whose grants are one assignment each.
type plan struct{}

func (plan) Plan(t access.Target, p access.Person) (access.Plan, error) {
	return access.Plan{
		Objects: []access.Spec{{Key: access.ObjectKey("assignment/" + t.Name + "/" + string(p.Principal)), Way: t.Way}},
		Connect: []access.Step{
			{Label: "AWS profile", Code: "[profile " + t.Name + "]\nsso_session = example"},
			{Label: "Open Console", URL: "https://example.awsapps.com/start"},
		},
	}, nil
}

// run starts everything on the store, as a start of the program does.
func (r *rig) run() {
	r.t.Helper()
	id, err := r.api.Identity(r.t.Context())
	r.ok(err)
	dir := bot.NewDirectory(r.api, id)
	log := zerolog.New(zerolog.NewTestWriter(r.t))
	people := facts.New(r.store, facts.Sources{Profiles: dir, Directory: r.world, Members: slackHalf{dir, r.world}, OnCall: r.world}, r.clk,
		facts.Config{Workspace: id.Workspace(), TrustEmail: true})
	r.desk = flows.New(flows.Config{
		Store: r.store, People: people, Planners: map[string]access.Planner{"aws_sso": plan{}}, Rules: r.current, Clock: r.clk,
	})
	r.logins = login.New(login.Config{Store: r.store, People: people, Clock: r.clk, Lasts: 12 * time.Hour})
	deciders := bot.Deciders{Directory: dir, Rules: r.current}
	r.box = outbox.New(outbox.Config{
		Store: r.store, API: r.api, Clock: r.clk, Log: log, AdminChannel: "C0ADMINS",
		Deciders: deciders.Of, Audience: deciders.Audience, Names: deciders.Names, Announced: r.desk.Announced,
		Labels: func(target string) map[string]string { return bot.Labels(r.current(), target) },
		Longer: func(g access.Grant) []time.Duration { return bot.Longer(r.current(), g) },
	})
	r.bot = bot.New(bot.Config{
		Desk: r.desk, Store: r.store, API: r.api, Outbox: r.box, People: people, Memory: people, Logins: r.logins, Rules: r.current,
		Workspace: id.Workspace(), Clock: r.clk, Log: log,
	})
	client, err := socket.New(socket.Config{
		Token: r.AppToken, Handler: r.bot.Handle, APIURL: r.APIURL(), Clock: r.clk,
		Report: func(e socket.Event) { log.Debug().Str("event", fmt.Sprint(e.Kind)).Msg("socket") },
	})
	r.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	if !r.idle {
		g.Go(func() error { return r.bot.Run(ctx) })
	}
	g.Go(func() error { return r.box.Run(ctx) })
	g.Go(func() error { return client.Run(ctx) })
	r.stop = func() {
		cancel()
		r.ok(g.Wait())
		r.stop = func() {}
	}
	r.await("two connections", func() bool { return len(r.Connections()) == 2 })
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// await waits without moving the clock.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Await(ctx, ok); err != nil {
		r.t.Fatalf("never: %s: %v", what, err)
	}
}

// until drives the clock, a second at a time, until what is waited for is so.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	if err := r.AwaitMoving(r.t.Context(), r.clk, ok); err != nil {
		r.t.Fatalf("never: %s: %v", what, err)
	}
}

// none reports whether nothing is listed.
func (r *rig) none(index string) bool {
	p, err := r.store.List(r.t.Context(), access.Query{Index: index, Limit: 1})
	r.ok(err)
	return len(p.Records) == 0
}

// settled waits until everything received is dealt with and everything is
// told. The clock stands still: nothing here takes time.
func (r *rig) settled() {
	r.t.Helper()
	deadline, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	for !r.none(bot.IndexInbox) || !r.none(access.IndexNotices) {
		ctx, cancel := context.WithTimeout(deadline, time.Millisecond)
		_ = r.Await(ctx, func() bool { return false }) // until something changes, or a moment
		cancel()
		if deadline.Err() != nil {
			r.t.Fatal("never settled")
		}
	}
}

func (r *rig) as(name string) slacktest.Actor { return r.As(r.people[name]) }

// types has somebody type a command in #random.
func (r *rig) types(name, text string) slacktest.Reply {
	r.t.Helper()
	reply, err := r.as(name).Command(r.t.Context(), "C0RANDOM", text)
	r.ok(err)
	r.printf("%s types %s in #random", name, text)
	if reply.Error != "" {
		r.printf("slack tells %s: %s", name, reply.Error)
	}
	return reply
}

// hears waits for what the bot tells somebody, them alone, and prints it.
func (r *rig) hears(name string, n int) string {
	r.t.Helper()
	user := r.people[name]
	r.await(fmt.Sprintf("%s hears %d things", name, n), func() bool { return len(r.Ephemerals(user)) >= n })
	return r.print("only "+name+" sees", r.Ephemerals(user)[n-1].Text())
}

// presses has somebody press a button of a message.
func (r *rig) presses(name string, m slacktest.Message, action string) slacktest.Reply {
	r.t.Helper()
	reply, err := r.as(name).ClickOld(r.t.Context(), m, action)
	r.ok(err)
	r.printf("%s presses %s", name, action)
	return reply
}

// message returns the nth message of a channel, or of a person's conversation
// with the bot.
func (r *rig) message(where string, n int) slacktest.Message {
	r.t.Helper()
	id := where
	if user, ok := r.people[where]; ok {
		id = user
	}
	r.await(fmt.Sprintf("%d messages in %s", n, where), func() bool { return len(r.Messages(id)) >= n })
	return r.Messages(id)[n-1]
}

// shows prints the nth message of a place as it is now.
func (r *rig) shows(where string, n int) string {
	r.t.Helper()
	m := r.message(where, n)
	text := r.print(where+" shows", m.Text())
	if len(m.Notifies()) > 0 && m.Notifies()[0] != r.people["alice"] {
		r.printf("(it notifies %v)", m.Notifies())
	}
	return text
}

// trail prints the thread of a message.
func (r *rig) trail(where string, n int) {
	r.t.Helper()
	m := r.message(where, n)
	for _, reply := range r.Thread(m.Channel, m.TS) {
		r.print("in its thread", reply.Text())
	}
}

// view waits for the modal that somebody sees and prints it.
func (r *rig) view(name string, has string) slacktest.View {
	r.t.Helper()
	var v slacktest.View
	r.await(name+" sees a view with "+has, func() bool {
		views := r.Views(r.people[name])
		if len(views) == 0 || !strings.Contains(views[len(views)-1].Text(), has) {
			return false
		}
		v = views[len(views)-1]
		return true
	})
	r.print(name+" sees the form", v.Text())
	return v
}

func (r *rig) submits(name string, v slacktest.View, values slacktest.Values) slacktest.Reply {
	r.t.Helper()
	reply, err := r.as(name).Submit(r.t.Context(), v.ID, values)
	r.ok(err)
	r.printf("%s submits %v", name, values)
	for _, block := range slices.Sorted(maps.Keys(reply.Errors)) {
		r.printf("below %s: %s", block, reply.Errors[block])
	}
	return reply
}

// request returns the only request, or the nth.
func (r *rig) request(n int) access.Request {
	r.t.Helper()
	p, err := r.store.List(r.t.Context(), access.Query{Index: access.IndexRequests})
	r.ok(err)
	if len(p.Records) < n {
		r.t.Fatalf("%d requests, want %d", len(p.Records), n)
	}
	q, err := access.Decode[access.Request](p.Records[n-1])
	r.ok(err)
	return q
}

func (r *rig) requests() int {
	r.t.Helper()
	p, err := r.store.List(r.t.Context(), access.Query{Index: access.IndexRequests})
	r.ok(err)
	return len(p.Records)
}

// keeper moves a grant on, as the Keeper does, and tells of it.
func (r *rig) keeper(id access.RequestID, line string, outcome access.NoticeKind, next func(access.Grant) (access.Grant, error)) {
	r.t.Helper()
	g, v, err := access.Load[access.Grant](r.t.Context(), r.store, access.Grant{ID: id.Grant()}.Key())
	r.ok(err)
	g, err = next(g)
	r.ok(err)
	b := ledger.NewBatch(r.clk.Now())
	b.Put(g, v)
	b.Tell(access.NoticeChanged, id, line)
	if outcome != "" {
		b.Tell(outcome, id, "")
	}
	_, err = b.Commit(r.t.Context(), r.store)
	r.ok(err)
	r.settled()
	r.printf("the keeper: %s", line)
}

func (r *rig) opens(id access.RequestID) {
	r.t.Helper()
	r.keeper(id, "Access is open.", access.NoticeOutcome, func(g access.Grant) (access.Grant, error) { return g.Opened(r.clk.Now()) })
}

// closes seals a grant that is ending.
func (r *rig) closes(id access.RequestID) {
	r.t.Helper()
	r.keeper(id, "Access is removed.", access.NoticeOutcome, func(g access.Grant) (access.Grant, error) {
		return g.Sealed([]access.ObjectReceipt{{Object: g.Objects[0], Name: "Shell in 222222222222 for alice@example.com", AbsentAt: r.clk.Now(), Reads: 2, Operation: "op-1"}})
	})
}

var anID = regexp.MustCompile(`\b([rge]-[0-9a-z]{8,10}|[UD][0-9A-Z]{8,})\b`)

func (r *rig) printf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(&r.log, "%s\n", anID.ReplaceAllStringFunc(text, r.name))
}

// name numbers ids in the order in which they are printed.
func (r *rig) name(id string) string {
	if _, ok := r.names[id]; !ok {
		r.names[id] = fmt.Sprintf("%c#%d", id[0], len(r.names)+1)
	}
	return r.names[id]
}

func (r *rig) print(who, text string) string {
	r.printf("%s:\n    | %s", who, strings.ReplaceAll(text, "\n", "\n    | "))
	return text
}

// golden compares what was printed with the transcript of the test.
func (r *rig) golden() {
	r.t.Helper()
	golden.Equal(r.t, "testdata/"+r.t.Name()+".txt", r.log.String())
}
