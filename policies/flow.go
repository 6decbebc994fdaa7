package policies

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"sesame/flows/access"

	"github.com/expr-lang/expr/vm"
)

// An Input is all that a verdict depends on besides the rules.
type Input struct {
	Request access.Request // its Verdict is not read
	Now     time.Time
	// Begins is when the access would begin, if that is not Now: an extension
	// begins when the grant would have ended.
	Begins time.Time
	Zone   *time.Location // of the flow; nil is UTC
	Facts  Facts

	approver access.Person // for approve_when
	call     *Call         // for rules of calls
}

func (in *Input) begins() time.Time {
	if in.Begins.After(in.Now) {
		return in.Begins
	}
	return in.Now
}

func (in *Input) ends() time.Time { return in.begins().Add(in.Request.Duration) }

// inZone returns in with its zone set.
func (in *Input) inZone() *Input {
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	return in
}

// A rule is a compiled expression.
type rule struct {
	name    string
	index   int // among the flow's rules
	src     Source
	program *vm.Program
	always  bool   // true without a program
	parts   []Part // of a rule with probes
	// approves says that it is asked about who would approve.
	approves bool
}

func (r rule) reason(text string) access.Reason {
	return access.Reason{Rule: r.name, Pos: r.src.Pos.String(), Text: text}
}

type guardrail struct {
	rule
	effect  Effect
	message message
}

// A Flow is a flow's compiled rules. It is safe for concurrent use, and its
// zero value refuses.
type Flow struct {
	name       string
	revision   string
	who        rule
	visible    rule // without a program: to everybody
	guardrails []guardrail
	routes     []route
	slots      []slot
	needs      []Fact
	shownBy    []Fact // what visible reads
	runners    sync.Pool
	schedules  []string     // the groups that are on-call schedules
	probed     func() *Flow // the same rules with probes
}

// Needs returns the facts that Evaluate reads, each once, in order.
func (f *Flow) Needs() []Fact { return f.needs }

// Visible reports whether the targets of the flow are shown to the requester of
// in. A rule that cannot be evaluated shows nothing, and neither does the zero
// Flow.
func (f *Flow) Visible(in Input) bool {
	if f.who.program == nil || f.visible.program == nil {
		return f.who.program != nil
	}
	r := f.runner()
	defer f.runners.Put(r)
	if err := r.load(f.slots, in.inZone()); err != nil {
		return false
	}
	shown, failed := r.truth(f.visible)
	return shown && failed == nil
}

// Admits reports whether who lets the requester of in ask, and whether that is
// known. It is for what people are shown: a verdict asks for more.
func (f *Flow) Admits(in Input) (may, known bool) {
	if f.who.program == nil {
		return false, true
	}
	r := f.runner()
	defer f.runners.Put(r)
	if err := r.load(f.slots, in.inZone()); err != nil {
		return false, false
	}
	may, failed := r.truth(f.who)
	return may && failed == nil, failed == nil
}

// Reads returns the names of everything that the rules read, as in
// "target.tags.env" and "group engineering of requester".
func (f *Flow) Reads() []string {
	names := make([]string, len(f.slots))
	for i, s := range f.slots {
		names[i] = s.key
	}
	return names
}

// Evaluate returns what the rules say about a request. It allows what who
// allows, no guardrail refuses and a route matches; every other outcome,
// errors included, refuses with all the reasons. The route is given with a
// refusal too, if one matches, so that those it names can deny.
func (f *Flow) Evaluate(in Input) access.Verdict {
	if f.who.program == nil {
		return access.Verdict{Revision: f.revision, Reasons: []access.Reason{
			{Rule: "who", Text: "No rules say who may have this; ask an admin to complete the flow."},
		}}
	}
	r := f.runner()
	defer f.runners.Put(r)
	return f.evaluate(r, in)
}

func (f *Flow) evaluate(r *runner, in Input) access.Verdict {
	v := access.Verdict{Revision: f.revision}
	v.Facts = recorded(f.needs, in.Facts)
	if err := r.load(f.slots, in.inZone()); err != nil {
		v.Reasons = []access.Reason{f.who.reason(fmt.Sprintf("Refused, since no rule can read this request: %v.", err))}
		return v
	}
	refusals := append(f.admit(r), f.guard(r, &v)...)
	matched, passed := f.choose(r, in.Request.BreakGlass)
	route, err := matched.forTarget(in.Request.Target)
	if err != nil {
		// Checked when loading; a target from elsewhere is refused.
		refusals = append(refusals, matched.reason(fmt.Sprintf("Refused, since it is not known who decides: %v; tell an admin.", err)))
	}
	v.Route = route
	f.skip(r, in.Request.Target, &v)
	if matched.always || matched.program != nil {
		passed = append([]access.Reason{f.who.reason("The rule \"who\" lets this person ask.")}, passed...)
	} else {
		refusals = append(refusals, passed...)
	}
	v.Allow, v.Reasons = len(refusals) == 0, refusals
	if v.Allow {
		v.Reasons = passed
	}
	return v
}

// admit returns why the requester may not ask.
func (f *Flow) admit(r *runner) []access.Reason {
	may, failed := r.truth(f.who)
	switch {
	case failed != nil:
		return []access.Reason{*failed}
	case !may:
		return []access.Reason{f.who.reason(fmt.Sprintf("You are not among those who may ask for what the flow %s gives; ask an admin if you should be.", f.name))}
	}
	return nil
}

// guard evaluates every guardrail, so that all reasons are told at once. It
// adds the warnings to v and returns the refusals.
func (f *Flow) guard(r *runner, v *access.Verdict) []access.Reason {
	var refusals []access.Reason
	for i := range f.guardrails {
		g := &f.guardrails[i]
		hit, failed := r.truth(g.rule)
		switch {
		case failed != nil:
			refusals = append(refusals, *failed)
		case hit && g.effect == Warn:
			v.Warnings = append(v.Warnings, g.reason(g.message.say(r)))
		case hit != (g.effect == Require):
			refusals = append(refusals, g.reason(g.message.say(r)))
		}
	}
	return refusals
}

// recordedValue returns a fact as text. The usual ones come without formatting.
func recordedValue(v any) string {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return fmt.Sprint(v)
}

// recorded returns the facts by name, as they were.
func recorded(needs []Fact, facts Facts) map[string]string {
	if len(needs) == 0 {
		return nil
	}
	m := make(map[string]string, len(needs))
	for _, n := range needs {
		value, ok := facts[n]
		m[n.String()] = "unknown"
		if ok {
			m[n.String()] = recordedValue(value)
		}
	}
	return m
}
