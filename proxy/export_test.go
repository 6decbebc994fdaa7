package proxy

import (
	"maps"
	"net/netip"
)

// EscalationsForTest are the operations of the list.
func EscalationsForTest() map[string]string { return maps.Clone(escalations()) }

// WildForTest matches an action with a pattern.
func WildForTest(pattern, s string) bool { return wild(pattern, s) }

// PublicForTest reports whether tunnels may lead to an address.
func PublicForTest(a netip.Addr) bool { return public(a) }
