package flowfile

import (
	"fmt"

	"sesame/policies"

	"github.com/goccy/go-yaml/token"
)

// The bounds of a file.
const (
	maxFile  = 4 << 20 // bytes
	maxDepth = 16      // lists and mappings within each other
	maxBare  = 1000    // keys without a value
	maxKeys  = 10_000  // of one mapping
	maxRules = 200     // routes of one flow, or guardrails
)

// bounded notes what would make the YAML parser recurse deeply or take more
// than linear time: brackets within brackets, many markers in a row, many keys
// without a value, and very many in one mapping. It reports whether the file can be parsed.
func (r *reader) bounded(f *file, tokens token.Tokens) bool {
	depth, markers, bare := 0, 0, 0
	var keys crowd
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if marker(t) {
			markers++
		} else {
			markers = 0
		}
		if depth > maxDepth || markers > maxDepth {
			r.add(tokenPosition(f, t), tooDeep(), "")
			return false
		}
		if valueless(t) {
			bare++
		}
		if depth == 0 && keys.meet(t) > maxKeys {
			r.add(tokenPosition(f, t.Prev), fmt.Sprintf("more than %d keys in one mapping", maxKeys), "put some of them into other files, and include them")
			return false
		}
	}
	if bare > maxBare {
		r.add(policies.Position{File: f.name, Line: 1, Col: 1}, fmt.Sprintf("more than %d keys have no value", maxBare), "")
	}
	return bare <= maxBare
}

// A crowd counts the keys of the mappings that a token stands in, by the
// columns at which these begin.
type crowd struct{ columns, keys []int }

// meet returns how many keys the mapping has up to t, which ends one; 0 for
// another token.
func (c *crowd) meet(t *token.Token) int {
	if t.Type != token.MappingValueType || t.Prev == nil {
		return 0
	}
	column := t.Prev.Position.Column
	last := len(c.columns) - 1
	for ; last >= 0 && c.columns[last] > column; last-- {
		c.columns, c.keys = c.columns[:last], c.keys[:last]
	}
	if last < 0 || c.columns[last] < column {
		c.columns, c.keys = append(c.columns, column), append(c.keys, 0)
		last++
	}
	c.keys[last]++
	return c.keys[last]
}

func tooDeep() string {
	return fmt.Sprintf("more than %d lists and mappings within each other", maxDepth)
}

// marker reports whether t begins something within which the next begins.
func marker(t *token.Token) bool {
	switch t.Type {
	case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.AliasType, token.TagType:
		return true
	}
	return false
}

// valueless reports whether t ends a key that nothing follows.
func valueless(t *token.Token) bool {
	if t.Type != token.MappingValueType {
		return false
	}
	return t.Next == nil || t.Prev != nil && t.Next.Position.Line > t.Position.Line && t.Next.Position.Column <= t.Prev.Position.Column
}
