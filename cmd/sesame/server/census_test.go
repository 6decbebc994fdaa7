package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/bot/slacktest"
	"sesame/proxy/api"
	"sesame/strategies/awstest"
)

// TestTheServerSaysWhoIsInWhichGroup asks a server about members of groups who
// have never asked for anything.
func TestTheServerSaysWhoIsInWhichGroup(t *testing.T) {
	r := newRig(t)
	bob := r.slack.AddUser(slacktest.User{Name: "bob", Email: "bob@example.com"})
	guest := r.slack.AddUser(slacktest.User{Name: "gus", Email: "gus@example.com", Restricted: true})
	r.slack.EditGroup(r.group, func(g *slacktest.Group) { g.Users = []string{r.alice, bob, guest} })
	if _, err := r.aws.AddUser(awstest.User{UserName: "alice", Name: "Alice", Email: "alice@example.com"}); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(flowsYAML, "[bob@example.com]", "[bob@example.com, carol@example.com]", 1)
	r.writeFlows(strings.Replace(text, "targets:", "on_call:\n  platform: {static: {people: [alice@example.com]}}\ntargets:", 1))
	got, err := r.start().Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := api.Facts{
		People: map[string]api.FactsPerson{
			"alice@example.com": {Name: "alice", Groups: []string{"engineering"}},
			"bob@example.com":   {Name: "bob", Groups: []string{"engineering"}, Deactivated: true},
			"carol@example.com": {Deactivated: true},
			"gus@example.com":   {Name: "gus", Groups: []string{"engineering"}, Deactivated: true},
		},
		OnCall: map[string][]string{"platform": {"alice@example.com"}},
	}
	for email, p := range got.People {
		p.Timezone = ""
		got.People[email] = p
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
