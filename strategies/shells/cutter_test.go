package shells_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/shells"
	"sesame/strategies/strategytest"
)

func TestSuite(t *testing.T) {
	for name, of := range map[string]func(*rig) func(person, n int) access.Spec{
		"users":              func(r *rig) func(int, int) access.Spec { return r.ofUser },
		"roles":              func(r *rig) func(int, int) access.Spec { return r.ofRole },
		"sessions of a role": func(r *rig) func(int, int) access.Spec { return r.ofSession },
	} {
		for pages, tune := range map[string]func(*awstest.Settings){
			"in one page":    func(*awstest.Settings) {},
			"in short pages": func(s *awstest.Settings) { s.PageSize, s.EmptyPages = 2, true },
		} {
			t.Run(name+" "+pages, func(t *testing.T) {
				strategytest.RunShells(t, func(t *testing.T) strategytest.ShellRig {
					r := newRig(t)
					r.w.Tune(tune)
					return strategytest.ShellRig{Cutter: r.cutter, World: world{r}, Clock: r.clock, Spec: of(r)}
				})
			})
		}
	}
}

// wantMachines fails unless s has sessions on these machines.
func (r *rig) wantMachines(s access.Spec, want ...string) {
	r.Helper()
	all, err := r.cutter.Sessions(r.Context(), s)
	if err != nil {
		r.Fatal(err)
	}
	var got []string
	for _, one := range all {
		if !one.Elsewhere {
			got = append(got, one.Machine)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		r.Errorf("sessions on %v, want %v", got, want)
	}
}

// TestMachines has a session on each of several machines.
func TestMachines(t *testing.T) {
	r := newRig(t)
	s := r.ofUser(1, 1)
	key := r.keyOf(s)
	on := func(tags map[string]string) string {
		id := r.machine("us-east-1", tags)
		r.start(key, "us-east-1", id)
		return id
	}
	spelled := on(map[string]string{"GROUP1": "on"})
	twice := on(map[string]string{"GROUP1": "off", "group1": "on"})
	on(map[string]string{"Group1": "ON"})
	on(map[string]string{"Group1": ""})
	on(map[string]string{"Group11": "on"})
	on(nil)
	gone := on(map[string]string{"Group2": "on"})
	r.w.AddInstance(awstest.Instance{ID: gone, Account: "999999999999", Region: "us-east-1"})
	r.w.AddInstance(awstest.Instance{ID: "mi-0123456789abcdef0", Account: account, Region: "us-east-1", Tags: map[string]string{"Group1": "on"}})
	r.start(key, "us-east-1", "mi-0123456789abcdef0")
	r.wantMachines(s, spelled, twice, gone)
}

// Machines may have other tags than people: instances says which.
func TestMachinesThatAreCalledOtherwise(t *testing.T) {
	r := newRig(t)
	s := r.ofUser(1, 1)
	s.Params[flowfile.ParamInstances] = `{"tags":{"Team":"payments","Env":"prod"},"regions":["us-east-1"]}`
	key := r.keyOf(s)
	var all []string
	for _, tags := range []map[string]string{{"Team": "payments", "Env": "prod"}, {"Team": "payments"}, {"Group1": "on"}} {
		all = append(all, r.machine("us-east-1", tags))
		r.start(key, "us-east-1", all[len(all)-1])
	}
	r.start(key, "eu-central-1", r.machine("eu-central-1", map[string]string{"Group1": "on"}))
	r.wantMachines(s, all[0], all[2])
}

func TestWhatIsRefused(t *testing.T) {
	r := newRig(t)
	for name, edit := range map[string]func(map[string]string){
		"nobody":        func(p map[string]string) { delete(p, flowfile.ParamUser) },
		"two":           func(p map[string]string) { p[flowfile.ParamRole] = "Other" },
		"no account":    func(p map[string]string) { delete(p, flowfile.ParamAccount) },
		"no tags":       func(p map[string]string) { p[flowfile.ParamTags] = `{}` },
		"broken tags":   func(p map[string]string) { p[flowfile.ParamTags] = `{` },
		"broken places": func(p map[string]string) { p[flowfile.ParamInstances] = `{` },
		"no region":     func(p map[string]string) { delete(p, flowfile.ParamRegion) },
	} {
		s := r.ofUser(1, 1)
		edit(s.Params)
		if found, err := r.cutter.Sessions(t.Context(), s); err == nil || access.ClassOf(err) != access.Refused {
			t.Errorf("%s: %v, %v, want it refused", name, found, err)
		}
	}
}

func TestCheck(t *testing.T) {
	r := newRig(t)
	check := func() shells.Report {
		t.Helper()
		report, err := r.cutter.Check(t.Context(), target(1))
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	for _, operation := range []string{"DescribeRegions", "DescribeSessions", "DescribeInstances"} {
		clear := r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: operation, Times: -1})
		if got := check(); !strings.Contains(got.Problem, "to "+operation+" in ") || got.Warning != "" || !strings.HasSuffix(got.Problem, "or name the regions of its machines under instances.") {
			t.Errorf("without %s: %q", operation, got)
		}
		clear()
	}
	clear := r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "TerminateSession", Times: -1})
	if got := check(); got.Problem != "" || !strings.HasPrefix(got.Warning, "Sesame may not be allowed to end the sessions") {
		t.Errorf("without TerminateSession: %+v", got)
	}
	clear()
	if got := check(); got != (shells.Report{}) {
		t.Errorf("with all: %q", got)
	}
	asked := r.asked("DescribeSessions")
	if check(); r.asked("DescribeSessions") != asked {
		t.Error("what was checked just now is checked again")
	}
	r.clock.Advance(time.Hour)
	if check(); r.asked("DescribeSessions") != asked+3 {
		t.Errorf("%d calls an hour later, want one for each region", r.asked("DescribeSessions")-asked)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: "DescribeRegions", Times: -1})
	if report, err := r.cutter.Check(t.Context(), target(1)); err == nil || report != (shells.Report{}) {
		t.Errorf("throttled: %q, %v, want an error", report, err)
	}
}

// FuzzOwner has AWS name anything as an owner: what is another account's or
// another person's is never taken for theirs.
func FuzzOwner(f *testing.F) {
	for _, seed := range []string{"arn:aws:iam::222222222222:user/alice", "arn:aws:iam::222222222222:user/team/Alice", "arn:aws:sts::222222222222:assumed-role/PartyA/carol", "arn:aws:iam::333333333333:user/alice", "arn:aws:sts::222222222222:assumed-role/PartyB/carol", "arn:aws:sts::222222222222:assumed-role/PartyA/carole", "", "arn:::::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, owner string) {
		user := shells.Owns(map[string]string{"account": account, "user": "alice"}, owner)
		role := shells.Owns(map[string]string{"account": account, "role": "PartyA", "session_name": "carol"}, owner)
		lower := strings.ToLower(owner)
		if user && !(strings.Contains(lower, account+":user/") && strings.HasSuffix(lower, "/alice")) {
			t.Errorf("%q is taken for alice", owner)
		}
		if role && !(strings.Contains(lower, account+":assumed-role/partya/") && strings.HasSuffix(owner, "/carol")) {
			t.Errorf("%q is taken for carol", owner)
		}
	})
}

var _ access.Cutter = shells.New(func(map[string]string) (identitycenter.Config, error) { return identitycenter.Config{}, nil }, nil)
