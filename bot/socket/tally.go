package socket

import "sync"

// A tally counts what is in flight, and can be sealed against more.
type tally struct {
	mu      sync.Mutex // guards what follows
	n       int
	sealing bool
	sealed  bool
	idle    chan struct{}
}

// add counts one more and reports whether that was still possible.
func (t *tally) add() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sealed {
		return false
	}
	t.n++
	return true
}

func (t *tally) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	t.settleLocked()
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// sealWhenIdle seals t the moment that nothing is in flight, and returns a
// channel that is closed then.
func (t *tally) sealWhenIdle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealing = true
	t.idle = make(chan struct{})
	t.settleLocked()
	return t.idle
}

// seal lets nothing more in. What is in flight goes on.
func (t *tally) seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed = true
}

// settleLocked closes idle once, when t is empty and was asked to tell.
func (t *tally) settleLocked() {
	if t.n > 0 || !t.sealing {
		return
	}
	t.sealing, t.sealed = false, true
	close(t.idle)
}
