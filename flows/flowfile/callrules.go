package flowfile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/policies"
)

const (
	shapeCallRule  = "call rule"
	shapeFlowCalls = "flow calls"
)

// A CallRule is a rule that each call is asked about.
type CallRule struct {
	Name    string `json:"name"`
	Deny    string `json:"deny"`
	Message string `json:"message"`
}

// CompileRules compiles the rules of c, which were checked when they were
// loaded. It is nil if there are none.
func (c Calls) CompileRules() (*policies.CallRules, error) {
	if len(c.Rules) == 0 {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("rules of calls: %w", err)
	}
	spec := policies.CallSpec{Zone: zone}
	for _, r := range c.Rules {
		spec.Rules = append(spec.Rules, policies.CallRule{Name: r.Name, Deny: policies.Source{Text: r.Deny}, Message: policies.Source{Text: r.Message}})
	}
	rules, problems := policies.CompileCalls(spec)
	var errs []error
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("rules of calls: %s", p.Message))
	}
	return rules, errors.Join(errs...)
}

func callRuleShape() Shape {
	return Shape{shapeCallRule, "A rule that refuses calls. It is asked about each call that nothing else refuses, with what the call rules below read; one that cannot be evaluated refuses.", []Key{
		need(Key{Name: "name", Doc: "What the record calls it.", Value: looking(nameShape.String())}),
		need(Key{Name: "deny", Doc: "Refuses the call when it is true.", Value: of(Rule)}),
		need(Key{Name: "message", Doc: "What the engineer is told: what is wrong, and what to do next. {call.operation} stands for the value of that name.", Value: plainText()}),
	}}
}

// callRules reads rules.
func (d *draft) callRules(n *node, c *Calls) {
	d.few(n, "rules", func(item *node) { d.callRule(item, c) })
}

// callRule reads a rule.
func (d *draft) callRule(n *node, c *Calls) {
	var r CallRule
	var known []string
	for _, other := range c.Rules {
		known = append(known, other.Name)
	}
	d.object(n, "a rule of calls", shapeCallRule, keys{
		"name":    func(n *node) { r.Name = d.once(n, "rule", known) },
		"deny":    func(n *node) { r.Deny = d.rule(n, "deny").Text },
		"message": d.into(&r.Message, "message"),
	})
	c.Rules = append(c.Rules, r)
	if d.zone != nil {
		c.Zone = d.zone.String()
	}
}

// rulesIn are the rules in the calls of a target or flow, where they stand.
func rulesIn(calls *node) []policies.CallRule {
	if calls == nil || calls.get("rules") == nil {
		return nil
	}
	var all []policies.CallRule
	for _, item := range calls.get("rules").items {
		var r policies.CallRule
		for name, to := range map[string]*policies.Source{"deny": &r.Deny, "message": &r.Message} {
			if n := item.get(name); n != nil {
				*to = n.source()
			}
		}
		if n := item.get("name"); n != nil {
			r.Name = n.text
		}
		all = append(all, r)
	}
	return all
}

// linkCallRules gives targets the rules of their flows, and checks all rules of
// calls: those that several targets share once.
func (d *draft) linkCallRules() {
	users := map[*node][]policies.Target{}
	for _, name := range d.targets.names() {
		if d.targets.known[name].Way == WayRole {
			n := d.origins[originTarget+name].get(ParamCalls)
			users[n] = append(users[n], d.ruleTarget(name))
		}
	}
	for _, f := range d.flows {
		n := d.origins[originFlow+f.Name].get(ParamCalls)
		for _, name := range f.Targets {
			if n != nil && d.targets.known[name].Way == WayRole {
				d.addCallRules(name, f.calls)
				users[n] = append(users[n], d.ruleTarget(name))
			}
		}
		if n != nil && users[n] == nil {
			d.add(n.pos, "flow "+f.Name+" has calls, and no target that is served through the proxy", "")
		}
	}
	for n, targets := range users {
		d.compileCallRules(n, targets)
	}
}

// addCallRules puts rules before those of a target.
func (d *draft) addCallRules(target string, more Calls) {
	params := d.targets.known[target].Params
	c, err := ParseCalls(params)
	if err != nil {
		panic(err) // it was encoded here
	}
	for _, own := range c.Rules {
		if slices.ContainsFunc(more.Rules, func(r CallRule) bool { return r.Name == own.Name }) {
			d.add(d.targets.at[target], fmt.Sprintf("target %s has a rule of calls %s, and its flow too", target, own.Name), "the record would not tell which refused")
		}
	}
	c.Rules, c.Zone = slices.Concat(more.Rules, c.Rules), more.Zone
	params[ParamCalls] = encodeParam(c)
}

// compileCallRules notes what is wrong with the rules in n. Problems are put in
// order once all are noted.
func (d *draft) compileCallRules(n *node, targets []policies.Target) {
	rules := rulesIn(n)
	if len(rules) == 0 {
		return
	}
	_, problems := policies.CompileCalls(policies.CallSpec{Rules: rules, Targets: targets, Zone: d.zone})
	for _, p := range problems {
		// What is not there at all was noted when it was read.
		if p.Pos != (policies.Position{}) {
			d.add(p.Pos, p.Message, p.Hint)
		}
	}
}
