package policies_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/policies"
)

// evaluated returns whether a rule about history is true of a past.
func evaluated(t *testing.T, rule string, past []policies.Past) bool {
	t.Helper()
	in := request()
	f := compile(t, policies.Spec{
		Who: src(`true`), Routes: []policies.Route{{Then: access.Route{Name: "r"}}},
		Guardrails: []policies.Guardrail{{Name: "g", Effect: policies.Warn, Rule: src(rule), Message: src("hit")}},
	})
	for _, need := range f.Needs() {
		value, err := need.In(past, in.Request.By.ID, in.Request.Target.Name, in.Now)
		if err != nil {
			t.Fatal(err)
		}
		in.Facts[need] = value
	}
	v, _, err := f.Explain(in)
	if !v.Allow || err != nil {
		t.Fatalf("%s: %+v, %v", rule, v, err)
	}
	return len(v.Warnings) > 0
}

func TestHistoryCounts(t *testing.T) {
	now := request().Now
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	past := []policies.Past{
		{By: "p-1", Target: "ec2", At: ago(time.Hour), Outcome: access.Approved, Duration: 30 * time.Minute},
		{By: "p-1", Target: "billing", At: ago(2 * time.Hour), Outcome: access.Approved, Duration: time.Hour, BreakGlass: true},
		{By: "p-1", Target: "ec2", At: ago(30 * time.Minute), Outcome: access.Denied},
		{By: "p-1", Target: "ec2", At: ago(time.Minute), Outcome: access.Pending},
		{By: "p-2", Target: "ec2", At: ago(5 * time.Minute), Outcome: access.Lapsed},
		{By: "p-1", Target: "ec2", At: ago(24 * time.Hour), Outcome: access.Approved, Duration: 4 * time.Hour},
		{By: "p-1", Target: "ec2", At: now.Add(time.Hour), Outcome: access.Approved, Duration: 4 * time.Hour},
	}
	for rule, want := range map[string]bool{
		`history.requests("24h", requester) == 4`:                              true,
		`history.requests("24h", target) == 4`:                                 true,
		`history.grants("24h", requester) == 2`:                                true,
		`history.grants("25h", requester) == 3`:                                true,
		`history.minutes("24h", requester) == 90`:                              true,
		`history.minutes("25h", target) == 270`:                                true,
		`history.break_glass("720h", requester) == 1`:                          true,
		`history.break_glass("720h", target) > 0`:                              false,
		`history.last_outcome(requester) == "denied"`:                          true,
		`history.last_outcome(target) == "lapsed"`:                             true,
		`history.grants("24h", requester) * 30 + 1 < len(requester.name) * 20`: true,
	} {
		if got := evaluated(t, rule, past); got != want {
			t.Errorf("%s is %t", rule, got)
		}
	}
	if !evaluated(t, `history.last_outcome(requester) == "none" and history.requests("24h", target) == 0`, nil) {
		t.Error("nothing was asked, and it is counted")
	}
}

func TestUnknownHistoryRefuses(t *testing.T) {
	f := compile(t, policies.Spec{Who: src(`history.grants("24h", requester) < 3`), Routes: []policies.Route{{}}})
	need := f.Needs()[0]
	for what, facts := range map[string]policies.Facts{"absent": {}, "of another type": {need: true}, "text": {need: "2"}} {
		in := request()
		in.Facts = facts
		if v := f.Evaluate(in); v.Allow || !strings.Contains(v.Reasons[0].Text, `history.grants("24h", requester) is not known`) {
			t.Errorf("%s: %+v", what, v)
		}
	}
	in := request()
	in.Facts = policies.Facts{need: 2}
	if v := f.Evaluate(in); !v.Allow || v.Facts[need.String()] != "2" {
		t.Errorf("known: %+v", v)
	}
}

func TestHistoryThatCannotBeAsked(t *testing.T) {
	for text, want := range map[string]string{
		`history.grants("24h") > 1`:                  "history.grants takes 2 arguments, not 1",
		`history.grants("a day", requester) > 1`:     `"a day" is not a time of at most 2160h`,
		`history.grants("9000h", requester) > 1`:     "is not a time of at most",
		`history.grants(request.reason, target) > 1`: "must be written out",
		`history.grants("24h", request) > 1`:         "history is that of the requester or the target",
		`history.last_outcome(requester) > 1`:        "has no order",
		`history.logins("24h", requester) > 1`:       "unknown function history.logins",
	} {
		_, problems := policies.Compile(policies.Spec{Who: src(text)})
		if len(problems) == 0 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %v, want %s", text, problems, want)
		}
	}
}
