package policies

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// maxNamed bounds how many values a hint lists.
const maxNamed = 12

// possible notes when something is compared with a text that it never is, and
// so decides nothing: "9:00" comes after "10:00", and no day is called Friday.
func (w *rewriter) possible(name, value ast.Node) {
	text, ok := value.(*ast.StringNode)
	if !ok {
		return
	}
	what, v := w.values(name)
	switch {
	case v.written != nil:
		if right := v.written(text.Value); right != "" {
			w.refuse(value, fmt.Sprintf("%s is never %q", what, text.Value), fmt.Sprintf("it is written like %q", right))
		}
	case len(v.oneOf) > 0 && !slices.Contains(v.oneOf, text.Value):
		near := hint(text.Value, slices.Values(v.oneOf))
		if near == "" && len(v.oneOf) <= maxNamed {
			near = "it is one of " + strings.Join(v.oneOf, ", ")
		}
		w.refuse(value, fmt.Sprintf("%s is never %q", what, text.Value), near)
	}
}

// contained is possible for a piece of a text, which has no form of its own.
func (w *rewriter) contained(name, value ast.Node) {
	if what, v := w.values(name); strings.HasSuffix(what, ".email") && v.written != nil {
		w.possible(name, value)
	}
}

// ordered notes when names are compared as if one came before another.
func (w *rewriter) ordered(n *ast.BinaryNode) {
	for _, side := range []ast.Node{n.Left, n.Right} {
		if what, v := w.values(side); len(v.oneOf) > 0 {
			w.refuse(side, what+" has no order, so "+n.Operator+" means nothing here", what+` in ["…", "…"] asks whether it is one of several`)
			return
		}
	}
	w.possible(n.Left, n.Right)
	w.possible(n.Right, n.Left)
}

// values returns what n is called, if it is something whose values are known.
func (w *rewriter) values(n ast.Node) (string, variable) {
	if call, ok := n.(*ast.CallNode); ok {
		name := strings.Join(path(call.Callee), ".")
		if name == "history."+lastOutcome {
			return name, variable{oneOf: outcomes()}
		}
		return name, variable{}
	}
	names := path(n)
	name := strings.Join(names, ".")
	switch v := w.vars[name]; {
	case len(names) == 3 && names[0]+"."+names[1] == fieldsPath:
		return name, variable{oneOf: w.spec.Fields[names[2]].Options}
	case name == "target.name":
		v.oneOf = w.spec.TargetNames
		return name, v
	case name == "target.strategy":
		v.oneOf = w.spec.Strategies
		return name, v
	default:
		return name, v
	}
}

// asTime returns how text is written as a time of day; empty if it is one.
func asTime(text string) string { return as("15:04", "09:00", text) }

// asDate is asTime for a date.
func asDate(text string) string { return as(time.DateOnly, "2026-11-20", text) }

func as(layout, sample, text string) string {
	t, err := time.Parse(layout, text)
	switch {
	case err != nil:
		return sample
	case t.Format(layout) != text:
		return t.Format(layout)
	}
	return ""
}

// asEmail is asTime for an e-mail address: all of them are in small letters.
func asEmail(text string) string {
	if lower := strings.ToLower(text); lower != text {
		return lower
	}
	return ""
}
