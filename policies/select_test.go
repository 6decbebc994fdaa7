package policies_test

import (
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/policies"
)

func TestSelectorReadsTheTargetAlone(t *testing.T) {
	targets := []policies.Target{{Name: "a", Tags: map[string]string{"env": "prod"}}, {Name: "b", Tags: map[string]string{"env": "dev", "team": "x"}}}
	s, problems := policies.CompileSelector(src(`target.tags.env == "prod" or (target.tags.team ?? "") == "x"`), targets)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for tags, want := range map[string]bool{"prod": true, "dev": false} {
		if is, err := s.Matches(access.Target{Tags: map[string]string{"env": tags}}); is != want || err != nil {
			t.Errorf("%s: %t, %v", tags, is, err)
		}
	}
	if is, err := s.Matches(access.Target{Name: "c"}); is || err == nil {
		t.Errorf("a tag that is not there: %t, %v", is, err)
	}
	for text, want := range map[string]string{
		`now.hour > 3`:                 "unknown name now.hour",
		`requester.email == "a"`:       "unknown name requester.email",
		`in_group("a", requester)`:     "unknown function in_group",
		`"a" in requester.groups`:      "nothing can be looked for in requester.groups",
		`requester.slack_status == ""`: "unknown name requester.slack_status",
		`approver.email == "a"`:        "only approve_when knows the approver",
		`target.tags.team == "x"`:      "there is no tag team on a",
		`request.fields.ticket == "x"`: "the form has no field ticket",
		`in_window("0 9 * * *", "1h")`: "unknown function in_window",
		`target.name`:                  "a rule is true or false",
	} {
		s, problems := policies.CompileSelector(src(text), targets)
		if s != nil || len(problems) == 0 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %v, want %s", text, problems, want)
		}
	}
}
