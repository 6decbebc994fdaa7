package accountassignment_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/accountassignment"
	"sesame/strategies/awstest"
)

var (
	_ access.Way     = (*accountassignment.Way)(nil)
	_ access.Planner = accountassignment.Planner{}
)

func TestPlan(t *testing.T) {
	target := access.Target{Name: "billing", Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamInstanceARN: instance, flowfile.ParamIdentityStoreID: "d-90677f1112",
		flowfile.ParamAccount: payments, flowfile.ParamPermissionSet: "Read Only+", flowfile.ParamExternalID: "${file:external-id}",
		flowfile.ParamPermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-fedcba0987654321",
	}}
	alice := access.Person{ID: "p-1", Name: "Alice", Email: "alice@example.com", Principal: "90677f1112-a", Directory: "d-90677f1112"}
	plan, err := accountassignment.Planner{}.Plan(target, alice)
	if err != nil {
		t.Fatal(err)
	}
	params := maps.Clone(target.Params)
	delete(params, flowfile.ParamExternalID)
	params["principal"] = "90677f1112-a"
	want := access.Plan{
		Objects: []access.Spec{{
			Key:  "aws_sso/ssoins-1234567890abcdef/222222222222/ps-fedcba0987654321/90677f1112-a",
			Name: "Read Only+ in 222222222222 for alice@example.com",
			Way:  "aws_sso", Lane: payments, Budget: instance, Params: params,
		}},
		Connect: []access.Step{
			{Label: "Open the AWS console", URL: "https://d-90677f1112.awsapps.com/start/#/console?account_id=222222222222&role_name=Read+Only%2B"},
			{Label: "Add to ~/.aws/config", Code: strings.Join([]string{
				"[profile billing]", "sso_session = billing", "sso_account_id = 222222222222", "sso_role_name = Read Only+", "",
				"[sso-session billing]", "sso_start_url = https://d-90677f1112.awsapps.com/start", "sso_region = us-east-1", "sso_registration_scopes = sso:account:access",
			}, "\n")},
			{Label: "Sign in on the command line", Code: "aws sso login --profile billing"},
		},
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	target.Params[flowfile.ParamStartURL] = "https://acme.awsapps.com/start/"
	plan, err = accountassignment.Planner{}.Plan(target, alice)
	if err != nil || !strings.HasPrefix(plan.Connect[0].URL, "https://acme.awsapps.com/start/#/console?") {
		t.Errorf("with a start_url: %q, %v", plan.Connect[0].URL, err)
	}
}

func TestPlanRefusesWhatIsNotKnown(t *testing.T) {
	r := newRig(t, management)
	stranger := r.alice
	stranger.Directory = "d-0000000000"
	for name, c := range map[string]struct {
		target access.Target
		person access.Person
		want   string
	}{
		"not looked up":   {r.target, r.alice, "permission_set_arn is not known"},
		"nobody":          {r.resolved(), access.Person{Directory: "d-90677f1112"}, "no principal"},
		"other directory": {r.resolved(), stranger, `of directory "d-0000000000"`},
	} {
		_, err := accountassignment.Planner{}.Plan(c.target, c.person)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestUnknownInstanceIsRefused(t *testing.T) {
	r := newRig(t, management)
	plan, err := accountassignment.Planner{}.Plan(r.resolved(), r.alice)
	if err != nil {
		t.Fatal(err)
	}
	none := accountassignment.New()
	for name, call := range map[string]func(access.Spec) error{
		"observe": func(s access.Spec) error { _, err := none.Observe(t.Context(), s, time.Time{}); return err },
		"apply":   func(s access.Spec) error { _, err := none.Apply(t.Context(), s); return err },
		"remove":  func(s access.Spec) error { _, err := none.Remove(t.Context(), s); return err },
		"poll":    func(s access.Spec) error { _, err := none.Poll(t.Context(), s, access.Operation{}); return err },
	} {
		for _, s := range []access.Spec{plan.Objects[0], {Key: "aws_sso/empty"}} {
			if err := call(s); err == nil || access.ClassOf(err) != access.Refused {
				t.Errorf("%s of %s: %v, want refused", name, s.Key, err)
			}
		}
	}
}

func TestRemovalNeedsNoDirectory(t *testing.T) {
	r := newRig(t, management)
	plan, err := accountassignment.Planner{}.Plan(r.resolved(), r.alice)
	if err != nil {
		t.Fatal(err)
	}
	s := plan.Objects[0]
	r.w.Assign(tuple(s))
	r.w.RemoveUser(string(r.alice.Principal))
	if _, err := r.way.Remove(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	if left := r.w.Assignments(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCheck(t *testing.T) {
	r := newRig(t, delegated)
	r.w.AddAccount(awstest.Account{ID: "333333333333", Suspended: true})
	for name, c := range map[string]struct {
		params            map[string]string
		shortest          time.Duration
		problem, warning  string
		deny, unreachable bool
	}{
		"all is well":        {shortest: 2 * time.Hour},
		"long session":       {shortest: 30 * time.Minute, warning: `credentials of the permission set "ReadOnly" last 1h30m, and the shortest grant 30m: they can outlive it by 1h30m`},
		"no permission set":  {params: map[string]string{flowfile.ParamPermissionSet: "Admin"}, shortest: 2 * time.Hour, problem: `the permission set "Admin" does not exist in ` + instance},
		"no instance":        {params: map[string]string{flowfile.ParamInstanceARN: "arn:other"}, problem: "there is no strategy for the instance arn:other"},
		"no account":         {params: map[string]string{flowfile.ParamAccount: "999999999999"}, shortest: 2 * time.Hour, problem: "the account 999999999999 is not in the organization"},
		"suspended account":  {params: map[string]string{flowfile.ParamAccount: "333333333333"}, shortest: 2 * time.Hour, problem: "the account 333333333333 is suspended"},
		"management account": {params: map[string]string{flowfile.ParamAccount: management}, shortest: 2 * time.Hour, problem: "111111111111 is the management account, where a delegated administrator (444444444444) cannot assign"},
		"accounts denied":    {shortest: 2 * time.Hour, deny: true, warning: "whether the account 222222222222 exists is not known"},
		"AWS out of reach":   {shortest: 2 * time.Hour, unreachable: true},
	} {
		target := r.target
		target.Params = maps.Clone(target.Params)
		maps.Copy(target.Params, c.params)
		if c.deny {
			r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "DescribeAccount"})
		}
		if c.unreachable {
			r.w.Fault(awstest.Fault{Kind: awstest.Drop, Operation: "DescribeAccount"})
		}
		r.clock.Advance(time.Hour) // what was looked up before is forgotten
		report, err := r.way.Check(t.Context(), target, c.shortest)
		if (err != nil) != c.unreachable {
			t.Errorf("%s: %v", name, err)
		}
		wantOne(t, name+": problems", report.Problems, c.problem)
		wantOne(t, name+": warnings", report.Warnings, c.warning)
	}
	report, err := r.way.Check(t.Context(), r.target, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if report.Resolved.Overhang != 90*time.Minute || report.Resolved.Params[flowfile.ParamIdentityStoreID] != "d-90677f1112" ||
		!strings.HasPrefix(report.Resolved.Params[flowfile.ParamPermissionSetARN], "arn:aws:sso:::permissionSet/") {
		t.Errorf("resolved = %+v", report.Resolved)
	}
}

// wantOne expects one text that begins with want, or none for an empty want.
func wantOne(t *testing.T, what string, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) == 0:
	case want != "" && len(got) == 1 && strings.HasPrefix(got[0], want):
	default:
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestManagementAccountForTheManagement(t *testing.T) {
	r := newRig(t, management)
	r.target.Params[flowfile.ParamAccount] = management
	report, err := r.way.Check(t.Context(), r.target, 2*time.Hour)
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("%v, %v, want no problem", report.Problems, err)
	}
}
