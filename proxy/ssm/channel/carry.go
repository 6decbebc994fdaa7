package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sesame/proxy/ssm"
)

// send writes to a socket what is to be written, until it cannot.
func (e *End) send(ctx context.Context, s Socket) error {
	for {
		frame, due, changed, err := e.pick()
		if err != nil {
			return err
		}
		if frame != nil {
			if err := s.WriteMessage(Binary, frame); err != nil {
				return fmt.Errorf("write to the data channel: %w", err)
			}
			e.wrote(frame)
			continue
		}
		if err := e.rest(ctx, due, changed); err != nil {
			return err
		}
	}
}

// rest waits for a moment, if there is one, or a change.
func (e *End) rest(ctx context.Context, due time.Time, changed <-chan struct{}) error {
	var fires <-chan time.Time
	if !due.IsZero() {
		timer := e.clock.Timer(due)
		defer timer.Stop()
		fires = timer.C
	}
	select {
	case <-fires:
	case <-changed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// pick returns the next frame, or when there may be one.
func (e *End) pick() (frame []byte, due time.Time, changed <-chan struct{}, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.Now()
	if len(e.control) > 0 {
		return e.control[0], due, nil, nil
	}
	if m := e.freshLocked(); m != nil {
		return m.stamp(now), due, nil, nil
	}
	if len(e.out) == 0 {
		return nil, due, e.changed, nil
	}
	oldest := &e.out[0]
	if oldest.again && oldest.tries >= enough {
		changed = e.changed // is about to be closed
		e.presumeLocked()
		return nil, due, changed, nil
	}
	if due = oldest.at.Add(e.trip.timeout()); now.Before(due) {
		return nil, due, e.changed, nil
	}
	if oldest.tries >= maxTries {
		return nil, due, nil, ErrSilent
	}
	return oldest.stamp(now), due, nil, nil
}

// wrote strikes a frame without a number off, now that the socket has it.
func (e *End) wrote(frame []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.control) > 0 && &e.control[0][0] == &frame[0] {
		e.control = e.control[1:]
		e.changedLocked()
	}
}

// freshLocked returns the first message that was not sent on this socket.
func (e *End) freshLocked() *sent {
	for len(e.out) > 0 && e.fresh < e.last {
		m := &e.out[max(0, e.fresh-e.out[0].seq)]
		e.fresh = m.seq + 1
		if !m.acked {
			return m
		}
	}
	return nil
}

func (m *sent) stamp(now time.Time) []byte {
	m.at = now
	m.tries++
	return m.frame
}

// take reads a socket until it fails or nothing more will come.
func (e *End) take(s Socket) error {
	for {
		kind, frame, err := s.ReadMessage()
		if err != nil {
			return fmt.Errorf("read from the data channel: %w", err)
		}
		if kind != Binary {
			continue
		}
		m, err := ssm.Parse(frame)
		if err != nil {
			return err
		}
		if err := e.arrived(m); err != nil {
			return err
		}
	}
}

// arrived takes one message. What is of no type that is meant for this end is
// passed over, as the plugin does.
func (e *End) arrived(m ssm.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case m.Type == ssm.Acknowledge:
		return e.acknowledgedLocked(m)
	case e.side == ssm.Client && m.Type == ssm.Closed:
		if !e.over {
			e.over = true
			e.in = append(e.in, m)
			e.changedLocked()
		}
		return errClosed
	case e.side == ssm.Client && m.Type == ssm.Output, e.side == ssm.Agent && m.Type == ssm.Input:
		e.numberedLocked(m)
	}
	return nil
}

// numberedLocked puts m where it belongs. What is read is acknowledged once
// more, since the acknowledgement may have been lost; what waits for one
// before it is acknowledged at once; and the rest when it is read.
func (e *End) numberedLocked(m ssm.Message) {
	_, again := e.held[m.Seq]
	switch {
	case m.Seq < e.read || again:
		e.ackLocked(m)
		return
	case m.Seq < e.next || e.bytes+len(m.Data) > maxBytes:
		return
	case m.Seq > e.next && m.Seq-e.next < maxHeld:
		e.held[m.Seq] = m
		e.bytes += len(m.Data)
		e.ackLocked(m)
		return
	case m.Seq > e.next:
		return
	}
	e.bytes += len(m.Data)
	for ok := true; ok; m, ok = e.held[e.next] {
		delete(e.held, m.Seq)
		e.in = append(e.in, m)
		e.next++
	}
	e.changedLocked()
}

func (e *End) acknowledgedLocked(m ssm.Message) error {
	var a ssm.Acknowledgement
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return fmt.Errorf("read an acknowledgement: %w", err)
	}
	if len(e.out) == 0 || a.Seq < e.out[0].seq || a.Seq >= e.last || e.out[a.Seq-e.out[0].seq].tries == 0 {
		return nil // of what was acknowledged before, or never sent
	}
	if o := &e.out[a.Seq-e.out[0].seq]; !o.acked {
		if o.acked = true; o.tries == 1 && !o.again {
			e.trip.took(e.clock.Now().Sub(o.at))
		}
	}
	e.forgetLocked()
	return nil
}

// presumeLocked takes what was sent on another socket, and often enough on this
// one, for acknowledged.
func (e *End) presumeLocked() {
	for i := range e.out {
		if m := &e.out[i]; m.again && m.tries > 0 {
			m.acked = true
		}
	}
	e.forgetLocked()
}

// forgetLocked drops what nobody will ask for again.
func (e *End) forgetLocked() {
	for len(e.out) > 0 && e.out[0].acked {
		e.out = e.out[1:]
	}
	e.changedLocked()
}
