package flowfile

import (
	"fmt"

	"sesame/flows/access"
	"sesame/policies"
)

// selectTargets gives each target its flow.
func (d *draft) selectTargets() {
	for _, f := range d.flows {
		for _, n := range f.targets {
			if t, ok := d.targets.find(&d.reader, n); ok {
				d.claim(f, t, n.pos)
			}
		}
		if f.where.Text != "" {
			d.selectWhere(f)
		}
	}
}

// claim makes a target one of the flow's. It can be one of a single flow, or
// it would not be known which rules hold.
func (d *draft) claim(f *flowDraft, t access.Target, at policies.Position) {
	switch {
	case t.Flow == f.Name:
		d.add(at, "target "+t.Name+" is here twice", "")
		return
	case t.Flow != "":
		d.add(at, fmt.Sprintf("target %s belongs to the flow %s (%s) already", t.Name, t.Flow, d.flowAt[t.Flow]), "a target has one flow")
		return
	}
	t.Flow = f.Name
	d.targets.known[t.Name] = t
	f.Targets = append(f.Targets, t.Name)
}

// selectWhere makes the targets that a rule describes those of the flow.
func (d *draft) selectWhere(f *flowDraft) {
	var all []policies.Target
	for _, name := range d.targets.names() {
		all = append(all, d.ruleTarget(name))
	}
	rule, problems := policies.CompileSelector(f.where, all)
	for _, p := range problems {
		d.add(p.Pos, p.Message, p.Hint)
	}
	if rule == nil {
		d.unselected = true
		return
	}
	found := 0
	for _, target := range all {
		t := d.targets.known[target.Name]
		is, err := rule.Matches(t)
		if err != nil {
			d.add(f.where.Pos, fmt.Sprintf("targets_where cannot be evaluated for the target %s: %v", t.Name, err), "")
			return
		}
		if !is {
			continue
		}
		found++
		if t.Flow != f.Name {
			d.claim(f, t, f.where.Pos)
		}
	}
	if found == 0 {
		d.warn(f.where.Pos, "targets_where of flow "+f.Name+" describes no target")
	}
}

// ruleTarget returns a target as rules know it.
func (d *draft) ruleTarget(name string) policies.Target {
	return policies.Target{Name: name, Pos: d.targets.at[name], Tags: d.targets.known[name].Tags}
}
