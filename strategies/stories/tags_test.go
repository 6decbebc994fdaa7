package stories_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/strategies/awstest"
)

// wantTags fails unless Alice has these tags and no others.
func (r *rig) wantTags(want map[string]string) {
	r.Helper()
	if diff := cmp.Diff(want, r.tags()); diff != "" {
		r.Errorf("tags (-want +got):\n%s", diff)
	}
}

// wantWhole fails unless every slot was at each moment empty or whole.
func (r *rig) wantWhole() {
	r.Helper()
	for _, change := range r.w.IAMWrites(account, "alice") {
		for n := 1; n <= slots; n++ {
			count := 0
			for _, name := range []string{"App", "Release", flowfile.MarkerTag} {
				if _, ok := change.Tags[flowfile.SlotKey(name, n)]; ok {
					count++
				}
			}
			if count != 0 && count != 3 {
				r.Errorf("slot %d was split at %v: %v", n, change.At, change.Tags)
			}
		}
	}
}

// mayStart reports whether the generated policy lets Alice start a session on
// an instance, with the tags that she has now.
func (r *rig) mayStart(app, release string) bool {
	r.Helper()
	document, err := shell(slots).Document()
	if err != nil {
		r.Fatal(err)
	}
	policy, err := iam.Compile(document, iam.IdentityBased)
	if err != nil {
		r.Fatal(err)
	}
	context := map[string][]string{}
	for key, value := range r.tags() {
		context["aws:PrincipalTag/"+key] = []string{value}
	}
	instance := iam.Thing{ARN: "arn:aws:ec2:us-east-1:" + account + ":instance/i-0a", Tags: map[string]string{"App": app, "Release": release}}
	requests := iam.StartSession(iam.Request{Context: iam.NewContext(context)}, instance, iam.Thing{})
	verdict := iam.Policies{Identity: []*iam.Policy{policy}}.EvaluateAll(requests...)
	return verdict.Outcome == iam.Allowed
}

func TestTwoGrantsInTwoSlots(t *testing.T) {
	story(t, func(r *rig) {
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Team"] = "x" })
		payments, ledger := r.grant(r.tagged("payments", "r-1"), time.Hour), r.grant(r.tagged("ledger", "r-2"), 2*time.Hour)
		r.pass(time.Minute)
		r.want(payments, access.Open)
		r.want(ledger, access.Open)
		r.wantTags(map[string]string{"Team": "x", "App": "payments", "Release": "r-1", "App2": "ledger", "Release2": "r-2"})
		for _, c := range []struct {
			app, release string
			want         bool
		}{{"payments", "r-1", true}, {"ledger", "r-2", true}, {"payments", "r-2", false}, {"ledger", "r-1", false}, {"", "", false}} {
			if got := r.mayStart(c.app, c.release); got != c.want {
				r.Errorf("a session on %s of %s: %v, want %v", c.app, c.release, got, c.want)
			}
		}
		r.pass(time.Hour + settled)
		closed := r.want(payments, access.Closed)
		if closed.Receipt.Objects[0].AbsentAt.IsZero() {
			r.Errorf("receipt %+v proves nothing", closed.Receipt)
		}
		r.wantTags(map[string]string{"Team": "x", "App2": "ledger", "Release2": "r-2"})
		if r.mayStart("payments", "r-1") || !r.mayStart("ledger", "r-2") {
			r.Error("a session is open to what is over, or closed to what is not")
		}
		r.pass(time.Hour)
		r.want(ledger, access.Closed)
		r.wantTags(map[string]string{"Team": "x"})
		r.wantWhole()
	})
}

func TestSlotsRunOut(t *testing.T) {
	story(t, func(r *rig) {
		first := r.grant(r.tagged("a", "r"), time.Hour)
		r.grant(r.tagged("b", "r"), 3*time.Hour)
		_, err := r.tryGrant(r.tagged("c", "r"), time.Hour)
		if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != access.RefusedCap {
			r.Fatalf("a third: %v, want it refused", err)
		}
		again := r.grant(r.tagged("a", "r"), 2*time.Hour) // on the tags that are there
		r.pass(time.Minute)
		r.want(again, access.Open)
		r.end(first)
		r.pass(settled)
		r.want(first, access.Closed)
		r.wantTags(map[string]string{"App": "a", "Release": "r", "App2": "b", "Release2": "r"})
		r.end(again)
		r.pass(time.Minute)
		third := r.grant(r.tagged("c", "r"), time.Hour)
		r.pass(time.Minute)
		r.want(third, access.Open)
		r.wantTags(map[string]string{"App": "c", "Release": "r", "App2": "b", "Release2": "r"})
		r.pass(4 * time.Hour)
		r.wantTags(map[string]string{})
		r.wantWhole()
	})
}

func TestTagEditedBySomebodyElse(t *testing.T) {
	story(t, func(r *rig) {
		id := r.grant(r.tagged("payments", "r-1"), 2*time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Release"] = "r-99" })
		r.pass(30 * time.Minute) // the next sweep
		g := r.want(id, access.Closed)
		if g.End.Cause != access.EndedEarly || !strings.Contains(g.End.Detail, "look at Release in AWS") || !g.Receipt.Objects[0].Foreign {
			r.Errorf("ended %+v with %+v", g.End, g.Receipt)
		}
		r.wantTags(map[string]string{"App": "payments", "Release": "r-99"})
		r.wantAlarm("tags App payments, Release r-1 of the IAM user alice", "Sesame leaves it alone", "look at Release in AWS")
	})
}

func TestTagEditedJustBeforeTheEnd(t *testing.T) {
	story(t, func(r *rig) {
		id := r.grant(r.tagged("payments", "r-1"), 2*time.Hour)
		r.pass(time.Minute)
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) { delete(tags, "App") })
		r.end(id)
		r.pass(5 * time.Minute)
		r.want(id, access.Closed)
		if got := r.tags(); len(got) != 1 || got["Release"] != "r-1" {
			r.Errorf("tags %v, want what was left", got)
		}
		r.wantAlarm("Sesame leaves it alone", "look at App in AWS")
	})
}

func TestTagsOfOthersKeepASlot(t *testing.T) {
	story(t, func(r *rig) {
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["app"] = "by hand" })
		failed := r.grant(r.tagged("payments", "r-1"), time.Hour)
		r.pass(time.Minute)
		g := r.want(failed, access.Closed)
		if g.End.Cause != access.EndedFailed || !strings.Contains(g.End.Detail, "Slot 1 of the IAM user alice holds what Sesame did not write there") {
			r.Errorf("ended %+v", g.End)
		}
		second := r.grant(r.tagged("payments", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.want(second, access.Open)
		r.wantTags(map[string]string{"app": "by hand", "App2": "payments", "Release2": "r-1"})
		r.pass(2 * time.Hour)
		r.wantTags(map[string]string{"app": "by hand"})
	})
}

func TestTagsThatAreSeenLate(t *testing.T) {
	story(t, func(r *rig) {
		r.w.Tune(func(s *awstest.Settings) { s.IAMLag = 20 * time.Second })
		r.pass(time.Minute)
		id := r.grant(r.tagged("payments", "r-1"), time.Hour)
		r.pass(15 * time.Second)
		r.want(id, access.Opening)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.end(id)
		r.pass(2 * time.Minute)
		r.want(id, access.Closed)
		r.wantTags(map[string]string{})
		r.wantWhole()
	})
}

func TestUserWithTooManyTags(t *testing.T) {
	story(t, func(r *rig) {
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) {
			for n := range 48 {
				tags["k"+strings.Repeat("x", n)] = "v"
			}
		})
		id := r.grant(r.tagged("payments", "r-1"), time.Hour)
		r.pass(settled)
		g := r.want(id, access.Closed)
		if !strings.Contains(g.End.Detail, "maximum limit: 50") || len(r.tags()) != 48 {
			r.Errorf("ended %+v with %d tags", g.End, len(r.tags()))
		}
	})
}
