package stories_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/keeper"
	"sesame/flows/ledger"
	"sesame/store/memory"
	"sesame/store/storetest"
	"sesame/strategies/accountassignment"
	"sesame/strategies/awstest"
	"sesame/strategies/groupmembership"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
	"sesame/strategies/osusers"
	"sesame/strategies/principaltags"
	"sesame/strategies/shells"
)

const (
	account  = "111111111111"
	instance = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	store    = "d-90677f1112"
)

// slots is how many slots Alice has.
const slots = 2

// A rig is AWS, a store, and one Keeper after another.
type rig struct {
	*testing.T
	w      *awstest.World
	config identitycenter.Config
	store  access.Store
	alice  access.Person
	group  string // of the directory
	asked  int
	cutter *shells.Cutter
	life   *life // of the latest Keeper
	kept   sync.WaitGroup
}

// story tells f in a bubble, where time passes by itself.
func story(t *testing.T, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, w: awstest.New(awstest.Config{Settings: awstest.Settings{Rate: -1}}), store: memory.New()}
		transport := r.w.StartInMemory()
		r.people()
		key := r.w.AddKey(account, "sesame")
		r.config = identitycenter.Config{
			Region: "us-east-1", InstanceARN: instance, Account: account, Clock: clock.System{}, CallsPerSecond: -1,
			Transport: transport, Endpoint: "http://aws.invalid", AllowCustomEndpoints: true,
			Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
		}
		r.cutter = shells.New(func(map[string]string) (identitycenter.Config, error) { return r.config, nil }, nil)
		r.lead()
		f(r)
		r.cut()
		transport.CloseIdleConnections()
		r.w.Close()
	})
}

// settled is how long it takes to prove that nothing is left of a grant, where
// there is nothing: IAM may be behind for a while.
const settled = 2 * time.Minute

// pass lets time pass, which costs none in a bubble.
func (r *rig) pass(d time.Duration) { time.Sleep(d) }

func (r *rig) people() {
	id, err := r.w.AddUser(awstest.User{UserName: "alice", Email: "alice@example.com"})
	if err != nil {
		r.Fatal(err)
	}
	r.alice = access.Person{ID: "p-alice", Name: "alice", Email: "alice@example.com", Principal: access.Principal(id), Directory: store}
	r.group = r.w.AddGroup("shell")
	r.w.AddIAMUser(account, "alice")
	r.w.AddIAMGroup(account, "Shell")
}

var errCut = errors.New("the process is gone")

// A life is that of one process, which may be cut off after some steps.
type life struct {
	left atomic.Int64
	end  context.CancelFunc
}

// step uses up one step, and fails when the life is over.
func (l *life) step() error {
	if l.left.Add(-1) < 0 {
		l.end()
		return errCut
	}
	return nil
}

// A mortal is a way of a process that may be gone before a call, or before its
// answer.
type mortal struct {
	access.Way
	life *life
}

func (m mortal) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	if err := m.life.step(); err != nil {
		return access.Observation{}, err
	}
	return m.Way.Observe(ctx, s, since)
}

func (m mortal) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.around(func() (access.Operation, error) { return m.Way.Apply(ctx, s) })
}

func (m mortal) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.around(func() (access.Operation, error) { return m.Way.Remove(ctx, s) })
}

func (m mortal) around(call func() (access.Operation, error)) (access.Operation, error) {
	if err := m.life.step(); err != nil {
		return access.Operation{}, err
	}
	op, err := call()
	if gone := m.life.step(); gone != nil {
		return access.Operation{}, gone
	}
	return op, err
}

// A mortalCutter is the same of what ends sessions.
type mortalCutter struct {
	access.Cutter
	life *life
}

func (m mortalCutter) Sessions(ctx context.Context, s access.Spec) ([]access.Session, error) {
	if err := m.life.step(); err != nil {
		return nil, err
	}
	return m.Cutter.Sessions(ctx, s)
}

func (m mortalCutter) Cut(ctx context.Context, s access.Spec, one access.Session) error {
	if err := m.life.step(); err != nil {
		return err
	}
	err := m.Cutter.Cut(ctx, s, one)
	if gone := m.life.step(); gone != nil {
		return gone
	}
	return err
}

// lead starts a Keeper that lives, with clients of its own.
func (r *rig) lead() { r.leadFor(1 << 40) }

// leadFor starts a Keeper that is cut off after so many steps.
func (r *rig) leadFor(steps int64) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	l := &life{end: cancel}
	l.left.Store(steps)
	r.life = l
	ways := map[string]access.Way{}
	for name, way := range r.ways() {
		ways[name] = mortal{way, l}
	}
	hook := func(access.Commit) error { return l.step() }
	k := keeper.New(keeper.Config{
		Store: storetest.Hooked{Store: r.store, Before: hook, After: hook}, Ways: ways, Cutter: mortalCutter{r.cutter, l}, Clock: clock.System{},
		Gate: func(context.Context, access.Grant) error { return nil }, Log: zerolog.Nop(),
	})
	r.kept.Go(func() {
		if err := k.Run(ctx); err != nil && l.left.Load() >= 0 {
			r.Errorf("Keeper: %v", err)
		}
	})
	synctest.Wait()
}

// cut ends the Keeper at whatever it is doing.
func (r *rig) cut() {
	r.life.left.Store(-1)
	r.life.end()
	r.kept.Wait()
}

func (r *rig) ways() map[string]access.Way {
	r.Helper()
	center, err := identitycenter.Open(r.Context(), r.config)
	if err != nil {
		r.Fatal(err)
	}
	client, err := iamusers.Open(r.Context(), r.config)
	if err != nil {
		r.Fatal(err)
	}
	machines, err := osusers.Open(r.Context(), r.config)
	if err != nil {
		r.Fatal(err)
	}
	return map[string]access.Way{
		flowfile.WayGroup:    groupmembership.NewDirectory(clock.System{}, center),
		flowfile.WayIAMGroup: groupmembership.NewIAM(clock.System{}, client),
		flowfile.WayTags:     principaltags.New(clock.System{}, client),
		flowfile.WayTimed:    principaltags.NewTimed(clock.System{}, client),
		flowfile.WayOSUser:   osusers.New(clock.System{}, machines),
		flowfile.WaySSO:      accountassignment.New(center),
		flowfile.WayRole:     r.rings(),
	}
}

func named(access.Target, access.Person) (flowfile.IAMOwner, error) {
	return flowfile.IAMOwner{Name: "alice"}, nil
}

// The targets of the stories, by what their grants need.

func (r *rig) plan(plan access.Plan, err error) access.Plan {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return plan
}

func (r *rig) directory() access.Plan {
	t := access.Target{Name: "portal", Params: map[string]string{
		"region": "us-east-1", "instance_arn": instance, "identity_store_id": store, "group": r.group,
	}}
	return r.plan(groupmembership.DirectoryPlanner{}.Plan(t, r.alice))
}

func (r *rig) iamGroup() access.Plan {
	t := access.Target{Name: "shell", Params: map[string]string{"region": "us-east-1", "account": account, "group": "Shell"}}
	return r.plan(groupmembership.IAMPlanner{Users: named}.Plan(t, r.alice))
}

func (r *rig) tagged(app, release string) access.Plan {
	t := access.Target{Name: app, Params: map[string]string{
		"region": "us-east-1", "account": account, "tag_names": `["App","Release"]`, "slots": fmt.Sprint(slots),
		"principal_tags": fmt.Sprintf(`{"App":%q,"Release":%q}`, app, release),
	}}
	return r.plan(principaltags.Planner{Users: named}.Plan(t, r.alice))
}

// approved is a request of Alice's for d that is decided now.
func (r *rig) approved(d time.Duration) access.Request {
	r.asked++
	return access.Request{
		ID: access.RequestIDFrom(fmt.Sprint("story", r.asked)), State: access.Approved, Duration: d,
		By: r.alice, Target: access.Target{Name: "target", Overhang: time.Hour}, AskedAt: time.Now(),
	}
}

// decide makes a grant of a request.
func (r *rig) decide(request access.Request, plan access.Plan) error {
	return ledger.Retry(func() error {
		b := ledger.NewBatch(time.Now())
		b.Put(request, 0)
		if err := b.Grant(r.Context(), r.store, request, plan); err != nil {
			return err
		}
		_, err := b.Commit(r.Context(), r.store)
		return err
	})
}

// tryGrant has Alice hold what a plan needs for d, decided now.
func (r *rig) tryGrant(plan access.Plan, d time.Duration) (access.GrantID, error) {
	request := r.approved(d)
	return request.ID.Grant(), r.decide(request, plan)
}

func (r *rig) grant(plan access.Plan, d time.Duration) access.GrantID {
	r.Helper()
	id, err := r.tryGrant(plan, d)
	if err != nil {
		r.Fatal(err)
	}
	return id
}

// end ends a grant as a person would.
func (r *rig) end(id access.GrantID) {
	r.Helper()
	err := ledger.Retry(func() error {
		g, v, err := access.Load[access.Grant](r.Context(), r.store, access.Grant{ID: id}.Key())
		if err != nil {
			return err
		}
		b := ledger.NewBatch(time.Now())
		if _, err := b.End(r.Context(), r.store, g, v, access.End{At: time.Now(), Cause: access.EndedEarly}); err != nil {
			return err
		}
		_, err = b.Commit(r.Context(), r.store)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// want fails unless the grant is in that state, and returns it.
func (r *rig) want(id access.GrantID, state access.GrantState) access.Grant {
	r.Helper()
	g, _, err := access.Load[access.Grant](r.Context(), r.store, access.Grant{ID: id}.Key())
	if err != nil {
		r.Fatal(err)
	}
	if g.State != state {
		r.Errorf("grant %s is %s (%+v), want %s", id, g.State, g.End, state)
	}
	return g
}

// alarms are what the admins were told.
func (r *rig) alarms() (all []string) {
	r.Helper()
	err := access.Each(r.Context(), r.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		if err == nil && n.Kind == access.NoticeAlarm {
			all = append(all, n.Text)
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// wantAlarm fails unless one alarm has all of the texts.
func (r *rig) wantAlarm(texts ...string) {
	r.Helper()
	all := r.alarms()
	for _, alarm := range all {
		has := true
		for _, text := range texts {
			has = has && strings.Contains(alarm, text)
		}
		if has {
			return
		}
	}
	r.Errorf("alarms %q, want one with %q", all, texts)
}

// tags are the values of Alice's tags by their keys, without what marks slots.
func (r *rig) tags() map[string]string {
	found := map[string]string{}
	for key, t := range r.w.IAMTags(account, "alice") {
		if !strings.HasPrefix(key, flowfile.MarkerTag) {
			found[key] = t.Value
		}
	}
	return found
}

// members reports whether Alice is in the directory's group, and in IAM's.
func (r *rig) members() (directory, iam bool) {
	for _, m := range r.w.Memberships() {
		directory = directory || m.Group == r.group && m.User == string(r.alice.Principal)
	}
	return directory, r.w.InIAMGroup(account, "Shell", "alice")
}
