package groupmembership_test

import (
	"fmt"
	"testing"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/groupmembership"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
	"sesame/strategies/strategytest"
	"sesame/strategies/strategytest/standin"
)

var noon = standin.Noon()

const (
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	store      = "d-90677f1112"
	management = "111111111111"
)

// A rig is the stand-in with both ways in front of it.
type rig struct {
	*testing.T
	w         *awstest.World
	clock     *clock.Movable
	center    *identitycenter.Center
	directory *groupmembership.Directory
	iam       *groupmembership.IAM
	alice     access.Person
	group     string // of the directory
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t}
	r.w, r.clock = standin.Start(t, awstest.Config{})
	id, err := r.w.AddUser(awstest.User{UserName: "alice", Email: "alice@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	r.alice = access.Person{ID: "p-alice", Principal: access.Principal(id), Directory: store, Email: "alice@example.com"}
	r.group = r.w.AddGroup("shell")
	r.w.AddIAMUser(management, "alice")
	r.w.AddIAMGroup(management, "Shell")
	r.open()
	return r
}

// open connects anew, as after a restart.
func (r *rig) open() {
	r.Helper()
	config := standin.Reach(r.w, r.clock, management, "us-east-1")
	config.InstanceARN = instance
	var err error
	if r.center, err = identitycenter.Open(r.Context(), config); err != nil {
		r.Fatal(err)
	}
	client, err := iamusers.Open(r.Context(), config)
	if err != nil {
		r.Fatal(err)
	}
	r.directory, r.iam = groupmembership.NewDirectory(r.clock, r.center), groupmembership.NewIAM(r.clock, client)
}

func (r *rig) directoryTarget(group string) access.Target {
	return access.Target{Name: "portal", Way: flowfile.WayGroup, Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamInstanceARN: instance, flowfile.ParamIdentityStoreID: store, flowfile.ParamGroup: group,
	}}
}

func iamTarget(group string) access.Target {
	return access.Target{Name: "shell", Way: flowfile.WayIAMGroup, Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamAccount: management, flowfile.ParamGroup: group,
	}}
}

// called has the IAM user of everybody called name.
func called(name string) groupmembership.Users {
	return func(access.Target, access.Person) (flowfile.IAMOwner, error) {
		return flowfile.IAMOwner{Name: name}, nil
	}
}

// spec is the only object of a plan.
func (r *rig) spec(plan access.Plan, err error) access.Spec {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return plan.Objects[0]
}

// A world lets the suite at the stand-in, through one of the two APIs.
type world struct {
	*awstest.World
	creation, removal string
	exists            func(access.Spec) bool
	put               func(access.Spec, bool)
}

func (w world) Exists(s access.Spec) bool      { return w.exists(s) }
func (w world) Put(s access.Spec, exists bool) { w.put(s, exists) }
func (w world) operation(k access.OpKind) string {
	if k == access.Removal {
		return w.removal
	}
	return w.creation
}

func (w world) Writes() int {
	n := 0
	for _, c := range w.Calls() {
		if c.Operation == w.creation || c.Operation == w.removal {
			n++
		}
	}
	return n
}

func (w world) Break(f strategytest.Fault) {
	if f.Kind == strategytest.LaggingReads {
		w.Tune(func(s *awstest.Settings) { s.StoreLag, s.IAMLag = f.Delay, f.Delay })
		return
	}
	fault, ok := standin.ImmediateFault(f)
	if !ok {
		return // what takes effect at once is neither slow nor stuck
	}
	fault.Operation = w.operation(f.On)
	w.Fault(fault)
}

// directoryWorld is the directory's groups.
func (r *rig) directoryWorld() world {
	in := func(s access.Spec) bool {
		for _, m := range r.w.Memberships() {
			if m.Group == s.Params[flowfile.ParamGroup] && m.User == string(r.alice.Principal) {
				return true
			}
		}
		return false
	}
	put := func(s access.Spec, exists bool) {
		if exists {
			r.w.Join(s.Params[flowfile.ParamGroup], string(r.alice.Principal))
		} else {
			r.w.Leave(s.Params[flowfile.ParamGroup], string(r.alice.Principal))
		}
	}
	return world{r.w, "CreateGroupMembership", "DeleteGroupMembership", in, put}
}

// iamWorld is IAM's groups.
func (r *rig) iamWorld() world {
	in := func(s access.Spec) bool {
		return r.w.InIAMGroup(management, s.Params[flowfile.ParamGroup], s.Params[flowfile.ParamUser])
	}
	put := func(s access.Spec, exists bool) {
		r.w.SetIAMGroup(management, s.Params[flowfile.ParamGroup], s.Params[flowfile.ParamUser], exists)
	}
	return world{r.w, "AddUserToGroup", "RemoveUserFromGroup", in, put}
}

func TestDirectorySuite(t *testing.T) {
	strategytest.Run(t, func(t *testing.T) strategytest.Rig {
		r := newRig(t)
		groups := map[int]string{}
		for n := range 8 {
			groups[n] = r.w.AddGroup(fmt.Sprint("group-", n))
		}
		return strategytest.Rig{Way: r.directory, World: r.directoryWorld(), Clock: r.clock, Spec: func(n int) access.Spec {
			return r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(groups[n]), r.alice))
		}}
	})
}

func TestIAMSuite(t *testing.T) {
	for name, tune := range map[string]func(*awstest.Settings){
		"as AWS is":   func(*awstest.Settings) {},
		"short pages": func(s *awstest.Settings) { s.PageSize = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			strategytest.Run(t, func(t *testing.T) strategytest.Rig {
				r := newRig(t)
				r.w.Tune(tune)
				return strategytest.Rig{Way: r.iam, World: r.iamWorld(), Clock: r.clock, Spec: func(n int) access.Spec {
					user := fmt.Sprint("user-", n)
					r.w.AddIAMUser(management, user)
					return r.spec(groupmembership.IAMPlanner{Users: called(user)}.Plan(iamTarget("Shell"), r.alice))
				}}
			})
		})
	}
}
