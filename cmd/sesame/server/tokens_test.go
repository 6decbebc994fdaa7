package server

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/token"
	"sesame/proxy"
	"sesame/store/memory"
	"sesame/strategies/rolesession"
)

// known knows everybody, and nobody as an admin.
type known struct{}

func (known) Identify(_ context.Context, a access.Account) (access.Person, error) {
	return access.Person{ID: "p-alice00000", Name: "Alice", Account: a}, nil
}

func (k known) Recall(ctx context.Context, a access.Account) (access.Standing, error) {
	who, err := k.Identify(ctx, a)
	return access.Standing{Person: who, Active: true}, err
}

// TestTokensAreKeysOfWhatTheirOwnerHolds looks a token up while its owner holds
// more and less, and what was made of it once it is revoked.
func TestTokensAreKeysOfWhatTheirOwnerHolds(t *testing.T) {
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	store, c := memory.New(), clock.Frozen(at)
	sealer, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokens := token.New(token.Config{Store: store, People: known{}, Clock: c, Sealer: func() token.Sealer { return sealer }, Serves: func(string) bool { return true }})
	alice := access.Account{Workspace: "T1", User: "U1"}
	made, secret, err := tokens.Make(t.Context(), alice, token.Wish{Name: "nightly", Targets: []string{"ec2", "logs"}, Networks: []string{"192.0.2.0/24"}, Lasts: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	keys := proxyKeys{rolesession.NewKeys(store, sealer), tokens, store, c}
	find := func(id string) proxy.Key {
		t.Helper()
		k, err := keys.Find(t.Context(), id, "")
		if err != nil || k.Secret != secret || k.By.Name != "nightly" || len(k.By.Networks) != 1 {
			t.Fatalf("%v, %v", k, err)
		}
		return k
	}
	if k := find(made.ID.KeyID("ec2")); k.Grant != "" || !strings.HasPrefix(k.By.Idle, "The token nightly works while Alice holds ec2, which is not so now") {
		t.Errorf("before any grant: %s, %q", k.Grant, k.By.Idle)
	}
	ring := access.Spec{Key: "aws_role/ec2/alice/1", Way: flowfile.WayRole, Params: map[string]string{flowfile.ParamRegion: "eu-west-1"}}
	if _, err := rolesession.New(store, sealer, c).Apply(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	for id, g := range map[access.GrantID]access.Grant{
		"g-short": {State: access.Open, Target: "ec2", EndsAt: at.Add(time.Hour)}, "g-long": {State: access.Open, Target: "ec2", EndsAt: at.Add(2 * time.Hour)},
		"g-closing": {State: access.Closing, Target: "ec2", EndsAt: at.Add(9 * time.Hour)}, "g-other": {State: access.Open, Target: "logs", EndsAt: at.Add(-time.Hour)},
	} {
		g.ID, g.Holder, g.Objects = id, "p-alice00000", []access.ObjectKey{ring.Key}
		change, err := access.Put(g, 0)
		if err == nil {
			_, err = store.Commit(t.Context(), access.Commit{Changes: []access.Change{change}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	held := find(made.ID.KeyID("ec2"))
	if held.Grant != "g-long" || held.By.Idle != "" || held.Ring.Key != ring.Key || !held.Expires.Equal(made.Until) {
		t.Errorf("%s, %q, until %s", held.Grant, held.By.Idle, held.Expires)
	}
	if k := find(made.ID.KeyID("logs")); k.Grant != "" {
		t.Errorf("what is over is held by %s", k.Grant)
	}
	held.Expires = at.Add(time.Hour)
	nested, err := keys.Mint(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := keys.Find(t.Context(), nested.ID, nested.Token); err != nil || k.By.ID != string(made.ID) || len(k.By.Networks) != 1 {
		t.Errorf("%v by %q, %v", k, k.By.ID, err)
	}
	if _, err := tokens.Revoke(t.Context(), alice, "nightly"); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Find(t.Context(), nested.ID, nested.Token); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a key of a token that was revoked: %v", err)
	}
	if _, err := keys.Find(t.Context(), made.ID.KeyID("ec2"), ""); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a token that was revoked: %v", err)
	}
}
