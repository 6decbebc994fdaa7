package proxy_test

import (
	"testing"

	"sesame/proxy"
	"sesame/proxy/awsapi"
)

// TestEscalationsExist holds the list to what AWS has: a name that is spelled
// wrong would refuse nothing.
func TestEscalationsExist(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*awsapi.Operation{}
	for _, o := range table.Operations() {
		known[o.Service.Name+":"+o.Name] = o
	}
	all := proxy.EscalationsForTest()
	for name, why := range all {
		switch o := known[name]; {
		case o == nil:
			t.Errorf("%s is not an operation of AWS", name)
		case o.ReturnsCredentials, o.OpensSession, o.Level == awsapi.Permissions:
			t.Errorf("%s is known from the models already", name)
		case why == "":
			t.Errorf("%s has no reason", name)
		}
	}
	if len(all) < 50 {
		t.Errorf("the list has %d operations", len(all))
	}
}

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "s3:getobject", true}, {"s3:*", "s3:getobject", true}, {"s3:get*", "s3:getobject", true}, {"s3:get*ing", "s3:getobjecttagging", true},
		{"s3:g?tobject", "s3:getobject", true}, {"s3:getobject", "s3:getobjectacl", false}, {"s3:*acl", "s3:getobject", false}, {"", "", true},
		{"", "x", false}, {"*a*b", "xaxxb", true}, {"*a*b", "xaxxbx", false}, {"?", "", false}, {"a**", "a", true}, {"*ab", "aab", true},
	} {
		if got := proxy.WildForTest(c.pattern, c.s); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.s, got)
		}
	}
}
