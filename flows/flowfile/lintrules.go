package flowfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sesame/policies"
)

// comparesTag finds what rules compare a tag with.
var comparesTag = regexp.MustCompile(`target\.tags\.(\w+)(?: *\?\? *"[^"]*" *\))? *[=!]= *"([^"\\]+)"`)

// tagValues returns the values that each tag has on any target.
func (d *draft) tagValues() map[string][]string {
	sets := map[string]map[string]bool{}
	for _, t := range d.targets.known {
		for tag, value := range t.Tags {
			if sets[tag] == nil {
				sets[tag] = map[string]bool{}
			}
			sets[tag][value] = true
		}
	}
	values := map[string][]string{}
	for tag, set := range sets {
		values[tag] = slices.Sorted(maps.Keys(set))
	}
	return values
}

// lintTags warns about rules that compare a tag with what it is on no target,
// and so say the same of all of them.
func (d *draft) lintTags(f *flowDraft, values map[string][]string) {
	rules := []policies.Source{f.who, f.visible, f.where}
	for _, g := range f.guardrails {
		rules = append(rules, g.Rule)
	}
	for _, rt := range f.routes {
		if rt.when != nil {
			rules = append(rules, rt.when.source())
		}
	}
	for _, rule := range rules {
		for _, at := range comparesTag.FindAllStringSubmatchIndex(rule.Text, -1) {
			tag, value := rule.Text[at[2]:at[3]], rule.Text[at[4]:at[5]]
			known, ok := values[tag]
			if !ok || slices.Contains(known, value) || rule.At == nil {
				continue
			}
			text := fmt.Sprintf("%s is %q on no target", tag, value)
			if near := meant(value, known); near != "" {
				text += ": " + near
			}
			d.warn(rule.At(at[4]-1), text)
		}
	}
}

// A conjunction is what all has to hold for a rule to be true, each part as it
// is written, apart from space.
type conjunction []string

// conjoined returns the parts of a rule that "and" joins. A rule of another
// kind is one part.
func conjoined(rule string) conjunction {
	rule = strings.Join(strings.Fields(rule), " ")
	var parts conjunction
	depth, from, quote := 0, 0, byte(0)
	for i := 0; i < len(rule); i++ {
		rest := rule[i:]
		switch c := rule[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth > 0:
		case c == '?' || strings.HasPrefix(rest, " or ") || strings.HasPrefix(rest, "||"):
			return conjunction{rule}
		case strings.HasPrefix(rest, " and ") || strings.HasPrefix(rest, " && "):
			parts = append(parts, rule[from:i])
			from = i + strings.IndexByte(rest[1:], ' ') + 2
			i = from - 1
		}
	}
	return append(parts, rule[from:])
}

// implies reports whether all that o wants is among what c wants.
func (c conjunction) implies(o conjunction) bool {
	return !slices.ContainsFunc(o, func(part string) bool { return !slices.Contains(c, part) })
}
