package iam

import (
	"bytes"
	"encoding/json"
)

// MarshalJSON returns the document on one line, its elements always in the same
// order and a single value without a list around it.
func (d *Document) MarshalJSON() ([]byte, error) {
	w := &printer{}
	w.open('{')
	if d.Version.Text != "" {
		w.field("Version", d.Version.Text)
	}
	if d.ID != "" {
		w.field("Id", d.ID)
	}
	w.key("Statement")
	w.open('[')
	for i := range d.Statements {
		w.comma()
		w.statement(&d.Statements[i])
	}
	w.close(']')
	w.close('}')
	return w.b.Bytes(), nil
}

// Format returns the document as people read it. What Parse makes of it is
// printed the same again.
func (d *Document) Format() []byte {
	line, _ := d.MarshalJSON() // never an error: all of it is strings
	var b bytes.Buffer
	_ = json.Indent(&b, line, "", "  ")
	b.WriteByte('\n')
	return b.Bytes()
}

// A printer writes JSON in the order that it is told.
type printer struct {
	b    bytes.Buffer
	more bool // whether the next thing follows another
}

func (w *printer) open(c byte)  { w.b.WriteByte(c); w.more = false }
func (w *printer) close(c byte) { w.b.WriteByte(c); w.more = true }

func (w *printer) comma() {
	if w.more {
		w.b.WriteByte(',')
	}
	w.more = true
}

func (w *printer) string(s string) {
	e := json.NewEncoder(&w.b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)             // a buffer takes everything
	w.b.Truncate(w.b.Len() - 1) // the line end that Encode adds
}

func (w *printer) key(name string) {
	w.comma()
	w.string(name)
	w.b.WriteByte(':')
}

func (w *printer) field(name, value string) {
	w.key(name)
	w.string(value)
}

func (w *printer) values(name string, values []Value) {
	if len(values) == 0 {
		return
	}
	w.key(name)
	if len(values) == 1 {
		w.string(values[0].Text)
		return
	}
	w.open('[')
	for _, v := range values {
		w.comma()
		w.string(v.Text)
	}
	w.close(']')
}

func (w *printer) statement(s *Statement) {
	w.open('{')
	if s.Sid != "" {
		w.field("Sid", s.Sid)
	}
	w.field("Effect", string(s.Effect))
	if s.Principals != nil {
		w.principals(s.Principals)
	}
	w.values(not(s.Actions.Not, "Action"), s.Actions.Values)
	w.values(not(s.Resources.Not, "Resource"), s.Resources.Values)
	if len(s.Conditions) > 0 {
		w.key("Condition")
		w.conditions(s.Conditions)
	}
	w.close('}')
}

func not(is bool, name string) string {
	if is {
		return "Not" + name
	}
	return name
}

func (w *printer) principals(p *Principals) {
	name := not(p.Not, "Principal")
	if len(p.AWS) == 1 && p.AWS[0].Text == "*" && len(p.Service)+len(p.Federated)+len(p.Canonical) == 0 {
		w.field(name, "*")
		return
	}
	w.key(name)
	w.open('{')
	w.values("AWS", p.AWS)
	w.values("Service", p.Service)
	w.values("Federated", p.Federated)
	w.values("CanonicalUser", p.Canonical)
	w.close('}')
}

// conditions writes each operator once, where it comes first, with all of its
// keys.
func (w *printer) conditions(all []Condition) {
	w.open('{')
	done := map[string]bool{}
	for _, c := range all {
		name := c.Name()
		if done[name] {
			continue
		}
		done[name] = true
		w.key(name)
		w.open('{')
		for _, same := range all {
			if same.Name() == name {
				w.values(same.Key.Text, same.Values)
			}
		}
		w.close('}')
	}
	w.close('}')
}
