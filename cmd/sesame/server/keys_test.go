package server

import (
	"errors"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
	"sesame/store/memory"
	"sesame/strategies/rolesession"
)

func TestKeysOfGrants(t *testing.T) {
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	store, c := memory.New(), clock.Frozen(at)
	sealer, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ring := access.Spec{Key: "aws_role/ec2/alice/1", Way: flowfile.WayRole, Params: map[string]string{flowfile.ParamRegion: "eu-west-1"}}
	way := rolesession.New(store, sealer, c)
	if _, err := way.Apply(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	keys := rolesession.NewKeys(store, sealer)
	var proxy serving
	if _, err := (keyMaker{&proxy, c}).Mint(t.Context(), access.Grant{}, at, netip.Addr{}); err == nil {
		t.Error("there is a key without a proxy")
	}
	p := &served{keys: keys}
	proxy.now.Store(p)
	maker := keyMaker{&proxy, c}
	g := access.Grant{ID: "g-1", Target: "ec2", Objects: []access.ObjectKey{ring.Key}}
	if direct := (access.Grant{Objects: []access.ObjectKey{"aws_sso/a"}}); !maker.Serves(g) || maker.Serves(direct) || maker.Serves(access.Grant{}) {
		t.Error("it is not the grants of roles that give keys")
	}
	here, until := netip.MustParseAddr("192.0.2.7"), at.Add(time.Minute)
	for _, anywhere := range []bool{false, true} {
		p.anyAddress = anywhere
		k, err := maker.Mint(t.Context(), g, until, here)
		if err != nil || k.Region != "eu-west-1" || !k.Expires.Equal(until) {
			t.Fatalf("%+v, %v", k, err)
		}
		found, err := keys.Find(t.Context(), k.ID, string(k.Token))
		if err != nil || found.Secret != string(k.Secret) || found.Grant != "g-1" || found.Address.IsValid() == anywhere {
			t.Errorf("anywhere %v: %v from %v, %v", anywhere, found, found.Address, err)
		}
	}
	if _, err := way.Remove(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	k, err := maker.Mint(t.Context(), g, until, here)
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok || refusal.Code != api.CodeNoAccess || k.ID != "" {
		t.Errorf("without its ring: %+v, %v", k, err)
	}
}
