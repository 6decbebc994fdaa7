package bot

import (
	"context"
	"sync"
)

// A crew does jobs on a bounded number of goroutines, which last while there
// is work, from the moment it is opened until its context ends.
type crew struct {
	limit    int
	capacity int  // jobs that wait; 0 is any number, since they are stored
	early    bool // jobs may come before it is opened, and wait

	mu      sync.Mutex      // guards what follows
	ctx     context.Context // the owner's lifetime, which the jobs get; nil before
	wg      *sync.WaitGroup
	closed  bool
	running int
	queue   []func(context.Context)
}

// open lets the crew work for the lifetime of ctx; wg waits for it.
func (c *crew) open(ctx context.Context, wg *sync.WaitGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx, c.wg = ctx, wg
	for len(c.queue) > 0 && c.running < c.limit {
		c.startLocked(c.queue[0])
		c.queue = c.queue[1:]
	}
}

// close takes no more jobs, and forgets those that wait.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.queue = true, nil
}

// do has job done, or reports that it will not be.
func (c *crew) do(job func(context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ctx == nil && !c.early || c.ctx != nil && c.ctx.Err() != nil {
		return false
	}
	if c.ctx != nil && c.running < c.limit {
		c.startLocked(job)
		return true
	}
	if c.capacity > 0 && len(c.queue) >= c.capacity {
		return false
	}
	c.queue = append(c.queue, job)
	return true
}

func (c *crew) startLocked(job func(context.Context)) {
	c.running++
	ctx := c.ctx
	c.wg.Go(func() { c.work(ctx, job) })
}

func (c *crew) work(ctx context.Context, job func(context.Context)) {
	for job != nil {
		job(ctx)
		job = c.next()
	}
}

func (c *crew) next() func(context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || c.ctx.Err() != nil {
		c.running--
		return nil
	}
	job := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	return job
}
