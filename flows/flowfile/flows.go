package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
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
	who        policies.Source
	guardrails []policies.Guardrail
	routes     []routeDraft
}

// routeDraft is a route before names are followed.
type routeDraft struct {
	name   string
	pos    policies.Position
	when   *node
	groups []*node
	users  []string
	count  *node
	asks   *node // approvers, if there are any
	notify []*node
	auto   bool
	self   bool
	lapse  time.Duration
}

func (d *draft) flow(name string, key, n *node) {
	if first, ok := d.flowAt[name]; ok {
		d.add(key.pos, fmt.Sprintf("flow %s is defined twice", name), "first at "+first.String())
		return
	}
	d.flowAt[name] = key.pos
	f := &flowDraft{Flow: Flow{Name: name, Label: name}, pos: key.pos}
	d.object(n, "flow "+name, keys{
		"label":      d.into(&f.Label, "label"),
		"targets":    func(n *node) { d.each(n, "targets", func(n *node) { f.targets = append(f.targets, n) }) },
		"duration":   func(n *node) { d.choices(n, f) },
		"fields":     func(n *node) { d.each(n, "fields", func(n *node) { d.field(n, f) }) },
		"who":        func(n *node) { f.who = d.rule(n, "who") },
		"guardrails": func(n *node) { d.each(n, "guardrails", func(n *node) { d.guardrail(n, f) }) },
		"routes":     func(n *node) { d.routes(n, f) },
	}, "targets", "duration", "who", "routes")
	d.flows = append(d.flows, f)
}

// choices reads the durations that one can ask for.
func (d *draft) choices(n *node, f *flowDraft) {
	var standard *node
	d.object(n, "duration", keys{
		"choices": func(n *node) {
			d.each(n, "choices", func(n *node) {
				v := d.duration(n, "a choice of duration", minDuration, maxDuration)
				if slices.Contains(f.Durations, v) && v != 0 {
					d.add(n.pos, n.text+" is here twice", "")
					return
				}
				f.Durations = append(f.Durations, v)
			})
			if n.kind == list && len(n.items) == 0 {
				d.add(n.pos, "there is no duration to choose", "")
			}
		},
		"default": func(n *node) {
			standard = n
			f.Default = d.duration(n, "default", minDuration, maxDuration)
		},
	}, "choices")
	if standard == nil && len(f.Durations) > 0 {
		f.Default = f.Durations[0]
	}
	if standard != nil && f.Default != 0 && !slices.Contains(f.Durations, f.Default) {
		d.add(standard.pos, standard.text+" is not among the choices", "")
	}
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
	d.object(n, "a field", keys{
		"name":    func(n *node) { field.Name = d.fieldName(n, known) },
		"label":   d.into(&field.Label, "label"),
		"type":    func(n *node) { field.Type = d.fieldType(n) },
		"pattern": func(n *node) { d.pattern(n, &field) },
		"options": func(n *node) {
			field.Options = d.texts(n, "options", func(n *node) string { return d.text(n, "an option") })
		},
		"min":        bound(&field.Min, "min"),
		"max":        bound(&field.Max, "max"),
		"max_length": func(n *node) { field.MaxLength = d.number(n, "max_length") },
		"required":   func(n *node) { field.Required = d.truth(n, "required") },
	}, "name")
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
	d.object(n, "a guardrail", keys{
		"name":    func(n *node) { g.Name = d.once(n, "guardrail", known) },
		"deny":    effect(policies.Deny),
		"warn":    effect(policies.Warn),
		"message": d.into(&g.Message, "message"),
	}, "name")
	if n.kind != mapping {
		return
	}
	if (n.get("deny") == nil) == (n.get("warn") == nil) {
		d.add(n.pos, "a guardrail has one rule: deny or warn", "")
		return
	}
	if n.get("message") == nil {
		d.add(n.pos, "a guardrail has no message", "say to the person what is wrong and what to do next")
	}
	f.guardrails = append(f.guardrails, g)
}

func (d *draft) routes(n *node, f *flowDraft) {
	d.each(n, "routes", func(n *node) { d.route(n, f) })
	if n.kind == list && len(n.items) == 0 {
		d.add(n.pos, "flow "+f.Name+" has no route, so nobody can decide", "")
	}
}

func (d *draft) route(n *node, f *flowDraft) {
	rt := routeDraft{pos: n.pos, lapse: defaultLapse}
	var known []string
	for _, other := range f.routes {
		known = append(known, other.name)
	}
	d.object(n, "a route", keys{
		"name":         func(n *node) { rt.name = d.once(n, "route", known) },
		"when":         func(n *node) { rt.when = n },
		"approvers":    func(n *node) { d.approvers(n, &rt) },
		"notify":       func(n *node) { d.each(n, "notify", func(n *node) { rt.notify = append(rt.notify, n) }) },
		"auto_approve": func(n *node) { rt.auto = d.truth(n, "auto_approve") },
		"self_approve": func(n *node) { rt.self = d.truth(n, "self_approve") },
		"lapse_after":  func(n *node) { rt.lapse = d.duration(n, "lapse_after", minLapse, maxLapse) },
	}, "name")
	if n.kind == mapping {
		f.routes = append(f.routes, rt)
	}
}

func (d *draft) approvers(n *node, rt *routeDraft) {
	rt.asks = n
	d.object(n, "approvers", keys{
		"users":  func(n *node) { rt.users = d.texts(n, "users", d.email) },
		"groups": func(n *node) { d.each(n, "groups", func(n *node) { rt.groups = append(rt.groups, n) }) },
		"count":  func(n *node) { rt.count = n },
	})
}

// need returns what the approvers of a route have to do.
func (rt *routeDraft) need(count int) []access.Need {
	if rt.asks == nil {
		return nil
	}
	var groups []string
	for _, g := range rt.groups {
		groups = append(groups, g.text)
	}
	return []access.Need{{Count: count, Groups: groups, People: rt.users}}
}
