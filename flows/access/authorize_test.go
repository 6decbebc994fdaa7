package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/flows/golden"
)

// standings are everybody who tries. The route names the group leads, and
// carol by her address.
func standings() map[string]access.Standing {
	all := map[string]access.Standing{
		"nobody": {}, "requester": member("alice"), "lead": member("bob", "leads"), "named": member("carol"),
		"other": member("mallory", "engineers"), "requester-lead": member("alice", "leads"), "admin": member("root"),
		"inactive-lead": member("bob", "leads"), "second-account": member("alice2", "leads"), "unlinked-lead": member("bob", "leads"),
		"requester-admin": member("alice"), "decider": member("dave"),
	}
	change := func(name string, f func(*access.Standing)) {
		s := all[name]
		f(&s)
		all[name] = s
	}
	change("admin", func(s *access.Standing) { s.Admin = true })
	change("requester-admin", func(s *access.Standing) { s.Admin = true })
	change("inactive-lead", func(s *access.Standing) { s.Active = false })
	change("unlinked-lead", func(s *access.Standing) { s.Person.Principal = "" })
	change("second-account", func(s *access.Standing) { s.Person.Principal = "user-alice" })
	return all
}

// in returns alice's request in a state of the table. dave decided it once.
func in(state string) access.Request {
	words := strings.Fields(state)
	r := asked(access.Need{Count: 2, Groups: []string{"leads"}, People: []string{"carol@example.com"}})
	r.State = access.RequestState(words[0])
	r.Decisions = []access.Decision{{By: "p-dave", Name: "dave", Approve: r.State != access.Denied}}
	for _, w := range words[1:] {
		switch w {
		case "self":
			r.Verdict.Route = access.Route{Name: "break-glass", Self: true}
		case "auto":
			r.Verdict.Route = access.Route{Name: "automatic", Auto: true}
		case "no":
			r.Verdict.Allow, r.Verdict.Reasons = false, []access.Reason{{Rule: "freeze", Text: "No access over the weekend: page the on-call."}}
		}
	}
	return r
}

var actions = []access.Action{access.Ask, access.Approve, access.Deny, access.Withdraw, access.EndGrant, access.Receive, access.Review, "", "delete"}

var states = []string{
	"pending", "pending no", "pending self", "pending self no", "pending auto", "approved", "denied", "withdrawn", "lapsed", "unheard-of",
}

// TestAuthorize says who may, of all who try everything with every request.
// Whoever is not named in the table is refused.
func TestAuthorize(t *testing.T) {
	self := []string{"requester", "requester-admin", "requester-lead", "second-account"}
	end := append([]string{"admin", "decider", "lead", "named"}, self...)
	selfEnd := append([]string{"admin", "decider"}, self...)
	may := map[access.Action]map[string][]string{
		access.Ask:      {},
		access.Receive:  {},
		access.EndGrant: {},
		access.Approve:  {"pending": {"lead", "named"}, "pending self": self},
		access.Deny: {
			"pending": {"admin", "lead", "named"}, "pending no": {"admin", "lead", "named"},
			"pending self": append([]string{"admin"}, self...), "pending self no": append([]string{"admin"}, self...),
			"pending auto": {"admin"},
		},
		access.Withdraw: {"pending": self, "pending no": self, "pending self": self, "pending self no": self, "pending auto": self},
	}
	for _, state := range states {
		if !strings.HasSuffix(state, " no") {
			may[access.Ask][state], may[access.Receive][state] = self, self
		}
		may[access.EndGrant][state] = end
		if strings.Contains(state, "self") || strings.Contains(state, "auto") {
			may[access.EndGrant][state] = selfEnd
		}
	}
	for _, action := range actions {
		for _, state := range states {
			for name, s := range standings() {
				err := access.Authorize(action, s, in(state))
				want := slices.Contains(may[action][state], name)
				if (err == nil) != want {
					t.Errorf("%s: %s a request that is %s: %v, want allowed %v", name, action, state, err, want)
				}
				if _, ok := errors.AsType[*access.Refusal](err); err != nil && !ok {
					t.Errorf("%s: %s: %v is no refusal", name, action, err)
				}
			}
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	for _, action := range actions {
		if access.Authorize(action, access.Standing{}, access.Request{}) == nil {
			t.Errorf("nobody may %s nothing", action)
		}
		if access.Authorize(action, access.Standing{Active: true}, access.Request{}) == nil {
			t.Errorf("an active nobody may %s nothing", action)
		}
		if access.Authorize(action, member("bob", "leads"), access.Request{}) == nil {
			t.Errorf("bob may %s nothing", action)
		}
	}
	// A person without an address is not whom a route names by an empty one.
	s := member("bob")
	s.Person.Email = ""
	if access.Authorize(access.Approve, s, asked(access.Need{Count: 1, People: []string{""}})) == nil {
		t.Error("an empty address names somebody")
	}
}

// What the rules refuse without a reason, what nobody is named as having
// decided, and what no route takes by now, is refused in a sentence all the same.
func TestRefusalsWithoutReasons(t *testing.T) {
	silent := in("pending no")
	silent.Verdict.Reasons = nil
	auto := in("approved")
	auto.Decisions = nil
	routeless := in("pending no")
	routeless.Verdict.Route = access.Route{}
	for _, c := range []struct {
		who    string
		action access.Action
		r      access.Request
		want   string
	}{
		{"requester", access.Ask, silent, "do not say why"},
		{"lead", access.Approve, auto, "this request is approved already"},
		{"lead", access.Approve, routeless, "No access over the weekend"},
		{"lead", access.Deny, routeless, "the rules do not say by now who decides"},
	} {
		if err := access.Authorize(c.action, standings()[c.who], c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v, want %q", c.who, c.action, err, c.want)
		}
	}
}

// TestRefusals holds every sentence that Authorize has for people.
func TestRefusals(t *testing.T) {
	seen := map[string]bool{}
	var b strings.Builder
	for _, action := range actions {
		for _, state := range states {
			for _, name := range []string{"nobody", "requester", "lead", "other"} {
				r, ok := errors.AsType[*access.Refusal](access.Authorize(action, standings()[name], in(state)))
				if !ok || seen[r.Text] {
					continue
				}
				seen[r.Text] = true
				fmt.Fprintf(&b, "%s: %s, %s\n\t%s\n", name, action, state, r.Text)
			}
		}
	}
	golden.Equal(t, "testdata/refusals.golden", b.String())
}
