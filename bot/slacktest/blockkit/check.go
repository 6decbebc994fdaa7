package blockkit

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Surface is where blocks are shown. The zero Surface takes none.
type Surface int

// The surfaces. A message is in a channel, a modal over it, and a home in the
// app's own tab.
const (
	Message Surface = iota + 1
	Modal
	Home
)

// A Problem is one reason for Slack to refuse blocks.
type Problem struct {
	// Pointer is the JSON pointer of the value that is wrong.
	Pointer string
	// Code is the kind of problem, as blocks.validate names it.
	Code string
	// Message says what is wrong, in Slack's words.
	Message string
	// Unsupported marks what Slack might accept and this package does not know.
	Unsupported bool
}

// String returns the problem as Slack's errors print it.
func (p Problem) String() string {
	return p.Message + " [json-pointer:" + p.Pointer + "]"
}

// A rule looks at one value and reports what is wrong with it.
type rule func(c *checker, at string, v any)

// A shape is the fields of an object. A name that ends in "!" is required.
type shape map[string]rule

type checker struct {
	surface  Surface
	problems []Problem
	blockIDs map[string]bool
	focused  bool
}

func newChecker(s Surface) *checker {
	return &checker{surface: s, blockIDs: map[string]bool{}}
}

func (c *checker) say(at, code, format string, args ...any) {
	c.problems = append(c.problems, Problem{Pointer: at, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) unsupported(at, kind string) {
	c.problems = append(c.problems, Problem{
		Pointer: at, Code: "unsupported_type", Message: "unsupported type: " + kind, Unsupported: true,
	})
}

// check holds obj to s, in the order of the field names so that problems come
// in the same order every time.
func (s shape) check(c *checker, at string, v any) {
	obj, ok := v.(map[string]any)
	if !ok {
		c.say(at, "invalid_type", "must provide an object")
		return
	}
	for _, name := range sorted(obj) {
		field, known := s[name]
		if !known {
			field, known = s[name+"!"]
		}
		if !known {
			c.say(at, "unknown_field", "invalid additional property: %s", name)
			continue
		}
		field(c, at+"/"+name, obj[name])
	}
	for _, name := range sorted(s) {
		name, required := strings.CutSuffix(name, "!")
		if _, there := obj[name]; required && !there {
			c.say(at, "missing_field", "missing required field: %s", name)
		}
	}
}

// also adds a rule that looks at the object as a whole.
func (s shape) also(more ...func(c *checker, at string, obj map[string]any)) rule {
	return func(c *checker, at string, v any) {
		s.check(c, at, v)
		obj, ok := v.(map[string]any)
		if !ok {
			return
		}
		for _, m := range more {
			m(c, at, obj)
		}
	}
}

func anything(*checker, string, any) {}

func boolean(c *checker, at string, v any) {
	if _, ok := v.(bool); !ok {
		c.say(at, "invalid_type", "must be a boolean")
	}
}

func number(c *checker, at string, v any) {
	if _, ok := v.(float64); !ok {
		c.say(at, "invalid_type", "must be a number")
	}
}

func between(low, high int) rule {
	return func(c *checker, at string, v any) {
		n, ok := v.(float64)
		if !ok {
			c.say(at, "invalid_type", "must be a number")
			return
		}
		if n < float64(low) || n > float64(high) {
			c.say(at, "failed_constraint", "must be between %d and %d", low, high)
		}
	}
}

// str takes strings of low to high characters. Characters are code points.
func str(low, high int) rule {
	return func(c *checker, at string, v any) {
		s, ok := v.(string)
		if !ok {
			c.say(at, "invalid_type", "must provide a string")
			return
		}
		switch n := utf8.RuneCountInString(s); {
		case n > high:
			c.say(at, "failed_constraint", "must be less than %d characters", high+1)
		case n < low:
			c.say(at, "failed_constraint", "must be more than %d characters", low-1)
		}
	}
}

func oneOf(values ...string) rule {
	return func(c *checker, at string, v any) {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			c.say(at, "failed_constraint", "must be one of %s", strings.Join(values, ", "))
		}
	}
}

func list(low, high int, each rule) rule {
	return func(c *checker, at string, v any) {
		items, ok := v.([]any)
		if !ok {
			c.say(at, "invalid_type", "must provide an array")
			return
		}
		if len(items) > high {
			c.say(at, "failed_constraint", "no more than %d items allowed", high)
		}
		if len(items) < low {
			c.say(at, "failed_constraint", "no fewer than %d items allowed", low)
		}
		for i, item := range items {
			each(c, fmt.Sprintf("%s/%d", at, i), item)
		}
	}
}

// kinds picks the rule by the object's type. What is not listed is refused.
type kinds map[string]rule

func (k kinds) check(c *checker, at string, v any) {
	obj, ok := v.(map[string]any)
	if !ok {
		c.say(at, "invalid_type", "must provide an object")
		return
	}
	kind, ok := obj["type"].(string)
	if !ok {
		c.say(at, "missing_field", "missing required field: type")
		return
	}
	if r, ok := k[kind]; ok {
		r(c, at, v)
		return
	}
	if known[kind] {
		c.unsupported(at+"/type", kind)
		return
	}
	c.say(at+"/type", "unsupported_type", "unsupported type: %s", kind)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
