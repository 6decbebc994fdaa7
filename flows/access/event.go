package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// An Event is one line of the record of a request: what happened, when, by
// whom. The events of a request chain: each carries the hash of the one
// before, so that none can be changed, removed or put in without breaking
// every later one. The store sets Pos, Seq, Prev and Hash when it commits.
type Event struct {
	Pos    uint64          `json:"pos"` // in the whole log, from 1
	Stream RequestID       `json:"stream"`
	Seq    uint64          `json:"seq"` // in the stream, from 1
	At     time.Time       `json:"at"`
	Type   EventType       `json:"type"`
	Actor  PersonID        `json:"actor,omitempty"` // empty for Sesame itself
	Name   string          `json:"name,omitempty"`  // of the actor, for people
	Data   json.RawMessage `json:"data,omitempty"`
	Prev   string          `json:"prev"` // hash of the event before; empty for the first
	Hash   string          `json:"hash"`
}

// An EventType says what happened.
type EventType string

// The events of a request, in the order in which they usually come.
const (
	EventRefused   EventType = "refused" // asked, and the rules said no
	EventAsked     EventType = "asked"
	EventChanged   EventType = "changed"  // the terms or the route, since they were shown
	EventApproved  EventType = "approved" // one approval; the last one grants
	EventDenied    EventType = "denied"
	EventWithdrawn EventType = "withdrawn"
	EventLapsed    EventType = "lapsed"
	EventEscalated EventType = "escalated" // nobody answered, and the route's next step was taken
	EventGranted   EventType = "granted"   // the intent, with its deadline
	EventAttempt   EventType = "attempt"   // before AWS is asked to create or remove
	EventAnswer    EventType = "answer"    // what AWS said to that
	EventOpened    EventType = "opened"
	EventReminded  EventType = "reminded"
	EventExtended  EventType = "extended"  // the grant's end moved, by a request of its own
	EventVended    EventType = "vended"    // credentials of AWS are about to be handed out
	EventAnnounced EventType = "announced" // somebody took note of broken glass
	EventReviewed  EventType = "reviewed"
	EventOverdue   EventType = "overdue" // nobody reviewed in time
	EventEnding    EventType = "ending"
	EventClosed    EventType = "closed"  // with the receipt
	EventCounted   EventType = "counted" // what was called with the grant
	EventAlarm     EventType = "alarm"
	EventDenial    EventType = "denial" // somebody tried what they may not
)

// NewEvent returns an event about request id; data is what an auditor needs
// to understand it without any other record.
func NewEvent(id RequestID, t EventType, at time.Time, data any) (Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode event %s of %s: %w", t, id, err)
	}
	return Event{Stream: id, Type: t, At: at.UTC(), Data: b}, nil
}

// By returns e with p as its actor.
func (e Event) By(p Person) Event {
	e.Actor, e.Name = p.ID, p.Name
	return e
}

// Chain returns e as the next event of its stream after prev, whose zero value
// means that e is the first, at position pos of the log.
func (e Event) Chain(prev Event, pos uint64) Event {
	e.Pos, e.Seq, e.Prev = pos, prev.Seq+1, prev.Hash
	e.Hash = e.Sum()
	return e
}

// Sum returns the hash that e must carry: SHA-256 over its JSON form with an
// empty Hash, in hex.
func (e Event) Sum() string {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		// Data is the only field that can fail, and a raw message that is not
		// JSON can only come from a damaged record: it has no valid hash.
		return "undecodable"
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Follows returns what is wrong with e as the next event after prev, or nil.
func (e Event) Follows(prev Event) error {
	switch {
	case e.Seq != prev.Seq+1:
		return fmt.Errorf("event %s/%d follows %d: %w", e.Stream, e.Seq, prev.Seq, ErrBroken)
	case e.Prev != prev.Hash:
		return fmt.Errorf("event %s/%d does not name the event before it: %w", e.Stream, e.Seq, ErrBroken)
	case e.Hash != e.Sum():
		return fmt.Errorf("event %s/%d was changed: %w", e.Stream, e.Seq, ErrBroken)
	}
	return nil
}

// A Notice is something that is still to be told to people. It says what to
// look at, not what to write: the message is a view of the records at the
// time of telling.
type Notice struct {
	Seq     uint64     `json:"seq"` // in the outbox, from 1
	Kind    NoticeKind `json:"kind"`
	Request RequestID  `json:"request,omitempty"`
	At      time.Time  `json:"at"`
	// Text is a sentence for people: the trail line of a Changed, the words
	// of an Alarm.
	Text string `json:"text,omitempty"`
}

// A NoticeKind says who is to be told what.
type NoticeKind string

// The kinds of notice.
const (
	NoticeAsked    NoticeKind = "asked"    // the route's channels and deciders: please decide
	NoticeChanged  NoticeKind = "changed"  // redraw every message about the request; Text goes into its thread
	NoticeOutcome  NoticeKind = "outcome"  // the requester: granted, denied, lapsed, failed, ended
	NoticeReminder NoticeKind = "reminder" // the holder: ten minutes left
	NoticeAnnounce NoticeKind = "announce" // the route's channel and those who were skipped: somebody broke the glass
	NoticeAlarm    NoticeKind = "alarm"    // the admin channel: this needs a person
	NoticeRelief   NoticeKind = "relief"   // the admin channel: what needed a person does not any more
)

// Key is where the notice is stored.
func (n Notice) Key() Key { return Key{KindNotice, fmt.Sprintf("%016x", n.Seq)} }

// Index lists the notice in the order of the outbox.
func (n Notice) Index(Version) []Index {
	return []Index{{IndexNotices, fmt.Sprintf("%016x", n.Seq)}}
}
