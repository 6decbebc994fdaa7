package principaltags_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/iamusers"
	"sesame/strategies/principaltags"
	"sesame/strategies/strategytest"
	"sesame/strategies/strategytest/standin"
)

var noon = standin.Noon()

const account = "222222222222"

// slots is how many slots users have here.
const slots = 2

// A rig is the stand-in with a way in front of it.
type rig struct {
	*testing.T
	w     *awstest.World
	clock *clock.Movable
	way   *principaltags.Way
	timed *principaltags.Timed
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t}
	r.w, r.clock = standin.Start(t, awstest.Config{})
	r.w.AddIAMUser(account, "alice")
	client, err := iamusers.Open(t.Context(), standin.Reach(r.w, r.clock, account, "eu-central-1"))
	if err != nil {
		t.Fatal(err)
	}
	r.way, r.timed = principaltags.New(r.clock, client), principaltags.NewTimed(r.clock, client)
	return r
}

// target is one whose grants write these values.
func target(app, release string) access.Target {
	return access.Target{Name: "app-" + app, Way: flowfile.WayTags, Strategy: "tags", Params: map[string]string{
		flowfile.ParamRegion: "eu-central-1", flowfile.ParamAccount: account,
		flowfile.ParamTagNames: `["App","Release"]`, flowfile.ParamSlots: fmt.Sprint(slots),
		flowfile.ParamTags: fmt.Sprintf(`{"App":%q,"Release":%q}`, app, release),
	}}
}

// called has everybody's IAM user called name.
func called(name string) principaltags.Users {
	return func(access.Target, access.Person) (flowfile.IAMOwner, error) {
		return flowfile.IAMOwner{Name: name}, nil
	}
}

// spec is the object of a grant to user in a slot.
func spec(t *testing.T, user, app string, slot int) access.Spec {
	t.Helper()
	plan, err := principaltags.Planner{Users: called(user)}.Plan(target(app, "r-1"), access.Person{ID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	s := plan.Objects[0]
	s.Slot = slot
	return s
}

// A world lets the suite at the stand-in.
type world struct {
	*awstest.World
	creates, removes string // what a fault strikes
}

// whose is the user or role that s is about.
func whose(s access.Spec) awstest.Principal {
	user, role := s.Params[flowfile.ParamUser], s.Params[flowfile.ParamRole]
	return awstest.Principal{Account: account, Name: user + role, Role: role != ""}
}

// values are the tags that s stands for, without the one that marks them.
func values(s access.Spec) map[string]string {
	of, err := flowfile.SlotsOf(s.Params)
	if err != nil {
		panic(err) // made by a plan
	}
	tags := map[string]string{}
	for _, name := range of.Names {
		tags[flowfile.SlotKey(name, s.Slot)] = of.Values[name]
	}
	return tags
}

func (w world) Exists(s access.Spec) bool {
	tags := w.IAMTagsOf(whose(s))
	for key, value := range values(s) {
		if tags[key] != value {
			return false
		}
	}
	return true
}

func (w world) Put(s access.Spec, exists bool) {
	w.EditIAMTagsOf(whose(s), func(tags map[string]string) {
		delete(tags, flowfile.SlotKey(flowfile.MarkerTag, s.Slot))
		for key, value := range values(s) {
			if delete(tags, key); exists {
				tags[key] = value
			}
		}
	})
}

func (w world) Writes() int {
	n := 0
	for _, c := range w.Calls() {
		switch c.Operation {
		case "TagUser", "UntagUser", "TagRole", "UntagRole", "PutUserPolicy", "DeleteUserPolicy", "PutRolePolicy", "DeleteRolePolicy":
			n++
		}
	}
	return n
}

func (w world) Break(f strategytest.Fault) {
	if f.Kind == strategytest.LaggingReads {
		w.Tune(func(s *awstest.Settings) { s.IAMLag = f.Delay })
		return
	}
	fault, ok := standin.ImmediateFault(f)
	if !ok {
		return // what takes effect at once is neither slow nor stuck
	}
	fault.Operation = w.creates
	if f.On == access.Removal {
		fault.Operation = w.removes
	}
	w.Fault(fault)
}

// owned adds a user or role of its own for each object.
func (r *rig) owned(role bool) func(n int) flowfile.IAMOwner {
	return func(n int) flowfile.IAMOwner {
		owner := flowfile.IAMOwner{Name: fmt.Sprint("owner-", n), Role: role}
		if role {
			r.w.AddRole(awstest.Role{ARN: "arn:aws:iam::" + account + ":role/" + owner.Name})
		} else {
			r.w.AddIAMUser(account, owner.Name)
		}
		return owner
	}
}

// objects are what a grant to owner on a timed target needs.
func (r *rig) objects(owner flowfile.IAMOwner, slot int) []access.Spec {
	r.Helper()
	t := target("payments", "r-1")
	t.Params[flowfile.ParamTimed] = "true"
	plan, err := principaltags.Planner{Users: func(access.Target, access.Person) (flowfile.IAMOwner, error) { return owner, nil }}.Plan(t, access.Person{ID: "p-1"})
	if err != nil {
		r.Fatal(err)
	}
	g := access.Grant{ID: "g-1", DecidedAt: noon, CloseBy: noon.Add(75 * time.Minute)}
	for i := range plan.Objects {
		plan.Objects[i] = plan.Objects[i].Over(g)
	}
	plan.Objects[0].Slot = slot
	return plan.Objects
}

// A policied world lets the suite at the policies of the stand-in.
type policied struct{ world }

func (w policied) Exists(s access.Spec) bool {
	return strings.Contains(w.IAMPolicies(whose(s))[policyName], `"ssm:resourceTag/App":"payments"`)
}

func (w policied) Put(s access.Spec, exists bool) {
	w.EditIAMPolicies(whose(s), func(all map[string]string) {
		if delete(all, policyName); exists {
			all[policyName] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:StartSession","Resource":"*","Condition":{"StringEquals":{"ssm:resourceTag/App":"payments"}}}]}`
		}
	})
}

const policyName = "Sesame-g-1"

func TestSuite(t *testing.T) {
	for name, tune := range map[string]func(*awstest.Settings){
		"as AWS is":   func(*awstest.Settings) {},
		"short pages": func(s *awstest.Settings) { s.PageSize = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			strategytest.Run(t, func(t *testing.T) strategytest.Rig {
				r := newRig(t)
				r.w.Tune(tune)
				owner := r.owned(false)
				return strategytest.Rig{Way: r.way, World: world{r.w, "TagUser", "UntagUser"}, Clock: r.clock, Spec: func(n int) access.Spec {
					return spec(t, owner(n).Name, "payments", 1+n%slots)
				}}
			})
		})
	}
}

func TestSuiteOnRoles(t *testing.T) {
	strategytest.Run(t, func(t *testing.T) strategytest.Rig {
		r := newRig(t)
		owner := r.owned(true)
		return strategytest.Rig{Way: r.way, World: world{r.w, "TagRole", "UntagRole"}, Clock: r.clock, Spec: func(n int) access.Spec {
			return r.objects(owner(n), 1+n%slots)[0]
		}}
	})
}

func TestSuiteOfTimedPolicies(t *testing.T) {
	for kind, role := range map[string]bool{"User": false, "Role": true} {
		t.Run(kind, func(t *testing.T) {
			strategytest.Run(t, func(t *testing.T) strategytest.Rig {
				r := newRig(t)
				owner := r.owned(role)
				w := policied{world{r.w, "Put" + kind + "Policy", "Delete" + kind + "Policy"}}
				return strategytest.Rig{Way: r.timed, World: w, Clock: r.clock, Spec: func(n int) access.Spec {
					return r.objects(owner(n), 1)[1]
				}}
			})
		})
	}
}
