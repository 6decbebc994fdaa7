package socket

import (
	"fmt"
	"time"
)

// greet notes Slack's hello.
func (c *conn) greet(h hello, now time.Time) {
	c.client.welcome(h)
	c.greetOnce.Do(func() {
		c.open(now)
		close(c.greeted)
		c.client.cfg.Report(Event{Kind: Opened, Conn: c.id})
	})
}

func (c *conn) open(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.helloAt = now
	if c.state == Opening {
		c.state = Open
	}
}

func (c *conn) saidHello() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.helloAt.IsZero()
}

// tell notes that Slack wants the connection to leave.
func (c *conn) tell(reason string) {
	switch reason {
	case "warning", "refresh_requested", linkDisabled, tooMany:
		if !c.end(reason, nil) {
			c.client.countEnd(reason)
		}
	default:
		c.end("other", fmt.Errorf("disconnect reason %.40q", reason))
	}
	c.tellOnce.Do(func() { close(c.told) })
}

// leaving notes that c is about to be closed by us, unless there was a
// reason before.
func (c *conn) leaving() {
	if c.lives.run.Err() != nil {
		c.end("shutdown", nil)
	} else {
		c.end("no_hello", nil)
	}
}

// end notes the first reason why c ends, and reports whether it is this one.
func (c *conn) end(reason string, err error) bool {
	c.mu.Lock()
	first := c.why == ""
	if first {
		c.why, c.state = reason, Leaving
	}
	c.mu.Unlock()
	if first {
		c.client.countEnd(reason)
		c.client.cfg.Report(Event{Kind: Ended, Conn: c.id, Reason: reason, Err: err})
	}
	return first
}

func (c *conn) reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// vanished reports whether c ended without a word from Slack, which may not
// have noticed.
func (c *conn) vanished() bool {
	why := c.reason()
	return why == silent || why == lost
}
