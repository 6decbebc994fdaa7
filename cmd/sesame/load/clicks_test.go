package load_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
)

// BenchmarkClicks has leads click Approve on pending requests, 200 a second for
// 20 seconds, and reports how long it takes from the click until the decision
// is durable. The Keeper opens what was approved meanwhile, and everybody is
// told. Beside it stands what the disk takes to sync a page.
func BenchmarkClicks(b *testing.B) {
	const (
		rate, clicks = 200, 4000
		people       = 250
	)
	w := newWorld(b, people)
	w.remember(0)
	stop := w.serve()
	messages := w.prepare(clicks)
	decided := w.watch()
	clicked := make([]time.Time, clicks)
	b.ResetTimer()
	got, err := at(b.Context(), rate, clicks, func(i int) error {
		clicked[i] = machine.Now()
		return w.approve(b.Context(), i, messages[i])
	})
	b.StopTimer()
	if err != nil {
		b.Error(err)
	}
	if left := clicks - settle(b.Context(), clicks, func() int { return clicks - len(w.asked()) }); left != 0 {
		b.Errorf("%d of %d clicks decided nothing", left, clicks)
	}
	took, lost := w.decisions(decided, clicked)
	stop()
	report(b, "decided", took)
	report(b, "ack", w.acknowledged("interactive"))
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(got, "clicks/s")
	b.ReportMetric(millis(diskSync(b)), "disk-sync-ms")
	b.ReportMetric(0, "ns/op")
}

// prepare has n requests made, and returns their messages in the channel.
func (w *world) prepare(n int) []slacktest.Message {
	w.Helper()
	_, err := at(w.Context(), 400, n, func(i int) error { return w.ask(w.Context(), i) })
	w.must(err)
	if there := settle(w.Context(), n, func() int { return len(w.slack.Messages(w.channel)) }); there != n {
		w.Fatalf("%d messages about %d requests", there, n)
	}
	shown := w.shown()
	messages := make([]slacktest.Message, n)
	for i := range messages {
		messages[i] = shown[i]
	}
	return messages
}

// approve has one lead after the other click Approve.
func (w *world) approve(ctx context.Context, i int, m slacktest.Message) error {
	said, err := w.slack.As(w.leads[i%len(w.leads)].Account.User).Click(ctx, m.Control("approve"))
	if err != nil {
		return fmt.Errorf("click on request %d: %w", i, err)
	}
	if said.Error != "" {
		w.Errorf("click on request %d: %s", i, said.Error)
	}
	return nil
}

// A watched is when each request was first committed since the watch began.
type watched struct {
	mu sync.Mutex // guards at
	at map[access.Key]time.Time
}

func (w *world) watch() *watched {
	seen := &watched{at: map[access.Key]time.Time{}}
	w.store.Watch(w.Context(), func(keys []access.Key) {
		now := machine.Now()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		for _, k := range keys {
			if _, before := seen.at[k]; k.Kind == access.KindRequest && !before {
				seen.at[k] = now
			}
		}
	})
	return seen
}

// decisions returns how long each decision took, and how many are not there.
// A request must be approved by one person, once, and be a grant.
func (w *world) decisions(decided *watched, clicked []time.Time) (took []time.Duration, lost int) {
	w.Helper()
	lost = len(clicked)
	every := access.Query{Index: access.IndexRequests}
	w.must(access.Each(w.Context(), w.store, every, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		i, ok := lineOf(r.Reason)
		if err != nil || !ok {
			return err
		}
		_, _, err = access.Load[access.Grant](w.Context(), w.store, access.Grant{ID: r.ID.Grant()}.Key())
		if at := decided.first(r.Key()); err == nil && r.State == access.Approved && len(r.Decisions) == 1 && !at.IsZero() {
			took, lost = append(took, at.Sub(clicked[i])), lost-1
		} else {
			w.Errorf("request %d is %s with %d decisions: %v", i, r.State, len(r.Decisions), err)
		}
		return nil
	}))
	return took, lost
}

func (w *watched) first(k access.Key) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at[k]
}
