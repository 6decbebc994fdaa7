package flowfile

import (
	"fmt"
	"maps"
	"slices"
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
	s := &Set{revision: revision, groups: d.groups.known, channels: d.channels.known, targets: d.targets.known, flows: map[string]*Flow{}}
	d.linkTargets()
	for _, f := range d.flows {
		flow := d.linkFlow(f, revision)
		for _, name := range flow.Targets {
			s.flows[name] = flow
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
		d.targets.known[name] = t
	}
}

func (d *draft) linkFlow(f *flowDraft, revision string) *Flow {
	f.Zone = d.zone
	spec := policies.Spec{
		Flow: f.Name, Revision: revision, Who: f.who, Guardrails: f.guardrails,
		Groups: d.groups.names(), Fields: map[string]policies.Field{},
	}
	for _, field := range f.Fields {
		spec.Fields[field.Name] = policies.Field{Type: field.Type, Options: field.Options, Required: field.Required}
	}
	for _, n := range f.targets {
		if t, ok := d.claim(n, f); ok {
			spec.Targets = append(spec.Targets, policies.Target{Name: t.Name, Pos: d.targets.at[t.Name], Tags: t.Tags})
		}
	}
	d.linkRoutes(f, &spec)
	rules, problems := policies.Compile(spec)
	for _, p := range problems {
		// What is not there at all was noted when the flow was read.
		if p.Pos != (policies.Position{}) {
			d.add(p.Pos, p.Message, p.Hint)
		}
	}
	if f.Rules = rules; rules != nil {
		for _, need := range rules.Needs() {
			d.groups.used[need.Name] = true
		}
	}
	return &f.Flow
}

// claim makes a target one of the flow's. It can be one of a single flow, or
// it would not be known which rules hold.
func (d *draft) claim(n *node, f *flowDraft) (access.Target, bool) {
	t, ok := d.targets.find(&d.reader, n)
	if !ok {
		return t, false
	}
	switch {
	case t.Flow == f.Name:
		d.add(n.pos, "target "+t.Name+" is here twice", "")
		return t, false
	case t.Flow != "":
		d.add(n.pos, fmt.Sprintf("target %s belongs to the flow %s (%s) already", t.Name, t.Flow, d.flowAt[t.Flow]), "a target has one flow")
		return t, false
	}
	t.Flow = f.Name
	d.targets.known[t.Name] = t
	f.Targets = append(f.Targets, t.Name)
	return t, true
}

func (d *draft) linkRoutes(f *flowDraft, spec *policies.Spec) {
	var always *routeDraft
	for i := range f.routes {
		rt := &f.routes[i]
		if always != nil {
			d.add(rt.pos, fmt.Sprintf("the route %s is never reached: the route %s before it always matches", rt.name, always.name), "")
		}
		route := policies.Route{When: policies.Source{Pos: rt.pos}, Then: d.linkRoute(rt)}
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
	count := 1
	if rt.count != nil {
		if count = d.number(rt.count, "count"); count < 1 && rt.count.kind == number {
			d.add(rt.count.pos, "count is at least 1", "to approve without a person, say auto_approve: true")
		}
	}
	for _, n := range rt.groups {
		d.groups.find(&d.reader, n)
	}
	then := access.Route{
		Name: rt.name, Pos: rt.pos.String(), Auto: rt.auto, Self: rt.self, Needs: rt.need(count), LapseAfter: rt.lapse,
	}
	for _, n := range rt.notify {
		if c, ok := d.channels.find(&d.reader, n); ok && !slices.Contains(then.Notify, c) {
			then.Notify = append(then.Notify, c)
		}
	}
	d.decidable(rt, count)
	return then
}

// decidable notes a route on which nobody can decide.
func (d *draft) decidable(rt *routeDraft, count int) {
	switch {
	case rt.auto && (rt.asks != nil || rt.self):
		d.add(rt.pos, fmt.Sprintf("the route %s approves by itself, so nobody else decides", rt.name), "leave out approvers and self_approve, or auto_approve")
	case rt.auto || rt.asks == nil && rt.self:
	case rt.asks == nil || len(rt.users)+len(rt.groups) == 0:
		d.add(rt.pos, fmt.Sprintf("nobody can decide on the route %s", rt.name), "name approvers, or say auto_approve or self_approve")
	case count > 1 && count > d.atMost(rt):
		d.add(rt.count.pos, fmt.Sprintf("the route %s needs %d people and names %d", rt.name, count, d.atMost(rt)), "")
	}
}

// atMost returns how many people a route names, as far as the files tell.
func (d *draft) atMost(rt *routeDraft) int {
	people := map[string]bool{}
	for _, u := range rt.users {
		people[u] = true
	}
	for _, n := range rt.groups {
		g, ok := d.groups.known[n.text]
		if !ok || g.Source != GroupMembers {
			return 1 << 30
		}
		for _, m := range g.Members {
			people[m] = true
		}
	}
	return len(people)
}
