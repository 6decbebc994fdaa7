package policies

import (
	"errors"
	"fmt"
)

// A meter counts what an evaluation costs and stops it. A step is about as
// much work as one operation of expr, a tenth of a microsecond at the most.
//
// expr has no limit on time, and its memory budget does not see loops within
// loops; so each rule is rewritten to count when a loop goes round, a pattern
// is matched and a text is made. All other operations are bounded by the length of the
// rule and of the texts that it can read.
type meter struct {
	rule  int // left for the rule
	flow  int // left for all rules
	begun int // what the rule had when it began
}

var errTooMuch = errors.New("the rule needs too much work")

// begin starts the count for one rule.
func (m *meter) begin() {
	m.rule = min(maxSteps, m.flow)
	m.begun = m.rule
}

// end takes what the rule used from what its flow may use.
func (m *meter) end() { m.flow -= m.begun - max(m.rule, 0) }

func (m *meter) spend(steps int) error {
	if m.rule -= steps; m.rule < 0 {
		return errTooMuch
	}
	return nil
}

// step counts one round of a loop.
func step(args ...any) (any, error) {
	return true, args[0].(*meter).spend(args[1].(int))
}

// matches reports whether a text matches a pattern.
func matches(args ...any) (any, error) {
	p := args[2].(*pattern)
	text, ok := args[1].(string)
	if !ok {
		return nil, fmt.Errorf("matches needs a text, not %v", args[1])
	}
	if err := args[0].(*meter).spend(1 + len(text)*p.size/10); err != nil {
		return nil, err
	}
	return p.re.MatchString(text), nil
}

// spendText counts the making of a text of n bytes.
func (m *meter) spendText(n int) error {
	if n > maxText {
		return fmt.Errorf("a text is longer than %d bytes", maxText)
	}
	return m.spend(1 + n/2)
}

// join is + between texts.
func join(args ...any) (any, error) {
	a, b := args[1].(string), args[2].(string)
	if err := args[0].(*meter).spendText(len(a) + len(b)); err != nil {
		return nil, err
	}
	return a + b, nil
}

// metered is a function that makes a text from another.
func metered(f func(string) string) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		text, ok := args[1].(string)
		if !ok {
			return nil, fmt.Errorf("a text is needed, not %v", args[1])
		}
		if err := args[0].(*meter).spendText(len(text)); err != nil {
			return nil, err
		}
		return f(text), nil
	}
}
