package slacktest_test

import (
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
)

// last returns the newest delivery.
func (r *rig) last() slacktest.Envelope {
	all := r.Envelopes()
	return all[len(all)-1]
}

func TestNoConnectionShowsAnErrorAndIsNotRetried(t *testing.T) {
	r := start(t, slacktest.Config{})
	reply, err := r.As(r.alice).Command(t.Context(), r.access, "/access")
	r.ok(err)
	if !strings.Contains(reply.Error, "dispatch_failed") {
		t.Errorf("reply %+v, want dispatch_failed", reply)
	}
	r.clk.Advance(time.Hour)
	if got := r.Envelopes(); len(got) != 1 || got[0].Outcome != slacktest.Unsent {
		t.Errorf("deliveries %+v, want the one that failed", got)
	}
}

func TestThreeSecondsToAcknowledge(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	e := l.next()
	r.clk.Advance(3 * time.Second)
	if got, err := reply(); err != nil || !strings.Contains(got.Error, "operation_timeout") {
		t.Errorf("reply %+v, %v, want operation_timeout", got, err)
	}
	l.ack(e, nil)
	r.ok(r.Await(t.Context(), func() bool { return len(r.last().Acks) == 1 }))
	if got := r.last(); got.Outcome != slacktest.TimedOut || got.Acks[0].Outcome != slacktest.Late {
		t.Errorf("delivery %+v, want timed out and a late acknowledgement", got)
	}
	r.noViolations()
}

func TestAcksThatDoNotCount(t *testing.T) {
	r := start(t, slacktest.Config{})
	here, there := r.dial(), r.dial()
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	r.pending(1)
	var e envelope
	select {
	case e = <-here.in:
	case e = <-there.in:
		here, there = there, here
	}
	there.ack(e, nil)
	r.ok(r.Await(t.Context(), func() bool { return len(r.last().Acks) == 1 }))
	here.ack(e, map[string]any{"text": strings.Repeat("x", 20*1024)})
	r.ok(r.Await(t.Context(), func() bool { return len(r.last().Acks) == 2 }))
	here.ack(e, nil)
	if got, err := reply(); err != nil || got.Error != "" {
		t.Errorf("reply %+v, %v, want none", got, err)
	}
	here.ack(e, nil)
	r.ok(r.Await(t.Context(), func() bool { return len(r.last().Acks) == 4 }))
	here.send(map[string]any{"envelope_id": "nobody's"})
	r.ok(r.Await(t.Context(), func() bool { return len(r.Violations()) == 4 }))
	want := []slacktest.Outcome{slacktest.Foreign, slacktest.TooLarge, slacktest.Acked, slacktest.Again}
	for i, ack := range r.last().Acks {
		if ack.Outcome != want[i] {
			t.Errorf("acknowledgement %d: %s, want %s", i, ack.Outcome, want[i])
		}
	}
}

func TestPayloadWhereNoneIsTaken(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	got := l.answer(map[string]any{"text": "hello"})
	_, err := r.As(r.alice).Shortcut(t.Context(), "request_access")
	r.ok(err)
	if e := <-got; e.Accepts || e.field("callback_id") != "request_access" {
		t.Errorf("shortcut %+v", e)
	}
	r.wantViolation("takes none")
}

func TestEnvelopesGoToConnectionsInTurn(t *testing.T) {
	r := start(t, slacktest.Config{})
	a, b := r.dial(), r.dial()
	for range 2 {
		replies := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
		select {
		case e := <-a.in:
			a.ack(e, nil)
		case e := <-b.in:
			b.ack(e, nil)
		}
		_, err := replies()
		r.ok(err)
	}
	if got := r.Envelopes(); got[0].Conn == got[1].Conn {
		t.Errorf("both envelopes went to %s", got[0].Conn)
	}
}

func TestDuplicateEnvelope(t *testing.T) {
	r := start(t, slacktest.Config{})
	a, b := r.dial(), r.dial()
	r.NextEnvelope(slacktest.Duplicate)
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	one, two := a.next(), b.next()
	if one.EnvelopeID != two.EnvelopeID {
		t.Errorf("ids %q and %q, want one", one.EnvelopeID, two.EnvelopeID)
	}
	a.ack(one, nil)
	b.ack(two, nil)
	_, err := reply()
	r.ok(err)
	r.ok(r.Await(t.Context(), func() bool { return len(r.last().Acks) == 2 }))
	r.noViolations()
}

func TestHeldAndLostEnvelopes(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.NextEnvelope(slacktest.Hold)
	type result = func() (slacktest.Reply, error)
	var replies []result
	for _, line := range []string{"/access first", "/access second"} {
		replies = append(replies, later(t, func() (slacktest.Reply, error) {
			return r.As(r.alice).Command(t.Context(), r.access, line)
		}))
		r.pending(len(replies))
	}
	for _, want := range []string{"second", "first"} {
		e := l.next()
		if e.field("text") != want {
			t.Errorf("got %v, want %s", e.field("text"), want)
		}
		l.ack(e, nil)
	}
	for _, reply := range replies {
		if got, err := reply(); err != nil || got.Error != "" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	r.NextEnvelope(slacktest.Lose)
	lost := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	r.pending(1)
	r.clk.Advance(3 * time.Second)
	if got, _ := lost(); got.Error == "" {
		t.Error("a lost envelope went unnoticed")
	}
}

func TestEventsAreRetried(t *testing.T) {
	r := start(t, slacktest.Config{})
	settled := func(n int, o slacktest.Outcome) {
		t.Helper()
		r.ok(r.Await(t.Context(), func() bool { return len(r.Envelopes()) == n && r.last().Outcome == o }))
	}
	r.DeactivateUser(r.bob) // nobody is connected, at once and again
	settled(2, slacktest.Unsent)
	l := r.dial()
	r.clk.Advance(time.Minute)
	if e := l.next(); e.Attempt != 2 || e.RetryWhy != "timeout" || e.field("event", "type") != "user_change" {
		t.Errorf("got %+v, want the second retry", e)
	}
	r.clk.Advance(3 * time.Second)
	settled(3, slacktest.TimedOut)
	r.clk.Advance(5 * time.Minute)
	if e := l.next(); e.Attempt != 3 {
		t.Errorf("got %+v, want the third retry", e)
	}
	r.clk.Advance(3 * time.Second)
	settled(4, slacktest.TimedOut)
	r.clk.Advance(time.Hour)
	r.DeactivateUser(r.alice)
	if e := l.next(); e.Attempt != 0 || e.field("event", "user", "id") != r.alice {
		t.Errorf("got %+v, want no fourth retry", e)
	}
}

func TestEventUnderTwoIDs(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.DuplicateEvents(1)
	r.DeactivateUser(r.bob)
	one, two := l.next(), l.next()
	if one.field("event_id") == two.field("event_id") || one.field("event", "event_ts") != two.field("event", "event_ts") {
		t.Errorf("got %s and %s, want one event under two ids", one.Payload, two.Payload)
	}
	l.ack(one, nil)
	l.ack(two, nil)
	r.pending(0)
}

func TestEventsNeedASubscription(t *testing.T) {
	r := start(t, slacktest.Config{Events: []string{}})
	r.DeactivateUser(r.bob)
	if got := r.Envelopes(); len(got) != 0 {
		t.Errorf("got %+v without a subscription", got)
	}
}
