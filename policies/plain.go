package policies

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// plain says in the words of rules what expr says in those of Go.
func plain(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message = strings.NewReplacer(
		"time.Duration", "duration", "map[string]struct {}", "list of texts", "[]interface {}", "list",
		fnTextOr, "??", fnNumOr, "??", fnTruthOr, "??", fnMatches, "matches", fnJoin, "+", fnLower, "lower", fnUpper, "upper",
	).Replace(message)
	if op, types, ok := strings.Cut(message, " (mismatched type"); ok {
		types = strings.TrimPrefix(strings.TrimSuffix(types, ")"), "s")
		return strings.TrimPrefix(op, "invalid operation: ") + " does not work with" + spoken(types)
	}
	var got, want, by string
	if n, _ := fmt.Sscanf(message, "cannot use %s as argument (type %s to call %s", &got, &want, &by); n == 3 {
		return fmt.Sprintf("%s needs %s, not %s", by, strings.TrimSuffix(want, ")"), got)
	}
	for was, is := range map[string]string{
		"unexpected token EOF": "the rule ends too early", "unexpected end of expression": "the rule ends too early",
		"runtime error: integer divide by zero": "division by zero",
	} {
		if message == was {
			return is
		}
	}
	if kind, token, ok := strings.Cut(message, "("); ok && strings.HasPrefix(kind, "unexpected token") {
		return "unexpected " + strings.TrimSuffix(token, ")")
	}
	if got, ok := strings.CutPrefix(message, "expected bool, but got "); ok {
		return "a rule is true or false, but this is" + spoken(" "+got)
	}
	return message
}

// The types, as people who write rules know them.
const (
	typeText     = "text"
	typeNumber   = "number"
	typeTruth    = "true or false"
	typeDuration = "duration"
)

// spoken returns types of Go by their names in the language.
func spoken(types string) string {
	return strings.NewReplacer(" string", " "+typeText, " int", " "+typeNumber, " float64", " "+typeNumber, " bool", " "+typeTruth, " unknown", " not always of one type").Replace(types)
}

// kind names what a node is, to somebody who writes rules.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.VariableDeclaratorNode:
		return "let"
	case *ast.SequenceNode:
		return "a sequence with ;"
	case *ast.ChainNode:
		return "?."
	case *ast.NilNode:
		return "nil"
	case *ast.MapNode:
		return "a map in braces"
	case *ast.SliceNode:
		return "a slice with [:]"
	default:
		return strings.TrimSuffix(reflect.TypeOf(n).Elem().Name(), "Node")
	}
}
