//go:build unix

package load_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/proxy/client"
	"sesame/store/storetest"
)

// BenchmarkClicks has leads click Approve on pending requests, 200 a second for
// 20 seconds, and reports how long it takes from the click until the decision
// is durable. Meanwhile the Keeper opens what was approved, and everybody is
// told, which takes more of the machine than the decisions do. Beside it stands
// what the disk takes to sync a page.
func BenchmarkClicks(b *testing.B) {
	const (
		rate, clicks = 200, 4000
		people       = 250
	)
	w := newWorld(b, people)
	w.remember(0)
	p := w.serve()
	messages := w.prepare(clicks)
	clicked := make([]time.Time, clicks)
	got, err := at(b.Context(), rate, clicks, func(i int) error {
		clicked[i] = machine.Now()
		return w.approve(b.Context(), i, messages[i])
	})
	if err != nil {
		b.Error(err)
	}
	if left := settle(b.Context(), 0, w.pending); left != 0 {
		b.Errorf("%d of %d clicks decided nothing", left, clicks)
	}
	if err := p.stop(); err != nil {
		b.Error(err)
	}
	took, lost := w.decisions(p, clicked)
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(p.used().Seconds(), "server-cpu-s")
	b.ReportMetric(millis(storetest.DiskSync(b)), "disk-sync-ms")
	b.ReportMetric(got, "clicks/s")
	b.ReportMetric(0, "ns/op")
	report(b, "ack", w.acknowledged("interactive"))
	report(b, "decided", took)
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

// pending is how many requests wait for a decision, as the server says.
func (w *world) pending() int {
	w.Helper()
	c := client.New(filepath.Join(w.data, "sesame.sock"))
	defer c.Close()
	s, err := c.Status(w.Context())
	w.must(err)
	return s.Pending
}

// decisions returns how long each decision took, and how many are not there.
// A request must be approved by one person, once, and be a grant.
func (w *world) decisions(p *process, clicked []time.Time) (took []time.Duration, lost int) {
	w.Helper()
	var committed map[access.RequestID]time.Time
	w.must(json.Unmarshal([]byte(p.out.String()), &committed))
	lost = len(clicked)
	r := w.records()
	w.must(access.Each(w.Context(), r, access.Query{Index: access.IndexRequests}, func(rec access.Record) error {
		q, err := access.Decode[access.Request](rec)
		i, ok := lineOf(q.Reason)
		if err != nil || !ok {
			return err
		}
		_, _, err = access.Load[access.Grant](w.Context(), r, access.Grant{ID: q.ID.Grant()}.Key())
		at, known := committed[q.ID]
		if err != nil || !known || q.State != access.Approved || len(q.Decisions) != 1 {
			w.Errorf("request %d is %s with %d decisions: %v", i, q.State, len(q.Decisions), err)
			return nil
		}
		lost--
		took = append(took, at.Sub(clicked[i]))
		return nil
	}))
	return took, lost
}
