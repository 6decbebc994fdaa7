package groupmembership_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/groupmembership"
)

var (
	_ access.Way     = (*groupmembership.Directory)(nil)
	_ access.Way     = (*groupmembership.IAM)(nil)
	_ access.Planner = groupmembership.DirectoryPlanner{}
	_ access.Planner = groupmembership.IAMPlanner{}
)

func TestPlans(t *testing.T) {
	alice := access.Person{ID: "p-1", Email: "alice@example.com", Principal: "90677f1112-a", Directory: store}
	r := &rig{T: t}
	got := []access.Spec{
		r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget("g-1"), alice)),
		r.spec(groupmembership.IAMPlanner{Users: called("Alice")}.Plan(iamTarget("Shell"), alice)),
	}
	want := []access.Spec{{
		Key: "aws_group/d-90677f1112/g-1/90677f1112-a", Name: "membership of alice@example.com in the group of portal",
		Way: "aws_group", Lane: "d-90677f1112/g-1", Budget: instance + "/groups",
		Params: map[string]string{"region": "us-east-1", "instance_arn": instance, "identity_store_id": store, "group": "g-1", "principal": "90677f1112-a"},
	}, {
		Key: "aws_iam_group/111111111111/shell/alice", Name: "membership of the IAM user Alice in Shell of 111111111111",
		Way: "aws_iam_group", Lane: "111111111111/alice", Budget: "iam/111111111111",
		Params: map[string]string{"region": "us-east-1", "account": management, "group": "Shell", "user": "Alice"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}
}

func TestPlansRefuseWhatIsNotKnown(t *testing.T) {
	r := &rig{T: t}
	for name, p := range map[string]access.Person{
		"nobody":          {Directory: store},
		"other directory": {Principal: "a", Directory: "d-0000000000"},
	} {
		if _, err := (groupmembership.DirectoryPlanner{}).Plan(r.directoryTarget("g-1"), p); err == nil {
			t.Errorf("planned for %s", name)
		}
	}
	refusal := &access.Refusal{Text: "no user"}
	unknown := groupmembership.IAMPlanner{Users: func(access.Target, access.Person) (flowfile.IAMOwner, error) {
		return flowfile.IAMOwner{}, refusal
	}}
	if _, err := unknown.Plan(iamTarget("Shell"), access.Person{}); !errors.Is(err, refusal) {
		t.Errorf("without a user: %v, want the refusal", err)
	}
	if _, err := (groupmembership.IAMPlanner{Users: called("alice")}).Plan(iamTarget(""), access.Person{}); err == nil {
		t.Error("planned without a group")
	}
}

func TestMembershipMadeAnewIsNotSesames(t *testing.T) {
	r := newRig(t)
	s := r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(r.group), r.alice))
	op, err := r.directory.Apply(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := r.directory.Observe(t.Context(), s, noon)
	if err != nil || seen.ID == "" || seen.ID != op.ID || seen.Altered != "" {
		t.Fatalf("observed %+v, %v, want %s", seen, err, op.ID)
	}
	s.ID = seen.ID
	r.w.Leave(r.group, string(r.alice.Principal))
	r.w.Join(r.group, string(r.alice.Principal))
	seen, err = r.directory.Observe(t.Context(), s, noon)
	if err != nil || !seen.Present || seen.Altered != "Somebody else ended the membership in AWS and made another." {
		t.Errorf("observed %+v, %v, want it altered", seen, err)
	}
	if op, err := r.directory.Remove(t.Context(), s); err != nil || op.State != access.OpSucceeded {
		t.Errorf("removed: %+v, %v", op, err)
	}
	if m := r.w.Memberships(); len(m) != 1 || m[0].By != (awstest.Caller{}) {
		t.Errorf("memberships = %+v, want the one by hand", m)
	}
}

func TestOursIsKnownAfterARestart(t *testing.T) {
	r := newRig(t)
	s := r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(r.group), r.alice))
	if _, err := r.directory.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	by := r.w.Memberships()[0].By
	if by.ARN != r.center.Caller().ARN {
		t.Fatalf("made by %v", by)
	}
	r.open()
	if seen, err := r.directory.Observe(t.Context(), s, noon); err != nil || !seen.Made {
		t.Errorf("observed %+v, %v, want it ours", seen, err)
	}
	if seen, err := r.directory.Observe(t.Context(), s, noon.Add(-time.Hour)); err != nil || seen.Made {
		t.Errorf("observed %+v, %v, want it not to be of an hour before", seen, err)
	}
}

// TestNotFoundIsNotAlwaysAbsent has AWS not find something that it does not
// name, as it would with the directory itself.
func TestNotFoundIsNotAlwaysAbsent(t *testing.T) {
	r := newRig(t)
	s := r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(r.group), r.alice))
	s.ID = "90677f1112-00000000-0000-4000-8000-000000000000"
	for _, operation := range []string{"GetGroupMembershipId", "DeleteGroupMembership"} {
		r.w.Fault(awstest.Fault{Kind: awstest.Refuse, Code: "ResourceNotFoundException", Operation: operation})
	}
	if seen, err := r.directory.Observe(t.Context(), s, noon); err == nil {
		t.Errorf("observed %+v, want an error", seen)
	}
	if op, err := r.directory.Remove(t.Context(), s); err == nil {
		t.Errorf("removed: %+v, want an error", op)
	}
	if op, err := r.directory.Remove(t.Context(), s); err != nil || op.State != access.OpSucceeded {
		t.Errorf("removed what is not there: %+v, %v", op, err)
	}
}

func TestGroupsThatAreNotSesames(t *testing.T) {
	r := newRig(t)
	scim := r.w.AddGroup("engineers")
	r.w.EditGroup(scim, func(g *awstest.Group) { g.ExternalID = "https://idp.example.com 42" })
	for name, group := range map[string]string{"of SCIM": scim, "gone": "90677f1112-00000000-0000-4000-8000-000000000000"} {
		s := r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(group), r.alice))
		if _, err := r.directory.Apply(t.Context(), s); access.ClassOf(err) != access.Refused {
			t.Errorf("%s: %v, want refused", name, err)
		}
	}
	if len(r.w.Memberships()) != 0 {
		t.Error("somebody was put into a group")
	}
	s := r.spec(groupmembership.IAMPlanner{Users: called("alice")}.Plan(iamTarget("None"), r.alice))
	if _, err := r.iam.Apply(t.Context(), s); access.ClassOf(err) != access.Refused {
		t.Errorf("no IAM group: %v, want refused", err)
	}
}

func TestChecks(t *testing.T) {
	r := newRig(t)
	scim := r.w.AddGroup("engineers")
	r.w.EditGroup(scim, func(g *awstest.Group) { g.ExternalID = "https://idp.example.com 42" })
	other := r.directoryTarget(r.group)
	other.Params[flowfile.ParamInstanceARN] = "arn:other"
	elsewhere := iamTarget("Shell")
	elsewhere.Params[flowfile.ParamAccount] = "999999999999"
	for name, c := range map[string]struct {
		target access.Target
		want   string
	}{
		"all is well":   {r.directoryTarget(r.group), ""},
		"of SCIM":       {r.directoryTarget(scim), "the group engineers (" + scim + ") came from elsewhere, as by SCIM, and its source would undo what Sesame does: create a group in Identity Center for Sesame alone."},
		"gone":          {r.directoryTarget("90677f1112-00000000-0000-4000-8000-000000000000"), "the group 90677f1112-00000000-0000-4000-8000-000000000000 does not exist in the directory d-90677f1112: create it, or name another."},
		"no instance":   {other, "there is no strategy for the instance arn:other: configure one."},
		"IAM is well":   {iamTarget("shell"), ""},
		"no IAM group":  {iamTarget("None"), "the group None does not exist in the account 111111111111: create it, or name another."},
		"other account": {elsewhere, "there is no strategy for the account 999999999999: configure one."},
	} {
		var report groupmembership.Report
		var err error
		if c.target.Way == flowfile.WayGroup {
			report, err = r.directory.Check(t.Context(), c.target)
		} else {
			report, err = r.iam.Check(t.Context(), c.target)
		}
		got := ""
		if len(report.Problems) > 0 {
			got = report.Problems[0]
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for _, operation := range []string{"DescribeGroup", "GetGroup"} {
		r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: operation})
	}
	if _, err := r.directory.Check(t.Context(), r.directoryTarget(r.group)); err == nil {
		t.Error("the directory was out of reach, and nobody says so")
	}
	if _, err := r.iam.Check(t.Context(), iamTarget("Shell")); err == nil {
		t.Error("IAM was out of reach, and nobody says so")
	}
}

func TestSpecsThatSayTooLittle(t *testing.T) {
	r := newRig(t)
	directory := r.spec(groupmembership.DirectoryPlanner{}.Plan(r.directoryTarget(r.group), r.alice))
	iam := r.spec(groupmembership.IAMPlanner{Users: called("alice")}.Plan(iamTarget("Shell"), r.alice))
	without := func(s access.Spec, name, value string) access.Spec {
		s.Params = maps.Clone(s.Params)
		s.Params[name] = value
		return s
	}
	for _, c := range []struct {
		way  access.Way
		spec access.Spec
	}{
		{r.directory, without(directory, flowfile.ParamGroup, "")},
		{r.directory, without(directory, flowfile.ParamInstanceARN, "arn:other")},
		{r.iam, without(iam, flowfile.ParamUser, "")},
		{r.iam, without(iam, flowfile.ParamAccount, "999999999999")},
	} {
		_, observed := c.way.Observe(t.Context(), c.spec, noon)
		_, applied := c.way.Apply(t.Context(), c.spec)
		_, removed := c.way.Remove(t.Context(), c.spec)
		for _, err := range []error{observed, applied, removed} {
			if err == nil || access.ClassOf(err) != access.Refused {
				t.Errorf("%v: %v, want refused", c.spec.Params, err)
			}
		}
	}
}

func TestUserWhoIsGoneIsInNoGroup(t *testing.T) {
	r := newRig(t)
	s := r.spec(groupmembership.IAMPlanner{Users: called("bob")}.Plan(iamTarget("Shell"), r.alice))
	if seen, err := r.iam.Observe(t.Context(), s, noon); err != nil || seen.Present {
		t.Errorf("observed %+v, %v", seen, err)
	}
	if op, err := r.iam.Remove(t.Context(), s); err != nil || op.State != access.OpSucceeded {
		t.Errorf("removed: %+v, %v", op, err)
	}
}
