package osusers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
	"sesame/strategies/osusers"
	"sesame/strategies/strategytest"
	"sesame/strategies/strategytest/standin"
)

var _ access.Way = (*osusers.Way)(nil)

var noon = standin.Noon()

const (
	account = "222222222222"
	region  = "eu-central-1"
)

// A rig is the stand-in with a way in front of it.
type rig struct {
	*testing.T
	w     *awstest.World
	clock *clock.Movable
	way   *osusers.Way
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t}
	r.w, r.clock = standin.Start(t, awstest.Config{})
	text, err := recipe.OSUserDocument{Description: "Users"}.Text()
	if err != nil {
		t.Fatal(err)
	}
	r.w.AddCommandDocument(awstest.CommandDocument{Account: account, Region: region, Name: osusers.Document, Text: text})
	client, err := osusers.Open(t.Context(), standin.Reach(r.w, r.clock, account, region))
	if err != nil {
		t.Fatal(err)
	}
	r.way = osusers.New(r.clock, client)
	return r
}

// spec is the user of a party on machines of their own.
func (r *rig) spec(party string) access.Spec {
	tags := map[string]string{"Party": party}
	for n := range 2 {
		r.w.AddInstance(awstest.Instance{ID: fmt.Sprintf("i-%s-%d", party, n), Account: account, Region: region, Tags: tags})
	}
	t := access.Target{Name: "web", Params: map[string]string{
		flowfile.ParamRegion: region, flowfile.ParamAccount: account, flowfile.ParamOSUser: "party",
		flowfile.ParamTags: fmt.Sprintf(`{"Party":%q}`, party),
	}}
	return osusers.Spec(t, flowfile.Instances{Tags: tags}, region)
}

// A world lets the suite at the stand-in.
type world struct{ *awstest.World }

// machines are those of a spec.
func machines(s access.Spec) []string {
	tags, err := flowfile.ParseTags(s.Params)
	if err != nil {
		panic(err) // made by spec
	}
	return []string{"i-" + tags["Party"] + "-0", "i-" + tags["Party"] + "-1"}
}

func (w world) Exists(s access.Spec) bool {
	for _, id := range machines(s) {
		if u, ok := w.OSUser(id, "party"); ok && !u.Locked {
			return true
		}
	}
	return false
}

func (w world) Put(s access.Spec, exists bool) {
	for _, id := range machines(s) {
		var u *awstest.OSUser
		if exists {
			u = &awstest.OSUser{}
		}
		w.SetOSUser(id, "party", u)
	}
}

// changes reports whether a call changes users.
func changes(c awstest.Call, state string) bool {
	params, _ := c.Input["Parameters"].(map[string]any)
	said := fmt.Sprint(params["state"])
	return c.Operation == "SendCommand" && said != "[look]" && (state == "" || said == "["+state+"]")
}

func (w world) Writes() (n int) {
	for _, c := range w.Calls() {
		if changes(c, "") {
			n++
		}
	}
	return n
}

func (w world) Break(f strategytest.Fault) {
	if f.Kind == strategytest.LaggingReads {
		return // machines say how things are now
	}
	fault := standin.Fault(f)
	state := map[access.OpKind]string{access.Creation: "present", access.Removal: "locked"}[f.On]
	fault.When = func(c awstest.Call) bool { return changes(c, state) }
	w.Fault(fault)
}

func TestSuite(t *testing.T) {
	strategytest.Run(t, func(t *testing.T) strategytest.Rig {
		r := newRig(t)
		return strategytest.Rig{Way: r.way, World: world{r.w}, Clock: r.clock, Spec: func(n int) access.Spec { return r.spec(fmt.Sprint("party", n)) }}
	})
}

func TestUsersOfOthersAreLeftAlone(t *testing.T) {
	r := newRig(t)
	s := r.spec("a")
	r.w.SetOSUser("i-a-1", "party", &awstest.OSUser{})
	op, err := r.way.Apply(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Second)
	if op, err = r.way.Poll(t.Context(), s, op); err != nil || op.State != access.OpFailed || !strings.Contains(op.Reason, "the user party of i-a-1 is there, and Sesame did not make it") {
		t.Errorf("%+v, %v", op, err)
	}
	seen, err := r.way.Observe(t.Context(), s, noon)
	if err != nil || !seen.Present || seen.Made || !strings.Contains(seen.Altered, "The user party of i-a-1 is not one that Sesame made") {
		t.Errorf("%+v, %v", seen, err)
	}
	if op, err = r.way.Remove(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Second)
	if _, err = r.way.Poll(t.Context(), s, op); err != nil {
		t.Fatal(err)
	}
	if u, ok := r.w.OSUser("i-a-1", "party"); !ok || u.Locked || u.Stamp != "" {
		t.Errorf("somebody else's user is %+v, there: %v", u, ok)
	}
}

func TestSpecsThatNobodyCouldCarryOut(t *testing.T) {
	r := newRig(t)
	for name, change := range map[string]func(map[string]string){
		"no user": func(p map[string]string) { delete(p, flowfile.ParamOSUser) },
		"no tags": func(p map[string]string) { p[flowfile.ParamTags] = "{}" },
		"a shell": func(p map[string]string) { p[flowfile.ParamOSUser] = "a; reboot" },
	} {
		s := r.spec("a")
		change(s.Params)
		_, observed := r.way.Observe(t.Context(), s, noon)
		_, applied := r.way.Apply(t.Context(), s)
		_, removed := r.way.Remove(t.Context(), s)
		for _, err := range []error{observed, applied, removed} {
			if err == nil || access.ClassOf(err) != access.Refused {
				t.Errorf("%s: %v, want refused", name, err)
			}
		}
	}
}
