package socket

import (
	"maps"
	"slices"
	"time"
)

// A Kind tells what an Event is about.
type Kind string

// The kinds of events.
const (
	Opened     Kind = "opened"      // Slack said hello
	Ended      Kind = "ended"       // Reason: Slack's or ours
	OpenFailed Kind = "open_failed" // Err says why; it is tried again
	Waiting    Kind = "waiting"     // Wait: how long until the next open
	BadMessage Kind = "bad_message" // Reason: the envelope id, if it could be acknowledged
	Refused    Kind = "refused"     // Reason: the envelope id; Err: no room, or leaving
	Unacked    Kind = "unacked"     // Reason: the envelope id; the handler returned without Ack
)

// An Event is something that an operator may want to know.
type Event struct {
	Kind   Kind
	Conn   int // which connection, counted from 1; 0 for none
	Reason string
	Wait   time.Duration
	Err    error
}

// A State is where a connection stands.
type State string

// The states of a connection.
const (
	Opening State = "opening" // waiting for hello
	Open    State = "open"
	Leaving State = "leaving" // asked to go, replaced, lost or shutting down
)

// A Connection is the view of one connection.
type Connection struct {
	ID        int
	State     State
	Opened    time.Time // when the WebSocket was established
	Hello     time.Time // zero before
	LastHeard time.Time // anything at all, pings included
	InFlight  int       // handlers that run or wait
	Reason    string    // why it is leaving
}

// Status is what is known at one moment.
type Status struct {
	// Connections, oldest first.
	Connections []Connection
	// SlackHolds is how many connections of the app Slack counted at the
	// latest hello, and Ghosts how many of them were not ours. Slack may
	// deliver to a ghost, where nobody listens.
	SlackHolds, Ghosts int
	// Opens counts calls of apps.connections.open.
	Opens int
	// Disconnects counts the ends of connections by reason: Slack's word, or
	// lost, silent, too_big, closed_CODE, shutdown.
	Disconnects map[string]int
	// LastError is why the latest open did not work; empty once one did.
	LastError string
}

// Status returns what is known now.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		SlackHolds: c.slackHolds, Ghosts: c.ghosts, Opens: c.opens,
		Disconnects: maps.Clone(c.reasons), LastError: c.lastError,
	}
	for _, id := range slices.Sorted(maps.Keys(c.conns)) {
		s.Connections = append(s.Connections, c.conns[id].view())
	}
	return s
}

func (c *conn) view() Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Connection{
		ID: c.id, State: c.state, Opened: c.opened, Hello: c.helloAt,
		LastHeard: c.heardAt, InFlight: c.flight.count(), Reason: c.why,
	}
}
