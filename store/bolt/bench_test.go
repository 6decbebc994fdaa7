//go:build unix

package bolt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/store/bolt"
	"sesame/store/storetest"
)

// childDir names the environment variable that makes the test program open a
// store, say what it took, and end: only a process of its own can say how much
// memory opening takes.
const childDir = "SESAME_TEST_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := openAndSay(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// BenchmarkCommit makes the commit of a decision, by one and by two hundred at
// once. Beside its latency stands what the disk takes to sync a page.
func BenchmarkCommit(b *testing.B) {
	for _, workers := range []int{1, 200} {
		b.Run(fmt.Sprintf("committers=%d", workers), func(b *testing.B) {
			s := openFor(b, b.TempDir())
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			each(workers, b.N, func(n int) {
				start := time.Now()
				if err := decide(b, s, n); err != nil {
					b.Error(err)
				}
				took[n] = time.Since(start)
			})
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(micros(took[b.N/2]), "p50-µs")
			b.ReportMetric(micros(took[b.N*99/100]), "p99-µs")
			b.ReportMetric(micros(storetest.DiskSync(b)), "disk-sync-µs")
			b.ReportMetric(float64(b.N)/float64(max(1, s.Stats().Groups)), "commits/group")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func openFor(b *testing.B, dir string) *bolt.Store {
	b.Helper()
	s, err := bolt.Open(bolt.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// decide commits the nth grant, its object, an event and a notice.
func decide(b *testing.B, s access.Store, n int) error {
	g, o := grant(n)
	e, err := access.NewEvent(g.Request, access.EventGranted, noon, g)
	if err != nil {
		return err
	}
	var c access.Commit
	for _, noun := range []access.Stored{g, o} {
		ch, err := access.Put(noun, 0)
		if err != nil {
			return err
		}
		c.Changes = append(c.Changes, ch)
	}
	c.Events = []access.Event{e}
	c.Notices = []access.Notice{{Kind: access.NoticeOutcome, Request: g.Request, At: noon}}
	_, err = s.Commit(b.Context(), c)
	return err
}

func BenchmarkListPage(b *testing.B) {
	s := openFor(b, b.TempDir())
	s.NoSync()
	each(50, 10000, func(n int) {
		if err := decide(b, s, n); err != nil {
			b.Error(err)
		}
	})
	for _, limit := range []int{20, 1000} {
		b.Run(fmt.Sprintf("records=%d", limit), func(b *testing.B) {
			q := access.Query{Index: access.IndexGrants, Descending: true, Limit: limit}
			for b.Loop() {
				if p, err := s.List(b.Context(), q); err != nil || len(p.Records) != limit {
					b.Fatal(len(p.Records), err)
				}
			}
		})
	}
}

// BenchmarkOpenWithHistory opens a store of 100,000 ended requests, in a
// process of its own each time, and reads what a Keeper reads first. How a
// whole server starts on ten times as many is measured in cmd/sesame/load.
func BenchmarkOpenWithHistory(b *testing.B) {
	const requests = 100_000
	dir := b.TempDir()
	history(b, dir, requests)
	info, err := os.Stat(filepath.Join(dir, "sesame.db"))
	if err != nil {
		b.Fatal(err)
	}
	var most opened
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.Output()
		var o opened
		if err := errors.Join(err, json.Unmarshal(out, &o)); err != nil {
			b.Fatal(err)
		}
		most.Took, most.Memory = max(most.Took, o.Took), max(most.Memory, o.Memory)
	}
	b.ReportMetric(micros(most.Took)/1000, "open-ms")
	b.ReportMetric(float64(most.Memory>>20), "RSS-MB")
	b.ReportMetric(float64(info.Size()>>20), "file-MB")
}

// opened is what opening a store took.
type opened struct {
	Took   time.Duration
	Memory int64 // the most that was resident, in bytes
}

func openAndSay(dir string) error {
	start := time.Now()
	s, err := bolt.Open(bolt.Options{Dir: dir})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := s.Lead(ctx); err != nil {
		return err
	}
	if _, err := s.List(ctx, access.Query{Index: access.IndexDue}); err != nil {
		return err
	}
	took := time.Since(start)
	memory, err := resident()
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(opened{took, memory}), s.Close())
}

// resident returns the most memory that this process had resident, mapped
// pages of the file included.
func resident() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if errors.Is(err, fs.ErrNotExist) {
		var usage syscall.Rusage
		err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
		return int64(usage.Maxrss), err
	}
	// On Linux, Rusage would count the parent's memory from before exec.
	var kilobytes int64
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, scanErr := fmt.Sscan(rest, &kilobytes)
	return kilobytes << 10, errors.Join(err, scanErr)
}

// history fills a store with requests that ended.
func history(b *testing.B, dir string, requests int) {
	b.Helper()
	s, err := bolt.Open(bolt.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	s.NoSync()
	alice := access.Person{ID: "p-0123456789", Email: "alice@example.com", Name: "Alice"}
	past := storetest.History{Requests: requests, By: []access.Person{alice}, Until: noon}
	if err := errors.Join(past.Fill(b.Context(), s, dir), s.Close()); err != nil {
		b.Fatal(err)
	}
}
