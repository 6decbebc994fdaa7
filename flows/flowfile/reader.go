package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/policies"
)

// A reader reads nodes and notes what is wrong with them, so that one pass
// finds everything. What it returns after a problem is only good for going on
// to look for more.
type reader struct {
	shapes   map[string]Shape
	problems Problems
	warnings Problems
	// partial says that there is a file which cannot be read, so that nobody
	// knows which names there are, and what is taken for granted.
	partial bool
}

func (r *reader) add(pos policies.Position, message, hint string) {
	r.problems = append(r.problems, Problem{pos.File, pos.Line, pos.Col, message, hint})
}

func (r *reader) warn(pos policies.Position, message string) {
	r.warnings = append(r.warnings, Problem{pos.File, pos.Line, pos.Col, message, ""})
}

// meant says which of known was probably meant.
func meant(name string, known []string) string {
	if near := policies.Nearest(name, slices.Values(known)); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) > 0 && len(known) <= 12 {
		return "there is " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	return ""
}

// keys are what reads the values of the keys of a shape.
type keys map[string]func(*node)

// object reads a mapping of a shape; keys that it requires must be there.
func (r *reader) object(n *node, what, shape string, read keys) {
	if n.kind != mapping {
		r.wrong(n, what, mapping)
		return
	}
	known := r.shapes[shape]
	for _, p := range n.pairs {
		if !known.has(p.key.text) {
			r.add(p.key.pos, fmt.Sprintf("unknown key %q in %s", p.key.text, what), meant(p.key.text, known.names()))
			continue
		}
		read[p.key.text](p.value)
	}
	for _, key := range known.Keys {
		if key.Required && n.get(key.Name) == nil && !r.partial {
			r.add(n.pos, fmt.Sprintf("%s has no %s", what, key.Name), "")
		}
	}
}

func (s Shape) has(name string) bool {
	return slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Name == name })
}

func (s Shape) names() []string {
	names := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		names[i] = k.Name
	}
	return names
}

// named reads a mapping from names to things. Names are what people type and
// rules mention, so they are plain.
func (r *reader) named(n *node, all, what string, read func(name string, key, value *node)) {
	if n.kind != mapping {
		r.wrong(n, all, mapping)
		return
	}
	for _, p := range n.pairs {
		if r.plain(p.key, what) {
			read(p.key.text, p.key, p.value)
		}
	}
}

// plain reports whether a node is a good name, and notes when it is not.
func (r *reader) plain(n *node, what string) bool {
	if n.kind != text || !nameShape.MatchString(n.text) {
		r.add(n.pos, fmt.Sprintf("%q cannot be the name of a %s", n.text, what), "a name is a small letter, then up to 63 small letters, digits, '-', '_' and '.'")
		return false
	}
	return true
}

// each reads a list.
func (r *reader) each(n *node, what string, read func(*node)) {
	if n.kind != list {
		r.wrong(n, what, list)
		return
	}
	for _, item := range n.items {
		read(item)
	}
}

// few is each for rules, which are as many as people can follow.
func (r *reader) few(n *node, what string, read func(*node)) {
	if len(n.items) > maxRules {
		r.add(n.pos, fmt.Sprintf("there are %d %s, more than %d", len(n.items), what, maxRules), "")
		return
	}
	r.each(n, what, read)
}

func (r *reader) wrong(n *node, what string, want kind) {
	if n.kind != refused {
		r.add(n.pos, fmt.Sprintf("%s is to be %s, not %s", what, want, n.kind), "")
	}
}

// text reads a text. Numbers are not taken for texts: 012345678901 without
// quotes is not the account that it looks like.
func (r *reader) text(n *node, what string) string {
	switch {
	case n.kind == number || n.kind == truth:
		r.add(n.pos, what+" is to be a text, not a "+string(n.kind), "put it in quotes: \""+n.text+"\"")
		return ""
	case n.kind != text:
		r.wrong(n, what, text)
		return ""
	case strings.TrimSpace(n.text) == "":
		r.add(n.pos, what+" is empty", "")
	}
	return n.text
}

// shaped reads a text of a given shape, which the hint describes.
func (r *reader) shaped(n *node, what string, shape *regexp.Regexp, hint string) string {
	s := r.text(n, what)
	if s != "" && !shape.MatchString(s) {
		r.add(n.pos, fmt.Sprintf("%q is not %s", s, what), hint)
	}
	return s
}

// into returns what reads a text into a variable.
func (r *reader) into(to *string, what string) func(*node) {
	return func(n *node) { *to = r.text(n, what) }
}

func (r *reader) truth(n *node, what string) bool {
	if n.kind == text {
		r.add(n.pos, what+" is to be true or false, not a text", "write true or false, without quotes")
	} else if n.kind != truth {
		r.wrong(n, what, truth)
	}
	return n.text == "true"
}

func (r *reader) number(n *node, what string) int {
	v, ok := whole(n)
	if !ok {
		hint := ""
		if _, err := strconv.Atoi(n.text); err == nil && n.kind == text {
			hint = "write " + n.text + ", without quotes"
		}
		r.add(n.pos, what+" is to be a whole number", hint)
	}
	return v
}

// whole returns the number that n is, if it is a whole one.
func whole(n *node) (int, bool) {
	v, err := strconv.Atoi(n.text)
	return v, n.kind == number && err == nil
}

// duration reads a length of time between the bounds.
func (r *reader) duration(n *node, what string, least, most time.Duration) time.Duration {
	if n.kind == number {
		r.add(n.pos, what+" needs a unit", "write "+n.text+"m or "+n.text+"h")
		return 0
	}
	s := r.text(n, what)
	if s == "" {
		return 0
	}
	d, err := policies.ParseDuration(s)
	if err != nil {
		r.add(n.pos, err.Error(), `write it as 30m, 1h or 1h30m`)
		return 0
	}
	if d < least || d > most {
		r.add(n.pos, fmt.Sprintf("%s is to be from %s to %s, not %s", what, short(least), short(most), s), "")
	}
	return d
}

// short writes 1h0m0s as 1h.
func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// rule reads an expression. true and false are rules too.
func (r *reader) rule(n *node, what string) policies.Source {
	if n.kind == truth {
		return n.source()
	}
	if r.text(n, what) == "" {
		return policies.Source{}
	}
	return n.source()
}

// texts reads a list of different texts.
func (r *reader) texts(n *node, what string, read func(*node) string) []string {
	var all []string
	r.each(n, what, func(item *node) {
		s := read(item)
		if s == "" {
			return
		}
		if slices.Contains(all, s) {
			r.add(item.pos, fmt.Sprintf("%s is here twice", s), "")
			return
		}
		all = append(all, s)
	})
	return all
}

// email reads an e-mail address; addresses compare in lower case.
func (r *reader) email(n *node) string {
	s := r.shaped(n, "an e-mail address", emailShape, "write it as somebody@example.com")
	return strings.ToLower(s)
}
