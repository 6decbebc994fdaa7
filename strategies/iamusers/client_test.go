package iamusers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/strategies/awstest"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
	"sesame/strategies/strategytest/standin"
)

const account = "222222222222"

var alice, bob = iamusers.Principal{Name: "alice"}, iamusers.Principal{Name: "bob"}

func newWorld(t *testing.T) (*awstest.World, identitycenter.Config) {
	t.Helper()
	w, c := standin.Start(t, awstest.Config{})
	w.AddIAMUser(account, "alice")
	return w, standin.Reach(w, c, account, "eu-central-1")
}

func open(t *testing.T, c identitycenter.Config) *iamusers.Client {
	t.Helper()
	client, err := iamusers.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTagsAndGroupsInPages(t *testing.T) {
	w, config := newWorld(t)
	w.Tune(func(s *awstest.Settings) { s.PageSize = 2 })
	client := open(t, config)
	var tags []iamusers.Tag
	for n := range 5 {
		tags = append(tags, iamusers.Tag{Key: fmt.Sprint("key +", n), Value: "a=b/c @é"})
		group := fmt.Sprint("group-", n)
		w.AddIAMGroup(account, group)
		if err := client.Join(t.Context(), group, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Tag(t.Context(), alice, tags); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Tags(t.Context(), alice); err != nil || !slices.Equal(got, tags) {
		t.Errorf("tags = %v, %v, want %v", got, err, tags)
	}
	if err := client.Untag(t.Context(), alice, []string{"key +0", "key +1"}); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Tags(t.Context(), alice); err != nil || len(got) != 3 {
		t.Errorf("tags = %v, %v, want three", got, err)
	}
	if got, err := client.Groups(t.Context(), "alice"); err != nil || len(got) != 5 {
		t.Errorf("groups = %v, %v, want five", got, err)
	}
	if err := client.Leave(t.Context(), "group-0", "alice"); err != nil || w.InIAMGroup(account, "group-0", "alice") {
		t.Errorf("left: %v", err)
	}
	if name, err := client.Group(t.Context(), "GROUP-1"); err != nil || name != "group-1" {
		t.Errorf("group %q, %v", name, err)
	}
}

func TestRolesAndPolicies(t *testing.T) {
	w, config := newWorld(t)
	w.Tune(func(s *awstest.Settings) { s.PageSize = 1 })
	w.AddRole(awstest.Role{ARN: "arn:aws:iam::" + account + ":role/people/Alice"})
	client, ctx := open(t, config), t.Context()
	role := iamusers.Principal{Name: "Alice", Role: true}
	tags := []iamusers.Tag{{Key: "App", Value: "a"}, {Key: "Release", Value: "r"}}
	if err := client.Tag(ctx, role, tags); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Tags(ctx, role); err != nil || !slices.Equal(got, tags) {
		t.Errorf("tags = %v, %v", got, err)
	}
	if err := client.Untag(ctx, role, []string{"App", "Release"}); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Tags(ctx, alice); err != nil || len(got) != 0 {
		t.Errorf("the user has %v, %v", got, err)
	}
	const text = `{"Version":"2012-10-17", "Statement":[{"Effect":"Allow","Action":"a:b+c %20","Resource":"${aws:userid}"}]}`
	for _, p := range []iamusers.Principal{alice, role} {
		if _, err := client.Policy(ctx, p, "Own"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s has a policy: %v", p, err)
		}
		if err := client.PutPolicy(ctx, p, "Own", text); err != nil {
			t.Fatal(err)
		}
		if got, err := client.Policy(ctx, p, "Own"); err != nil || got != text {
			t.Errorf("%s: %q, %v", p, got, err)
		}
		if err := client.DeletePolicy(ctx, p, "Own"); err != nil {
			t.Fatal(err)
		}
		if err := client.DeletePolicy(ctx, p, "Own"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s: removed twice: %v", p, err)
		}
	}
}

func TestWhatDoesNotExist(t *testing.T) {
	w, config := newWorld(t)
	w.AddIAMGroup(account, "Shell")
	client, ctx := open(t, config), t.Context()
	for name, call := range map[string]func() error{
		"tags":           func() error { _, err := client.Tags(ctx, bob); return err },
		"tag":            func() error { return client.Tag(ctx, bob, []iamusers.Tag{{Key: "a", Value: "b"}}) },
		"untag":          func() error { return client.Untag(ctx, bob, []string{"a"}) },
		"group":          func() error { _, err := client.Group(ctx, "None"); return err },
		"groups":         func() error { _, err := client.Groups(ctx, "bob"); return err },
		"join":           func() error { return client.Join(ctx, "Shell", "bob") },
		"leave a group":  func() error { return client.Leave(ctx, "Shell", "alice") },
		"leave no group": func() error { return client.Leave(ctx, "None", "alice") },
	} {
		if err := call(); !errors.Is(err, access.ErrNotFound) || access.ClassOf(err) != access.Refused {
			t.Errorf("%s: %v, want not found and refused", name, err)
		}
	}
}

func TestErrorsSayWhetherTheyHadAnEffect(t *testing.T) {
	w, config := newWorld(t)
	var calls []identitycenter.Call
	config.OnCall = func(c identitycenter.Call) { calls = append(calls, c) }
	client := open(t, config)
	for _, c := range []struct {
		fault awstest.Fault
		class access.Class
		code  string
	}{
		{awstest.Fault{Kind: awstest.Throttle}, access.Throttled, "Throttling"},
		{awstest.Fault{Kind: awstest.Conflict}, access.Busy, "ConcurrentModification"},
		{awstest.Fault{Kind: awstest.Refuse, Code: "EntityTemporarilyUnmodifiable"}, access.Busy, "EntityTemporarilyUnmodifiable"},
		{awstest.Fault{Kind: awstest.Deny}, access.Refused, "AccessDenied"},
		{awstest.Fault{Kind: awstest.Refuse, Code: "LimitExceeded"}, access.Refused, "LimitExceeded"},
		{awstest.Fault{Kind: awstest.ServerError}, access.Ambiguous, "ServiceFailure"},
		{awstest.Fault{Kind: awstest.Unavailable}, access.Ambiguous, "ServiceUnavailable"},
		{awstest.Fault{Kind: awstest.Drop, AfterEffect: true}, access.Ambiguous, ""},
	} {
		w.Fault(c.fault)
		err := client.Tag(t.Context(), alice, []iamusers.Tag{{Key: "a", Value: "b"}})
		last := calls[len(calls)-1]
		if err == nil || access.ClassOf(err) != c.class || last.Code != c.code || last.Service != "IAM" || last.Operation != "TagUser" {
			t.Errorf("%+v: %v (%v), told %+v", c.fault.Kind, err, access.ClassOf(err), last)
		}
		if (last.RequestID == "") != (c.code == "") {
			t.Errorf("%s: request id %q", c.code, last.RequestID)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Tag(ctx, alice, nil); access.ClassOf(err) != access.Throttled {
		t.Errorf("after the end: %v", err)
	}
}

func TestOpenChecksTheAccount(t *testing.T) {
	_, config := newWorld(t)
	config.Account = "333333333333"
	if _, err := iamusers.Open(t.Context(), config); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("another account's credentials: %v", err)
	}
	config.Account, config.Region = account, "nowhere"
	if _, err := iamusers.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("no region: %v", err)
	}
}

func TestOpenThroughARole(t *testing.T) {
	w, config := newWorld(t)
	const role = "arn:aws:iam::333333333333:role/Sesame"
	w.AddRole(awstest.Role{ARN: role, Trusts: []string{account}, ExternalID: "x-1"})
	w.AddIAMUser("333333333333", "bob")
	config.Account = "333333333333"
	config.RoleChain = []identitycenter.Role{{ARN: role, ExternalID: "x-1"}}
	client := open(t, config)
	if _, err := client.Tags(t.Context(), iamusers.Principal{Name: "bob"}); err != nil || client.Account() != "333333333333" {
		t.Errorf("tags in %s: %v", client.Account(), err)
	}
}

func TestTheTrustPolicyOfARole(t *testing.T) {
	w, config := newWorld(t)
	w.AddRole(awstest.Role{ARN: "arn:aws:iam::" + account + ":role/Party-A", Trusts: []string{"333333333333"}, ExternalID: "a+b=c/d"})
	client := open(t, config)
	text, err := client.Trust(t.Context(), "Party-A")
	if err != nil || !strings.Contains(text, `{"sts:ExternalId":"a+b=c/d"}`) {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := client.Trust(t.Context(), "Nobody"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("of a role that is not there: %v", err)
	}
}
