// Package strangers keeps what strangers get wrong on an open port from filling
// the log: scanners that speak no TLS, clients that trust somebody else, requests
// that net/http complains of.
//
// It promises that no more than one line a minute is logged of all that, that
// each line says how many were left out before it, and that a panic of ours is
// never left out. It decides nothing: who is turned away is for the server to
// say.
package strangers

import (
	"log"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/clock"
)

// pause is how long nothing is logged after a line was.
const pause = time.Minute

// Log returns what a http.Server is to log errors with.
func Log(to zerolog.Logger, wall clock.Clock) *log.Logger {
	return log.New(&lines{to: to, wall: wall}, "", 0)
}

// lines are those that a server logs.
type lines struct {
	to   zerolog.Logger
	wall clock.Clock

	mu   sync.Mutex // guards what follows
	next time.Time  // when a line is logged again
	out  int        // lines that were left out
}

// ours begins what net/http logs of a handler that panicked.
const ours = "http: panic"

// Write implements io.Writer for one line, or a panic with where it was.
func (l *lines) Write(text []byte) (int, error) {
	line := strings.TrimSpace(string(text))
	if strings.HasPrefix(line, ours) {
		l.to.Error().Msg(line)
		return len(text), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.wall.Now()
	if now.Before(l.next) {
		l.out++
		return len(text), nil
	}
	l.to.Warn().Int("left_out", l.out).Msg(line)
	l.next, l.out = now.Add(pause), 0
	return len(text), nil
}
