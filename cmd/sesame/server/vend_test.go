package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/proxy/api"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

var vendedAt = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// A vendRig is alice with an open grant of two hours, on a target that hands out
// credentials or does not.
type vendRig struct {
	*testing.T
	aws    *awstest.World
	store  *memory.Store
	clock  *clock.Movable
	wall   *clock.Movable
	vendor vendor
	grant  access.Grant
}

func newVendRig(t *testing.T, vend string) *vendRig {
	const role = "arn:aws:iam::222222222222:role/Direct"
	wall := clock.Frozen(clock.System{}.Now())
	r := &vendRig{T: t, aws: awstest.New(awstest.Config{}), store: memory.New(), clock: clock.Frozen(vendedAt), wall: wall}
	if err := r.aws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.aws.Close)
	r.aws.AddRole(awstest.Role{ARN: role, Trusts: []string{"111111111111"}, ExternalID: "x-17", TagSession: true, SetSource: true})
	own := r.aws.AddKey("111111111111", "sesame")
	sealer, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &serving{}
	proxy.now.Store(&served{keys: rolesession.NewKeys(r.store, sealer)})
	r.vendor = vendor{of: proxy, store: r.store, clock: r.clock, wall: wall, sessions: rolesession.NewSessions(rolesession.Config{
		Connect: func(context.Context, string) (aws.Config, error) { return r.config(own.ID, own.Secret, ""), nil },
		Secret:  func(string) (string, error) { return "x-17", nil }, Clock: r.clock, Wall: wall,
	})}
	target := access.Target{Name: "direct", Way: flowfile.WayRole, Vended: vend == flowfile.VendReal, Overhang: time.Hour, Params: map[string]string{
		flowfile.ParamRegion: "us-east-1", flowfile.ParamRoleARN: role, flowfile.ParamExternalID: "${file:x}", flowfile.ParamVend: vend,
	}}
	plan, err := rolesession.Planner{}.Plan(target, access.Person{ID: "p-alice00000", Principal: "alice", Email: "alice@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rolesession.New(r.store, sealer, r.clock).Apply(t.Context(), plan.Objects[0]); err != nil {
		t.Fatal(err)
	}
	r.put(access.Grant{
		ID: "g-0123456789", Request: "r-0123456789", State: access.Open, Holder: "p-alice00000", Target: "direct", Vended: target.Vended, Overhang: time.Hour,
		Objects: []access.ObjectKey{plan.Objects[0].Key}, EndsAt: vendedAt.Add(2 * time.Hour), CloseBy: vendedAt.Add(2 * time.Hour),
	})
	return r
}

func (r *vendRig) config(id, secret, token string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(r.aws.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	}
}

// put stores the grant over what is there.
func (r *vendRig) put(g access.Grant) {
	r.Helper()
	_, version, err := access.LoadOrNew[access.Grant](r.Context(), r.store, g.Key())
	change, failed := access.Put(g, version)
	if err = errors.Join(err, failed); err == nil {
		_, err = r.store.Commit(r.Context(), access.Commit{Changes: []access.Change{change}})
	}
	if err != nil {
		r.Fatal(err)
	}
	r.grant = g
}

func (r *vendRig) stored() access.Grant {
	r.Helper()
	g, _, err := access.Load[access.Grant](r.Context(), r.store, r.grant.Key())
	if err != nil {
		r.Fatal(err)
	}
	return g
}

func (r *vendRig) ask() (api.Key, error) {
	return r.vendor.vend(r.Context(), r.grant, api.Holder{Person: access.Person{ID: "p-alice00000", Name: "Alice"}, From: netip.MustParseAddr("192.0.2.7")})
}

func (r *vendRig) whoami(k api.Key) (string, error) {
	who, err := sts.NewFromConfig(r.config(k.ID, string(k.Secret), string(k.Token))).GetCallerIdentity(r.Context(), nil)
	if err != nil {
		return "", err
	}
	return aws.ToString(who.Arn), nil
}

// TestCredentialsAreHandedOut uses them with the SDK, at AWS itself, until they
// end.
func TestCredentialsAreHandedOut(t *testing.T) {
	r := newVendRig(t, flowfile.VendReal)
	k, err := r.ask()
	if err != nil {
		t.Fatal(err)
	}
	if who, err := r.whoami(k); err != nil || who != "arn:aws:sts::222222222222:assumed-role/Direct/alice@example.com+g-0123456789" {
		t.Errorf("%s, %v", who, err)
	}
	if !k.Direct || k.Expires.Before(vendedAt.Add(59*time.Minute)) || k.Expires.After(vendedAt.Add(time.Hour)) || k.Region != "us-east-1" {
		t.Errorf("%+v", k)
	}
	if g := r.stored(); !g.VendedUntil.Equal(k.Expires) {
		t.Errorf("the grant knows of %s, and they end at %s", g.VendedUntil, k.Expires)
	}
	events, err := r.store.Stream(t.Context(), "r-0123456789", 1, 10)
	if err != nil || len(events) != 1 || events[0].Type != access.EventVended || events[0].Actor != "p-alice00000" {
		t.Fatalf("%+v, %v", events, err)
	}
	if text := string(events[0].Data); !strings.Contains(text, k.ID) || !strings.Contains(text, "192.0.2.7") || strings.Contains(text, string(k.Secret)) || strings.Contains(text, string(k.Token)) {
		t.Errorf("recorded %s", text)
	}
	if s, known := r.aws.Session(k.ID); !known || s.Expires.Sub(r.wall.Now()) > time.Hour+time.Minute {
		t.Errorf("AWS has them end at %s", s.Expires)
	}
	r.aws.ExpireSessions()
	if who, err := r.whoami(k); err == nil {
		t.Errorf("after their end they are still %s", who)
	}
	session := fmt.Sprint(r.aws.Calls()[0].Input["Policy"])
	if end := r.wall.Now().Add(2 * time.Hour).UTC().Format("2006-01-02T15:04"); !strings.Contains(session, end) || !strings.Contains(session, "sts:AssumeRole") {
		t.Errorf("the session is confined by %s", session)
	}
}

// TestWhatOutlivesAnEarlyEnd ends the grant while credentials are out.
func TestWhatOutlivesAnEarlyEnd(t *testing.T) {
	for name, c := range map[string]struct {
		asked bool
		after time.Duration
		want  time.Duration
	}{
		"nothing was handed out": {false, time.Minute, 0},
		"they have run out":      {true, 90 * time.Minute, 0},
		"they have not":          {true, 20 * time.Minute, 40 * time.Minute},
	} {
		r := newVendRig(t, flowfile.VendReal)
		if c.asked {
			if _, err := r.ask(); err != nil {
				t.Fatal(err)
			}
		}
		end := vendedAt.Add(c.after)
		g, err := r.stored().Ended(access.End{At: end, Cause: access.EndedEarly})
		if err != nil {
			t.Fatal(err)
		}
		if off := (g.Overhang - c.want).Abs(); off > 10*time.Second {
			t.Errorf("%s: overhang %s, want %s", name, g.Overhang, c.want)
		}
		g, err = g.Sealed([]access.ObjectReceipt{{Object: g.Objects[0], AbsentAt: end, Reads: 2}})
		if err != nil || g.Receipt.DeadBy.IsZero() == (c.want > 0) || c.want > 0 && !g.Receipt.DeadBy.Equal(g.VendedUntil) {
			t.Errorf("%s: receipt %+v, %v", name, g.Receipt, err)
		}
	}
}

// TestNothingIsHandedOutElsewhere asks under grants that give no credentials.
func TestNothingIsHandedOutElsewhere(t *testing.T) {
	for name, change := range map[string]func(*vendRig){
		"proxied": nil,
		"closing": func(r *vendRig) { g := r.grant; g.State = access.Closing; r.put(g) },
		"closing since it was looked at": func(r *vendRig) {
			was := r.grant
			g := was
			g.State = access.Closing
			r.put(g)
			r.grant = was
		},
		"a ring that is only served": func(r *vendRig) { g := r.grant; g.Vended = true; r.put(g) },
		"over":                       func(r *vendRig) { r.clock.Advance(2 * time.Hour) },
		"no ring":                    func(r *vendRig) { r.grant.Objects = []access.ObjectKey{"aws_role/none"} },
	} {
		vend := flowfile.VendReal
		if change == nil || name == "a ring that is only served" {
			vend = flowfile.VendProxy
		}
		if change == nil {
			change = func(*vendRig) {}
		}
		r := newVendRig(t, vend)
		change(r)
		k, err := r.ask()
		if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != api.CodeNoAccess || k.ID != "" {
			text, _ := json.Marshal(k.ID)
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

// TestTheLastMinutes hands out credentials for five minutes, where AWS makes
// none for less than fifteen: the policy of the session ends them.
func TestTheLastMinutes(t *testing.T) {
	r := newVendRig(t, flowfile.VendReal)
	r.clock.Advance(115 * time.Minute)
	k, err := r.ask()
	if err != nil || k.Expires.After(r.grant.EndsAt) || k.Expires.Before(r.grant.EndsAt.Add(-10*time.Second)) {
		t.Fatalf("until %s, the grant until %s, %v", k.Expires, r.grant.EndsAt, err)
	}
	r.aws.Decide(func(a awstest.Ask) bool { return a.Policy == "" || r.allowed(a) })
	list := func() error {
		_, err := ec2.NewFromConfig(r.config(k.ID, string(k.Secret), string(k.Token))).DescribeInstances(t.Context(), nil)
		return err
	}
	if err := list(); err != nil {
		t.Errorf("within the grant: %v", err)
	}
	r.wall.Advance(5*time.Minute + time.Second)
	if err := list(); err == nil || !strings.Contains(err.Error(), "not authorized to perform") {
		t.Errorf("after the grant: %v", err)
	}
}

// allowed is what the policy of a session says about a call at this time.
func (r *vendRig) allowed(a awstest.Ask) bool {
	d, err := iam.Parse("session", []byte(a.Policy))
	if err != nil {
		r.Error(err)
		return false
	}
	p, err := iam.Compile(d, iam.IdentityBased)
	if err != nil {
		r.Error(err)
		return false
	}
	return p.Evaluate(iam.Request{Action: a.Action, Resource: "*", Context: iam.NewContext(map[string][]string{
		"aws:CurrentTime": {r.wall.Now().UTC().Format(time.RFC3339)},
	})}).Outcome == iam.Allowed
}
