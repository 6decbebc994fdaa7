package proxy

import (
	"net/netip"
	"sync"
	"time"

	"sesame/proxy/sigv4"
)

// A repeat is what is known about a signature.
type repeat uint8

const (
	repeatNone repeat = iota
	repeatSame
	repeatElsewhere
	repeatUnknown // it may have been seen by the server before this one
	repeatFull
)

// repeats remembers signatures for as long as they can be repeated. Two
// generations take turns, so that nothing is looked for when time has passed.
type repeats struct {
	since time.Time // what was seen before is not known; in whole seconds, as signatures are

	mu        sync.Mutex // guards what follows
	young     map[mark]netip.Addr
	old       map[mark]netip.Addr
	turned    time.Time
	presigned map[mark]presigned
}

// A mark is half of a signature, which is as hard to meet by chance as a key.
type mark [16]byte

type presigned struct {
	from  netip.Addr
	until time.Time
}

// maxMarks bounds what is remembered: about 100 MB, and 1,700 calls a second.
const maxMarks = 1 << 20

func newRepeats(now time.Time) *repeats {
	return &repeats{since: now.Truncate(time.Second), young: map[mark]netip.Addr{}, old: map[mark]netip.Addr{}, presigned: map[mark]presigned{}}
}

// see notes a verified signature, and says whether it was seen before.
func (r *repeats) see(s *sigv4.Signed, from netip.Addr, now time.Time) repeat {
	sum := s.Mark()
	m := mark(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(now)
	before, known := r.findLocked(m)
	switch {
	case known && before != from:
		return repeatElsewhere
	case known:
		return repeatSame
	case len(r.young) >= maxMarks || len(r.presigned) >= maxMarks:
		return repeatFull
	case s.Presigned:
		r.presigned[m] = presigned{from, s.Time.Add(s.Expires)}
	default:
		r.young[m] = from
	}
	if s.Time.Before(r.since) {
		return repeatUnknown
	}
	return repeatNone
}

func (r *repeats) findLocked(m mark) (netip.Addr, bool) {
	if from, ok := r.young[m]; ok {
		return from, true
	}
	if from, ok := r.old[m]; ok {
		return from, true
	}
	p, ok := r.presigned[m]
	return p.from, ok
}

// turnLocked forgets what is too old to be verified again. A signature is good
// for a window before its time and one after it.
func (r *repeats) turnLocked(now time.Time) {
	if now.Sub(r.turned) < 2*sigv4.Window {
		return
	}
	r.young, r.old, r.turned = map[mark]netip.Addr{}, r.young, now
	for m, p := range r.presigned {
		if now.After(p.until) {
			delete(r.presigned, m)
		}
	}
}
