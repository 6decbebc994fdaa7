package accountassignment_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/accountassignment"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/strategytest"
	"sesame/strategies/strategytest/standin"
)

const (
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	management = "111111111111"
	delegated  = "444444444444"
	payments   = "222222222222"
)

// A rig is a Way in front of the stand-in.
type rig struct {
	*testing.T
	w      *awstest.World
	clock  *clock.Movable
	center *identitycenter.Center
	way    *accountassignment.Way
	alice  access.Person
	target access.Target
}

func newRig(t *testing.T, caller string) *rig {
	t.Helper()
	r := &rig{T: t}
	r.w, r.clock = standin.Start(t, awstest.Config{Delegated: delegated})
	r.w.AddAccount(awstest.Account{ID: payments})
	r.w.AddPermissionSet(awstest.PermissionSet{Name: "ReadOnly", Session: 90 * time.Minute})
	id, err := r.w.AddUser(awstest.User{UserName: "alice", Email: "alice@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	r.alice = access.Person{ID: "p-alice", Principal: access.Principal(id), Directory: "d-90677f1112"}
	r.target = access.Target{Name: "payments-readonly", Way: flowfile.WaySSO, Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamInstanceARN: instance,
		flowfile.ParamAccount: payments, flowfile.ParamPermissionSet: "ReadOnly",
	}}
	r.open(caller)
	return r
}

// open connects as a user of the account caller.
func (r *rig) open(caller string) {
	r.Helper()
	key := r.w.AddKey(caller, "sesame")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CA_BUNDLE": "",
		"AWS_CONFIG_FILE": filepath.Join(r.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(r.TempDir(), "none"),
	} {
		r.Setenv(name, value)
	}
	var err error
	r.center, err = identitycenter.Open(r.Context(), identitycenter.Config{
		Region: "us-east-1", InstanceARN: instance, Endpoint: r.w.URL(), AllowCustomEndpoints: true,
		CallsPerSecond: -1, Clock: r.clock,
	})
	if err != nil {
		r.Fatal(err)
	}
	r.way = accountassignment.New(r.center)
}

// resolved is the target with what a check looks up.
func (r *rig) resolved() access.Target {
	r.Helper()
	report, err := r.way.Check(r.Context(), r.target, time.Hour)
	if err != nil || len(report.Problems) > 0 {
		r.Fatal(report.Problems, err)
	}
	t := r.target
	t.Params = maps.Clone(t.Params)
	maps.Copy(t.Params, report.Resolved.Params)
	return t
}

// A world lets the suite at the stand-in.
type world struct{ *awstest.World }

func tuple(s access.Spec) awstest.Tuple {
	return awstest.Tuple{
		Account: s.Params[flowfile.ParamAccount], PermissionSet: s.Params[flowfile.ParamPermissionSetARN],
		PrincipalType: "USER", Principal: s.Params["principal"],
	}
}

func (w world) Exists(s access.Spec) bool {
	for _, a := range w.Assignments() {
		if a.Tuple == tuple(s) {
			return true
		}
	}
	return false
}

func (w world) Put(s access.Spec, exists bool) {
	if exists {
		w.Assign(tuple(s))
	} else {
		w.Unassign(tuple(s))
	}
}

var operations = map[access.OpKind]string{
	access.Creation: "CreateAccountAssignment", access.Removal: "DeleteAccountAssignment",
}

func (w world) Writes() int {
	n := 0
	for _, c := range w.Calls() {
		if c.Operation == operations[access.Creation] || c.Operation == operations[access.Removal] {
			n++
		}
	}
	return n
}

func (w world) Break(f strategytest.Fault) {
	if f.Kind == strategytest.LaggingReads {
		w.Tune(func(s *awstest.Settings) { s.Lag = f.Delay })
		return
	}
	fault := standin.Fault(f)
	fault.Operation = operations[f.On]
	w.Fault(fault)
}

func TestSuite(t *testing.T) {
	for name, tune := range map[string]func(*awstest.Settings){
		"as AWS is":   func(s *awstest.Settings) { s.Rate = -1 },
		"short pages": func(s *awstest.Settings) { s.Rate, s.PageSize, s.EmptyPages = -1, 1, true },
		"other guesses": func(s *awstest.Settings) {
			s.Rate, s.CreateExisting, s.DeleteMissing = -1, awstest.Refused, awstest.Succeeds
		},
	} {
		t.Run(name, func(t *testing.T) {
			strategytest.Run(t, func(t *testing.T) strategytest.Rig {
				r := newRig(t, management)
				r.w.Tune(tune)
				target := r.resolved()
				return strategytest.Rig{Way: r.way, World: world{r.w}, Clock: r.clock, Spec: func(n int) access.Spec {
					account := fmt.Sprintf("%012d", 500000000000+n)
					r.w.AddAccount(awstest.Account{ID: account})
					own := target
					own.Params = maps.Clone(target.Params)
					own.Params[flowfile.ParamAccount] = account
					plan, err := accountassignment.Planner{}.Plan(own, r.alice)
					if err != nil {
						t.Fatal(err)
					}
					return plan.Objects[0]
				}}
			})
		})
	}
}
