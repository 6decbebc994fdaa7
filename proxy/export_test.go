package proxy

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"strings"
	"time"

	"sesame/flows/access"
)

// EscalationsForTest are the operations of the list, with why, or with why and
// the words that it takes.
func EscalationsForTest() map[string]string {
	all := map[string]string{}
	for name, e := range escalations() {
		all[name] = strings.Join(append([]string{e.why}, e.words...), " | ")
	}
	return all
}

// WildForTest matches an action with a pattern.
func WildForTest(pattern, s string) bool { return wild(pattern, s) }

// PublicForTest reports whether tunnels may lead to an address.
func PublicForTest(a netip.Addr) bool { return public(a) }

// LeadForTest is what stands before our name in a host.
func LeadForTest(host, name string) (lead string, ours bool) { return leadOf(host, name) }

// IsDeletionForTest reports whether an operation is one by its name.
func IsDeletionForTest(operation string) bool { return isDeletion(operation) }

// PresetsForTest are the operations that presets name.
func PresetsForTest() map[string]string { return maps.Clone(presets()) }

// UnderWayForTest notes a call of a grant until it is broken off, or leave is
// called. lasts is asked when the grant is to end.
func UnderWayForTest(lasts func(access.GrantID) (ends, at time.Time, open bool), g access.Grant, cut context.CancelCauseFunc) (leave func()) {
	u := &underWay{lasts: lasts}
	return u.enterUntil(g, g.EndsAt, cut)
}

// BoundedForTest is l with no more connections than there may be.
func BoundedForTest(l net.Listener) net.Listener { return &bounded{Listener: l} }
