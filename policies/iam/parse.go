package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Parse reads a policy document. file is what positions name. The error is
// Problems, with everything that IAM would refuse in any kind of policy; what
// one kind refuses, Compile finds.
func Parse(file string, source []byte) (*Document, error) {
	root, err := readTree(file, string(source))
	if err != nil {
		return nil, err
	}
	p := &parser{}
	d := p.document(root)
	if err := p.problems.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// A parser turns nodes into a document and collects what is wrong.
type parser struct{ problems Problems }

func (p *parser) refuse(at Position, format string, args ...any) {
	p.problems = append(p.problems, Problem{At: at, Message: fmt.Sprintf(format, args...)})
}

// members calls take for each member of n. What it does not know is refused, as
// is a key that comes twice.
func (p *parser) members(n node, what string, take func(key Value, value node) bool) {
	if n.kind != object {
		p.refuse(n.at, "%s is %s: it must be an object", what, n.kind)
		return
	}
	seen := map[string]bool{}
	for _, m := range n.members {
		if seen[m.key.Text] {
			p.refuse(m.key.At, "%q comes twice in %s", m.key.Text, what)
			continue
		}
		seen[m.key.Text] = true
		if !take(m.key, m.value) {
			p.refuse(m.key.At, "%q is no element of %s", m.key.Text, what)
		}
	}
}

func (p *parser) document(root node) *Document {
	d := &Document{}
	statements := false
	p.members(root, "a policy", func(key Value, value node) bool {
		switch key.Text {
		case "Version":
			d.Version = p.version(value)
		case "Id":
			d.ID = p.text(value, "Id").Text
		case "Statement":
			statements = true
			d.Statements = p.statements(value)
		default:
			return false
		}
		return true
	})
	if !statements && root.kind == object {
		p.refuse(root.at, "the policy has no Statement")
	}
	return d
}

func (p *parser) version(n node) Value {
	v := p.text(n, "Version")
	if v.Text != Current && v.Text != Former {
		p.refuse(n.at, "there is no version %q of the policy language: write %q", v.Text, Current)
	}
	return v
}

func (p *parser) statements(n node) []Statement {
	items := []node{n}
	if n.kind == list {
		items = n.items
	}
	if len(items) == 0 {
		p.refuse(n.at, "Statement is empty")
	}
	sids := map[string]bool{}
	all := make([]Statement, 0, len(items))
	for _, item := range items {
		s := p.statement(item)
		if s.Sid != "" && sids[s.Sid] {
			p.refuse(s.At, "two statements have the Sid %q", s.Sid)
		}
		sids[s.Sid] = true
		all = append(all, s)
	}
	return all
}

func (p *parser) statement(n node) Statement {
	s := Statement{At: n.at}
	seen := map[string]bool{}
	p.members(n, "a statement", func(key Value, value node) bool {
		seen[strings.TrimPrefix(key.Text, "Not")] = true
		switch key.Text {
		case "Sid":
			s.Sid = p.text(value, "Sid").Text
		case "Effect":
			s.Effect = p.effect(value)
		case "Principal", "NotPrincipal":
			p.once(key, s.Principals != nil)
			s.Principals = p.principals(key, value)
		case "Action", "NotAction":
			p.once(key, s.Actions.Values != nil)
			s.Actions = p.elements(key, value, p.action)
		case "Resource", "NotResource":
			p.once(key, s.Resources.Values != nil)
			s.Resources = p.elements(key, value, p.resource)
		case "Condition":
			s.Conditions = p.conditions(value)
		default:
			return false
		}
		return true
	})
	for _, name := range []string{"Effect", "Action"} {
		if !seen[name] && n.kind == object {
			p.refuse(n.at, "the statement has no %s", name)
		}
	}
	return s
}

// once refuses an element beside its opposite.
func (p *parser) once(key Value, before bool) {
	if name := strings.TrimPrefix(key.Text, "Not"); before {
		p.refuse(key.At, "the statement has %s and Not%s: it may have one of them", name, name)
	}
}

func (p *parser) effect(n node) Effect {
	e := Effect(p.text(n, "Effect").Text)
	if e != Allow && e != Deny {
		p.refuse(n.at, "Effect is %q: it must be Allow or Deny", string(e))
	}
	return e
}

func (p *parser) elements(key Value, n node, check func(Value)) Elements {
	e := Elements{Not: strings.HasPrefix(key.Text, "Not"), At: key.At, Values: p.texts(n, key.Text)}
	for _, v := range e.Values {
		check(v)
	}
	return e
}

func (p *parser) action(v Value) {
	if v.Text == "*" {
		return
	}
	service, name, ok := strings.Cut(v.Text, ":")
	if !ok || service == "" || name == "" || strings.ContainsFunc(name, notIn(actionLetters)) ||
		service != "*" && strings.ContainsFunc(service, notIn(serviceLetters)) {
		p.refuse(v.At, "%q is no action: write service:Action", v.Text)
	}
}

const (
	letters        = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	serviceLetters = letters + "-."
	actionLetters  = letters + "*?-_:/."
)

func notIn(allowed string) func(rune) bool {
	return func(r rune) bool { return !strings.ContainsRune(allowed, r) }
}

func (p *parser) resource(v Value) {
	if v.Text != "*" && !strings.HasPrefix(v.Text, "arn:") {
		p.refuse(v.At, "%q is no resource: write an ARN or *", v.Text)
	}
}

func (p *parser) principals(key Value, n node) *Principals {
	all := &Principals{Not: key.Text == "NotPrincipal", At: key.At}
	if n.kind == text {
		if n.text != "*" {
			p.refuse(n.at, "%s is %q: it must be * or an object", key.Text, n.text)
		}
		all.AWS = []Value{{n.text, n.at}}
		return all
	}
	p.members(n, key.Text, func(kind Value, value node) bool {
		into := map[string]*[]Value{"AWS": &all.AWS, "Service": &all.Service, "Federated": &all.Federated, "CanonicalUser": &all.Canonical}[kind.Text]
		if into != nil {
			*into = p.texts(value, kind.Text)
		}
		return into != nil
	})
	if n.kind == object && len(n.members) == 0 {
		p.refuse(n.at, "%s is empty", key.Text)
	}
	return all
}

func (p *parser) conditions(n node) []Condition {
	var all []Condition
	p.members(n, "Condition", func(operator Value, keys node) bool {
		c, ok := parseOperator(operator)
		if !ok {
			p.refuse(operator.At, "there is no condition operator %q", operator.Text)
			return true
		}
		p.members(keys, operator.Text, func(key Value, values node) bool {
			c.Key, c.Values = key, p.scalars(values, key.Text)
			all = append(all, c)
			return true
		})
		return true
	})
	return all
}

// parseOperator takes the name of a condition operator apart.
func parseOperator(name Value) (Condition, bool) {
	c := Condition{At: name.At, Operator: name.Text}
	if each, rest, ok := strings.Cut(name.Text, ":"); ok {
		if each != forAll && each != forAny {
			return c, false
		}
		c.Each, c.Operator = each, rest
	}
	c.Operator, c.IfExists = strings.CutSuffix(c.Operator, "IfExists")
	if _, known := operators[c.Operator]; !known {
		return c, false
	}
	return c, c.Operator != "Null" || c.Each == "" && !c.IfExists
}

func (p *parser) text(n node, what string) Value {
	if n.kind != text {
		p.refuse(n.at, "%s is %s: it must be a string", what, n.kind)
	}
	return Value{n.text, n.at}
}

// texts returns a string, or a list of them.
func (p *parser) texts(n node, what string) []Value {
	return p.values(n, what, text)
}

// scalars returns a string, number or truth value, or a list of them.
func (p *parser) scalars(n node, what string) []Value {
	return p.values(n, what, text, number, truth)
}

func (p *parser) values(n node, what string, kinds ...nodeKind) []Value {
	items := []node{n}
	if n.kind == list {
		items = n.items
	}
	if len(items) == 0 {
		p.refuse(n.at, "%s is empty", what)
	}
	values := make([]Value, 0, len(items))
	for _, item := range items {
		if !slices.Contains(kinds, item.kind) {
			p.refuse(item.at, "%s has %s: it must be a string", what, item.kind)
		}
		values = append(values, Value{item.text, item.at})
	}
	return values
}
