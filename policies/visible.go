package policies

// Restricted reports whether the targets of the flow are kept from some people,
// so that Visible is worth asking.
func (f *Flow) Restricted() bool { return f.visible.program != nil }
