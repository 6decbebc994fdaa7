package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/flows/keeper"
	"sesame/flows/oncall"
	"sesame/flows/oncall/oncalltest"
	"sesame/flows/scenario"
	"sesame/store/memory"
	"sesame/store/storetest"
	"sesame/strategies/strategytest"
)

// scenarios is where the stories are.
const scenarios = "../../testdata/scenarios/"

// leads and security are the ids of the groups in the shared flow file.
const (
	leads    = "S0LEADS"
	security = "90677f11aa-00000000-0000-4000-8000-000000000001"
)

// A world is the rig in memory: the real Desk and Keeper, with ports that have
// no network behind them, inside a bubble in which time passes at once.
type world struct {
	t      *testing.T
	story  scenario.Story
	people *factstest.World
	aws    *strategytest.Memory
	onCall *oncalltest.Service
	roster *oncall.Roster
	store  *memory.Store
	shift  *shifted

	known   *facts.People
	desk    *flows.Desk
	stop    func()
	rules   atomic.Pointer[flowfile.Set]
	full    atomic.Bool // the disk
	down    bool        // slack
	mute    bool        // nothing can be announced in Slack
	sink    bool        // another service takes note
	twice   bool        // the next delivery comes twice
	crashIn int         // commits and calls until the process is cut off; 0 for never

	mu    sync.Mutex // guards what follows
	asked []access.RequestID
	told  map[string][]string // by person, and by "admins"
	board board
}

func newWorld(t *testing.T, s scenario.Story) *world {
	w := &world{
		t: t, story: s, people: factstest.New("T0SESAME", "d-90677f11aa"), store: memory.New(),
		shift: &shifted{}, told: map[string][]string{}, board: newBoard(),
	}
	w.aws = strategytest.NewMemory(clock.System{}, 2*time.Second)
	w.startOnCall()
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory"} {
		w.people.Join(name)
	}
	w.people.Visit("eve", facts.Guest)
	w.people.SetSlackGroup(leads, "bob", "carol")
	w.people.SetDirectoryGroup(security, "carol", "dave")
	w.story = s.Over(read(t, scenarios+"flows.yaml"))
	w.rules.Store(w.load(w.story.Flows))
	w.start()
	return w
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// load returns compiled flow files, nil if they are broken.
func (w *world) load(yaml []byte) *flowfile.Set {
	set, err := flowfile.Load(fstest.MapFS{"flows.yaml": {Data: yaml}}, "flows.yaml")
	if err != nil {
		w.t.Logf("flow files: %v", err)
		return nil
	}
	if err := w.roster.Use(set); err != nil {
		w.t.Fatal(err)
	}
	return set
}

// start starts the server on the records that are there.
func (w *world) start() {
	now := clock.NeverBack(w.shift, w.lastEvent())
	sources := w.people.Sources()
	sources.OnCall = w.roster
	w.known = facts.New(w.store, sources, now, facts.Config{
		Workspace: "T0SESAME", TrustEmail: true, MaxAge: -1, FlowOf: w.flowOf,
	})
	hooked := w.cut()
	w.desk = flows.New(flows.Config{
		Store: storetest.Hooked{Store: w.store, Before: w.room}, People: w.known, Rules: w.rules.Load, Clock: now,
		Planners: map[string]access.Planner{"aws_sso": planner{}},
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	k := keeper.New(keeper.Config{
		Store: hooked, Ways: map[string]access.Way{"aws_sso": w.aws}, Gate: w.desk.MayOpen, Clock: now,
		Log: zerolog.New(zerolog.NewTestWriter(w.t)),
	})
	holders := keeper.Holders{Store: hooked, Recheck: w.desk.Recheck, Clock: now, Log: zerolog.New(zerolog.NewTestWriter(w.t))}
	var parts errgroup.Group
	parts.Go(func() error { return k.Run(ctx) })
	parts.Go(func() error { return holders.Run(ctx) })
	w.stop = func() {
		cancel()
		if err := parts.Wait(); err != nil && !errors.Is(err, errGone) {
			w.t.Errorf("Keeper: %v", err)
		}
	}
}

var errGone = errors.New("the server is gone")

// cut returns the Keeper's store: its commits stop arriving after crashIn of
// them.
func (w *world) cut() access.Store {
	left := w.crashIn
	w.crashIn = 0
	if left == 0 {
		return storetest.Hooked{Store: w.store, Before: w.room}
	}
	var mu sync.Mutex
	step := func(access.Commit) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left <= 0 {
			return errGone
		}
		return nil
	}
	return storetest.Hooked{Store: w.store, Before: step, After: step}
}

func (w *world) room(access.Commit) error {
	if w.full.Load() {
		return access.ErrNoSpace
	}
	return nil
}

func (w *world) lastEvent() time.Time {
	var last time.Time
	for pos := uint64(1); ; {
		events, err := w.store.Log(w.t.Context(), pos, 1000)
		if err != nil || len(events) == 0 {
			return last
		}
		last, pos = events[len(events)-1].At, events[len(events)-1].Pos+1
	}
}

// A planner plans one object for each target and person.
type planner struct{}

func (planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	return access.Plan{Objects: []access.Spec{specOf(t.Name, t.Params["account"], p.Principal)}}, nil
}

func specOf(target, account string, p access.Principal) access.Spec {
	return access.Spec{
		Key: access.ObjectKey(target + "/" + string(p)), Way: "aws_sso", Lane: account, Budget: "sso",
	}
}

// Say implements scenario.Rig.
func (w *world) Say(ctx context.Context, a scenario.Act) (string, error) {
	from := w.people.Account(a.Who)
	if a.Verb == "ask" {
		return w.ask(ctx, from, a.Text)
	}
	if slices.Contains([]string{"extend", "break", "review"}, a.Verb) {
		return w.words(ctx, a)
	}
	id, err := w.nth(a.Request)
	if err != nil {
		return "", err
	}
	say := flows.Say{From: from, Request: id, Source: access.FromButton}
	switch a.Verb {
	case "approve":
		say.Digest = w.shownTerms(id)
		_, err = w.desk.Approve(ctx, say)
	case "deny":
		_, err = w.desk.Deny(ctx, say)
	case "withdraw":
		_, err = w.desk.Withdraw(ctx, say)
	case "end":
		_, err = w.desk.End(ctx, flows.Ending{From: from, Grant: id.Grant(), Source: access.FromButton})
	}
	w.drain(ctx)
	return shown(err)
}

// shownTerms returns the digest that the buttons of a request carry: of the
// terms as they were stored last.
func (w *world) shownTerms(id access.RequestID) access.Digest {
	r, _, err := access.Load[access.Request](w.t.Context(), w.store, access.Request{ID: id}.Key())
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Terms().Digest()
}

// shown returns what a person sees of an outcome.
func shown(err error) (string, error) {
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		return r.Text, nil
	}
	return "done", err
}

func (w *world) ask(ctx context.Context, from access.Account, text string) (string, error) {
	rules := w.rules.Load()
	l, list, err := w.parse(ctx, from, text)
	if err != nil || list != "" {
		return list, err
	}
	if rules != nil && len(l.Problems) > 0 {
		return l.Problems[0].Text, nil
	}
	id := access.NewRequestID()
	draft := flows.Draft{
		ID: id, From: from, Target: l.Target, Duration: l.Duration, Reason: l.Reason, Fields: l.Fields, Source: access.FromCommand,
	}
	times := 1
	if w.twice {
		times, w.twice = 2, false
	}
	for range times {
		_, err = w.desk.Ask(ctx, draft)
	}
	if err == nil {
		w.mu.Lock()
		w.asked = append(w.asked, id)
		w.mu.Unlock()
	}
	w.drain(ctx)
	return shown(err)
}

// nth returns the n-th request that was asked for, or the latest.
func (w *world) nth(n int) (access.RequestID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		n = len(w.asked)
	}
	if n < 1 || n > len(w.asked) {
		return "", fmt.Errorf("there is no request #%d", n)
	}
	return w.asked[n-1], nil
}

// Pass implements scenario.Rig.
func (w *world) Pass(ctx context.Context, d time.Duration) error {
	time.Sleep(d)
	synctest.Wait()
	w.drain(ctx)
	return nil
}

// drain tells people what is in the outbox, unless Slack is down.
func (w *world) drain(ctx context.Context) {
	if w.down {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := access.Each(ctx, w.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		if err != nil || w.mute && n.Kind == access.NoticeAnnounce {
			return errors.Join(err, w.takeNote(ctx, n))
		}
		w.tell(ctx, n)
		_, err = w.store.Commit(ctx, access.Commit{Changes: []access.Change{access.Delete(rec.Key, rec.Version)}})
		return err
	})
	if err != nil {
		w.t.Errorf("outbox: %v", err)
	}
}

func (w *world) tell(ctx context.Context, n access.Notice) {
	if n.Kind == access.NoticeAlarm || n.Kind == access.NoticeRelief {
		w.told["admins"] = append(w.told["admins"], n.Text)
		return
	}
	r, _, err := access.Load[access.Request](ctx, w.store, access.Request{ID: n.Request}.Key())
	if err != nil {
		w.t.Errorf("notice about %s: %v", n.Request, err)
		return
	}
	w.board.post(n, r)
	switch n.Kind {
	case access.NoticeAnnounce:
		if err := w.desk.Announced(ctx, r.ID, "slack"); err != nil {
			w.t.Errorf("announce %s: %v", r.ID, err)
		}
	case access.NoticeOutcome:
		w.told[r.By.Name] = append(w.told[r.By.Name], w.outcome(ctx, r))
	case access.NoticeReminder:
		w.told[r.By.Name] = append(w.told[r.By.Name], "reminded")
	}
}

// outcome says in a word how r stands, as the story's "told" does.
func (w *world) outcome(ctx context.Context, r access.Request) string {
	if r.State != access.Approved {
		return string(r.State)
	}
	if r.Extends != "" {
		return "extended"
	}
	g, _, err := access.Load[access.Grant](ctx, w.store, access.Grant{ID: r.ID.Grant()}.Key())
	switch {
	case err != nil:
		return err.Error()
	case g.End.Cause == access.EndedFailed:
		return "failed: " + g.End.Detail
	case g.State == access.Open:
		return "granted"
	default:
		return "ended"
	}
}

// See implements scenario.Rig.
func (w *world) See(ctx context.Context, v scenario.View) (string, error) {
	switch v.Of {
	case "aws":
		return w.has(v.Who), nil
	case "told":
		return w.toldTo(v.Who), nil
	case "admins":
		return w.toldTo("admins"), nil
	case "requests":
		page, err := w.store.List(ctx, access.Query{Index: access.IndexRequests})
		return strconv.Itoa(len(page.Records)), err
	case "record":
		return w.record(ctx), nil
	}
	id, err := w.nth(v.Request)
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if said, ok := w.board.says(v.Of, id); ok {
		return said, nil
	}
	return scenario.Describe(ctx, w.store, v.Of, id)
}

func (w *world) toldTo(who string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.told[who], "\n")
}

// has returns the targets whose objects somebody has.
func (w *world) has(who string) string {
	var names []string
	for _, name := range []string{"billing-readonly", "ec2-frontend", "sandbox"} {
		if w.aws.Exists(specOf(name, "", w.people.Principal(who))) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// record checks every chain of events.
func (w *world) record(ctx context.Context) string {
	dir := w.t.TempDir()
	a, err := audit.Open(ctx, audit.Options{Store: w.store, Dir: dir, Clock: clock.System{}})
	if err != nil {
		return err.Error()
	}
	if err := a.Checkpoint(ctx); err != nil {
		return err.Error()
	}
	if _, err := audit.Verify(ctx, w.store, a.PublicKey(), audit.VerifyOptions{}); err != nil {
		return err.Error()
	}
	return "holds"
}

// Change implements scenario.Rig.
func (w *world) Change(ctx context.Context, words []string) error {
	change := strings.Join(words, " ")
	switch {
	case change == "slack is down", change == "slack is up":
		w.down = words[2] == "down"
		w.failSlack()
	case change == "announcements fail", change == "announcements work":
		w.mute = words[1] == "fail"
	case change == "a sink takes note":
		w.sink = true
	case change == "disk is full", change == "disk is free":
		w.full.Store(words[2] == "full")
	case change == "flows break":
		w.rules.Store(w.load([]byte("version: 1\nflows: {ec2: {targets: [nowhere]}}\n")))
	case change == "flows mend":
		w.rules.Store(w.load(read(w.t, scenarios+"flows.yaml")))
	case change == "flows become later":
		w.rules.Store(w.load(w.story.Later))
	case change == "restart":
		w.stop()
		w.start()
	case change == "next delivery comes twice":
		w.twice = true
	case words[0] == "crash":
		return w.crash(words)
	case words[0] == "clock":
		return w.setBack(words)
	case words[0] == "on-call":
		return w.onCall.Change(words[1:])
	case words[0] == "aws":
		return w.breakAWS(words[1:])
	default:
		return w.changePeople(words)
	}
	synctest.Wait()
	w.drain(ctx)
	return nil
}

func (w *world) failSlack() {
	var err error
	if w.down {
		err = fmt.Errorf("slack is down: %w", access.ErrUnavailable)
	}
	w.people.Fail(factstest.Slack, err)
	w.people.Fail(factstest.SlackGroups, err)
}

// crash: "crash after N" starts the server anew, to be cut off after N steps.
func (w *world) crash(words []string) error {
	n, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return err
	}
	w.stop()
	w.crashIn = n
	w.start()
	return nil
}

// setBack: "clock goes back 1h".
func (w *world) setBack(words []string) error {
	d, err := time.ParseDuration(words[len(words)-1])
	if err != nil {
		return err
	}
	w.shift.add(-d)
	return nil
}

// breakAWS: "aws FAULT creation|removal [N | DURATION]".
func (w *world) breakAWS(words []string) error {
	kinds := map[string]strategytest.FaultKind{
		"fails": strategytest.FailedOperation, "loses": strategytest.LostAnswer, "drops": strategytest.LostRequest,
		"throttles": strategytest.Throttled, "conflicts": strategytest.Busy, "sticks": strategytest.StuckOperation,
		"refuses": strategytest.Refused, "delays": strategytest.SlowOperation,
	}
	kind, ok := kinds[words[0]]
	if !ok {
		return fmt.Errorf("aws cannot %q", words[0])
	}
	f, times := strategytest.Fault{Kind: kind, On: access.OpKind(words[1])}, 1
	if len(words) > 2 {
		if d, err := time.ParseDuration(words[2]); err == nil {
			f.Delay = d
		} else if times, err = strconv.Atoi(words[2]); err != nil {
			return err
		}
	}
	for range times {
		w.aws.Break(f)
	}
	return nil
}

func (w *world) changePeople(words []string) error {
	name := words[0]
	switch {
	case slices.Equal(words[1:], []string{"leaves", "frontend-leads"}):
		all := slices.DeleteFunc([]string{"bob", "carol"}, func(n string) bool { return n == name })
		w.people.SetSlackGroup(leads, all...)
	case slices.Equal(words[1:], []string{"is", "deactivated"}):
		return w.leaves(name, facts.Deleted)
	case slices.Equal(words[1:], []string{"becomes", "a", "guest"}):
		return w.leaves(name, facts.Guest)
	case slices.Equal(words[1:], []string{"is", "disabled"}):
		w.people.Disable(w.people.Principal(name))
	case len(words) == 5 && words[1] == "is" && words[2] == "also" && words[3] == "called":
		// A second account, with the confirmed e-mail of the first.
		p := facts.Profile{Kind: facts.Member, Workspace: "T0SESAME", Name: words[4], Email: w.people.Email(name), EmailConfirmed: true}
		w.people.SetProfile(w.people.Account(words[4]), p)
	case len(words) == 4 && words[1] == "shares" && words[2] == "address-with":
		w.people.SetUser(facts.User{Principal: "user-" + access.Principal(words[3]) + "-2", Email: w.people.Email(name), Enabled: true})
	case len(words) == 4 && words[1] == "gets" && words[3] == "by-hand":
		w.aws.Put(specOf(words[2], "", w.people.Principal(name)), true)
	case len(words) == 4 && words[1] == "loses" && words[3] == "by-hand":
		w.aws.Put(specOf(words[2], "", w.people.Principal(name)), false)
	case name == "namesake":
		w.people.SetSlackGroup("S0NAMESAKE", words[1])
	default:
		return fmt.Errorf("the rig in memory does not know this change")
	}
	return nil
}

// leaves changes what somebody's account is, of which Slack tells if it can.
func (w *world) leaves(name string, as facts.Kind) error {
	ctx, account := w.t.Context(), w.people.Account(name)
	w.people.ChangeProfile(account, func(p *facts.Profile) { p.Kind = as })
	if w.down {
		return nil
	}
	who, err := w.known.Known(ctx, account)
	if _, stranger := errors.AsType[*access.Refusal](err); stranger {
		return nil
	} else if err != nil {
		return err
	}
	err = w.desk.Recheck(ctx, who.ID)
	w.drain(ctx)
	return err
}

// A shifted clock is the machine's, set wrong.
type shifted struct {
	mu  sync.Mutex // guards what follows
	off time.Duration
}

func (s *shifted) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off += d
}

func (s *shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clock.System{}.Now().Add(s.off).Round(0)
}

func (s *shifted) Timer(at time.Time) *clock.Timer {
	return clock.System{}.Timer(clock.System{}.Now().Add(at.Sub(s.Now())))
}
