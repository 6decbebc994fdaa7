package flowfile

import "slices"

// defaults are what is taken where nothing else is said.
type defaults struct{ flows, targets, routes inherit }

// An inherit is a mapping of defaults, nil if there is none.
type inherit struct{ from *node }

// readDefaults notes the defaults of a file, before anything is read that may
// take them.
func (d *draft) readDefaults(root *node) {
	n := root.get("defaults")
	if n == nil {
		return
	}
	keep := func(to *inherit, shape string) func(*node) {
		return func(n *node) {
			if to.from != nil {
				d.add(n.pos, shape+" stand in two places", "first at "+to.from.pos.String())
				return
			}
			// Unknown keys are noted here, and values where they are taken.
			d.object(n, shape, shape, ignoring(d.shapes[shape]))
			known := *n
			known.pairs = slices.DeleteFunc(slices.Clone(n.pairs), func(p pair) bool { return !d.shapes[shape].has(p.key.text) })
			known.inherit()
			to.from = &known
		}
	}
	d.object(n, "defaults", shapeDefaults, keys{
		"flows":   keep(&d.defaults.flows, shapeFlowDefaults),
		"targets": keep(&d.defaults.targets, shapeTargetDef),
		"routes":  keep(&d.defaults.routes, shapeRouteDef),
	})
}

// ignoring reads nothing.
func ignoring(s Shape) keys {
	read := keys{}
	for _, k := range s.Keys {
		read[k.Name] = func(*node) {}
	}
	return read
}

// inherit marks all of n.
func (n *node) inherit() {
	n.inherited = true
	for _, item := range n.items {
		item.inherit()
	}
	for _, p := range n.pairs {
		p.value.inherit()
	}
}

// under returns n with what it does not say taken from the defaults. Tags are
// taken one by one, and guardrails come before those of n.
func (i inherit) under(n *node) *node {
	if i.from == nil || n.kind != mapping || i.from.kind != mapping {
		return n
	}
	merged := *n
	merged.pairs = slices.Clone(n.pairs)
	for _, p := range i.from.pairs {
		own := slices.IndexFunc(merged.pairs, func(q pair) bool { return q.key.text == p.key.text })
		switch {
		case own < 0:
			merged.pairs = append(merged.pairs, p)
		case p.key.text == "tags":
			merged.pairs[own].value = inherit{p.value}.under(merged.pairs[own].value)
		case p.key.text == "guardrails" && p.value.kind == list && merged.pairs[own].value.kind == list:
			both := *merged.pairs[own].value
			both.items = append(slices.Clone(p.value.items), both.items...)
			merged.pairs[own].value = &both
		}
	}
	return &merged
}

// flow returns a flow with its routes as they are with the defaults.
func (d defaults) flow(n *node) *node {
	n = d.flows.under(n)
	if n.kind != mapping || d.routes.from == nil {
		return n
	}
	whole := *n
	whole.pairs = slices.Clone(n.pairs)
	for i, p := range whole.pairs {
		if p.key.text != "routes" || p.value.kind != list {
			continue
		}
		routes := *p.value
		routes.items = nil
		for _, item := range p.value.items {
			routes.items = append(routes.items, d.routes.under(item))
		}
		whole.pairs[i].value = &routes
	}
	return &whole
}

func shapesByName() map[string]Shape {
	shapes := map[string]Shape{}
	for _, s := range Language() {
		shapes[s.Name] = s
	}
	return shapes
}

// The kinds of things whose origins a Set keeps.
const (
	originFlow   = "flows."
	originTarget = "targets."
)
