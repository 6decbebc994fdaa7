package flowtest

import (
	"slices"

	"sesame/flows/flowfile"
	"sesame/policies"
)

// A Coverage says what of the flow files the tests have tried.
type Coverage struct {
	// Rules counts the rules, and RulesTrue those that were true at some time:
	// that let somebody ask, spoke up, or chose the route.
	Rules, RulesTrue int
	// Outcomes counts two for each expression that is true or false, and
	// OutcomesSeen those that came up.
	Outcomes, OutcomesSeen int
	// Gaps are what is missing, in the order of the files.
	Gaps []Gap
}

// A Gap is an outcome that never came up.
type Gap struct {
	Pos  policies.Position
	Rule string // its name
	Text string // the expression; empty for a route that always matches
	// Never is the outcome.
	Never bool
}

// A ruleKey names a rule among all flow files that are tested. A rule that
// several flows inherit is one.
type ruleKey struct {
	kind policies.RuleKind
	rule string
	pos  policies.Position
}

// A cover gathers what was evaluated.
type cover struct {
	order []ruleKey
	rules map[ruleKey]*policies.Trace
	truth map[ruleKey]bool // rules that were true
}

func newCover() *cover {
	return &cover{rules: map[ruleKey]*policies.Trace{}, truth: map[ruleKey]bool{}}
}

// add makes the rules of a set part of what there is to cover.
func (c *cover) add(set *flowfile.Set) {
	seen := map[string]bool{}
	for _, target := range set.Targets() {
		flow, _ := set.Flow(target.Name)
		if seen[flow.Name] {
			continue
		}
		seen[flow.Name] = true
		for _, t := range flow.Rules.Outline() {
			key := ruleKey{t.Kind, t.Rule, t.Pos}
			if c.rules[key] == nil {
				c.rules[key] = &t
				c.order = append(c.order, key)
			}
		}
	}
}

// saw adds what one answer evaluated.
func (c *cover) saw(a Answer) {
	rules := slices.Clone(a.Rules)
	for _, fit := range a.Fits {
		rules = append(rules, fit.Rule)
	}
	for _, t := range rules {
		key := ruleKey{t.Kind, t.Rule, t.Pos}
		known := c.rules[key]
		if known == nil {
			continue
		}
		c.truth[key] = c.truth[key] || t.Value
		for i, p := range t.Parts {
			all := &known.Parts[i]
			all.Truth, all.True, all.False = p.Truth, all.True || p.True, all.False || p.False
		}
	}
}

// coverage counts.
func (c *cover) coverage() Coverage {
	var sum Coverage
	for _, key := range c.order {
		t := c.rules[key]
		sum.Rules++
		if c.truth[key] {
			sum.RulesTrue++
		} else if len(t.Parts) == 0 {
			sum.Gaps = append(sum.Gaps, Gap{Pos: t.Pos, Rule: t.Rule, Text: t.Text, Never: true})
		}
		for _, p := range t.Parts {
			if p.Truth {
				sum.count(p, Gap{Pos: p.Pos, Rule: t.Rule, Text: p.Text})
			}
		}
	}
	slices.SortStableFunc(sum.Gaps, func(a, b Gap) int { return a.Pos.Compare(b.Pos) })
	return sum
}

// count adds both outcomes of a part.
func (sum *Coverage) count(p policies.Part, gap Gap) {
	for _, outcome := range []struct{ value, seen bool }{{true, p.True}, {false, p.False}} {
		sum.Outcomes++
		if outcome.seen {
			sum.OutcomesSeen++
			continue
		}
		gap.Never = outcome.value
		sum.Gaps = append(sum.Gaps, gap)
	}
}
