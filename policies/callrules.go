package policies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sesame/flows/access"

	"github.com/expr-lang/expr/file"
)

// A Call is what the rules of calls read: one call of AWS, and the grant under
// which it is made.
type Call struct {
	Service, Operation, Level, Region string
	// SourceIP is where it comes from; empty where that is not known.
	SourceIP string
	// Actions are those of IAM that it needs, at least one. A rule that reads
	// the action is asked about each.
	Actions []string
	// Params are the values of the parameters that say what it is about.
	Params map[string][]string
	// Partial are the parameters of which Params lacks a value.
	Partial []string
	// Unread says why a parameter that is not among Params may be there all
	// the same; empty when it is not.
	Unread string

	Grant   access.GrantID
	Ends    time.Time       // when the grant does
	Request *access.Request // that the grant came from
	Now     time.Time

	action string // of Actions, the one that is asked about
}

// A CallRule refuses the calls for which Deny is true.
type CallRule struct {
	Name string
	Deny Source
	// Message is what whoever calls is told, with names as in a Guardrail's.
	Message Source
}

// A CallSpec is the rules of calls before they are compiled.
type CallSpec struct {
	Rules []CallRule
	// Targets are those that the rules are for. Reading a tag that one of them
	// lacks is a problem, unless the rule says what to take instead.
	Targets []Target
	Zone    *time.Location // nil is UTC
}

// CallRules are the compiled rules of calls. They are safe for concurrent use,
// and the zero CallRules refuse.
type CallRules struct {
	zone  *time.Location
	rules []callRule
	// What the rules read of the grant's request, which stays, of each call,
	// and in messages alone.
	fixed, moving, said []slot
	compiled            bool
	free                sync.Pool // of *judging
}

type callRule struct {
	rule
	message   message
	perAction bool
}

// CompileCalls compiles rules of calls, within the same bounds as those of
// flows. When there are problems, all of them are returned and no CallRules.
func CompileCalls(s CallSpec) (*CallRules, []Problem) {
	c := newRules(Spec{Targets: s.Targets})
	c.calls, c.vars, c.forms, c.people = true, callVariables(), callForms(), nil
	rs := &CallRules{zone: s.Zone}
	if rs.zone == nil {
		rs.zone = time.UTC
	}
	for _, r := range s.Rules {
		w := &rewriter{rules: c, src: r.Deny}
		rs.rules = append(rs.rules, callRule{rule: w.rule(r.Name), perAction: w.perAction})
	}
	for _, s := range c.slots {
		if isFixed(s.key) {
			rs.fixed = append(rs.fixed, s)
		} else {
			rs.moving = append(rs.moving, s)
		}
	}
	read := len(c.slots)
	for i, r := range s.Rules {
		rs.rules[i].message = c.message(r.Message)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	rs.said, rs.compiled = c.slots[read:], true
	return rs, nil
}

// isFixed reports whether a slot is the same for all calls of one grant.
func isFixed(key string) bool {
	return strings.HasPrefix(key, "target.") || strings.HasPrefix(key, "requester.")
}

// A judging is what the evaluation for one call needs and the next can use
// again.
type judging struct {
	*runner
	in   Input
	call Call
	read *access.Request // whose fixed slots are loaded
}

// judging returns one with what the rules read of c.
func (rs *CallRules) judging(c Call) (*judging, error) {
	j, ok := rs.free.Get().(*judging)
	if !ok {
		j = &judging{runner: new(Flow).runner()}
		j.in.call, j.in.Zone = &j.call, rs.zone
	}
	j.meter.flow = maxFlow
	j.call, j.in.Now = c, c.Now
	j.call.action = c.Actions[0]
	if j.read != c.Request {
		j.read, j.in.Request = nil, *c.Request
		if err := j.load(rs.fixed, &j.in); err != nil {
			return j, err
		}
		j.read = c.Request
	}
	return j, j.load(rs.moving, &j.in)
}

// Refuses reports whether a rule refuses the call, and says which and why: the
// first that is true or cannot be evaluated.
func (rs *CallRules) Refuses(c Call) (access.Reason, bool) {
	if !rs.compiled || len(c.Actions) == 0 || c.Request == nil {
		return access.Reason{Text: "Refused, since it is not known what the rules say about this call; tell an admin."}, true
	}
	if len(rs.rules) == 0 {
		return access.Reason{}, false
	}
	j, err := rs.judging(c)
	defer rs.free.Put(j)
	if err != nil {
		return access.Reason{Text: fmt.Sprintf("Refused, since no rule can read this call: %v.", err)}, true
	}
	for i := range rs.rules {
		if why, hit := rs.refuses(j, &rs.rules[i]); hit {
			return why, true
		}
	}
	return access.Reason{}, false
}

// refuses asks a rule about the call, or about each of its actions.
func (rs *CallRules) refuses(j *judging, r *callRule) (access.Reason, bool) {
	actions := j.call.Actions
	if !r.perAction {
		actions = actions[:1]
	}
	for _, action := range actions {
		if action != j.call.action {
			j.call.action, j.env[actionName] = action, action
		}
		out, err := j.run(r.program)
		hit, ok := out.(bool)
		switch {
		case err != nil || !ok:
			return access.Reason{Rule: r.name, Text: fmt.Sprintf("Refused, since the rule %q of calls cannot be evaluated: %s; tell an admin.", r.name, unevaluated(err))}, true
		case hit:
			return access.Reason{Rule: r.name, Text: rs.message(j, r)}, true
		}
	}
	return access.Reason{}, false
}

// message is what a rule says of a call.
func (rs *CallRules) message(j *judging, r *callRule) string {
	if err := j.load(rs.said, &j.in); err != nil {
		return fmt.Sprintf("The rule %q refuses this call; ask an admin why.", r.name)
	}
	return r.message.say(j.runner)
}

// unevaluated says why a rule has no value.
func unevaluated(err error) string {
	if e, ok := errors.AsType[*file.Error](err); ok {
		return plain(e.Message)
	}
	if err == nil {
		return "it is neither true nor false"
	}
	return err.Error()
}

// param returns the slot value of a parameter that has one value.
func param(name string) func(*Input) any {
	none := any(missing("the call has no parameter " + name))
	return func(in *Input) any {
		values, unknown := in.call.values(name)
		switch {
		case unknown != "":
			return broken(unknown)
		case len(values) == 0:
			return none
		case len(values) > 1:
			return broken(fmt.Sprintf("the parameter %s has %d values", name, len(values)))
		}
		return values[0]
	}
}

// params is param for all the values there are.
func params(name string) func(*Input) any {
	return func(in *Input) any {
		values, unknown := in.call.values(name)
		if unknown != "" {
			return broken(unknown)
		}
		return values
	}
}

// given returns the slot value of the question whether there is a parameter.
func given(name string) func(*Input) any {
	return func(in *Input) any {
		values, unknown := in.call.values(name)
		if unknown != "" && len(values) == 0 {
			return broken(unknown)
		}
		return len(values) > 0
	}
}

// values are those of a parameter, and why they are not all.
func (c *Call) values(name string) (values []string, unknown string) {
	values = c.Params[name]
	switch {
	case slices.Contains(c.Partial, name):
		return values, "the parameter " + name + " is longer than is read"
	case len(values) == 0 && c.Unread != "":
		return nil, "whether the call has the parameter " + name + " is not known: " + c.Unread
	}
	return values, ""
}
