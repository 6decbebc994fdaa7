package policies

import "slices"

// Breakable reports whether the flow has a break-glass route, whomever it is
// for.
func (f *Flow) Breakable() bool { return slices.ContainsFunc(f.routes, route.glass) }
