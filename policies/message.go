package policies

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// A message is what a guardrail says, with names to be replaced by values.
type message struct {
	parts []messagePart
}

// A messagePart is text, and then the value of a slot, if key is not empty.
type messagePart struct{ text, key string }

// The bounds of what a message takes from a request.
const (
	maxNames = 10
	maxSaid  = 200 // characters of one value
)

// stray is what was probably meant to be a placeholder.
var stray = regexp.MustCompile(`\{\s*[a-zA-Z_]+\s*\.[^{}]*\}?`)

var placeholder = regexp.MustCompile(`\{([a-z_]+(?:\.[A-Za-z0-9_-]+)+)\}`)

// message compiles a message, or notes the names that are none.
func (c *rules) message(src Source) message {
	var m message
	before := 0
	found := placeholder.FindAllStringSubmatchIndex(src.Text, -1)
	for i, at := range found {
		name := src.Text[at[2]:at[3]]
		w := &rewriter{rules: c, src: src}
		if i == maxNames {
			w.problem(utf8.RuneCountInString(src.Text[:at[2]]), fmt.Sprintf("the message has more than %d names", maxNames), "")
			c.problems = append(c.problems, w.problems...)
			break
		}
		key := w.named(name, utf8.RuneCountInString(src.Text[:at[2]]))
		c.problems = append(c.problems, w.problems...)
		m.parts = append(m.parts, messagePart{src.Text[before:at[0]], key})
		before = at[1]
	}
	m.parts = append(m.parts, messagePart{src.Text[before:], ""})
	c.strays(src)
	return m
}

// strays notes what would be shown as it stands, and was meant to be replaced.
func (c *rules) strays(src Source) {
	for _, at := range stray.FindAllStringIndex(src.Text, -1) {
		text := src.Text[at[0]:at[1]]
		if placeholder.FindString(text) == text {
			continue
		}
		w := &rewriter{rules: c, src: src}
		w.problem(utf8.RuneCountInString(src.Text[:at[0]]), fmt.Sprintf("%q in the message is not replaced by anything", text), `write a name in braces, as "{requester.name}"`)
		c.problems = append(c.problems, w.problems...)
	}
}

// named makes a slot for a name in a message, and returns its key.
func (w *rewriter) named(name string, at int) string {
	v, isVariable := w.vars[name]
	tagged, isTag := strings.CutPrefix(name, tagsPath+".")
	asked, isField := strings.CutPrefix(name, fieldsPath+".")
	f, known := w.spec.Fields[asked]
	switch {
	case isVariable:
		return w.variable(name, v)
	case isTag:
		w.slot(name, anyType, tag(tagged))
	case w.calls && strings.HasPrefix(name, paramsPath+"."):
		w.slot(name, anyType, param(strings.TrimPrefix(name, paramsPath+".")))
	case isField && known:
		w.slot(name, anyType, field(asked, f.Type))
	default:
		w.problem(at, "unknown name "+name+" in the message", hint(name, maps.Keys(w.vars)))
	}
	return name
}

// say returns the message with the values that r has.
func (m message) say(r *runner) string {
	if len(m.parts) == 1 {
		return m.parts[0].text
	}
	var b strings.Builder
	for _, p := range m.parts {
		b.WriteString(p.text)
		if p.key != "" {
			b.WriteString(said(r.env[p.key]))
		}
	}
	return b.String()
}

// said returns a value as a message shows it. What is not there is a dash.
func said(v any) string {
	switch v := v.(type) {
	case missing, broken:
		return said("")
	case time.Duration:
		return shortDuration(v)
	default:
		text := []rune(strings.Join(strings.Fields(fmt.Sprint(v)), " "))
		switch {
		case len(text) == 0:
			return "–"
		case len(text) > maxSaid:
			return string(text[:maxSaid-1]) + "…"
		}
		return string(text)
	}
}

// shortDuration writes 1h0m0s as 1h.
func shortDuration(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}
