package policies

import (
	"time"

	"sesame/flows/access"
)

// An Input is all that a verdict depends on besides the rules.
type Input struct {
	Request access.Request // its Verdict is not read
	Now     time.Time
	Zone    *time.Location // of the flow; nil is UTC
	Facts   Facts
}

// A Flow is a flow's compiled rules. It is safe for concurrent use, and its
// zero value refuses.
type Flow struct {
	needs []Fact
}

// Compile compiles the rules of a flow. When there are problems, all of them
// are returned and the Flow is nil.
func Compile(s Spec) (*Flow, []Problem) { return &Flow{}, nil }

// Needs returns the facts that Evaluate reads, each once, in order.
func (f *Flow) Needs() []Fact { return f.needs }

// Evaluate returns what the rules say about a request.
func (f *Flow) Evaluate(in Input) access.Verdict { return access.Verdict{} }
