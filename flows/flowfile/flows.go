package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sesame/policies"
)

// The bounds of times in flow files.
const (
	minDuration  = time.Minute
	maxDuration  = 7 * 24 * time.Hour
	minLapse     = time.Minute
	maxLapse     = 30 * 24 * time.Hour
	defaultLapse = 24 * time.Hour
)

// flowDraft is a flow before names are followed.
type flowDraft struct {
	Flow
	pos        policies.Position
	targets    []*node
	where      policies.Source
	who        policies.Source
	visible    policies.Source
	guardrails []policies.Guardrail
	routes     []routeDraft
	calls      Calls // rules for all targets
	watch      needDraft
}

func (d *draft) flow(name string, key, n *node) {
	if first, ok := d.flowAt[name]; ok {
		d.add(key.pos, fmt.Sprintf("flow %s is defined twice", name), "first at "+first.String())
		return
	}
	d.flowAt[name] = key.pos
	f := &flowDraft{Flow: Flow{Name: name, Label: name}, pos: key.pos}
	n = d.defaults.flow(n)
	d.object(n, "flow "+name, shapeFlow, keys{
		"label":         d.into(&f.Label, "label"),
		"targets":       func(n *node) { d.each(n, "targets", func(n *node) { f.targets = append(f.targets, n) }) },
		"targets_where": func(n *node) { f.where = d.rule(n, "targets_where") },
		"duration":      func(n *node) { d.choices(n, f) },
		"fields":        func(n *node) { d.each(n, "fields", func(n *node) { d.field(n, f) }) },
		"who":           func(n *node) { f.who = d.rule(n, "who") },
		"visible_when":  func(n *node) { f.visible = d.rule(n, "visible_when") },
		"guardrails":    func(n *node) { d.few(n, "guardrails", func(n *node) { d.guardrail(n, f) }) },
		"routes":        func(n *node) { d.routes(n, f) },
		"calls": func(n *node) {
			d.object(n, "calls of flow "+name, shapeFlowCalls, keys{"rules": func(n *node) { d.callRules(n, &f.calls) }})
		},
		keyWatch: func(n *node) { d.object(n, keyWatch, shapeWatch, d.watchers(&f.watch)) },
		"extend": func(n *node) { d.extend(n, f) },
		"limits": func(n *node) { d.limits(n, f) },
	})
	if n.kind == mapping && n.get("targets") == nil && n.get("targets_where") == nil {
		d.add(n.pos, "flow "+name+" has no targets", "name them under targets, or describe them with targets_where")
	}
	d.origins[originFlow+name] = n
	d.flows = append(d.flows, f)
}

// choices reads the durations that one can ask for.
func (d *draft) choices(n *node, f *flowDraft) {
	d.object(n, "duration", shapeDuration, d.choose(&f.Durations, &f.Default))
	d.chosen(n, f.Durations, &f.Default)
}

// once reads a name that must not be used a second time within its list.
func (d *draft) once(n *node, what string, known []string) string {
	if !d.plain(n, what) {
		return ""
	}
	if slices.Contains(known, n.text) {
		d.add(n.pos, fmt.Sprintf("%s %s is here twice", what, n.text), "")
	}
	return n.text
}

func (d *draft) field(n *node, f *flowDraft) {
	field := Field{Type: policies.String}
	var known []string
	for _, other := range f.Fields {
		known = append(known, other.Name)
	}
	bound := func(to **int, what string) func(*node) {
		return func(n *node) { v := d.number(n, what); *to = &v }
	}
	d.object(n, "a field", shapeField, keys{
		"name":    func(n *node) { field.Name = d.fieldName(n, known) },
		"label":   d.into(&field.Label, "label"),
		"type":    func(n *node) { field.Type = d.fieldType(n) },
		"pattern": func(n *node) { d.pattern(n, &field) },
		"hint":    func(n *node) { field.Hint = d.hint(n) },
		"options": func(n *node) {
			field.Options = d.texts(n, "options", func(n *node) string { return d.text(n, "an option") })
		},
		"min":        bound(&field.Min, "min"),
		"max":        bound(&field.Max, "max"),
		"max_length": func(n *node) { field.MaxLength = d.number(n, "max_length") },
		"required":   func(n *node) { field.Required = d.truth(n, "required") },
	})
	if field.Label == "" {
		field.Label = field.Name
	}
	d.fits(n, field)
	f.Fields = append(f.Fields, field)
}

func (d *draft) fieldName(n *node, known []string) string {
	name := d.once(n, "field", known)
	switch {
	case name != "" && !fieldShape.MatchString(name):
		d.add(n.pos, fmt.Sprintf("%q cannot be the name of a field, since rules could not read it", name), "use small letters, digits and _")
	case slices.Contains([]string{"target", "duration", "reason"}, name):
		d.add(n.pos, fmt.Sprintf("every form has the field %s already", name), "")
	}
	return name
}

func (d *draft) fieldType(n *node) policies.FieldType {
	types := []string{string(policies.String), string(policies.Int), string(policies.Bool), string(policies.Select)}
	t := d.text(n, "the type of a field")
	if t != "" && !slices.Contains(types, t) {
		d.add(n.pos, fmt.Sprintf("unknown type of field %q", t), meant(t, types))
	}
	return policies.FieldType(t)
}

func (d *draft) pattern(n *node, f *Field) {
	f.Pattern = d.text(n, "pattern")
	if len(f.Pattern) > maxPattern {
		d.add(n.pos, fmt.Sprintf("the pattern is longer than %d characters", maxPattern), "")
		return
	}
	re, err := regexp.Compile(f.Pattern)
	if err != nil {
		d.add(n.pos, "the pattern cannot be read: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "")
	}
	f.re = re
}

// hint reads what a value looks like, for people.
func (d *draft) hint(n *node) string {
	text := d.text(n, "hint")
	if utf8.RuneCountInString(text) > maxHint {
		d.add(n.pos, fmt.Sprintf("the hint is longer than %d characters", maxHint), "")
	}
	return text
}

// fits notes settings that the type of the field has no use for, or lacks.
func (d *draft) fits(n *node, f Field) {
	uses := map[string]policies.FieldType{
		"pattern": policies.String, "max_length": policies.String, "options": policies.Select, "min": policies.Int, "max": policies.Int,
	}
	for _, p := range n.pairs {
		if t, ok := uses[p.key.text]; ok && t != f.Type {
			d.add(p.key.pos, fmt.Sprintf("%s is for fields of the type %s, and this is of the type %s", p.key.text, t, f.Type), "")
		}
	}
	switch {
	case f.Type == policies.Select && (len(f.Options) == 0 || len(f.Options) > 100):
		d.add(n.pos, "a field of the type select needs from 1 to 100 options", "")
	case f.Min != nil && f.Max != nil && *f.Min > *f.Max:
		d.add(n.pos, fmt.Sprintf("no number is at least %d and at most %d", *f.Min, *f.Max), "")
	case f.MaxLength < 0 || f.MaxLength > maxLength:
		d.add(n.get("max_length").pos, fmt.Sprintf("max_length is to be from 1 to %d", maxLength), "")
	}
}

func (d *draft) guardrail(n *node, f *flowDraft) {
	var g policies.Guardrail
	var known []string
	for _, other := range f.guardrails {
		known = append(known, other.Name)
	}
	effect := func(e policies.Effect) func(*node) {
		return func(n *node) { g.Effect, g.Rule = e, d.rule(n, string(e)) }
	}
	d.object(n, "a guardrail", shapeGuardrail, keys{
		"name":    func(n *node) { g.Name = d.once(n, "guardrail", known) },
		"deny":    effect(policies.Deny),
		"require": effect(policies.Require),
		"warn":    effect(policies.Warn),
		"message": func(n *node) {
			if d.text(n, "message") != "" {
				g.Message = n.source()
			}
		},
	})
	if n.kind != mapping {
		return
	}
	if n.count("deny", "require", "warn") != 1 {
		d.add(n.pos, "a guardrail has one rule: deny, require or warn", "")
		return
	}
	f.guardrails = append(f.guardrails, g)
}
