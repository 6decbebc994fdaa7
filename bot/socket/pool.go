package socket

import (
	"encoding/json"
	"sync"
)

// The classes of deliveries, each with workers of its own.
const (
	events = iota
	commands
	clicks
	submits
	typeAhead
	classes // how many there are
)

// classOf tells what kind of work e means, from its type alone.
func classOf(e Envelope) int {
	switch e.Type {
	case "events_api":
		return events
	case "slash_commands":
		return commands
	}
	var p struct {
		Type string `json:"type"`
	}
	// A payload without a type is the handler's to complain about.
	_ = json.Unmarshal(e.Payload, &p)
	switch p.Type {
	case "view_submission":
		return submits
	case "block_suggestion":
		return typeAhead
	default:
		return clicks
	}
}

// A pool runs jobs on up to limit goroutines, which last while there is work,
// and queues up to capacity more.
type pool struct {
	wg       *sync.WaitGroup // of the owner, who waits
	limit    int
	capacity int

	mu      sync.Mutex // guards what follows
	running int
	queue   []func()
}

// submit takes job, or reports that there is no room. It does not wait.
func (p *pool) submit(job func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running < p.limit {
		p.running++
		p.wg.Go(func() { p.work(job) })
		return true
	}
	if len(p.queue) >= p.capacity {
		return false
	}
	p.queue = append(p.queue, job)
	return true
}

func (p *pool) work(job func()) {
	for job != nil {
		job()
		job = p.next()
	}
}

// next returns the job that waits longest; with none, the worker is done.
func (p *pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.running--
		return nil
	}
	job := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return job
}
