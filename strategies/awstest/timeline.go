package awstest

import "time"

// A timeline is a value with its past, for what may be read late.
type timeline[T any] struct{ states []state[T] }

type state[T any] struct {
	from  time.Time
	value T
}

// set makes v the value from a moment on.
func (t *timeline[T]) set(from time.Time, v T) {
	t.states = append(t.states, state[T]{from, v})
}

// at returns the value as it was at a moment: the zero value before the first.
func (t *timeline[T]) at(moment time.Time) T {
	for i := len(t.states) - 1; i >= 0; i-- {
		if !t.states[i].from.After(moment) {
			return t.states[i].value
		}
	}
	var none T
	return none
}

// now returns the value as it is.
func (t *timeline[T]) now() T {
	if len(t.states) == 0 {
		var none T
		return none
	}
	return t.states[len(t.states)-1].value
}
