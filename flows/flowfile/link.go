package flowfile

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sesame/flows/access"
	"sesame/policies"
)

// link follows the names, checks what only shows when all files were read, and
// compiles the rules. The Set is good if no problem was noted.
func (d *draft) link(revision string) *Set {
	if d.zone == nil {
		d.zone = time.UTC
	}
	s := &Set{revision: revision, groups: d.groups.known, channels: d.channels.known, targets: d.targets.known, flows: map[string]*Flow{}, origins: d.origins, schedules: d.schedules}
	d.linkTargets()
	d.selectTargets()
	for i, rules := range compileAll(d.specs(revision)) {
		f := d.flows[i]
		d.linkRules(f, rules)
		d.lint(f)
		for _, name := range f.Targets {
			s.flows[name] = &f.Flow
		}
	}
	for _, name := range d.targets.names() {
		if s.flows[name] == nil {
			d.add(d.targets.at[name], "target "+name+" belongs to no flow, so nobody can ask for it", "name it under the targets of a flow")
		}
	}
	for _, name := range d.strategies.names() {
		s.strategies = append(s.strategies, d.strategies.known[name])
	}
	d.groups.unused(&d.reader)
	d.channels.unused(&d.reader)
	d.strategies.unused(&d.reader)
	s.warnings = d.warnings.sorted()
	return s
}

// linkTargets gives each target the params of its strategy.
func (d *draft) linkTargets() {
	for _, name := range d.targets.names() {
		t := d.targets.known[name]
		if t.Strategy == "" {
			continue
		}
		strategy, ok := d.strategies.known[t.Strategy]
		if !ok {
			d.add(d.targets.at[name], fmt.Sprintf("target %s has the unknown strategy %q", name, t.Strategy), meant(t.Strategy, d.strategies.names()))
			continue
		}
		d.strategies.used[t.Strategy] = true
		params := maps.Clone(strategy.Params)
		maps.Copy(params, t.Params)
		t.Params, t.Way = params, strategy.Type
		d.fitTarget(&t)
		d.targets.known[name] = t
	}
}

// specs returns the rules of the flows, before they are compiled.
func (d *draft) specs(revision string) []policies.Spec {
	all := make([]policies.Spec, len(d.flows))
	for i, f := range d.flows {
		all[i] = d.spec(f, revision)
	}
	return all
}

func (d *draft) spec(f *flowDraft, revision string) policies.Spec {
	f.Zone = d.zone
	spec := policies.Spec{
		Flow: f.Name, Revision: revision, Who: f.who, Visible: f.visible, Guardrails: f.guardrails,
		Groups: d.groups.names(), Schedules: slices.Sorted(maps.Keys(d.schedules)), Fields: map[string]policies.Field{},
	}
	for _, field := range f.Fields {
		spec.Fields[field.Name] = policies.Field{Type: field.Type, Options: field.Options, Required: field.Required}
	}
	for _, name := range f.Targets {
		spec.Targets = append(spec.Targets, d.ruleTarget(name))
	}
	d.linkRoutes(f, &spec)
	return spec
}

// A compiled is what became of the rules of a flow.
type compiled struct {
	rules    *policies.Flow
	problems []policies.Problem
}

// compileAll compiles the rules of all flows, on all processors: it is the
// larger part of loading.
func compileAll(specs []policies.Spec) []compiled {
	done := make([]compiled, len(specs))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(specs)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(specs)); i = next.Add(1) - 1 {
				done[i].rules, done[i].problems = policies.Compile(specs[i])
			}
		})
	}
	workers.Wait()
	return done
}

// linkRules notes what is wrong with the rules of a flow, and what they use.
func (d *draft) linkRules(f *flowDraft, c compiled) {
	for _, p := range c.problems {
		// What is not there at all was noted when the flow was read.
		if p.Pos != (policies.Position{}) {
			d.add(p.Pos, p.Message, p.Hint)
		}
	}
	if f.Rules = c.rules; c.rules == nil {
		return
	}
	for _, need := range c.rules.Needs() {
		if need.Kind == policies.FactGroup {
			d.groups.used[need.Name] = true
		}
	}
}

func (d *draft) linkRoutes(f *flowDraft, spec *policies.Spec) {
	var always *routeDraft
	for i := range f.routes {
		rt := &f.routes[i]
		if always != nil {
			d.add(rt.pos, fmt.Sprintf("the route %s is never reached: the route %s before it always matches", rt.name, always.name), "")
		}
		route := policies.Route{When: policies.Source{Pos: rt.pos}, Then: d.linkRoute(rt), GroupsFrom: d.groupsFrom(f, rt)}
		if rt.when != nil {
			route.When = d.rule(rt.when, "when")
		}
		if rt.when == nil || rt.when.text == "true" {
			always = rt
		}
		spec.Routes = append(spec.Routes, route)
	}
}

func (d *draft) linkRoute(rt *routeDraft) access.Route {
	then := access.Route{Name: rt.name, Pos: rt.pos.String(), Auto: rt.auto, Self: rt.self, LapseAfter: rt.lapse}
	for _, need := range rt.needs {
		then.Needs = append(then.Needs, d.linkNeed(rt, need))
	}
	for _, n := range rt.notify {
		if c, ok := d.channels.find(&d.reader, n); ok && !slices.Contains(then.Notify, c) {
			then.Notify = append(then.Notify, c)
		}
	}
	d.decidable(rt)
	return then
}

// linkNeed follows the names of a set of approvers.
func (d *draft) linkNeed(rt *routeDraft, need needDraft) access.Need {
	linked := access.Need{Count: 1, People: need.users}
	if need.count != nil {
		if linked.Count = d.number(need.count, "count"); linked.Count < 1 && need.count.kind == number {
			d.add(need.count.pos, "count is at least 1", "to approve without a person, say auto_approve: true")
		}
	}
	for _, n := range need.groups {
		if g, ok := d.groups.find(&d.reader, n); ok && g.Source == GroupOnCall {
			d.add(n.pos, n.text+" is an on-call schedule", "name it under on_call")
		}
		linked.Groups = append(linked.Groups, n.text)
	}
	for _, n := range need.schedules {
		if _, ok := d.schedules[n.text]; !ok {
			d.add(n.pos, fmt.Sprintf("unknown on-call schedule %q", n.text), meant(n.text, slices.Sorted(maps.Keys(d.schedules))))
		}
		d.groups.used[n.text] = true
		linked.Groups = append(linked.Groups, n.text)
	}
	if most := d.atMost(need); linked.Count > 1 && most > 0 && linked.Count > most {
		d.add(need.count.pos, fmt.Sprintf("the route %s needs %d people and names %d", rt.name, linked.Count, most), "")
	}
	return linked
}

// groupTag returns the name of the tag that group_from mentions.
func (d *draft) groupTag(n *node) string {
	name, ok := strings.CutPrefix(d.text(n, "group_from"), "target.tags.")
	if (!ok || name == "") && n.kind == text {
		d.add(n.pos, fmt.Sprintf("%q is no tag of the target", n.text), "write it as target.tags.owner")
		return ""
	}
	return name
}

// groupsFrom returns the tags that name approvers of a route. Each target of
// the flow has them, and they name groups.
func (d *draft) groupsFrom(f *flowDraft, rt *routeDraft) []policies.GroupFrom {
	var all []policies.GroupFrom
	for i, need := range rt.needs {
		for _, n := range need.from {
			tag := d.groupTag(n)
			if tag == "" {
				continue
			}
			all = append(all, policies.GroupFrom{Need: i, Tag: tag})
			for _, name := range f.Targets {
				d.namesGroup(n, name, tag)
			}
		}
	}
	return all
}

// namesGroup notes when the tag of a target does not name a group.
func (d *draft) namesGroup(n *node, target, tag string) {
	group, ok := d.targets.known[target].Tags[tag]
	if !ok {
		d.add(n.pos, fmt.Sprintf("target %s (%s) has no tag %s, so nobody could decide", target, d.targets.at[target], tag), "")
		return
	}
	if _, ok := d.groups.known[group]; !ok {
		d.add(n.pos, fmt.Sprintf("target %s (%s) has the tag %s: %s, which is no group", target, d.targets.at[target], tag, group), meant(group, d.groups.names()))
	}
	d.groups.used[group] = true
}

// decidable notes a route on which nobody can decide.
func (d *draft) decidable(rt *routeDraft) {
	switch {
	case rt.auto && (rt.asks > 0 || rt.self):
		d.add(rt.pos, fmt.Sprintf("the route %s approves by itself, so nobody else decides", rt.name), "leave out approvers and self_approve, or auto_approve")
	case rt.auto || rt.asks == 0 && rt.self:
	case rt.asks == 0 || len(rt.needs) == 0 || slices.ContainsFunc(rt.needs, needDraft.empty):
		d.add(rt.pos, fmt.Sprintf("nobody can decide on the route %s", rt.name), "name approvers, or say auto_approve or self_approve")
	}
}

func (n needDraft) empty() bool { return len(n.users)+len(n.groups)+len(n.schedules)+len(n.from) == 0 }

// atMost returns how many people a set of approvers has, as far as the files
// tell.
func (d *draft) atMost(need needDraft) int {
	people := map[string]bool{}
	for _, u := range need.users {
		people[u] = true
	}
	for _, n := range need.groups {
		g, ok := d.groups.known[n.text]
		if !ok || g.Source != GroupMembers {
			return 1 << 30
		}
		for _, m := range g.Members {
			people[m] = true
		}
	}
	if len(need.from)+len(need.schedules) > 0 {
		return 1 << 30
	}
	return len(people)
}
