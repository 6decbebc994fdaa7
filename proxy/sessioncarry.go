package proxy

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"sesame/flows/flowfile"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// attach makes k the socket of the session, in place of one that there is. It
// reports whether there is a session yet.
func (s *session) attach(k *socket) bool {
	s.mu.Lock()
	before := s.socket
	if !s.finished {
		s.socket = k
	}
	finished := s.finished
	s.mu.Unlock()
	if finished {
		return false
	}
	if before != nil {
		before.close()
	}
	s.stir()
	return true
}

func (s *session) detach(k *socket) {
	s.mu.Lock()
	if s.socket == k {
		s.socket, s.idle = nil, s.Clock.Now()
	}
	s.mu.Unlock()
	s.stir()
}

// stir has whoever watches over the session look at it again.
func (s *session) stir() {
	select {
	case s.moved <- struct{}{}:
	default: // it is to look already
	}
}

// carry passes on what comes until one of the two ends is gone, which ends the
// socket. When the session is over, the client is listened to until it was
// told, since what it has not read yet is lost when a connection is cut under
// its words.
func (s *session) carry(k *socket) error {
	var wg sync.WaitGroup
	var down error
	wg.Go(func() {
		down = s.down(k)
		if s.over.Err() == nil {
			k.close()
		}
	})
	wg.Go(func() { s.tell(k) })
	up := s.up(k)
	close(k.gone)
	if s.over.Err() == nil {
		k.close()
	}
	wg.Wait()
	return errors.Join(up, down)
}

// down carries what the agent sends.
func (s *session) down(k *socket) error {
	for {
		kind, frame, err := k.agent.next()
		if err != nil {
			return s.unread(err)
		}
		if err := s.tap.FromAgent(frame); err != nil {
			s.cut(s.endingOf(err))
			return err
		}
		s.inserter.ToClient(frame)
		if err := k.toClient(kind, frame); err != nil {
			return err
		}
		if s.closedByAWS() {
			err := k.client.line.flush()
			why := "The session was closed by its other end."
			if s.left() { // and this is the agent's answer to that
				why = endedByPerson
			}
			s.cut(&ending{why: why, gone: true, told: true})
			return err
		}
	}
}

// unread ends the session over a frame that is larger than any can be: it would
// be sent again on every other socket. Whatever else cannot be read breaks the
// socket alone.
func (s *session) unread(err error) error {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.cut(s.endingOf(fmt.Errorf("a frame was larger than the %d bytes that are read", ssm.MaxFrame)))
	}
	return err
}

// up carries what the client sends.
func (s *session) up(k *socket) error {
	for {
		kind, frame, err := k.client.next()
		if err != nil {
			return s.unread(err)
		}
		if s.over.Err() != nil {
			continue // it goes nowhere any more
		}
		if err := s.tap.FromClient(frame); err != nil {
			s.cut(s.endingOf(err))
			continue
		}
		frame, pass := s.inserter.ToAgent(frame)
		if !pass {
			continue
		}
		err = k.agent.conn.WriteMessage(kind, frame)
		if s.left() {
			_ = k.agent.line.flush() // AWS is asked to end it as well
			s.cut(&ending{why: endedByPerson, quiet: true})
		}
		if err != nil && s.over.Err() == nil {
			return err
		}
	}
}

// endedByPerson is why a session ends whose client says so.
const endedByPerson = "The person ended the session."

// left reports whether the client has said that the session is over. Clients
// that say so do not stay to hear the agent's answer, and what looks like a
// connection that broke would be waited for.
func (s *session) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaves
}

// tell sends the client what is for it and not from the agent, until the
// socket is done.
func (s *session) tell(k *socket) {
	for {
		select {
		case <-k.news:
		case <-k.done:
			return
		}
		for _, frame := range s.inserter.Waiting() {
			if k.toClient(websocket.BinaryMessage, frame) != nil {
				return // whoever reads from it finds out as well
			}
		}
		if k.client.line.flush() != nil {
			return
		}
	}
}

func (s *session) closedByAWS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// take records what a message meant, before it passes.
func (s *session) take(e ssm.Event) error {
	now := s.Clock.Now()
	switch e.Kind {
	case ssm.Agreed:
		if err := s.agreed(e.Handshake); err != nil {
			return errors.Join(s.recorded.Take(now, e), err)
		}
	case ssm.Ended:
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
	case ssm.Flagged:
		if e.From == ssm.Client && e.Flag == ssm.FlagTerminate {
			s.mu.Lock()
			s.leaves = true
			s.mu.Unlock()
		}
	case ssm.Shown, ssm.Sealed:
		s.speaks(e)
	}
	if err := s.recorded.Take(now, e); err != nil {
		return &ending{why: "Sesame could not record this session any more, so it ended it: " + plainly(err) + ".", cause: err}
	}
	return nil
}

// plainly is an error without what only operators understand.
func plainly(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// speaks notes that the agent shows what a line of ours can stand among: a
// session without a handshake is a shell.
func (s *session) speaks(e ssm.Event) {
	if e.Payload != ssm.PayloadData || s.about.Kind == record.Port || s.about.Kind == record.SSH {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shows && !s.plain() {
		s.shows = true
		s.stir()
	}
}

// plain reports whether what is shown is likely to be read by a program.
func (s *session) plain() bool { return s.about.Document == flowfile.DocumentCommandRaw }

// agreed holds a session to what it was begun as.
func (s *session) agreed(h *ssm.Handshake) error {
	port := s.about.Kind == record.Port || s.about.Kind == record.SSH
	if is := h.SessionType == ssm.SessionPort; is != port {
		return &ending{why: fmt.Sprintf("The document %s makes this a session of the type %s, which its name does not say, so Sesame ended it: ask the admins to call a document that forwards ports, and no other, Forward.", s.about.Document, h.SessionType)}
	}
	if port {
		return nil
	}
	s.mu.Lock()
	s.sealed = h.Sealed
	s.mu.Unlock()
	if !h.Sealed || h.Opens {
		return nil
	}
	if s.lists.Sealed == flowfile.SealedMetadata {
		s.say("Sesame: this session is encrypted with a key that Sesame does not have: how much passes is recorded, and not what.")
		return nil
	}
	return &ending{why: "This session is encrypted with a key that did not pass through Sesame, so it cannot be recorded and was ended: have the call to KMS go through Sesame too, with sesame run, or ask the admins.", cause: h.NoKey}
}

func (s *session) mark(text string) error { return s.recorded.Mark(s.Clock.Now(), text) }
