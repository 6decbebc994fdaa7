package stories_test

import (
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
)

// calm is how often in a row nothing may be seen to run until that is
// believed: a byte may be on its way from one socket to another.
const calm = 4

// eager is how often to look before it is left to others to come to an end.
const eager = 50

// A pacemaker moves a story's clock, but only while nothing in this process
// runs: then everybody waits for the clock, for Slack's people, or for ever.
type pacemaker struct {
	clock *clock.Movable

	moving  sync.Mutex // held while waiting for quiet and moving the clock
	samples []metrics.Sample
	bell    bell
}

// busy are the numbers of goroutines that run, are about to, or are in the
// system.
var busy = []string{
	"/sched/goroutines/running:goroutines", "/sched/goroutines/runnable:goroutines", "/sched/goroutines/not-in-go:goroutines",
}

func newPacemaker(t *testing.T, c *clock.Movable) *pacemaker {
	p := &pacemaker{clock: c}
	for _, name := range busy {
		p.samples = append(p.samples, metrics.Sample{Name: name})
	}
	if err := p.bell.hang(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.bell.takeDown(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// quiet blocks until nothing in this process runs but its caller.
func (p *pacemaker) quiet() {
	p.moving.Lock()
	defer p.moving.Unlock()
	p.quietLocked()
}

func (p *pacemaker) quietLocked() {
	for seen, looked := 0, 0; seen < calm; looked++ {
		p.bell.ring()
		if p.running() == 1 {
			seen++
			continue
		}
		seen = 0
		if looked > eager {
			breathe()
		}
	}
}

// breathe leaves the processors to whoever is busy, for as short a time as the
// machine's timers can measure.
func breathe() {
	machine := clock.System{}
	<-machine.Timer(machine.Now().Add(time.Millisecond)).C
}

// running is how many goroutines run, or are about to.
func (p *pacemaker) running() (n uint64) {
	metrics.Read(p.samples)
	for _, s := range p.samples {
		n += s.Value.Uint64()
	}
	return n
}

// pass lets d pass, with a halt at every moment at which something is due.
func (p *pacemaker) pass(d time.Duration) {
	p.moving.Lock()
	defer p.moving.Unlock()
	end := p.clock.Now().Add(d)
	for {
		p.quietLocked()
		next, due := p.clock.Next()
		if !due || !next.Before(end) {
			break
		}
		p.clock.Advance(max(next.Sub(p.clock.Now()), least))
	}
	p.clock.Advance(max(0, end.Sub(p.clock.Now())))
	p.quietLocked()
}

const (
	// least is how far the clock moves at least.
	least = time.Millisecond
	// stride is how far it moves at most while somebody waits for something:
	// less than the three seconds in which Slack wants an answer.
	stride = time.Second
)

// await lets time pass until done reports true, for d at most.
func (p *pacemaker) await(what string, d time.Duration, done func() bool) error {
	for until := p.clock.Now().Add(d); ; p.pass(p.nearest()) {
		p.quiet()
		switch {
		case done():
			return nil
		case !p.clock.Now().Before(until):
			return fmt.Errorf("waited %v until %s", d, what)
		}
	}
}

// nearest is how long it takes until something is due, a stride at most.
func (p *pacemaker) nearest() time.Duration {
	next, due := p.clock.Next()
	if !due {
		return stride
	}
	return min(max(next.Sub(p.clock.Now()), least), stride)
}

// A bell is heard once everything that is on its way through the system has
// arrived: whoever waits at a socket is woken in the order in which the sockets
// became ready, and the bell is one of them.
type bell struct {
	listener errgroup.Group
	in, out  *os.File
	heard    chan struct{}
}

func (b *bell) hang() (err error) {
	b.heard = make(chan struct{})
	if b.out, b.in, err = os.Pipe(); err != nil {
		return err
	}
	b.listener.Go(func() error {
		for note := make([]byte, 1); ; b.heard <- struct{}{} {
			if _, err := b.out.Read(note); err != nil {
				return nil // taken down
			}
		}
	})
	return nil
}

// ring returns once the bell was heard.
func (b *bell) ring() {
	if _, err := b.in.Write([]byte{0}); err != nil {
		panic(err) // a pipe that we hold both ends of
	}
	<-b.heard
}

func (b *bell) takeDown() error {
	return errors.Join(b.in.Close(), b.listener.Wait(), b.out.Close())
}
