package client

import (
	"net/http"
	"sync/atomic"
	"time"

	"sesame/proxy/api"
)

// An ahead is how far a server's clock is ahead of this computer's, by its last
// answer. It is zero before there was any.
type ahead struct{ by atomic.Int64 }

// note takes the time from an answer that came at now.
func (a *ahead) note(resp *http.Response, now time.Time) {
	if t, err := time.Parse(time.RFC3339Nano, resp.Header.Get(api.TimeHeader)); err == nil {
		a.by.Store(int64(t.Sub(now)))
	}
}

// Ahead returns by how much the server's clock is ahead of this computer's.
func (a *ahead) Ahead() time.Duration { return time.Duration(a.by.Load()) }
