//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/flows/replay"
	"sesame/store/bolt"
)

// manyRules is a flow of 20 guardrails, each of three clauses that are all
// evaluated.
func manyRules(b *testing.B) *flowfile.Set {
	b.Helper()
	var text strings.Builder
	text.WriteString(wasInForce[:strings.Index(wasInForce, "    guardrails:")] + "    guardrails:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "      - {name: rule-%d, deny: 'target.tags.env == \"prod\" and request.duration <= duration(\"1h\") and request.reason contains \"reason %d000\"', message: No.}\n", i, i+1)
	}
	text.WriteString("    routes:\n      - {name: leads, approvers: {groups: [leads]}, notify: [access]}\n")
	set, err := flowfile.Load(fstest.MapFS{"flows.yaml": {Data: []byte(text.String())}}, "flows.yaml")
	if err != nil {
		b.Fatal(err)
	}
	return set
}

// remember puts n requests into a data directory, each with the events that an
// ordinary one leaves.
func remember(b *testing.B, dir string, n int) {
	b.Helper()
	store, err := bolt.Open(bolt.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	const atOnce = 50
	for first := 0; first < n; first += atOnce {
		batch := ledger.NewBatch(noon.Add(time.Duration(first) * time.Minute))
		for i := first; i < first+atOnce; i++ {
			rememberOne(batch, i)
		}
		if _, err := batch.Commit(b.Context(), store); err != nil {
			b.Fatal(err)
		}
	}
}

// rememberOne adds the events of one request, the later ones with as much data
// as they usually have.
func rememberOne(batch *ledger.Batch, i int) {
	r := request(fmt.Sprint(i), access.Approved, 0)
	r.By.ID = access.PersonID(fmt.Sprint("p-", i%500))
	r.Target = access.Target{Name: "billing", Label: "Billing", Flow: "finance", Strategy: "sso", Way: "aws_sso", Tags: map[string]string{"env": "prod"}, Params: map[string]string{"account": "222222222222", "permission_set": "ReadOnly", "region": "us-east-1"}}
	r.Reason = fmt.Sprint("reason ", i)
	r.Verdict.Allow, r.Verdict.Facts = true, map[string]string{"group engineering of requester": "true"}
	r.Verdict.Route.LapseAfter, r.Verdict.Route.Notify = 24*time.Hour, []access.Channel{{Name: "access", ID: "C0123ABCDE"}}
	said := struct {
		Terms   access.Terms   `json:"terms"`
		Verdict access.Verdict `json:"verdict"`
		Source  access.Source  `json:"source"`
	}{r.Terms(), r.Verdict, access.FromCommand}
	batch.Event(r.ID, access.EventAsked, r.By, said)
	batch.Event(r.ID, access.EventApproved, r.By, said)
	for _, t := range []access.EventType{access.EventGranted, access.EventAttempt, access.EventAnswer, access.EventOpened, access.EventEnding, access.EventClosed} {
		batch.Event(r.ID, t, access.Person{}, map[string]string{"operation": "6f9b2c1e-5f0e-4c8f-9b0a-5d7c2e1f0a3b", "object": "aws_sso/222222222222/ReadOnly"})
	}
}

// BenchmarkReplay replays 100,000 requests, of eight events each, from a data
// directory by 20 rules of three clauses. Beside the time stand the time of the
// processors, which does not hang on what else the machine does, the requests
// that changed, of which there are a few, and the memory that was in use.
func BenchmarkReplay(b *testing.B) {
	const past = 100_000
	dir := filepath.Join(b.TempDir(), "data")
	remember(b, dir, past)
	set := manyRules(b)
	store, err := bolt.OpenReadOnly(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var memory runtime.MemStats
	before := processorTime(b)
	for b.Loop() {
		report, err := replay.Run(b.Context(), replay.Options{Record: store, Set: set})
		if err != nil || report.Requests != past {
			b.Fatalf("%d of %d requests, %v", report.Requests, past, err)
		}
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(report.Changed), "changed")
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "processor-s/op")
	b.ReportMetric(float64(memory.HeapInuse>>20), "heap-MB")
	b.ReportMetric(past*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// processorTime is how long the processors have worked for this process.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
