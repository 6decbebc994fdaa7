package proxy

import "maps"

// EscalationsForTest are the operations of the list.
func EscalationsForTest() map[string]string { return maps.Clone(escalations()) }

// WildForTest matches an action with a pattern.
func WildForTest(pattern, s string) bool { return wild(pattern, s) }
