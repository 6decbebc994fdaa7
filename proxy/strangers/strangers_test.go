package strangers_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/clock"
	"sesame/proxy/strangers"
)

func TestOneLineAMinute(t *testing.T) {
	var out bytes.Buffer
	wall := clock.Frozen(time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC))
	log := strangers.Log(zerolog.New(&out), wall)
	said := func() (lines []string) {
		for line := range strings.Lines(out.String()) {
			lines = append(lines, line)
		}
		out.Reset()
		return lines
	}
	for range 1000 {
		log.Print("http: TLS handshake error from 192.0.2.7:1: EOF")
	}
	if got := said(); len(got) != 1 {
		t.Errorf("%d lines of 1000 at once, want one", len(got))
	}
	log.Print("http: panic serving 192.0.2.7:1: nil\nwhere it was")
	if got := said(); len(got) != 1 || !strings.Contains(got[0], "where it was") {
		t.Errorf("a panic of ours is left out: %v", got)
	}
	wall.Advance(time.Minute)
	log.Print("http: TLS handshake error from 192.0.2.8:1: EOF")
	got := said()
	var line struct {
		Message string
		LeftOut int `json:"left_out"`
	}
	if len(got) != 1 || json.Unmarshal([]byte(got[0]), &line) != nil || line.LeftOut != 999 || !strings.Contains(line.Message, "192.0.2.8") {
		t.Errorf("a minute later: %v", got)
	}
}

// A server that is spoken to in the clear logs it so, and from many at once.
func TestAServerOfStrangers(t *testing.T) {
	var out lockedBuffer
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = strangers.Log(zerolog.New(&out), clock.Frozen(time.Unix(0, 0)))
	server.StartTLS()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if resp, err := http.Get("http://" + server.Listener.Addr().String()); err == nil {
				resp.Body.Close()
			}
		})
	}
	all.Wait()
	server.Close()
	if got := out.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("of 20 strangers the log says %q", got)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}
