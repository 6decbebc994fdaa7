package policies

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// binary rewrites an operation on two values.
func (w *rewriter) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "==", "!=":
		w.possible(n.Left, n.Right)
		w.possible(n.Right, n.Left)
	case "<", "<=", ">", ">=":
		w.ordered(n)
	case "and", "&&", "or", "||", "+", "-", "*", "/", "%":
	case "contains", "startsWith", "endsWith":
		w.contained(n.Left, n.Right)
		// Searching costs more than other operations.
		w.nodes += 10
	case "in":
		return w.in(n)
	case "??":
		return w.orElse(n)
	case "matches":
		return w.matches(n)
	case "..":
		return w.span(n)
	default:
		return w.refuse(n, n.Operator+" is not part of the rule language", "")
	}
	return put(n, &ast.BinaryNode{Operator: n.Operator, Left: w.rewrite(n.Left), Right: w.rewrite(n.Right)})
}

// in rewrites `"env" in target.tags` and `x in ["a", "b"]`.
func (w *rewriter) in(n *ast.BinaryNode) ast.Node {
	if names := path(n.Right); len(names) == 2 {
		if who, ok := groupsOf(strings.Join(names, ".")); ok && len(w.people) > 0 {
			return w.inGroups(n, who)
		}
		return w.has(n, strings.Join(names, "."))
	}
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return put(n, &ast.BinaryNode{Operator: "in", Left: w.rewrite(n.Left), Right: w.rewrite(n.Right)})
	}
	// A list of texts is looked up, and not made anew each time.
	texts := map[string]struct{}{}
	for _, item := range list.Nodes {
		w.possible(n.Left, item)
		if text, ok := item.(*ast.StringNode); ok {
			texts[text.Value] = struct{}{}
		}
	}
	right := w.rewrite(list)
	if len(texts) == len(list.Nodes) && len(texts) > 0 {
		right = put(list, &ast.ConstantNode{Value: texts})
	}
	return put(n, &ast.BinaryNode{Operator: "in", Left: w.rewrite(n.Left), Right: right})
}

// has rewrites the question whether there is a tag or a field.
func (w *rewriter) has(n *ast.BinaryNode, object string) ast.Node {
	key, ok := n.Left.(*ast.StringNode)
	if !ok {
		return w.refuse(n.Left, "the key that is looked for in "+object+" must be written out, in quotes", "")
	}
	if w.calls && object != tagsPath {
		return w.hasParam(n, object, key.Value)
	}
	var get func(*Input) any
	switch object {
	case tagsPath:
		get = func(in *Input) any { _, ok := in.Request.Target.Tags[key.Value]; return ok }
	case fieldsPath:
		if _, ok := w.spec.Fields[key.Value]; !ok {
			return w.readKey(n.Left, []string{"request", "fields", key.Value}, nil)
		}
		get = func(in *Input) any { _, ok := in.Request.Fields[key.Value]; return ok }
	default:
		return w.refuse(n.Right, "nothing can be looked for in "+object, "in works with target.tags, request.fields, requester.groups and lists")
	}
	if w.asked == nil {
		w.asked = map[string]bool{}
	}
	w.asked[object+"."+key.Value] = true
	name := key.Value + " in " + object
	w.slot(name, boolType, get)
	return put(n, &ast.IdentifierNode{Value: name})
}

// orElse rewrites `target.tags.env ?? "none"`.
func (w *rewriter) orElse(n *ast.BinaryNode) ast.Node {
	names := path(n.Left)
	if len(names) == 3 {
		if node := w.readKey(n.Left, names, w.rewrite(n.Right)); node != nil {
			return node
		}
	}
	return w.refuse(n, "?? works only after a tag or "+w.asking()+": everything else is always there", "")
}

// matches rewrites the match of a pattern, which must be written out so that
// it can be compiled, and bounded, now.
func (w *rewriter) matches(n *ast.BinaryNode) ast.Node {
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return w.refuse(n.Right, "the pattern after matches must be written out, in quotes", "")
	}
	if w.patterns > maxMatches {
		return w.refuse(text, fmt.Sprintf("the patterns before this one have more than %d parts together", maxMatches), "")
	}
	p, err := compilePattern(text.Value)
	if err != nil {
		return w.refuse(text, err.Error(), "")
	}
	w.patterns += p.size
	return w.helper(n, fnMatches, w.meter(), w.rewrite(n.Left), put(text, &ast.ConstantNode{Value: p}))
}

// span rewrites 1..10.
func (w *rewriter) span(n *ast.BinaryNode) ast.Node {
	from, ok1 := n.Left.(*ast.IntegerNode)
	to, ok2 := n.Right.(*ast.IntegerNode)
	if !ok1 || !ok2 {
		return w.refuse(n, "both ends of a range must be numbers that are written out", "")
	}
	if to.Value-from.Value >= maxRange {
		return w.refuse(n, fmt.Sprintf("the range has more than %d numbers", maxRange), "")
	}
	return put(n, &ast.BinaryNode{Operator: "..", Left: from, Right: to})
}

// A joiner replaces + between texts, once the types are known, by a call that
// bounds how long the text becomes.
type joiner struct{ w *rewriter }

// Visit implements ast.Visitor.
func (j joiner) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || n.Operator != "+" {
		return
	}
	switch t := n.Type(); t {
	case anyType:
		j.w.refuse(n, "the types of what + adds are not known", "")
	case stringType:
		call := j.w.helper(n, fnJoin, j.w.meter(), n.Left, n.Right).(*ast.CallNode)
		call.SetType(t)
		call.Callee.SetType(j.w.conf.Functions[fnJoin].Type())
		*node = call
	}
}
