package principaltags_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
	"sesame/strategies/principaltags"
)

var (
	_ access.Way     = (*principaltags.Way)(nil)
	_ access.Planner = principaltags.Planner{}
)

func TestPlan(t *testing.T) {
	plan, err := principaltags.Planner{Users: called("Alice")}.Plan(target("a/b", "r 1"), access.Person{ID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := access.Plan{
		Objects: []access.Spec{{
			Key:  "aws_principal_tags/222222222222/alice/App=a%2Fb/Release=r+1",
			Name: "the tags App a/b, Release r 1 of the IAM user Alice in 222222222222",
			Way:  "aws_principal_tags", Lane: "222222222222/alice", Budget: "iam/222222222222",
			Pool:       access.Pool{ID: "aws_principal_tags/222222222222/alice", Name: "Alice in 222222222222", Size: 2},
			SessionsOf: "222222222222/alice",
			Params: map[string]string{
				"region": "eu-central-1", "account": account, "user": "Alice", "slots": "2",
				"tag_names": `["App","Release"]`, "principal_tags": `{"App":"a/b","Release":"r 1"}`,
			},
		}},
		Connect: []access.Step{{Label: "Sign in to the AWS console as Alice", URL: "https://222222222222.signin.aws.amazon.com/console"}},
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestPlanRefusesWhatIsNotKnown(t *testing.T) {
	refusal := &access.Refusal{Text: "no user"}
	nobody := principaltags.Planner{Users: func(access.Target, access.Person) (flowfile.IAMOwner, error) {
		return flowfile.IAMOwner{}, refusal
	}}
	if _, err := nobody.Plan(target("a", "r"), access.Person{}); !errors.Is(err, refusal) {
		t.Errorf("without a user: %v, want the refusal", err)
	}
	bare := target("a", "r")
	for _, name := range []string{flowfile.ParamAccount, flowfile.ParamTagNames, flowfile.ParamTags, flowfile.ParamSlots} {
		broken := bare
		broken.Params = maps.Clone(bare.Params)
		delete(broken.Params, name)
		if _, err := (principaltags.Planner{Users: called("alice")}).Plan(broken, access.Person{}); err == nil {
			t.Errorf("planned without %s", name)
		}
	}
}

// TestSlotsAreThoseOfThePolicy holds the names of tags to what the generated
// policies compare.
func TestSlotsAreThoseOfThePolicy(t *testing.T) {
	for n := 1; n <= 25; n++ {
		if ours, theirs := flowfile.SlotKey("AppId", n), recipe.SlotKey("AppId", n); ours != theirs {
			t.Errorf("slot %d is %s here and %s in policies", n, ours, theirs)
		}
	}
}

// must applies or removes, and expects success.
func must(t *testing.T) func(access.Operation, error) {
	return func(op access.Operation, err error) {
		t.Helper()
		if err != nil || op.State != access.OpSucceeded {
			t.Fatalf("%+v, %v", op, err)
		}
	}
}

func TestSlotIsWrittenAndRemovedAsAWhole(t *testing.T) {
	r := newRig(t)
	r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Team"] = "x" })
	one, two := spec(t, "alice", "payments", 1), spec(t, "alice", "ledger", 2)
	must(t)(r.way.Apply(t.Context(), one))
	must(t)(r.way.Apply(t.Context(), two))
	must(t)(r.way.Remove(t.Context(), one))
	const marked = "20261120T120000.000000000Z"
	var got []map[string]string
	for _, change := range r.w.IAMWrites(account, "alice")[1:] {
		got = append(got, change.Tags)
	}
	first := map[string]string{"App": "payments", "Release": "r-1", "SesameSlot": marked}
	second := map[string]string{"App2": "ledger", "Release2": "r-1", "SesameSlot2": marked}
	both := maps.Clone(first)
	maps.Copy(both, second)
	want := []map[string]string{first, both, second}
	for _, tags := range want {
		tags["Team"] = "x"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags over time (-want +got):\n%s", diff)
	}
}

func TestWhatOthersWroteIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(tags map[string]string)
		says string
	}{
		"one value":      {func(tags map[string]string) { tags["Release"] = "r-2" }, "Slot 1 of the IAM user alice holds what Sesame did not write there: look at Release in AWS."},
		"one is gone":    {func(tags map[string]string) { delete(tags, "App") }, "Slot 1 of the IAM user alice holds what Sesame did not write there: look at App in AWS."},
		"all but one":    {func(tags map[string]string) { delete(tags, "App"); delete(tags, "Release") }, "Slot 1 of the IAM user alice holds what Sesame did not write there: look at App and Release in AWS."},
		"another mark":   {func(tags map[string]string) { tags["SesameSlot"] = "mine" }, "Slot 1 of the IAM user alice holds what Sesame did not write there: look at SesameSlot in AWS."},
		"without a mark": {func(tags map[string]string) { delete(tags, "SesameSlot") }, "Slot 1 of the IAM user alice holds what Sesame did not write there: look at SesameSlot in AWS."},
	} {
		r := newRig(t)
		s := spec(t, "alice", "payments", 1)
		must(t)(r.way.Apply(t.Context(), s))
		seen, err := r.way.Observe(t.Context(), s, noon)
		if err != nil || !seen.Made || seen.Altered != "" {
			t.Fatalf("%s: before: %+v, %v", name, seen, err)
		}
		r.w.EditIAMTags(account, "alice", c.edit)
		before := r.w.IAMTags(account, "alice")
		if seen, err = r.way.Observe(t.Context(), s, noon); err != nil || !seen.Present || seen.Made || seen.Altered != c.says {
			t.Errorf("%s: %+v, %v, want %q", name, seen, err, c.says)
		}
		must(t)(r.way.Remove(t.Context(), s))
		if diff := cmp.Diff(before, r.w.IAMTags(account, "alice")); diff != "" {
			t.Errorf("%s: changed:\n%s", name, diff)
		}
		if _, err := r.way.Apply(t.Context(), s); access.ClassOf(err) != access.Busy {
			t.Errorf("%s: written over: %v", name, err)
		}
	}
}

func TestRemovalDoesNotTrustAReadThatShowsNothing(t *testing.T) {
	r := newRig(t)
	r.clock.Advance(time.Minute)
	r.w.Tune(func(s *awstest.Settings) { s.IAMLag = 30 * time.Second })
	s := spec(t, "alice", "payments", 1)
	must(t)(r.way.Apply(t.Context(), s))
	must(t)(r.way.Remove(t.Context(), s))
	if left := r.w.IAMTags(account, "alice"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUserWhoIsGone(t *testing.T) {
	r := newRig(t)
	s := spec(t, "bob", "payments", 1)
	if _, err := r.way.Apply(t.Context(), s); access.ClassOf(err) != access.Refused {
		t.Errorf("apply: %v, want refused", err)
	}
	if seen, err := r.way.Observe(t.Context(), s, noon); err != nil || seen.Present {
		t.Errorf("observe: %+v, %v, want nothing there", seen, err)
	}
	must(t)(r.way.Remove(t.Context(), s))
}

func TestSpecsThatSayTooLittle(t *testing.T) {
	r := newRig(t)
	good := spec(t, "alice", "payments", 1)
	noSlot, elsewhere, noTags := good, good, good
	noSlot.Slot = 0
	elsewhere.Params, noTags.Params = maps.Clone(good.Params), maps.Clone(good.Params)
	elsewhere.Params[flowfile.ParamAccount] = "999999999999"
	delete(noTags.Params, flowfile.ParamTags)
	for name, s := range map[string]access.Spec{"no slot": noSlot, "another account": elsewhere, "no tags": noTags} {
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

func TestCheck(t *testing.T) {
	r := newRig(t)
	for _, user := range []string{"free", "half", "full", "crowded"} {
		r.w.AddIAMUser(account, user)
	}
	hand := func(user string, keys ...string) {
		r.w.EditIAMTags(account, user, func(tags map[string]string) {
			for _, key := range keys {
				tags[key] = "x"
			}
		})
	}
	must(t)(r.way.Apply(t.Context(), spec(t, "free", "payments", 1)))
	hand("half", "app2")
	hand("full", "App", "Release2")
	var many []string
	for n := range 45 {
		many = append(many, "k"+string(rune('a'+n%26))+string(rune('a'+n/26)))
	}
	hand("crowded", many...)
	for user, want := range map[string]string{
		"free":    "",
		"half":    "warning: 1 of 2 slots of the IAM user half cannot be used, since others wrote app2: remove that, or choose other names.",
		"full":    "warning: no slot of the IAM user full is free, since others wrote tags of these names: remove them, or choose other names.",
		"crowded": "warning: the IAM user crowded has 45 tags of others, so 2 slots do not fit beside them: remove some, or have fewer slots.",
		"nobody":  "problem: the IAM user nobody does not exist in the account 222222222222: create it, or correct its name.",
	} {
		report, err := r.way.Check(t.Context(), target("a", "r"), []flowfile.IAMOwner{{Name: user}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range report.Problems {
			got = append(got, "problem: "+p)
		}
		for _, w := range report.Warnings {
			got = append(got, "warning: "+w)
		}
		if all := strings.Join(got, "\n"); all != want {
			t.Errorf("%s: %q, want %q", user, all, want)
		}
	}
	elsewhere := target("a", "r")
	elsewhere.Params[flowfile.ParamAccount] = "999999999999"
	if report, err := r.way.Check(t.Context(), elsewhere, nil); err != nil || len(report.Problems) != 1 {
		t.Errorf("another account: %+v, %v", report, err)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: "ListUserTags"})
	if _, err := r.way.Check(t.Context(), target("a", "r"), []flowfile.IAMOwner{{Name: "free"}}); err == nil {
		t.Error("AWS was out of reach, and nobody says so")
	}
}
