package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// A rewriter turns one parsed rule into what is compiled: what the rule reads
// becomes a slot, loops and patterns are metered, and everything that is not
// part of the language is refused. It makes new nodes and changes none, since
// the parser uses some of them twice.
type rewriter struct {
	*rules
	src      Source
	problems []Problem
	nodes    int
	tooLarge bool              // there are more nodes than a rule may have
	patterns int               // the size of all of them
	loops    int               // around the node
	rounds   int               // that they go, as far as it is written out
	asked    map[string]bool   // keys that the rule asks for with "in"
	optional []optionalReading // keys that it reads, and that may not be there
	parts    []Part            // with made, when the rule is to be probed
	made     map[ast.Node]int  // the number of the part that became a node
	depth    int               // of parts around the node
	denied   bool              // the node is within a not
	admits   []Fact            // about the requester, and not within a not
	// perAction says that the rule reads the action of a call.
	perAction bool
	ordinary  bool // it is the rule of a route that is not for broken glass
}

// An optionalReading is a read of a key that may not be there.
type optionalReading struct {
	path    string
	at      int
	message string
	other   string // a value to take instead, for the hint
}

// rewrite returns what n becomes. After a problem, what it returns is no use.
func (w *rewriter) rewrite(n ast.Node) ast.Node {
	if w.nodes++; w.nodes > maxNodes {
		// Some nodes count as several, so that the bound may be passed in a
		// leap, and what is not rewritten must never pass for a rule.
		if !w.tooLarge {
			w.tooLarge = true
			w.problem(at(n), fmt.Sprintf("the rule has more than %d parts", maxNodes), "")
		}
		return n
	}
	id := w.part(n)
	if id >= 0 {
		w.depth++
		defer func() { w.depth-- }()
	}
	out := w.become(n)
	w.mark(out, id)
	return out
}

// become is rewrite for one node.
func (w *rewriter) become(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return n
	case *ast.IdentifierNode, *ast.MemberNode:
		return w.read(n)
	case *ast.UnaryNode:
		return w.unary(n)
	case *ast.BinaryNode:
		return w.binary(n)
	case *ast.ConditionalNode:
		return put(n, &ast.ConditionalNode{Ternary: n.Ternary, Cond: w.rewrite(n.Cond), Exp1: w.rewrite(n.Exp1), Exp2: w.rewrite(n.Exp2)})
	case *ast.ArrayNode:
		return put(n, &ast.ArrayNode{Nodes: w.rewriteAll(n.Nodes)})
	case *ast.PointerNode:
		return w.element(n)
	case *ast.BuiltinNode:
		return w.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		return w.call(n, strings.Join(path(n.Callee), "."), n.Arguments)
	default:
		return w.refuse(n, kind(n)+" is not part of the rule language", "")
	}
}

func (w *rewriter) unary(n *ast.UnaryNode) ast.Node {
	if n.Operator == "not" || n.Operator == "!" {
		w.denied = !w.denied
		defer func() { w.denied = !w.denied }()
	}
	return put(n, &ast.UnaryNode{Operator: n.Operator, Node: w.rewrite(n.Node)})
}

func (w *rewriter) rewriteAll(nodes []ast.Node) []ast.Node {
	done := make([]ast.Node, len(nodes))
	for i, n := range nodes {
		done[i] = w.rewrite(n)
	}
	return done
}

// refuse notes a problem with n.
func (w *rewriter) refuse(n ast.Node, message, hint string) ast.Node {
	w.problem(at(n), message, hint)
	return n
}

func at(n ast.Node) int { return n.Location().From }

// put gives to the place of n.
func put(n ast.Node, to ast.Node) ast.Node {
	to.SetLocation(n.Location())
	return to
}

// helper returns a call of a helper in the place of n.
func (w *rewriter) helper(n ast.Node, name string, args ...ast.Node) ast.Node {
	for _, arg := range args {
		if (arg.Location() == file.Location{}) {
			arg.SetLocation(n.Location())
		}
	}
	return put(n, &ast.CallNode{Callee: put(n, &ast.IdentifierNode{Value: name}), Arguments: args})
}

func (w *rewriter) meter() ast.Node { return &ast.IdentifierNode{Value: meterKey} }

// path returns the names of a.b.c or a.b["c"], or nil if n is something else.
func path(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if before := path(n.Node); ok && before != nil && !n.Optional {
			return append(before, name.Value)
		}
	}
	return nil
}

// read returns the slot that a name stands for.
func (w *rewriter) read(n ast.Node) ast.Node {
	names := path(n)
	if names == nil {
		return w.refuse(n, "only names such as target.tags.env can be read, with the name of the key written out", "")
	}
	if node := w.readKey(n, names, nil); node != nil {
		return node
	}
	name := strings.Join(names, ".")
	v, ok := w.vars[name]
	if !ok {
		return w.unknown(n, name)
	}
	if name == glassName && w.ordinary && !w.denied {
		return w.refuse(n, "this is never true here: only routes with announce are for break-glass, and it is never automatic", "say announce, self_approve and review_within")
	}
	if v.status != "" {
		return w.helper(n, fnText, &ast.IdentifierNode{Value: w.variable(name, v)})
	}
	return put(n, &ast.IdentifierNode{Value: w.variable(name, v)})
}

// variable makes a slot for a name, and returns its key.
func (w *rewriter) variable(name string, v variable) string {
	if v.status != "" {
		return w.status(v.status)
	}
	w.slot(name, v.kind(), v.value)
	w.perAction = w.perAction || name == actionName
	return name
}

// unknown says that there is no such name.
func (w *rewriter) unknown(n ast.Node, name string) ast.Node {
	if first, _, _ := strings.Cut(name, "."); first == string(Approver) && !slices.Contains(w.people, Approver) {
		return w.noApprover(n)
	}
	if who, ok := groupsOf(name); ok {
		return w.refuse(n, name+" cannot be used as a whole", fmt.Sprintf(`ask whether "NAME" in %s.groups`, who))
	}
	var parts []string
	for known := range w.vars {
		if rest, ok := strings.CutPrefix(known, name+"."); ok {
			parts = append(parts, rest)
		}
	}
	for _, object := range w.objects() {
		if name == object {
			return w.refuse(n, name+" cannot be used as a whole", "read "+name+".NAME, or ask whether \"NAME\" in "+name)
		}
		if rest, ok := strings.CutPrefix(object, name+"."); ok {
			parts = append(parts, rest)
		}
	}
	if len(parts) > 0 {
		slices.Sort(parts)
		return w.refuse(n, name+" cannot be used as a whole", name+" has "+strings.Join(parts, ", "))
	}
	near := hint(name, maps.Keys(w.vars))
	if first, _, ok := strings.Cut(name, "."); ok && near == "" && !slices.Contains(w.firsts(), first) {
		near = hint(first, slices.Values(w.firsts()))
	}
	return w.refuse(n, "unknown name "+name, near)
}

// readKey returns what a read of a tag or a field becomes; or is what the rule
// takes when it is not there, if it says so. It returns nil for other names.
func (w *rewriter) readKey(n ast.Node, names []string, or ast.Node) ast.Node {
	if len(names) != 3 {
		return nil
	}
	object, key := names[0]+"."+names[1], names[2]
	name := object + "." + key
	if w.calls && object != tagsPath {
		return w.readParam(n, object, key, or)
	}
	switch object {
	case tagsPath:
		w.slot(name, anyType, tag(key))
		if or == nil {
			w.lackingTag(n, key)
			return w.helper(n, fnText, &ast.IdentifierNode{Value: name})
		}
		return w.helper(n, fnTextOr, &ast.IdentifierNode{Value: name}, or)
	case fieldsPath:
		f, ok := w.spec.Fields[key]
		if !ok {
			return w.refuse(n, "the form has no field "+key, hint(key, maps.Keys(w.spec.Fields)))
		}
		w.slot(name, anyType, field(key, f.Type))
		if or == nil {
			w.optionalField(n, key, f)
			return w.helper(n, reader(f.Type), &ast.IdentifierNode{Value: name})
		}
		return w.helper(n, reader(f.Type)+"??", &ast.IdentifierNode{Value: name}, or)
	}
	return nil
}

// reader names the helper that reads a field.
func reader(t FieldType) string {
	switch t {
	case Int:
		return fnNumber
	case Bool:
		return fnTruth
	default:
		return fnText
	}
}

// lackingTag notes that a rule reads a tag which some targets do not have.
func (w *rewriter) lackingTag(n ast.Node, key string) {
	var lack []string
	for _, t := range w.spec.Targets {
		if _, ok := t.Tags[key]; !ok {
			lack = append(lack, fmt.Sprintf("%s (%s)", t.Name, t.Pos))
		}
	}
	if len(lack) == 0 {
		return
	}
	names := strings.Join(lack[:min(3, len(lack))], ", ")
	if len(lack) > 3 {
		names += fmt.Sprintf(" and %d more", len(lack)-3)
	}
	w.optional = append(w.optional, optionalReading{tagsPath + "." + key, at(n), "there is no tag " + key + " on " + names, `""`})
}

// optionalField notes that a rule reads a field which may be left empty.
func (w *rewriter) optionalField(n ast.Node, key string, f Field) {
	if f.Required {
		return
	}
	other := map[FieldType]string{Int: "0", Bool: "false"}[f.Type]
	if other == "" {
		other = `""`
	}
	w.optional = append(w.optional, optionalReading{fieldsPath + "." + key, at(n), "the field " + key + " may be left empty", other})
}

// unguarded reports the readings of what may not be there, in a rule that does
// not ask whether it is.
func (w *rewriter) unguarded() {
	for _, r := range w.optional {
		if !w.asked[r.path] {
			w.problem(r.at, r.message, "say what to take instead: "+r.path+" ?? "+r.other)
		}
	}
}

// element returns # in a loop.
func (w *rewriter) element(n *ast.PointerNode) ast.Node {
	if w.loops == 0 || n.Name != "" {
		return w.refuse(n, "#"+n.Name+" means nothing here", "")
	}
	return put(n, &ast.PointerNode{})
}
