package rolesession_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
	"sesame/strategies/strategytest"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	sesameAccount = "111111111111"
	roleARN       = "arn:aws:iam::222222222222:role/path/SesameEC2"
	externalID    = "an-external-id"
)

// A world is a store that goes wrong on purpose, and the truth about rings.
type world struct {
	*memory.Store
	sealer *rolesession.Sealer

	mu     sync.Mutex // guards what follows
	faults []strategytest.Fault
	writes int
}

var faultErrors = map[strategytest.FaultKind]error{
	strategytest.LostRequest: access.ErrUnavailable, strategytest.LostAnswer: access.ErrUnavailable,
	strategytest.Throttled: access.ErrNoSpace, strategytest.Busy: access.ErrConflict, strategytest.Refused: access.ErrForbidden,
	strategytest.FailedOperation: errors.New(strategytest.FailReason),
}

func (w *world) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	kind := access.Creation
	if c.Changes[0].Data == nil {
		kind = access.Removal
	}
	w.mu.Lock()
	w.writes++
	var fault strategytest.Fault
	if i := slices.IndexFunc(w.faults, func(f strategytest.Fault) bool { return f.On == kind && faultErrors[f.Kind] != nil }); i >= 0 {
		fault = w.faults[i]
		w.faults = slices.Delete(w.faults, i, i+1)
	}
	w.mu.Unlock()
	err := faultErrors[fault.Kind]
	if err != nil && fault.Kind != strategytest.LostAnswer {
		return 0, err
	}
	v, done := w.Store.Commit(ctx, c)
	return v, errors.Join(err, done)
}

func (w *world) Exists(s access.Spec) bool {
	_, err := rolesession.NewKeys(w.Store, w.sealer).Mint(context.Background(), s.Key, rolesession.Terms{Grant: "g-0", Expires: noon})
	return err == nil
}

// Put makes a ring as no Way of this run does, or removes one.
func (w *world) Put(s access.Spec, exists bool) {
	way := rolesession.New(w.Store, w.sealer, clock.Frozen(noon.AddDate(-1, 0, 0)))
	do := way.Remove
	if exists {
		do = way.Apply
	}
	if _, err := do(context.Background(), s); err != nil {
		panic(err)
	}
}

func (w *world) Break(f strategytest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

func (w *world) Writes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// takeStuck reports whether a creation is to never finish.
func (w *world) takeStuck() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.faults, func(f strategytest.Fault) bool { return f.Kind == strategytest.StuckOperation })
	if i >= 0 {
		w.faults = slices.Delete(w.faults, i, i+1)
	}
	return i >= 0
}

// patient stands for the operations that run for ever, which a ring has none
// of: it is made in one commit.
type patient struct {
	*rolesession.Way
	w *world
}

func (p patient) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	if p.w.takeStuck() {
		return access.Operation{Kind: access.Creation, ID: "stuck", State: access.OpRunning, StartedAt: noon}, nil
	}
	return p.Way.Apply(ctx, s)
}

func (p patient) Poll(ctx context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	if op.ID == "stuck" {
		return op, nil
	}
	return p.Way.Poll(ctx, s, op)
}

func sealer(t testing.TB) *rolesession.Sealer {
	t.Helper()
	s, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	strategytest.Run(t, func(t *testing.T) strategytest.Rig {
		w := &world{Store: memory.New(), sealer: sealer(t)}
		c := clock.Frozen(noon)
		return strategytest.Rig{
			Way: patient{rolesession.New(w, w.sealer, c), w}, World: w, Clock: c,
			Spec: func(n int) access.Spec {
				own := target()
				own.Name = fmt.Sprintf("target-%d", n)
				return ring(t, own, alice)
			},
		}
	})
}

var alice = access.Person{ID: "p-alice00000", Principal: "90677f1112-alice", Directory: "d-90677f1112", Email: "alice@example.com"}

func target() access.Target {
	return access.Target{Name: "ec2-frontend", Way: flowfile.WayRole, Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamRoleARN: roleARN, flowfile.ParamExternalID: "${file:external-id}",
		flowfile.ParamAccount: "222222222222", flowfile.ParamSessionTags: `{"Department":"FrontEnd"}`, flowfile.ParamRunAs: "web",
		flowfile.ParamCalls: `{"allow":["ec2:Describe*","ssm:StartSession"],"deny":["ec2:DescribeKeyPairs"],"documents":["SSM-SessionManagerRunShell"]}`,
	}}
}

func ring(t testing.TB, target access.Target, p access.Person) access.Spec {
	t.Helper()
	plan, err := rolesession.Planner{}.Plan(target, p)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Objects[0]
}

// openGrant is alice's, for so long from noon.
func openGrant(id access.GrantID, lasts time.Duration) access.Grant {
	return access.Grant{ID: id, State: access.Open, EndsAt: noon.Add(lasts), CloseBy: noon.Add(lasts)}
}

// A rig is Sessions in front of the stand-in.
type rig struct {
	*testing.T
	w        *awstest.World
	clock    *clock.Movable
	wall     *clock.Movable
	sessions *rolesession.Sessions
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, clock: clock.Frozen(noon), wall: clock.Frozen(clock.System{}.Now())}
	r.w = awstest.New(awstest.Config{})
	if err := r.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.w.Close)
	r.trust(func(*awstest.Role) {})
	key := r.w.AddKey(sesameAccount, "sesame")
	r.sessions = rolesession.NewSessions(rolesession.Config{
		Connect: func(context.Context, string) (aws.Config, error) {
			return aws.Config{
				Region: "us-east-1", BaseEndpoint: aws.String(r.w.URL()), RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
			}, nil
		},
		Secret: func(ref string) (string, error) {
			if ref != "${file:external-id}" {
				return "", errors.New("no such file")
			}
			return externalID + "\n", nil
		},
		Clock: r.clock, Wall: r.wall,
	})
	return r
}

// trust sets the role's trust policy, from one that is as it should be.
func (r *rig) trust(change func(*awstest.Role)) {
	role := awstest.Role{
		ARN: roleARN, Trusts: []string{sesameAccount}, ExternalID: externalID, MaxSession: 12 * time.Hour, TagSession: true, SetSource: true,
	}
	change(&role)
	r.w.AddRole(role)
}

func (r *rig) assumed() []awstest.Call {
	var all []awstest.Call
	for _, c := range r.w.Calls() {
		if c.Operation == "AssumeRole" {
			all = append(all, c)
		}
	}
	return all
}
