package access_test

import (
	"encoding/json"
	"testing"
	"time"

	"sesame/flows/access"
)

func TestDigest(t *testing.T) {
	terms := asked().Terms()
	changes := map[string]func(*access.Terms){
		"request":       func(t *access.Terms) { t.Request = "r-0123456780" },
		"who":           func(t *access.Terms) { t.Who = "p-eve" },
		"as":            func(t *access.Terms) { t.As = "user-eve" },
		"target":        func(t *access.Terms) { t.Target.Name = "rds" },
		"label":         func(t *access.Terms) { t.Target.Label = "EC2" },
		"flow":          func(t *access.Terms) { t.Target.Flow = "ec2" },
		"strategy":      func(t *access.Terms) { t.Target.Strategy = "sso" },
		"way":           func(t *access.Terms) { t.Target.Way = "aws_role" },
		"tag":           func(t *access.Terms) { t.Target.Tags = map[string]string{"env": "dev"} },
		"parameter":     func(t *access.Terms) { t.Target.Params = map[string]string{"account": "2"} },
		"new parameter": func(t *access.Terms) { t.Target.Params = map[string]string{"account": "1", "x": ""} },
		"overhang":      func(t *access.Terms) { t.Target.Overhang = time.Hour },
		"recorded":      func(t *access.Terms) { t.Target.Recorded = true },
		"duration":      func(t *access.Terms) { t.Duration++ },
		"reason":        func(t *access.Terms) { t.Reason += " " },
		"field":         func(t *access.Terms) { t.Fields = map[string]string{"ticket": "INC-43"} },
		"no field":      func(t *access.Terms) { t.Fields = nil },
	}
	seen := map[access.Digest]string{terms.Digest(): "the terms"}
	for name, change := range changes {
		changed := terms
		change(&changed)
		d := changed.Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("with another %s the digest is that of %s", name, other)
		}
		seen[d] = name
	}
}

func TestEqualTermsHaveEqualDigests(t *testing.T) {
	r := asked(need(1, "leads"))
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var stored access.Request
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	if stored.Terms().Digest() != r.Terms().Digest() || stored.Agreed() != r.Agreed() {
		t.Error("a request that was stored has other terms")
	}
	empty := r
	r.Fields, empty.Fields = nil, map[string]string{}
	r.Target.Tags, empty.Target.Tags = nil, map[string]string{}
	r.Verdict.Route.Needs, empty.Verdict.Route.Needs = nil, []access.Need{}
	if empty.Terms().Digest() != r.Terms().Digest() || empty.Agreed() != r.Agreed() {
		t.Error("nothing and an empty map are different terms")
	}
}
