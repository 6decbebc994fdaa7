package policies

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"sesame/flows/access"

	"github.com/expr-lang/expr/ast"
)

// A RuleKind says what a rule is for.
type RuleKind string

// The kinds of rule, besides the effects of guardrails.
const (
	WhoRule   RuleKind = "who"
	RouteRule RuleKind = "route"
	// VisibleRule says who sees the targets, and does not bear on the verdict.
	VisibleRule RuleKind = "visible"
)

// A Trace is how one rule came to its value.
type Trace struct {
	Kind RuleKind
	Rule string // its name
	Text string // the expression; empty for a route that always matches
	Pos  Position
	// Reached is false for a route after the one that matched.
	Reached bool
	Value   bool
	// Failed says why the rule has no value.
	Failed string
	Parts  []Part
}

// Refuses reports whether the rule had a value, and refused by it.
func (t Trace) Refuses() bool {
	if !t.Reached || t.Failed != "" {
		return false
	}
	switch t.Kind {
	case WhoRule, RuleKind(Require):
		return !t.Value
	case RuleKind(Warn), RouteRule, VisibleRule, ApproveRule:
		return false
	}
	return t.Value
}

// A Part is one expression within a rule, the rule itself included, with what
// it came to.
type Part struct {
	Text  string // as it was understood, in one line
	Pos   Position
	Depth int  // of expressions that it is within
	Truth bool // it is true or false, and not a text or a number
	Times int  // how often it was evaluated: never, when another part decided before it
	Value any  // the last one
	// True and False say whether it ever was that.
	True, False bool
}

// Explain returns what Evaluate returns, and how each rule came to its value.
// The values come from the same rules, compiled once more with a probe around
// each part. Should the two disagree, that is an error and the verdict refuses.
func (f *Flow) Explain(in Input) (access.Verdict, []Trace, error) {
	verdict := f.Evaluate(in)
	if f.probed == nil {
		return verdict, nil, nil
	}
	again, traces := f.probed().trace(in)
	if !reflect.DeepEqual(again, verdict) {
		return access.Verdict{}, nil, fmt.Errorf("explain the flow %s: it says %t by itself and %t with probes", f.name, verdict.Allow, again.Allow)
	}
	return verdict, traces, nil
}

// Outline returns the rules with their parts, none of them evaluated.
func (f *Flow) Outline() []Trace {
	if f.probed == nil {
		return nil
	}
	return f.probed().outline()
}

// outline returns fresh traces of the rules of a flow with probes.
func (f *Flow) outline() []Trace {
	var traces []Trace
	add := func(kind RuleKind, r rule) { traces = append(traces, r.outline(kind)) }
	add(WhoRule, f.who)
	for _, g := range f.guardrails {
		add(RuleKind(g.effect), g.rule)
	}
	for _, r := range f.routes {
		add(RouteRule, r.rule)
	}
	if f.visible.program != nil {
		add(VisibleRule, f.visible)
	}
	for _, r := range f.routes {
		if r.approve != nil {
			traces = append(traces, r.approve.outline())
		}
	}
	return traces
}

// outline returns a fresh trace of one rule.
func (r rule) outline(kind RuleKind) Trace {
	return Trace{Kind: kind, Rule: r.name, Text: r.src.Text, Pos: r.src.Pos, Parts: slices.Clone(r.parts)}
}

func (a *approval) outline() Trace { return a.rule.outline(ApproveRule) }

// trace evaluates a flow with probes.
func (f *Flow) trace(in Input) (access.Verdict, []Trace) {
	r := f.runner()
	defer f.runners.Put(r)
	r.traces = f.outline()
	defer func() { r.traces, r.recorder.parts = nil, nil }()
	v := f.evaluate(r, in)
	if f.visible.program != nil {
		// Its slots were filled for the verdict.
		r.truth(f.visible)
	}
	return v, r.traces
}

// note keeps what a rule came to.
func (r *runner) note(rule rule, value bool, failed *access.Reason) {
	t := &r.traces[rule.index]
	t.Reached, t.Value = true, value
	if failed != nil {
		t.Failed = failed.Text
	}
}

// A recorder keeps the values that probes see.
type recorder struct{ parts []Part }

// probe is called with a recorder, the number of a part, and the part's value,
// which it returns.
func probe(args ...any) (any, error) {
	p := &args[0].(*recorder).parts[args[1].(int)]
	p.Times++
	p.Value = args[2]
	if truth, ok := args[2].(bool); ok {
		p.True, p.False = p.True || truth, p.False || !truth
	}
	return args[2], nil
}

// part notes that n is part of the rule, when the rule is to be probed. It
// returns the number of the part, or -1.
func (w *rewriter) part(n ast.Node) int {
	if w.made == nil {
		return -1
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		if n.Operator == ".." {
			return -1
		}
	case *ast.UnaryNode:
		if _, ok := n.Node.(*ast.IntegerNode); ok {
			return -1
		}
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ConditionalNode, *ast.BuiltinNode, *ast.CallNode:
	default:
		return -1
	}
	w.parts = append(w.parts, Part{Text: n.String(), Pos: w.src.position(start(n)), Depth: w.depth})
	return len(w.parts) - 1
}

// mark says that out is what part id became.
func (w *rewriter) mark(out ast.Node, id int) {
	if id < 0 {
		return
	}
	if _, ok := out.(*ast.ConstantNode); ok {
		// It was worked out already, and had no parts: it is the last one.
		w.parts = w.parts[:id]
		return
	}
	w.made[out] = id
}

// start returns where the text of n begins. An operation is located at its
// operator.
func start(n ast.Node) int {
	switch n := n.(type) {
	case *ast.BinaryNode:
		return start(n.Left)
	case *ast.ConditionalNode:
		return min(at(n), start(n.Cond))
	case *ast.MemberNode:
		return start(n.Node)
	case *ast.CallNode:
		return start(n.Callee)
	}
	return at(n)
}

// finish makes what can only be made once the types are known: calls that
// bound texts which are added, and probes.
type finish struct{ w *rewriter }

// Visit implements ast.Visitor.
func (f finish) Visit(node *ast.Node) {
	id, ok := f.w.made[*node]
	joiner(f).Visit(node)
	if !ok {
		return
	}
	n := *node
	f.w.parts[id].Truth = n.Type() == boolType
	call := f.w.helper(n, fnProbe, &ast.IdentifierNode{Value: recorderKey}, &ast.IntegerNode{Value: id}, n).(*ast.CallNode)
	call.SetType(n.Type())
	call.Callee.SetType(f.w.conf.Functions[fnProbe].Type())
	*node = call
}

// Said returns the value of a part as people read it.
func (p Part) Said() string {
	switch v := p.Value.(type) {
	case nil:
		return ""
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
}
