package bot_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sesame/bot"
	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/oncall"
)

func (r *rig) directory() *bot.Directory {
	r.t.Helper()
	id, err := r.api.Identity(r.t.Context())
	r.ok(err)
	return bot.NewDirectory(r.api, id)
}

func TestProfiles(t *testing.T) {
	r := newRig(t)
	d := r.directory()
	for _, c := range []struct {
		user slacktest.User
		want facts.Kind
	}{
		{slacktest.User{Name: "full"}, facts.Member},
		{slacktest.User{Name: "left", Deleted: true}, facts.Deleted},
		{slacktest.User{Name: "robot", Bot: true}, facts.Bot},
		{slacktest.User{Name: "flow", WorkflowBot: true}, facts.Bot},
		{slacktest.User{Name: "several", Restricted: true}, facts.Guest},
		{slacktest.User{Name: "single", UltraRestricted: true}, facts.Guest},
		{slacktest.User{Name: "shared", Stranger: true, Team: "T0OTHER"}, facts.Stranger},
		{slacktest.User{Name: "other", Team: "T0OTHER"}, facts.OtherWorkspace},
	} {
		id := r.AddUser(c.user)
		p, err := d.Profile(t.Context(), access.Account{Workspace: r.TeamID(), User: id})
		if err != nil || p.Kind != c.want {
			t.Errorf("%s: %+v, %v, want %s", c.user.Name, p, err, c.want)
		}
	}
	before := len(r.Calls())
	if p, err := d.Profile(t.Context(), access.Account{Workspace: "T0OTHER", User: "U1"}); err != nil || p.Kind != facts.OtherWorkspace {
		t.Errorf("%+v, %v", p, err)
	}
	if len(r.Calls()) != before {
		t.Error("slack was asked about an account of another workspace")
	}
	if _, err := d.Profile(t.Context(), access.Account{Workspace: r.TeamID(), User: "U0NOBODY"}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("error %v, want not found", err)
	}
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Times: 1})
	if _, err := d.Profile(t.Context(), access.Account{Workspace: r.TeamID(), User: "U0NOBODY"}); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("error %v, want unavailable", err)
	}
}

func TestGroupMembers(t *testing.T) {
	r := newRig(t)
	d := r.directory()
	bob := access.Account{Workspace: r.TeamID(), User: r.people["bob"]}
	if in, err := d.InSlackGroup(t.Context(), "S0LEADS", bob); err != nil || !in {
		t.Errorf("bob is a lead: %v, %v", in, err)
	}
	if in, err := d.InSlackGroup(t.Context(), "S0LEADS", access.Account{Workspace: "T0OTHER", User: bob.User}); err != nil || in {
		t.Errorf("a namesake elsewhere is a lead: %v, %v", in, err)
	}
	if _, err := d.InSlackGroup(t.Context(), "S0NONE", bob); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("error %v, want not found", err)
	}
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "usergroups.users.list", Times: 1})
	if in, err := d.InSlackGroup(t.Context(), "S0LEADS", bob); in || !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("%v, %v, want unavailable", in, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if in, err := d.InSlackGroup(ctx, "S0LEADS", bob); in && err != nil {
		t.Errorf("%v with %v", in, err)
	}
}

// shift is who is on call, whatever the schedule.
type shift []oncall.Who

func (s shift) People(context.Context, string) ([]oncall.Who, error) {
	if len(s) == 0 {
		return nil, access.ErrUnavailable
	}
	return s, nil
}

func TestWhoIsOnCallIsTold(t *testing.T) {
	r := newRig(t)
	r.setRules(strings.Replace(flowFile, "channels:", "on_call: {platform: {static: {people: [carol@example.com]}}}\nchannels:", 1))
	q := access.Request{Verdict: access.Verdict{Route: access.Route{Needs: []access.Need{{Count: 1, Groups: []string{"platform"}}}}}}
	d := bot.Deciders{Directory: r.directory(), Rules: r.current, OnCall: shift{
		{Account: access.Account{Workspace: r.TeamID(), User: r.people["bob"]}}, {Email: "carol@example.com"}, {Email: "nobody@example.com"},
	}}
	want := []string{r.people["bob"], r.people["carol"]}
	if got, err := d.Of(t.Context(), q, 10); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	d.OnCall = shift{}
	if got, err := d.Of(t.Context(), q, 10); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("%v, %v, want that nobody can say", got, err)
	}
}

func TestDeciders(t *testing.T) {
	r := newRig(t)
	d := bot.Deciders{Directory: r.directory(), Rules: r.current}
	q := access.Request{
		By: access.Person{Account: access.Account{User: r.people["bob"]}},
		Verdict: access.Verdict{Route: access.Route{Needs: []access.Need{
			{Count: 1, Groups: []string{"leads", "nonsense"}},
			{Count: 1, People: []string{"nobody@example.com", "alice@example.com", "carol@example.com"}},
			{Count: 1, People: []string{"gus@example.com"}, Stage: 1},
		}}},
	}
	want := []string{r.people["carol"], r.people["alice"]}
	if got, err := d.Of(t.Context(), q, 10); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v: each once, without the requester", got, err, want)
	}
	if got, err := d.Of(t.Context(), q, 1); err != nil || len(got) != 1 {
		t.Errorf("%v, %v, want one", got, err)
	}
	all := access.Audience{Groups: []string{"leads"}, People: []string{"alice@example.com", "bob@example.com"}}
	want = []string{r.people["bob"], r.people["carol"], r.people["alice"]}
	if got, err := d.Audience(t.Context(), all, 10); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v: each once", got, err, want)
	}
	if got, err := d.Names(t.Context(), want); err != nil || !slices.Equal(got, []string{"Bob Burr", "Carol Cole", "Alice Ames"}) {
		t.Errorf("%v, %v, want what they are called", got, err)
	}
	self := q
	self.Verdict.Route = access.Route{Self: true}
	if got, err := d.Of(t.Context(), self, 10); err != nil || !slices.Equal(got, []string{r.people["bob"]}) {
		t.Errorf("%v, %v, want the requester", got, err)
	}
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "usergroups.users.list", Times: 1})
	if got, err := d.Of(t.Context(), q, 10); err != nil || len(got) != 2 {
		t.Errorf("%v, %v, want those who could be found", got, err)
	}
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Times: 10})
	if got, err := d.Of(t.Context(), q, 10); err == nil {
		t.Errorf("%v without an error", got)
	}
}
