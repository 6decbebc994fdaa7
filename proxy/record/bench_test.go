//go:build unix

package record_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// busy reports how many seconds of processors an operation takes: other than
// the time that passes, that does not depend on what else the machine does.
func busy(b *testing.B, operation func()) {
	b.Helper()
	before := cpu(b)
	n := 0
	for b.Loop() {
		operation()
		n++
	}
	b.ReportMetric((cpu(b)-before)/float64(n), "cpu-s/op")
}

func cpu(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// screen is a kilobyte of output as programs write it.
func screen(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(1, seed))
	var b bytes.Buffer
	for b.Len() < 1024 {
		fmt.Fprintf(&b, "2026-11-20T12:00:%02d \x1b[32mINFO\x1b[0m request \"GET /items/%d\" took %dms for ümlaut\r\n", rnd.IntN(60), rnd.IntN(1e6), rnd.IntN(900))
	}
	return b.Bytes()[:1024]
}

// fill records so many bytes, in events of a kilobyte.
func fill(b *testing.B, r *record.Recording, size int, pace time.Duration) {
	b.Helper()
	var screens [64][]byte
	for i := range screens {
		screens[i] = screen(uint64(i))
	}
	for i := range size >> 10 {
		if err := r.Take(noon.Add(time.Duration(i)*pace), ssm.Event{Kind: ssm.Shown, Data: screens[i%len(screens)]}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecord is 1 GB of output in frames of 1 KB, to the disk.
func BenchmarkRecord(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := openStore(b, record.Config{Wall: clock.System{}})
	b.SetBytes(1 << 30)
	busy(b, func() {
		r := session(b, s)
		fill(b, r, 1<<30, time.Millisecond)
		if err := r.End(noon.Add(time.Hour), "done"); err != nil {
			b.Fatal(err)
		}
		if err := s.Remove(r.ID()); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSearch searches 1 GB of output for what is not there.
func BenchmarkSearch(b *testing.B) {
	s := openStore(b, record.Config{})
	r := session(b, s)
	fill(b, r, 1<<30, time.Millisecond)
	if err := r.End(noon.Add(time.Hour), "done"); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 30)
	busy(b, func() {
		if hits, err := s.Search(context.Background(), record.Query{Text: "nowhere to be found", Limit: 10}, r.ID()); err != nil || len(hits) > 0 {
			b.Fatal(hits, err)
		}
	})
}

// BenchmarkSeek opens a recording of ten hours with a segment each quarter of a
// second, and goes to its end.
func BenchmarkSeek(b *testing.B) {
	s := openStore(b, record.Config{})
	r := session(b, s)
	const pace = 250 * time.Millisecond
	for i := range int(10 * time.Hour / pace) {
		if err := r.Take(noon.Add(time.Duration(i)*pace), ssm.Event{Kind: ssm.Shown, Data: screen(uint64(i % 100))}); err != nil {
			b.Fatal(err)
		}
		if err := r.Seal(); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.End(noon.Add(10*time.Hour), "done"); err != nil {
		b.Fatal(err)
	}
	busy(b, func() {
		in, err := s.OpenStream(r.ID(), record.Output)
		if err != nil {
			b.Fatal(err)
		}
		if err := in.Seek(9*time.Hour+59*time.Minute, 64<<10); err != nil {
			b.Fatal(err)
		}
		if _, err := in.Next(); err != nil {
			b.Fatal(err)
		}
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkVerify checks 1 GB without its keys.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	s := openStore(b, record.Config{Dir: dir, Sign: sign})
	r := session(b, s)
	fill(b, r, 1<<30, time.Millisecond)
	if err := r.End(noon.Add(time.Hour), "done"); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 30)
	busy(b, func() {
		if _, err := record.Verify(dir+"/"+r.ID(), publicKey); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkOpenSessions is what 200 open recordings take in memory, each with
// 100 KB shown a second.
func BenchmarkOpenSessions(b *testing.B) {
	s := openStore(b, record.Config{Wall: clock.System{}})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all []*record.Recording
	for range 200 {
		all = append(all, session(b, s))
	}
	for b.Loop() {
		for _, r := range all {
			fill(b, r, 100<<10, 10*time.Millisecond)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB-held")
	for _, r := range all {
		if err := r.End(noon.Add(time.Hour), "done"); err != nil {
			b.Fatal(err)
		}
	}
}
