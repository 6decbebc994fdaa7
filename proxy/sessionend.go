package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// resumeIn is how long a session waits for a client that is gone, and for one
// that never came.
const resumeIn = 10 * time.Minute

// againIn is how long a line of ours waits for its acknowledgement before it
// is sent again: as long as the ends of a session wait at most.
const againIn = time.Second

// warnBefore are how long before its end a session says so, in order.
var warnBefore = [...]time.Duration{5 * time.Minute, time.Minute}

// run watches over the session until it is over, and ends it.
func (s *session) run() {
	leave := s.underWay.enter(s.grant.ID, s.cut)
	defer leave()
	e := s.endingOf(s.watch())
	s.cut(e)
	s.finish(e)
}

// watch returns why the session ends, once it does.
func (s *session) watch() error {
	ends, warned := s.grant.EndsAt, 0
	for {
		now := s.Clock.Now()
		until, next, err := s.until(now, ends)
		if err != nil {
			return err
		}
		if !until.Equal(ends) {
			ends, warned = until, 0 // it was extended
		}
		due := warned
		for due < len(warnBefore) && !now.Before(ends.Add(-warnBefore[due])) {
			due++
		}
		if due > warned {
			warned = due
			s.warn(ends, now)
		}
		if warned < len(warnBefore) {
			next = earlier(next, ends.Add(-warnBefore[warned]))
		}
		s.retell()
		if err := s.wait(next); err != nil {
			return err
		}
	}
}

// until is when the grant ends, and when to look again if nothing happens, or
// why the session ends now. known is what was read last: an extension moves it.
func (s *session) until(now, known time.Time) (ends, next time.Time, err error) {
	g, err := s.grants.get(s.over, s.Store, s.grant.ID)
	switch {
	case s.over.Err() != nil:
		return known, now, context.Cause(s.over)
	case errors.Is(err, access.ErrNotFound), err == nil && g.State != access.Open:
		return known, now, errOver
	case err == nil:
		known = g.EndsAt
	default:
		// What was read last still holds.
		s.Log.Error().Err(err).Str("session", s.id).Msg("read the grant of a session")
	}
	if !now.Before(known) {
		return known, now, errOver
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		return known, known, nil
	}
	late := s.idle.Add(resumeIn)
	if !now.Before(late) {
		return known, now, &ending{why: fmt.Sprintf("The connection of this session broke off, and it was not resumed within %s, so Sesame ended it: start another one.", access.Spoken(resumeIn))}
	}
	return known, earlier(late, known), nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// wait waits until a moment, or until there is a reason to look again.
func (s *session) wait(next time.Time) error {
	timer := s.Clock.Timer(next)
	defer timer.Stop()
	var again <-chan time.Time
	if s.untold() {
		soon := s.Wall.Timer(s.Wall.Now().Add(againIn))
		defer soon.Stop()
		again = soon.C
	}
	select {
	case <-s.over.Done():
		return context.Cause(s.over)
	case <-timer.C:
	case <-again:
	case <-s.moved:
	}
	return nil
}

// warn says when the session ends, in the recording and to the client.
func (s *session) warn(ends, now time.Time) {
	left := access.Spoken(max(ends.Sub(now), 0).Round(time.Second))
	text := fmt.Sprintf("Sesame: this session ends in %s, at %s, with the access to %s: extend that in Slack, or finish.", left, clockTime(ends), s.grant.Target)
	if err := s.mark(text); err != nil {
		s.cut(s.endingOf(err))
		return
	}
	s.say(text)
}

// say has the client told something, in place of what it was to be told before.
func (s *session) say(text string) {
	s.mu.Lock()
	s.awaiting = text
	s.mu.Unlock()
	s.stir()
}

// untold reports whether the client is still to be told something.
func (s *session) untold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket != nil && (s.awaiting != "" || len(s.inserter.Waiting()) > 0)
}

// retell brings the client what it does not know yet. A line is put among what
// the agent shows once the agent has shown something, in a session that
// somebody reads.
func (s *session) retell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaiting != "" && s.shows {
		p := ssm.PayloadData
		if s.sealed {
			p = ssm.PayloadError // which clients show, and nobody seals
		}
		m := ssm.Message{Type: ssm.Output, Schema: 1, Created: s.Wall.Now().UnixMilli(), Payload: p, Data: []byte("\r\n" + s.awaiting + "\r\n")}
		if s.inserter.Insert(m) != nil {
			s.awaiting = ""
		}
	}
	if s.socket == nil || len(s.inserter.Waiting()) == 0 {
		return
	}
	select {
	case s.socket.news <- struct{}{}:
	default: // it is being told
	}
}

// finish ends the session everywhere. The connection to AWS goes first, so that
// what AWS says of the end there does not come before what is said here.
func (s *session) finish(e *ending) {
	s.mu.Lock()
	k := s.socket
	s.finished = true
	s.mu.Unlock()
	if k != nil {
		k.agent.close()
	}
	var elsewhere sync.WaitGroup
	defer elsewhere.Wait()
	if !e.gone {
		elsewhere.Go(func() { s.terminate(context.Background()) }) // which nothing here is to hold up
	}
	if k != nil {
		if !e.told {
			k.goodbye(s.id, e.output())
		}
		k.linger()
		k.close()
	}
	if err := s.tap.Close(); err != nil {
		s.Log.Debug().Err(err).Str("session", s.id).Msg("close the tap of a session")
	}
	if err := s.recorded.End(s.Clock.Now(), e.why); err != nil {
		s.Log.Error().Err(err).Str("session", s.id).Msg("end the recording of a session")
	}
	s.Log.Info().Str("session", s.id).Str("grant", string(s.grant.ID)).Str("why", e.why).AnErr("cause", e.cause).Msg("a session ended")
}

// terminateIn is how long AWS may take to end a session, and terminateTries
// how often it is asked.
const (
	terminateIn    = 15 * time.Second
	terminateTries = 3
)

// EndLeft has AWS end a session that another run of the server left behind: its
// channel broke off with that, and nobody has a token for it. ring is the object
// of its grant.
func (p *Proxy) EndLeft(ctx context.Context, a record.About, ring access.Spec) error {
	homes := p.Table.Homes("ssm", a.Region, "")
	if len(homes) == 0 {
		return fmt.Errorf("end session %s: Session Manager is nowhere in %q", a.Session, a.Region)
	}
	s := &session{
		Proxy: p, id: a.Session, grant: access.Grant{ID: access.GrantID(a.Grant), Target: a.Target}, ring: ring,
		person: access.PersonID(a.Person), control: homes[0].Host, region: a.Region,
	}
	s.terminate(ctx)
	return nil
}

// terminate has AWS end the session. Its channel is cut already, and nobody
// has its token: what cannot be ended now, AWS ends after a while of silence.
func (s *session) terminate(ctx context.Context) {
	if s.Sessions.Ender == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, terminateIn)
	defer cancel()
	var err error
	for range terminateTries {
		var creds aws.Credentials
		if creds, err = s.Sessions.Ender.Ending(ctx, s.ring, s.grant.ID, s.id); err != nil {
			continue
		}
		o := ownCall{host: s.control, service: "ssm", operation: "TerminateSession", target: "AmazonSSM.TerminateSession", ends: true}
		o.params, o.in = map[string][]string{"SessionId": {s.id}}, map[string]string{"SessionId": s.id}
		if _, err = s.ask(ctx, creds, o); err == nil {
			return
		}
	}
	s.Log.Error().Err(err).Str("session", s.id).Msg("end a session at AWS; it times out there")
}
