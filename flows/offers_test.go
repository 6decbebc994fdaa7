package flows_test

import (
	"strings"
	"testing"

	"sesame/flows/facts/factstest"
)

func TestOffers(t *testing.T) {
	for name, c := range map[string]struct {
		file, who string
		down      factstest.Source
		want      string
	}{
		"whoever may ask":              {"flows.yaml", "alice", "", "billing ec2 glass sandbox"},
		"whoever else may":             {"flows.yaml", "carol", "", "named"},
		"nobody can tell who may ask":  {"flows.yaml", "alice", factstest.SlackGroups, "billing ec2 glass named sandbox"},
		"it is shown to them":          {"hidden.yaml", "bob", "", "vault"},
		"it is not shown to them":      {"hidden.yaml", "alice", "", ""},
		"nobody can tell who may see":  {"hidden.yaml", "bob", factstest.SlackGroups, ""},
		"whoever is on duty, sees it":  {"hidden.yaml", "dave", "", "pager"},
		"no rules are in force at all": {"", "alice", "", "refused"},
	} {
		r := newRig(t)
		r.load(c.file)
		r.people.SetOnCall("platform", "dave")
		if c.down != "" {
			r.people.Fail(c.down, errDown)
		}
		offers, err := r.Offers(t.Context(), r.people.Account(c.who))
		var names []string
		for _, o := range offers {
			names = append(names, o.Target.Name)
			if len(o.Durations) == 0 {
				t.Errorf("%s: %s can be had for no time", name, o.Target.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.want && (err == nil || c.want != "refused") {
			t.Errorf("%s: %s is offered %q, want %q: %v", name, c.who, got, c.want, err)
		}
	}
}
