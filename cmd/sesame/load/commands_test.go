//go:build unix

package load_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
)

// BenchmarkCommands has people type complete request lines, 500 a second for
// 20 seconds, with 100,000 requests in the store and a Slack that takes two
// seconds to answer anything. It reports how long Slack waits for an
// acknowledgement, and how long after the last line the last person has an
// answer.
func BenchmarkCommands(b *testing.B) {
	const (
		rate, lines = 500, 10_000
		// so many people that nobody has too many requests pending
		people = 600
		past   = 100_000
	)
	w := newWorld(b, people)
	w.remember(past)
	p := w.serve()
	w.slack.Break(slacktest.Fault{Kind: slacktest.Slow, For: 2 * time.Second})
	got, err := at(b.Context(), rate, lines, func(i int) error { return w.ask(b.Context(), i) })
	if err != nil {
		b.Error(err)
	}
	last := machine.Now()
	answered := settle(b.Context(), lines, w.answered)
	b.ReportMetric(machine.Now().Sub(last).Seconds(), "answered-after-s")
	if answered != lines {
		b.Errorf("%d answers to %d commands", answered, lines)
	}
	if err := p.stop(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(w.lost(w.records(), lines)), "lost")
	b.ReportMetric(p.used().Seconds(), "server-cpu-s")
	b.ReportMetric(got, "commands/s")
	b.ReportMetric(0, "ns/op")
	report(b, "ack", w.acknowledged("slash_commands"))
}

// reason is what the ith line gives as its reason.
func reason(i int) string { return fmt.Sprintf("the disk of host %05d is full", i) }

// ask has one person after the other type a complete line, each time about
// another target.
func (w *world) ask(ctx context.Context, i int) error {
	n := len(w.engineers)
	who := w.engineers[i%n].Account.User
	line := fmt.Sprintf("/access %s 1h %s", target(i+i/n), reason(i))
	said, err := w.slack.As(who).Command(ctx, w.channel, line)
	if err != nil {
		return err
	}
	if said.Error != "" {
		w.Errorf("line %d: %s", i, said.Error)
	}
	return nil
}

// answered is how many answers all people together have before them.
func (w *world) answered() int {
	n := 0
	for _, p := range w.engineers {
		n += len(w.slack.Ephemerals(p.Account.User)) + len(w.slack.Messages(p.Account.User))
	}
	return n
}

// lost returns how many of n lines did not become exactly one request of which
// people are told, or are still to be.
func (w *world) lost(r access.Reader, n int) int {
	w.Helper()
	asked, waiting, shown := w.asked(r), w.waiting(r), w.shown()
	lost := 0
	for i := range n {
		ids := asked[i]
		if _, told := shown[i]; len(ids) == 1 && (told || waiting[ids[0]]) {
			continue
		}
		if lost++; lost <= 3 {
			w.Errorf("line %d became the requests %v, and not each is told", i, ids)
		}
	}
	return lost
}

// asked returns the pending requests by the line that asked.
func (w *world) asked(r access.Reader) map[int][]access.RequestID {
	w.Helper()
	asked := map[int][]access.RequestID{}
	w.must(access.Each(w.Context(), r, access.Query{Index: access.IndexPending}, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if i, ok := lineOf(r.Reason); ok {
			asked[i] = append(asked[i], r.ID)
		}
		return err
	}))
	return asked
}

// waiting returns the requests of which people are still to be told.
func (w *world) waiting(r access.Reader) map[access.RequestID]bool {
	w.Helper()
	waiting := map[access.RequestID]bool{}
	w.must(access.Each(w.Context(), r, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		waiting[n.Request] = true
		return err
	}))
	return waiting
}

// lineOf returns the line that a text is about.
func lineOf(text string) (int, bool) {
	_, rest, found := strings.Cut(text, "the disk of host ")
	number, _, _ := strings.Cut(rest, " ")
	i, err := strconv.Atoi(number)
	return i, found && err == nil
}

// shown returns the messages in the channel by the line that they are about.
func (w *world) shown() map[int]slacktest.Message {
	shown := map[int]slacktest.Message{}
	for _, m := range w.slack.Messages(w.channel) {
		if i, ok := lineOf(m.Text()); ok {
			shown[i] = m
		}
	}
	return shown
}

// acknowledged returns how long each envelope of a type waited.
func (w *world) acknowledged(kind string) []time.Duration {
	var took []time.Duration
	for _, e := range w.slack.Envelopes() {
		if e.Type != kind {
			continue
		}
		if e.Outcome != slacktest.Acked || len(e.Acks) != 1 {
			w.Errorf("envelope %s was %s, with %d acknowledgements", e.ID, e.Outcome, len(e.Acks))
			continue
		}
		took = append(took, e.Acks[0].At.Sub(e.Sent))
	}
	return took
}
