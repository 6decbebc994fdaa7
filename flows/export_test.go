package flows

import "sesame/flows/access"

// WaysForTest are the ways to connect to machines.
func WaysForTest(m Machines, t access.Target) []access.Step { return m.ways(t) }
