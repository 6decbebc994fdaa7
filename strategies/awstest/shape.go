package awstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"
)

// A doc is a decoded structure of an input or an output.
type doc = map[string]any

// A shape says what is wrong with a value, or nil. The at names the value.
type shape func(at string, v any) error

// text allows strings of min to max characters that match pattern in full. A
// max of zero means no limit, an empty pattern any text.
func text(min, max int, pattern string) shape {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(at string, v any) error {
		s, ok := v.(string)
		switch n := utf8.RuneCountInString(s); {
		case !ok:
			return fmt.Errorf("%s: must be a string", at)
		case n < min:
			return fmt.Errorf("%s: must have length greater than or equal to %d", at, min)
		case max > 0 && n > max:
			return fmt.Errorf("%s: must have length less than or equal to %d", at, max)
		case pattern != "" && !re.MatchString(s):
			return fmt.Errorf("%s: must satisfy regular expression pattern: %s", at, pattern)
		}
		return nil
	}
}

// oneOf allows the named values.
func oneOf(values ...string) shape {
	return func(at string, v any) error {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			return fmt.Errorf("%s: must satisfy enum value set: %v", at, values)
		}
		return nil
	}
}

// number allows integers from min to max.
func number(min, max int64) shape {
	return func(at string, v any) error {
		n, _ := v.(json.Number)
		if i, err := n.Int64(); err != nil || i < min || i > max {
			return fmt.Errorf("%s: must be an integer from %d to %d", at, min, max)
		}
		return nil
	}
}

// list allows min to max elements of one shape.
func list(min, max int, elem shape) shape {
	return func(at string, v any) error {
		vs, ok := v.([]any)
		if !ok || len(vs) < min || len(vs) > max {
			return fmt.Errorf("%s: must be a list of %d to %d", at, min, max)
		}
		for i, e := range vs {
			if err := elem(fmt.Sprintf("%s.%d", at, i+1), e); err != nil {
				return err
			}
		}
		return nil
	}
}

// A member is one named part of a structure.
type member struct {
	name     string
	shape    shape
	required bool
}

func need(name string, s shape) member { return member{name, s, true} }
func may(name string, s shape) member  { return member{name, s, false} }

// structure allows the given members and no other.
func structure(members ...member) shape {
	return func(at string, v any) error {
		d, ok := v.(doc)
		if !ok {
			return fmt.Errorf("%s: must be a structure", at)
		}
		for name := range d {
			if !slices.ContainsFunc(members, func(m member) bool { return m.name == name }) {
				return fmt.Errorf("%s: unknown member", join(at, name))
			}
		}
		for _, m := range members {
			if err := m.check(at, d); err != nil {
				return err
			}
		}
		return nil
	}
}

func (m member) check(at string, d doc) error {
	v, present := d[m.name]
	switch {
	case present && v != nil:
		return m.shape(join(at, m.name), v)
	case m.required:
		return fmt.Errorf("%s: must not be null", join(at, m.name))
	}
	return nil
}

// union allows exactly one of the members.
func union(members ...member) shape {
	inner := structure(members...)
	return func(at string, v any) error {
		if d, ok := v.(doc); ok && len(d) != 1 {
			return fmt.Errorf("%s: must have exactly one member", at)
		}
		return inner(at, v)
	}
}

// anyValue allows everything, for documents that are checked by hand.
func anyValue(string, any) error { return nil }

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
