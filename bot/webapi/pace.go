package webapi

import (
	"sync"
	"time"
)

// Slack's tiers, in calls a minute. A method whose limit is only called
// "several hundred" is special. (Slack docs: Rate limits.)
const (
	tier2   = 20
	tier3   = 50
	tier4   = 100
	special = 300
)

// limits are the calls a minute of each method that is used.
var limits = map[string]int{
	authTest:          special,
	chatPostMessage:   special,
	chatUpdate:        tier3,
	conversationsOpen: tier3,
	conversationsInfo: tier3,
	usersInfo:         tier4,
	usersByEmail:      tier3,
	usergroupsList:    tier2,
	usergroupsUsers:   tier2,
	viewsOpen:         tier4,
	viewsUpdate:       tier4,
	viewsPublish:      tier4,
}

// perChannel is how long a channel rests between two messages: Slack allows one
// a second, and calls that leave a second apart may arrive closer together.
const perChannel = 1100 * time.Millisecond

// A pacer keeps calls apart, in a line per key. A caller takes a place in the
// line, comes back when it is, and is admitted, or told to come back later: it
// may be late, and others with it. It is safe for concurrent use.
type pacer struct {
	off   bool       // everybody goes at once
	mu    sync.Mutex // guards lines
	lines map[string]*line
}

// A pace is burst calls at once, and one more after each gap.
type pace struct {
	gap   time.Duration
	burst int
}

// A line is who wants to call, and who did.
type line struct {
	pace
	taken    time.Time // when the places that are taken are used up
	admitted time.Time // when the calls that were made are forgotten
	held     time.Time // nobody goes before
}

// perMinute spreads four fifths of a minute's calls over the minute and lets
// the rest go at once, so that no minute sees more than the limit, wherever it
// begins.
func perMinute(method string) pace {
	n := limits[method]
	burst := max(1, n/5)
	return pace{gap: time.Minute / time.Duration(max(1, n-burst)), burst: burst}
}

// next returns when one more call fits after those that end at last.
func (p pace) next(last, now time.Time) time.Time {
	return latest(now, last.Add(-time.Duration(p.burst-1)*p.gap))
}

// A turn is a key and its pace.
type turn struct {
	key  string
	pace pace
}

// take takes the next place in each line, and returns when the last of them
// is.
func (p *pacer) take(now time.Time, turns ...turn) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	for _, t := range turns {
		l := p.lineLocked(t)
		if !p.off {
			at = latest(at, l.next(l.taken, now))
			l.taken = latest(l.taken, now).Add(l.gap)
		}
		at = latest(at, l.held)
	}
	return at
}

// admit lets a call go now if every line allows it, and otherwise returns when
// to come back.
func (p *pacer) admit(now time.Time, turns ...turn) (ok bool, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at = now
	for _, t := range turns {
		l := p.lineLocked(t)
		if !p.off {
			at = latest(at, l.next(l.admitted, now))
		}
		at = latest(at, l.held)
	}
	if at.After(now) {
		return false, at
	}
	for _, t := range turns {
		l := p.lineLocked(t)
		l.admitted = latest(l.admitted, now).Add(l.gap)
	}
	return true, now
}

// hold lets nobody go before until.
func (p *pacer) hold(until time.Time, t turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lineLocked(t)
	l.held = latest(l.held, until)
	l.taken = latest(l.taken, until) // who comes now stands behind the hold
}

func (p *pacer) lineLocked(t turn) *line {
	l, ok := p.lines[t.key]
	if !ok {
		p.sweepLocked()
		l = &line{pace: t.pace}
		p.lines[t.key] = l
	}
	return l
}

// mostLines is how many lines are kept before those are dropped that a new
// one would equal.
const mostLines = 4096

func (p *pacer) sweepLocked() {
	if len(p.lines) < mostLines {
		return
	}
	var last time.Time
	for _, l := range p.lines {
		last = latest(last, l.admitted)
	}
	long := last.Add(-time.Hour)
	for key, l := range p.lines {
		if latest(l.taken, l.admitted, l.held).Before(long) {
			delete(p.lines, key)
		}
	}
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
