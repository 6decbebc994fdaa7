package audit_test

import (
	"fmt"
	"testing"

	"sesame/flows/access"
	"sesame/flows/audit"
)

// BenchmarkVerify checks a record of 100,000 events on disk.
func BenchmarkVerify(b *testing.B) {
	const events, requests, together = 100_000, 25_000, 200
	dir := b.TempDir()
	s := openBolt(b, dir)
	for first := 0; first < events; first += together {
		var c access.Commit
		for n := first; n < first+together; n++ {
			e, err := access.NewEvent(access.RequestID(fmt.Sprintf("r-%010d", n%requests)), access.EventAttempt, noon, map[string]string{
				"object": "assignment/ssoins-1234567890abcdef/222222222222/ps-1234567890abcdef",
			})
			if err != nil {
				b.Fatal(err)
			}
			c.Events = append(c.Events, e)
		}
		if _, err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	a := open(b, audit.Options{Store: s, Dir: dir})
	checkpoint(b, a)
	for b.Loop() {
		r, err := audit.Verify(b.Context(), s, a.PublicKey(), audit.VerifyOptions{Head: a.Head()})
		if err != nil || r.Events != events {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
