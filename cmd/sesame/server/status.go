package server

import (
	"context"
	"time"

	"sesame/flows/access"
	"sesame/proxy/api"
)

// status says how the server is.
func (s *Server) status(ctx context.Context) (api.Status, error) {
	now := s.Clock.Now()
	st := api.Status{Version: s.Version, Started: s.started, Now: now, ClosingOnly: s.rules.closingOnly(), Slack: s.chat.state()}
	if set := s.rules.set.Load(); set != nil {
		st.Revision, st.Unused = set.Revision(), s.rules.staying()
	}
	if home, ok := s.cloud.atHome(); ok {
		st.Account, st.Identity = home.Caller().Account, home.Caller().ARN
	}
	if s.commands.listener != nil {
		st.API = s.commands.listener.Addr().String()
	}
	if p := s.serving.now.Load(); p != nil {
		st.Proxy = p.roads[0].Addr().String()
	}
	st.ProxyWaits = s.serving.why()
	counts, err := count(ctx, s.store, now)
	st.Pending, st.Live, st.Backlog, st.Outbox = counts.pending, counts.live, counts.late, counts.notices
	return st, err
}

// counts are how much of everything has not come to its end.
type counts struct {
	pending, live, late, notices int
	lateness                     time.Duration // of the grant that is latest
}

// count counts what has not come to its end. What has is in none of these
// indexes, so history costs nothing.
func count(ctx context.Context, r access.Reader, now time.Time) (counts, error) {
	var c counts
	one := func(n *int) func(access.Record) error {
		return func(access.Record) error { *n++; return nil }
	}
	if err := access.Each(ctx, r, access.Query{Index: access.IndexPending}, one(&c.pending)); err != nil {
		return c, err
	}
	if err := access.Each(ctx, r, access.Query{Index: access.IndexNotices}, one(&c.notices)); err != nil {
		return c, err
	}
	return c, access.Each(ctx, r, access.Query{Index: access.IndexLive}, func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if err != nil {
			return err
		}
		c.live++
		if late := lateness(g, now); late > 0 {
			c.late++
			c.lateness = max(c.lateness, late)
		}
		return nil
	})
}

// lateness returns for how long g should have been closed by now.
func lateness(g access.Grant, now time.Time) time.Duration {
	switch g.State {
	case access.Closing:
		if late := now.Sub(g.End.At); late > access.LateAfter {
			return late
		}
		return 0
	default:
		return max(0, now.Sub(g.Until()))
	}
}
