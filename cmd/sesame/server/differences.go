package server

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
	"sesame/proxy/api"
)

// differences returns what two sets do not have in common. The first may be
// nil: then all is new.
func differences(was, is *flowfile.Set) []api.Difference {
	if was == nil {
		was = &flowfile.Set{}
	}
	all := []api.Difference{}
	add := func(kind string, old, now map[string]any) { all = append(all, between(kind, old, now)...) }
	add("flow", flowsOf(was), flowsOf(is))
	add("target", byName(was.Targets(), func(t access.Target) string { return t.Name }), byName(is.Targets(), func(t access.Target) string { return t.Name }))
	add("group", byName(was.Groups(), func(g flowfile.Group) string { return g.Name }), byName(is.Groups(), func(g flowfile.Group) string { return g.Name }))
	add("channel", byName(was.Channels(), func(c access.Channel) string { return c.Name }), byName(is.Channels(), func(c access.Channel) string { return c.Name }))
	add("strategy", byName(was.Strategies(), func(s flowfile.Strategy) string { return s.Name }), byName(is.Strategies(), func(s flowfile.Strategy) string { return s.Name }))
	add("schedule", schedulesOf(was), schedulesOf(is))
	return all
}

func byName[T any](all []T, name func(T) string) map[string]any {
	m := make(map[string]any, len(all))
	for _, v := range all {
		m[name(v)] = v
	}
	return m
}

// schedulesOf returns the on-call schedules without where they stand.
func schedulesOf(set *flowfile.Set) map[string]any {
	m := map[string]any{}
	for _, o := range set.Schedules() {
		o.Pos = policies.Position{}
		m[o.Name] = o
	}
	return m
}

// flowsOf returns the settings of each flow.
func flowsOf(set *flowfile.Set) map[string]any {
	m := map[string]any{}
	for _, name := range set.Flows() {
		settings, _ := set.Settings(name)
		m[name] = settings
	}
	return m
}

// between returns what is different about the things of one kind.
func between(kind string, was, is map[string]any) []api.Difference {
	var all []api.Difference
	for name, old := range was {
		now, ok := is[name]
		if !ok {
			all = append(all, api.Difference{Kind: kind, Name: name, Change: "removed"})
			continue
		}
		settings, flow := now.([]flowfile.Setting)
		if !flow {
			if !reflect.DeepEqual(old, now) {
				all = append(all, api.Difference{Kind: kind, Name: name, Change: "changed"})
			}
			continue
		}
		if lines := settled(old.([]flowfile.Setting), settings); len(lines) > 0 {
			all = append(all, api.Difference{Kind: kind, Name: name, Change: "changed", Settings: lines})
		}
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			all = append(all, api.Difference{Kind: kind, Name: name, Change: "added"})
		}
	}
	slices.SortFunc(all, func(a, b api.Difference) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// settled returns the settings that two lists do not have in common, in the
// order of the second.
func settled(was, is []flowfile.Setting) []string {
	old, now := valuesOf(was), valuesOf(is)
	var all []string
	for _, s := range is {
		switch before, ok := old[s.Path]; {
		case !ok:
			all = append(all, fmt.Sprintf("%s: new, %s%s", s.Path, s.Value, standsAt(s)))
		case before != now[s.Path]:
			all = append(all, fmt.Sprintf("%s: %s → %s%s", s.Path, before, now[s.Path], standsAt(s)))
		}
	}
	for _, s := range was {
		if _, ok := now[s.Path]; !ok {
			all = append(all, fmt.Sprintf("%s: %s → nothing", s.Path, s.Value))
		}
	}
	return slices.Compact(all)
}

// valuesOf returns the values by path; a path that stands there more than once
// has all of them.
func valuesOf(settings []flowfile.Setting) map[string]string {
	m := map[string]string{}
	for _, s := range settings {
		if before, ok := m[s.Path]; ok {
			m[s.Path] = before + ", " + s.Value
			continue
		}
		m[s.Path] = s.Value
	}
	return m
}

func standsAt(s flowfile.Setting) string {
	if s.Pos == (policies.Position{}) {
		return ""
	}
	return fmt.Sprintf(" (%s)", s.Pos)
}
