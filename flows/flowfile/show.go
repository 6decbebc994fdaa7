package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sesame/policies"
)

// A Setting is one value of a flow or target in force, and where it came from.
type Setting struct {
	Path  string // as in routes.leads.lapse_after
	Value string
	// Pos is the zero Position when nothing is said and a built-in value holds.
	Pos policies.Position
	// Default says that the value stands under defaults.
	Default bool
}

// Settings returns what holds for the flow or target called name, in the order
// of its keys; false if there is none.
func (s *Set) Settings(name string) ([]Setting, bool) {
	n, ok := s.origins[originFlow+name]
	shape := shapeFlow
	if !ok {
		n, ok = s.origins[originTarget+name]
		shape = shapeTarget
	}
	if !ok {
		return nil, false
	}
	v := viewer{shapes: shapesByName(), name: name}
	v.object("", shape, n)
	if f := s.flowNamed(name); shape == shapeFlow && f != nil {
		v.all = append(v.all, s.selected(f)...)
	}
	return v.all, true
}

// flowNamed returns a flow by its own name.
func (s *Set) flowNamed(name string) *Flow {
	for _, f := range s.flows {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Flows returns the names of the flows, sorted.
func (s *Set) Flows() []string {
	names := map[string]bool{}
	for key := range s.origins {
		if name, ok := strings.CutPrefix(key, originFlow); ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// selected returns the targets of a flow that targets_where described.
func (s *Set) selected(f *Flow) []Setting {
	where := s.origins[originFlow+f.Name].get("targets_where")
	if where == nil {
		return nil
	}
	var named []string
	if n := s.origins[originFlow+f.Name].get("targets"); n != nil {
		for _, item := range n.items {
			named = append(named, item.text)
		}
	}
	var all []Setting
	for _, name := range f.Targets {
		if !slices.Contains(named, name) {
			all = append(all, Setting{Path: "targets", Value: name, Pos: where.pos, Default: where.inherited})
		}
	}
	return all
}

// A viewer lists the values of a node by the shapes of the language.
type viewer struct {
	shapes map[string]Shape
	name   string
	all    []Setting
}

// builtIn are the values that hold where nothing is said, and that matter.
func builtIn(shape, key, name string) string {
	switch shape + "." + key {
	case "flow.label", "target.label":
		return name
	case "route.lapse_after":
		return short(defaultLapse)
	case "approvers.count", "extend.count":
		return "1"
	case "field.type":
		return string(policies.String)
	}
	return ""
}

func (v *viewer) object(path, shape string, n *node) {
	if path != "" {
		path += "."
	}
	for _, key := range v.shapes[shape].Keys {
		value := n.get(key.Name)
		if shape == shapeRoute && idle(n, key.Name) {
			continue
		}
		if value != nil {
			v.value(path+key.Name, key.Value, value)
		} else if text := builtIn(shape, key.Name, v.name); text != "" {
			v.all = append(v.all, Setting{Path: path + key.Name, Value: text})
		}
	}
}

// idle reports whether a key of a route does nothing there: it is inherited by a
// route of a kind that has no use for it, a step takes its place, or nobody is
// waited for.
func idle(route *node, key string) bool {
	if key == "lapse_after" {
		after := route.get("after")
		lapses := after != nil && !overruled(route) && slices.ContainsFunc(after.items, func(step *node) bool { return step.isTrue("lapse") })
		return lapses || route.get("announce") != nil || route.isTrue("auto_approve")
	}
	return slices.Contains(useless(route), key)
}

func (v *viewer) value(path string, of Value, n *node) {
	switch {
	case of.Kind == Object:
		v.object(path, of.Shape, n)
	case of.Kind == List && of.Of.Kind == Object:
		for i, item := range n.items {
			name := fmt.Sprint(i + 1)
			if given := item.get("name"); given != nil {
				name = given.text
			}
			v.value(path+"."+name, *of.Of, item)
		}
	case of.Kind == List:
		var texts []string
		for _, item := range n.items {
			texts = append(texts, item.brief())
		}
		v.add(path, "["+strings.Join(texts, ", ")+"]", n)
	case of.Kind == Named:
		for _, p := range n.pairs {
			v.value(path+"."+p.key.text, *of.Of, p.value)
		}
	default:
		v.add(path, strings.Join(strings.Fields(n.text), " "), n)
	}
}

// brief returns a value in a list, in one line.
func (n *node) brief() string {
	if n.kind != mapping {
		return n.text
	}
	var all []string
	for _, p := range n.pairs {
		all = append(all, p.key.text+": "+p.value.text)
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (v *viewer) add(path, value string, n *node) {
	v.all = append(v.all, Setting{Path: path, Value: value, Pos: n.pos, Default: n.inherited})
}
