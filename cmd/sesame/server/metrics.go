package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// serveMetrics answers Prometheus, if it is to be answered, until ctx ends.
func (s *Server) serveMetrics(ctx context.Context) error {
	if s.Config.Metrics.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.Config.Metrics.Listen)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	s.Log.Info().Stringer("address", l.Addr()).Msg("metrics are answered")
	routes := http.NewServeMux()
	routes.HandleFunc("GET /metrics", s.metrics)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("metrics: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return group.Wait()
}

// metrics writes the numbers in Prometheus's text format.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	c, err := count(r.Context(), s.store, s.Clock.Now())
	if err != nil {
		s.Log.Error().Err(err).Msg("metrics")
		http.Error(w, "the store cannot be read", http.StatusInternalServerError)
		return
	}
	stats := s.file.Stats()
	var out strings.Builder
	gauge := func(name, help string, value float64) {
		fmt.Fprintf(&out, "# HELP sesame_%[1]s %[2]s\n# TYPE sesame_%[1]s gauge\nsesame_%[1]s %[3]g\n", name, help, value)
	}
	gauge("requests_pending", "Requests that wait for a decision.", float64(c.pending))
	gauge("grants_live", "Grants that are not closed.", float64(c.live))
	gauge("grants_late", "Grants that should be closed by now.", float64(c.late))
	gauge("lateness_seconds", "How late the latest of them is.", c.lateness.Seconds())
	gauge("aws_waiting", "Steps that wait for their turn with AWS, within its limits.", float64(s.keeper.Waiting()))
	gauge("outbox_depth", "Notices that are still to be told.", float64(c.notices))
	gauge("slack_connected", "Whether Slack has a connection to us.", truth(s.chat.state().State == connected))
	gauge("opens", "Whether access is opened (1) or only ended (0).", truth(s.rules.closingOnly() == ""))
	gauge("serves_aws", "Whether the proxy serves the holders of grants.", truth(s.serving.now.Load() != nil))
	gauge("store_bytes", "Size of the store.", float64(stats.Size))
	gauge("store_full", "Whether the disk is full and only ends are recorded.", truth(stats.NoSpace))
	gauge("aws_clock_skew_seconds", "How far AWS's clock is ahead.", s.cloud.skew().Seconds())
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	if _, err := w.Write([]byte(out.String())); err != nil {
		s.Log.Debug().Err(err).Msg("metrics")
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
