package flowfile

import (
	"errors"
	"fmt"
	"time"

	"sesame/policies"
)

const shapeCallRule = "call rule"

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

// callRules are the rules in the calls of a target, where they stand.
func callRules(calls *node) []policies.CallRule {
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

// linkCallRules checks the rules of calls, once for all targets that share
// them.
func (d *draft) linkCallRules() {
	users := map[*node][]policies.Target{}
	var order []*node
	for _, name := range d.targets.names() {
		n := d.origins[originTarget+name].get(ParamCalls)
		if d.targets.known[name].Way != WayRole || len(callRules(n)) == 0 {
			continue
		}
		if users[n] == nil {
			order = append(order, n)
		}
		users[n] = append(users[n], d.ruleTarget(name))
	}
	for _, n := range order {
		_, problems := policies.CompileCalls(policies.CallSpec{Rules: callRules(n), Targets: users[n], Zone: d.zone})
		for _, p := range problems {
			// What is not there at all was noted when it was read.
			if p.Pos != (policies.Position{}) {
				d.add(p.Pos, p.Message, p.Hint)
			}
		}
	}
}
