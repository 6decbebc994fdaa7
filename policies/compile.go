package policies

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Compile compiles the rules of a flow. When there are problems, all of them
// are returned and the Flow is nil.
func Compile(s Spec) (*Flow, []Problem) {
	f, problems := compile(s, false)
	if f != nil {
		f.probed = sync.OnceValue(func() *Flow {
			// What compiles compiles with probes.
			probed, _ := compile(s, true)
			return probed
		})
	}
	return f, problems
}

// compile compiles the rules, with or without a probe around each part.
func compile(s Spec, probing bool) (*Flow, []Problem) {
	c := newRules(s)
	c.probing = probing
	f := &Flow{name: s.Flow, revision: s.Revision, who: c.rule("who", s.Who), schedules: s.Schedules}
	for _, g := range s.Guardrails {
		f.guardrails = append(f.guardrails, guardrail{c.rule(g.Name, g.Rule), g.Effect, c.message(g.Message)})
	}
	for _, r := range s.Routes {
		f.routes = append(f.routes, c.route(r))
	}
	f.needs = slices.Clip(c.needs)
	if s.Visible.Text != "" {
		c.read = nil
		f.visible = c.rule("visible_when", s.Visible)
		f.shownBy = c.read
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	f.slots = c.slots
	return f, nil
}

// rules compiles the rules of one flow, which share what they read.
type rules struct {
	spec     Spec
	conf     *conf.Config
	vars     map[string]variable
	forms    map[string]form
	people   []Role          // whom rules can speak of
	known    map[string]bool // the keys of slots
	probing  bool
	calls    bool // they are rules of calls
	compiled int  // rules
	slots    []slot
	needs    []Fact
	read     []Fact // by the rules compiled so far, again and again
	problems []Problem
}

func newRules(s Spec) *rules {
	c := &rules{spec: s, conf: conf.New(map[string]any{}), vars: variables(), forms: forms(), people: []Role{Requester}, known: map[string]bool{}}
	c.conf.Expect, c.conf.ExpectAny = reflect.Bool, false
	// The optimizer rewrites rules in ways that nobody reading them expects,
	// to gain time that is not missed.
	c.conf.Optimize = false
	c.conf.Functions = helpers()
	c.bind(meterKey, reflect.TypeFor[*meter]())
	c.bind(recorderKey, reflect.TypeFor[*recorder]())
	return c
}

// bind tells the type checker the type of what stands under key.
func (c *rules) bind(key string, t reflect.Type) {
	c.conf.Env.Fields[key] = c.conf.NtCache.FromType(t)
}

// slot makes sure that each evaluation has the value of get under key.
func (c *rules) slot(key string, t reflect.Type, get func(*Input) any) {
	if c.known[key] {
		return
	}
	c.known[key] = true
	c.slots = append(c.slots, slot{key, get})
	c.bind(key, t)
}

// need is fact for membership in a group.
func (c *rules) need(f Fact) string {
	where := "in the group " + f.Name
	if slices.Contains(c.spec.Schedules, f.Name) {
		where = "on call on the schedule " + f.Name
	}
	return c.fact(f, boolType, "it is not known whether the "+string(f.About)+" is "+where)
}

// fact is slot for a fact of a type; it returns the key.
func (c *rules) fact(f Fact, t reflect.Type, unknown string) string {
	key := f.String()
	c.read = append(c.read, f)
	if !c.known[key] {
		c.needs = append(c.needs, f)
	}
	c.slot(key, anyType, func(in *Input) any {
		v, ok := in.Facts[f]
		if !ok || reflect.TypeOf(v) != t {
			return broken(unknown)
		}
		return v
	})
	return key
}

// route compiles a route.
func (c *rules) route(r Route) route {
	rt := route{then: r.Then, groups: r.GroupsFrom, approve: c.approval(r)}
	if r.When.Text == "" {
		c.compiled++
		rt.rule = rule{name: r.Then.Name, index: c.compiled - 1, src: r.When, always: true}
		return rt
	}
	w := &rewriter{rules: c, src: r.When, ordinary: r.Then.Glass == nil}
	rt.rule = w.rule(r.Then.Name)
	rt.admits = w.admits
	return rt
}

// rule compiles one expression, or notes what is wrong with it.
func (c *rules) rule(name string, src Source) rule {
	return (&rewriter{rules: c, src: src}).rule(name)
}

// rule is rules.rule for what w reads.
func (w *rewriter) rule(name string) rule {
	c, src := w.rules, w.src
	if c.probing {
		w.made = map[ast.Node]int{}
	}
	program, err := w.compile()
	if err != nil {
		w.report(err)
	}
	c.problems = append(c.problems, w.problems...)
	c.compiled++
	return rule{name: name, index: c.compiled - 1, src: src, program: program, parts: w.parts}
}

// errReported says that the problems of a rule were noted already.
var errReported = errors.New("reported")

// compile parses, rewrites, checks and compiles the rule. The stages are
// called one by one, and not through expr.Compile, because the rewritten rule
// is what has to be checked: as written, its names mean nothing to expr.
func (w *rewriter) compile() (p *vm.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the rule cannot be compiled: %v", r)
		}
	}()
	node, err := parse(w.src.Text, w.conf)
	if err != nil {
		return nil, err
	}
	tree := &parser.Tree{Node: w.rewrite(node), Source: file.NewSource(w.src.Text)}
	w.unguarded()
	if len(w.problems) > 0 {
		return nil, errReported
	}
	if _, err := checker.Check(tree, w.conf); err != nil {
		return nil, err
	}
	ast.Walk(&tree.Node, finish{w})
	if len(w.problems) > 0 {
		return nil, errReported
	}
	return compiler.Compile(tree, w.conf)
}

// report notes an error of expr, or of parse.
func (w *rewriter) report(err error) {
	if errors.Is(err, errReported) {
		return
	}
	at, message := 0, err.Error()
	if e, ok := errors.AsType[*file.Error](err); ok {
		at, message = e.From, e.Message
	}
	said := plain(message)
	w.problem(at, said, advice(said))
}

func (w *rewriter) problem(at int, message, hint string) {
	w.problems = append(w.problems, Problem{Pos: w.src.position(at), Message: message, Hint: hint})
}
