//go:build unix

package load_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart starts sesame serve with 1,000,000 ended requests in the
// store, and reports the longest that it took to be ready, with the flow files
// in force, and the most memory that it had resident.
func BenchmarkStart(b *testing.B) {
	const past = 1_000_000
	w := newWorld(b, 500)
	w.remember(past)
	program := w.build()
	var slowest time.Duration
	var most int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program, "serve", "--config", w.file)
		cmd.Env = w.environment()
		p := w.launch(cmd)
		slowest, most = max(slowest, p.ready.Sub(p.began)), max(most, w.resident(p))
	}
	size, err := os.Stat(filepath.Join(w.data, "sesame.db"))
	w.must(err)
	b.ReportMetric(millis(slowest), "ready-ms")
	b.ReportMetric(float64(most>>20), "resident-MB")
	b.ReportMetric(float64(size.Size()>>20), "file-MB")
	b.ReportMetric(0, "ns/op")
}

// resident ends a server, and returns the most memory that it had resident,
// mapped pages of files included.
func (w *world) resident(p *process) int64 {
	w.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err := p.stop(); err != nil {
		w.Error(err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return p.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	w.must(err)
	// On Linux, Rusage would count this process's memory from before exec.
	var kilobytes int64
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &kilobytes)
	w.must(err)
	return kilobytes << 10
}
