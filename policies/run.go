package policies

import (
	"errors"
	"fmt"

	"sesame/flows/access"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// A runner is what an evaluation needs and the next one can use again.
type runner struct {
	vm       vm.VM
	env      map[string]any
	meter    meter
	recorder recorder
	traces   []Trace // of rules with probes, else nil
}

// runner returns one that is free.
func (f *Flow) runner() *runner {
	r, ok := f.runners.Get().(*runner)
	if !ok {
		r = &runner{env: make(map[string]any, len(f.slots)+2)}
		r.env[meterKey], r.env[recorderKey] = &r.meter, &r.recorder
		r.vm.MemoryBudget = maxMemory
	}
	r.meter.flow = maxFlow
	return r
}

// load fills the slots. It refuses texts that would make the cost of a rule
// depend on how much somebody typed.
func (r *runner) load(slots []slot, in *Input) error {
	for _, s := range slots {
		v := s.value(in)
		if text, ok := v.(string); ok && len(text) > maxText {
			return fmt.Errorf("%s is longer than %d bytes", s.key, maxText)
		}
		r.env[s.key] = v
	}
	return nil
}

// truth evaluates a rule. What fails is told to the requester, who can do
// nothing about it but pass on where it is.
func (r *runner) truth(rule rule) (bool, *access.Reason) {
	if r.traces == nil {
		return r.value(rule)
	}
	r.recorder.parts = r.traces[rule.index].Parts
	value, failed := r.value(rule)
	r.note(rule, value, failed)
	return value, failed
}

func (r *runner) value(rule rule) (bool, *access.Reason) {
	if rule.always {
		return true, nil
	}
	out, err := r.run(rule.program)
	if b, ok := out.(bool); ok && err == nil {
		return b, nil
	}
	pos, message := rule.src.Pos, "it is neither true nor false"
	if e, ok := errors.AsType[*file.Error](err); ok {
		pos, message = rule.src.position(e.From), plain(e.Message)
	} else if err != nil {
		message = err.Error()
	}
	text := "Refused, since the rule %q at %s cannot be evaluated: %s; tell an admin."
	if rule.approves {
		text = "An approval does not count, since approve_when of the route %q at %s cannot be evaluated: %s; tell an admin."
	}
	return false, &access.Reason{Rule: rule.name, Pos: pos.String(), Text: fmt.Sprintf(text, rule.name, pos, message)}
}

// run runs a program. Whatever goes wrong in there comes back as an error.
func (r *runner) run(p *vm.Program) (out any, err error) {
	defer func() {
		if e := recover(); e != nil {
			out, err = nil, fmt.Errorf("internal error: %v", e)
		}
	}()
	r.meter.begin()
	defer r.meter.end()
	return r.vm.Run(p, r.env)
}
