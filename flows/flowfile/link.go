package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sesame/policies"
)

// link follows the names, checks what only shows when all files were read, and
// compiles the rules. The Set is good if no problem was noted.
func (d *draft) link(revision string) *Set {
	if d.zone == nil {
		d.zone = time.UTC
	}
	s := &Set{revision: revision, groups: d.groups.known, channels: d.channels.known, targets: d.targets.known, partners: d.partners.known, flows: map[string]*Flow{}, origins: d.origins, schedules: d.schedules}
	d.linkTargets()
	d.selectTargets()
	d.limitTargets()
	d.linkPartners()
	d.linkHosts()
	d.linkOwners()
	d.linkCallRules()
	d.linkVends()
	values := d.tagValues()
	for i, rules := range compileAll(d.specs(revision)) {
		f := d.flows[i]
		d.linkRules(f, rules)
		d.linkWatch(f)
		d.lint(f)
		d.lintTags(f, values)
		for _, name := range f.Targets {
			s.flows[name] = &f.Flow
		}
	}
	for _, name := range d.targets.names() {
		if s.flows[name] == nil && !d.unselected {
			d.add(d.targets.at[name], "target "+name+" belongs to no flow, so nobody can ask for it", "name it under the targets of a flow")
		}
	}
	for _, name := range d.strategies.names() {
		s.strategies = append(s.strategies, d.strategies.known[name])
	}
	d.groups.unused(&d.reader)
	d.channels.unused(&d.reader)
	d.strategies.unused(&d.reader)
	d.partners.unused(&d.reader)
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
	targets, strategies := d.targets.names(), d.strategies.names()
	for i, f := range d.flows {
		all[i] = d.spec(f, revision)
		all[i].TargetNames, all[i].Strategies = targets, strategies
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
	onAll(len(specs), func(i int) { done[i].rules, done[i].problems = policies.Compile(specs[i]) })
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
	needs := slices.Concat(c.rules.Needs(), c.rules.VisibleNeeds())
	for _, rt := range f.routes {
		needs = append(needs, c.rules.ApproverNeeds(rt.name)...)
	}
	for _, need := range needs {
		if need.Kind == policies.FactGroup {
			d.groups.used[need.Name] = true
		}
	}
}
