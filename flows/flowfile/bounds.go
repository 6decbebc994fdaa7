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
)

// bounded notes what would make the YAML parser recurse deeply or take more
// than linear time: brackets within brackets, many markers in a row, and many
// keys without a value. It reports whether the file can be parsed.
func (r *reader) bounded(f *file, tokens token.Tokens) bool {
	depth, markers, bare := 0, 0, 0
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
	}
	if bare > maxBare {
		r.add(policies.Position{File: f.name, Line: 1, Col: 1}, fmt.Sprintf("more than %d keys have no value", maxBare), "")
	}
	return bare <= maxBare
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
