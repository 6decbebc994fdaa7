package policies

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
)

var (
	boolType   = reflect.TypeFor[bool]()
	stringType = reflect.TypeFor[string]()
)

// A form is something that is written as a call and worked out, as far as
// possible, when the rule is compiled.
type form struct {
	doc     string
	args    int
	rewrite func(*rewriter, ast.Node, []ast.Node) ast.Node
}

// forms are the calls that rules can write.
func forms() map[string]form {
	f := map[string]form{
		"in_group":        {`in_group("engineering", requester): whether a person is in a group`, 2, (*rewriter).inGroup},
		"duration":        {`duration("1h"): a length of time`, 1, (*rewriter).duration},
		"window.overlaps": {`window.overlaps("Fri 18:00", "Mon 07:00"): whether the access would touch that part of the week`, 2, (*rewriter).overlaps},
	}
	f["on_call"] = form{`on_call("platform", requester): whether a person is on call on a schedule`, 2, (*rewriter).onCall}
	f["in_window"] = form{`in_window("0 9 * * MON-FRI", "9h"): whether it is at most that long since the schedule came`, 2, (*rewriter).inWindow}
	f["days_since"] = form{`days_since("2026-01-31"): how many days ago that date was; negative when it is to come`, 1, (*rewriter).daysSince}
	maps.Copy(f, historyForms())
	f["len"] = form{"the length of a text or list", 1, plainCall("len")}
	f["trim"] = form{"a text without the space around it", 1, plainCall("trim")}
	f["lower"] = form{"a text in lower case", 1, meteredCall(fnLower)}
	f["upper"] = form{"a text in upper case", 1, meteredCall(fnUpper)}
	for name, doc := range map[string]string{
		"all": "whether of every element", "any": "whether of some element", "none": "whether of no element",
		"one": "whether of exactly one element", "count": "of how many elements",
	} {
		f[name] = form{name + `(["a", "b"], request.reason contains #): ` + doc + " of a list, which is #, the condition is true", 2, loop(name)}
	}
	return f
}

// call rewrites a call of the function called name.
func (w *rewriter) call(n ast.Node, name string, args []ast.Node) ast.Node {
	f, ok := w.forms[name]
	if !ok {
		return w.noForm(n, name)
	}
	if len(args) != f.args {
		return w.refuse(n, fmt.Sprintf("%s takes %d arguments, not %d", name, f.args, len(args)), f.doc)
	}
	return f.rewrite(w, n, args)
}

// plainCall leaves the call of one of expr's own functions as it is.
func plainCall(name string) func(*rewriter, ast.Node, []ast.Node) ast.Node {
	return func(w *rewriter, n ast.Node, args []ast.Node) ast.Node {
		w.nodes += 10
		return put(n, &ast.BuiltinNode{Name: name, Arguments: w.rewriteAll(args)})
	}
}

// meteredCall calls a helper that counts what it does.
func meteredCall(name string) func(*rewriter, ast.Node, []ast.Node) ast.Node {
	return func(w *rewriter, n ast.Node, args []ast.Node) ast.Node {
		return w.helper(n, name, w.meter(), w.rewrite(args[0]))
	}
}

// loop meters one of expr's loops: every round pays for the parts of its
// condition.
func loop(name string) func(*rewriter, ast.Node, []ast.Node) ast.Node {
	return func(w *rewriter, n ast.Node, args []ast.Node) ast.Node {
		condition, ok := args[1].(*ast.PredicateNode)
		if !ok {
			return w.refuse(n, name+" needs a condition", "")
		}
		if w.loops == maxLoops {
			return w.refuse(n, fmt.Sprintf("more than %d loops within loops", maxLoops), "")
		}
		list, before, around := w.rewrite(args[0]), w.nodes, w.rounds
		all := max(1, around) * rounds(args[0])
		if all > maxSteps {
			return w.refuse(n, fmt.Sprintf("the loops go round %d times, and a rule may take no more than %d steps", all, maxSteps), "")
		}
		w.loops, w.rounds = w.loops+1, all
		body := w.rewrite(condition.Node)
		w.loops, w.rounds = w.loops-1, around
		pay := w.helper(n, fnStep, w.meter(), &ast.IntegerNode{Value: 2 + w.nodes - before})
		metered := put(condition, &ast.PredicateNode{Node: put(condition, &ast.SequenceNode{Nodes: []ast.Node{pay, body}})})
		return put(n, &ast.BuiltinNode{Name: name, Arguments: []ast.Node{list, metered}})
	}
}

// rounds returns how often a loop over n goes round, as far as it is written
// out; at least once.
func rounds(n ast.Node) int {
	switch n := n.(type) {
	case *ast.BinaryNode:
		from, ok1 := n.Left.(*ast.IntegerNode)
		to, ok2 := n.Right.(*ast.IntegerNode)
		if n.Operator == ".." && ok1 && ok2 {
			return min(max(1, to.Value-from.Value+1), maxRange)
		}
	case *ast.ArrayNode:
		return max(1, len(n.Nodes))
	}
	return 1
}

// text returns what a node says literally.
func (w *rewriter) text(n ast.Node, what string) (string, bool) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		w.refuse(n, what+" must be written out, in quotes", "")
		return "", false
	}
	return s.Value, true
}

// inGroup rewrites in_group("engineering", requester).
func (w *rewriter) inGroup(n ast.Node, args []ast.Node) ast.Node {
	group, ok := w.text(args[0], "the name of the group")
	if !ok {
		return n
	}
	if slices.Contains(w.spec.Schedules, group) {
		return w.refuse(args[0], group+" is an on-call schedule", `on_call("`+group+`", requester)`)
	}
	if !slices.Contains(w.spec.Groups, group) {
		return w.refuse(args[0], fmt.Sprintf("unknown group %q", group), hint(group, slices.Values(w.spec.Groups)))
	}
	return w.member(n, "in_group", group, args[1])
}

// onCall rewrites on_call("platform", requester).
func (w *rewriter) onCall(n ast.Node, args []ast.Node) ast.Node {
	schedule, ok := w.text(args[0], "the name of the schedule")
	if !ok {
		return n
	}
	if !slices.Contains(w.spec.Schedules, schedule) {
		return w.refuse(args[0], fmt.Sprintf("unknown on-call schedule %q", schedule), hint(schedule, slices.Values(w.spec.Schedules)))
	}
	return w.member(n, "on_call", schedule, args[1])
}

// duration rewrites duration("1h").
func (w *rewriter) duration(n ast.Node, args []ast.Node) ast.Node {
	text, ok := w.text(args[0], "the duration")
	if !ok {
		return n
	}
	d, err := ParseDuration(text)
	if err != nil {
		return w.refuse(args[0], err.Error(), `write it as "30m", "1h" or "1h30m"`)
	}
	return put(n, &ast.ConstantNode{Value: d})
}

var durationShape = regexp.MustCompile(`^(?:(\d{1,4})d)?((?:\d+h)?(?:\d+m)?(?:\d+s)?)$`)

// ParseDuration reads a length of time as people write it in flow files and
// requests: "45s", "30m", "1h", "1h30m" or "7d", each unit once and in this
// order. A day has 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	parts := durationShape.FindStringSubmatch(text)
	if parts == nil || text == "" {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	days, rest := parts[1], parts[2]
	if rest == "" {
		rest = "0s"
	}
	d, err := time.ParseDuration(rest)
	if n, _ := strconv.Atoi(days); n > 0 {
		d += time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	return d, nil
}

// overlaps rewrites window.overlaps("Fri 18:00", "Mon 07:00").
func (w *rewriter) overlaps(n ast.Node, args []ast.Node) ast.Node {
	from, ok1 := w.text(args[0], "the beginning")
	to, ok2 := w.text(args[1], "the end")
	if !ok1 || !ok2 {
		return n
	}
	week, err := parseWeekly(from, to)
	if err != nil {
		return w.refuse(args[0], err.Error(), "")
	}
	key := fmt.Sprintf("window.overlaps(%q, %q)", from, to)
	w.slot(key, boolType, func(in *Input) any {
		return week.overlaps(in.begins(), in.ends(), in.Zone)
	})
	return put(n, &ast.IdentifierNode{Value: key})
}
