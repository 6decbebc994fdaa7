package access_test

import (
	"errors"
	"testing"
	"time"

	"sesame/flows/access"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

// person returns somebody called name, linked.
func person(name string) access.Person {
	return access.Person{
		ID: access.PersonID("p-" + name), Principal: access.Principal("user-" + name), Directory: "d-1",
		Account: access.Account{Workspace: "T1", User: "U" + name}, Name: name, Email: name + "@example.com",
	}
}

// member returns the standing of somebody active in those groups.
func member(name string, groups ...string) access.Standing {
	s := access.Standing{Person: person(name), Groups: map[string]bool{}, Active: true}
	for _, g := range groups {
		s.Groups[g] = true
	}
	return s
}

func need(count int, groups ...string) access.Need { return access.Need{Count: count, Groups: groups} }

// asked returns alice's pending request that these needs decide on.
func asked(needs ...access.Need) access.Request {
	return access.Request{
		ID: "r-0123456789", State: access.Pending, By: person("alice"),
		Target:   access.Target{Name: "ec2", Tags: map[string]string{"env": "prod"}, Params: map[string]string{"account": "1"}},
		Duration: time.Hour, Reason: "disk full", Fields: map[string]string{"ticket": "INC-42"},
		AskedAt: noon, LapsesAt: after(24 * time.Hour),
		Verdict: access.Verdict{Allow: true, Route: access.Route{Name: "leads", Needs: needs}},
	}
}

func approve(t *testing.T, r access.Request, s access.Standing) access.Request {
	t.Helper()
	r, err := r.Approve(s, access.Decision{At: noon})
	if err != nil {
		t.Fatalf("%s approves: %v", s.Person.Name, err)
	}
	return r
}

// wantErr checks that a transition refused with that sentinel.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
