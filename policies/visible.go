package policies

// Restricted reports whether the targets of the flow are kept from some people,
// so that Visible is worth asking.
func (f *Flow) Restricted() bool { return f.visible.program != nil }

// VisibleNeeds returns the facts that Visible reads. A verdict does not hang on
// those that are not among Needs.
func (f *Flow) VisibleNeeds() []Fact { return f.shownBy }
