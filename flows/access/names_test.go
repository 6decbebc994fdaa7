package access_test

import (
	"strings"
	"testing"

	"sesame/flows/access"
)

func TestRequestIDs(t *testing.T) {
	seen := map[access.RequestID]bool{}
	for range 1000 {
		id := access.NewRequestID()
		if !id.Valid() || seen[id] {
			t.Fatalf("id %q: valid %v, seen before %v", id, id.Valid(), seen[id])
		}
		seen[id] = true
		if id.Grant().Request() != id || !strings.HasPrefix(string(id.Grant()), "g-") {
			t.Errorf("%s becomes %s and that %s", id, id.Grant(), id.Grant().Request())
		}
	}
	if first, again := access.RequestIDFrom("a click"), access.RequestIDFrom("a click"); first != again || !first.Valid() {
		t.Errorf("one delivery has the ids %q and %q", first, again)
	}
	if access.RequestIDFrom("a") == access.RequestIDFrom("b") {
		t.Error("two deliveries have one id")
	}
	for _, id := range []access.RequestID{"", "r-", "r-012345678", "r-01234567890", "g-0123456789", "r-01234/6789", "r-o123456789", "R-0123456789"} {
		if id.Valid() {
			t.Errorf("%q counts as an id", id)
		}
	}
}

func TestPersonIDs(t *testing.T) {
	if access.PersonIDFrom("d-1", "u") == access.PersonIDFrom("d-2", "u") || access.PersonIDFrom("d", "1u") == access.PersonIDFrom("d1", "u") {
		t.Error("users of two directories are one person")
	}
	p := person("alice")
	if a, b := p.AccountLink(), p.PrincipalLink(); a.Key() == b.Key() || a.Person != p.ID || b.Person != p.ID {
		t.Errorf("links %v and %v", a, b)
	}
}
