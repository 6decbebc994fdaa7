package rolesession_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

const deployARN = "arn:aws:iam::333333333333:role/Deploy"

// assuming is a target whose holder may go on as Deploy.
func assuming() access.Target {
	t := target()
	t.Params[flowfile.ParamCalls] = `{"allow":["ec2:Describe*"],"assume":["` + deployARN + `"]}`
	return t
}

func deploy() flowfile.Assumption { return flowfile.Assumption{Role: deployARN, ExternalID: "theirs"} }

func TestRolesAreAssumedFromTheTargets(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: deployARN, Trusts: []string{roleARN}, ExternalID: "theirs", TagSession: true, SetSource: true})
	spec, g := ring(t, assuming(), alice), openGrant("g-0123456789", 20*time.Minute)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := r.sessions.Credentials(t.Context(), spec, g, deploy()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(r.assumed()); n != 2 {
		t.Errorf("assumed %d times for ten who asked at once, want the target's role and the other", n)
	}
	user, err := r.sessions.Assume(t.Context(), spec, g, deploy())
	if err != nil || aws.ToString(user.Arn) != "arn:aws:sts::333333333333:assumed-role/Deploy/alice@example.com+g-0123456789" {
		t.Errorf("%s, %v", aws.ToString(user.Arn), err)
	}
	c, err := r.sessions.Credentials(t.Context(), spec, g, deploy())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.w.Session(c.AccessKeyID)
	if s.Source != "alice@example.com" || s.Tags[flowfile.RunAsTag] != "web" {
		t.Errorf("%+v", s)
	}
	end := r.wall.Now().Add(20 * time.Minute)
	for _, c := range []struct {
		action, resource string
		at               time.Time
		want             iam.Outcome
	}{
		{"ec2:DescribeInstances", "*", end.Add(-2 * time.Second), iam.Allowed},
		{"ec2:DescribeInstances", "*", end.Add(2 * time.Second), iam.ExplicitlyDenied},
		{"ec2:RunInstances", "*", noon, iam.ExplicitlyDenied},
		{"sts:AssumeRole", deployARN, noon, iam.Allowed},
		{"sts:AssumeRole", "arn:aws:iam::333333333333:role/Admin", noon, iam.ExplicitlyDenied},
	} {
		if got := verdict(t, s.Policy, c.action, c.resource, c.at); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.action, c.resource, got, c.want)
		}
	}
}

func TestRolesThatAreNotListedAreNotAssumed(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: deployARN, Trusts: []string{roleARN}, TagSession: true, SetSource: true})
	g := openGrant("g-1", time.Hour)
	if _, err := r.sessions.Assume(t.Context(), ring(t, target(), alice), g, flowfile.Assumption{Role: deployARN}); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a role that the target does not list: %v", err)
	}
	spec := ring(t, assuming(), alice)
	if _, err := r.sessions.Assume(t.Context(), spec, g, flowfile.Assumption{Role: roleARN}, flowfile.Assumption{Role: deployARN}); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a listed one by way of another: %v", err)
	}
	if n := len(r.assumed()); n != 0 {
		t.Errorf("AWS was asked %d times", n)
	}
	if _, err := r.sessions.Assume(t.Context(), spec, g, flowfile.Assumption{Role: deployARN}); err != nil {
		t.Error(err)
	}
	r.clock.Advance(time.Hour)
	if _, err := r.sessions.Assume(t.Context(), spec, g, deploy()); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("after the end: %v", err)
	}
}

// TestKeysRemember has the terms of a key come back from its token alone.
func TestKeysRemember(t *testing.T) {
	store, seal := memory.New(), sealer(t)
	spec := ring(t, assuming(), alice)
	if _, err := rolesession.New(store, seal, clock.Frozen(noon)).Apply(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	keys := func() *rolesession.Keys { return rolesession.NewKeys(store, seal) }
	key, err := keys().Mint(t.Context(), spec.Key, rolesession.Terms{Grant: "g-1", Expires: noon, Roles: []flowfile.Assumption{deploy()}, By: "t-1"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := keys().Find(t.Context(), key.ID, key.Token)
	if err != nil || again.Secret != key.Secret || len(again.Roles) != 1 || again.Roles[0] != deploy() || again.By != "t-1" {
		t.Errorf("%+v, %v", again.Terms, err)
	}
	many := make([]flowfile.Assumption, 4)
	for _, terms := range []rolesession.Terms{{Grant: "g-1", Roles: many}, {Grant: "g-1", Roles: []flowfile.Assumption{{ExternalID: strings.Repeat("x", 2000)}}}} {
		if _, err := keys().Mint(t.Context(), spec.Key, terms); !errors.Is(err, access.ErrTooLarge) {
			t.Errorf("terms that no token holds: %v", err)
		}
	}
	if got, err := keys().Ring(t.Context(), spec.Key); err != nil || got.Key != spec.Key || got.Params[flowfile.ParamRoleARN] != roleARN {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := keys().Ring(t.Context(), "aws_role/none"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a ring that is not there: %v", err)
	}
}
