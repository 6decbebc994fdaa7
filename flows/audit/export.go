package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"sesame/flows/access"
)

// A Filter says which events to export. Its zero value takes all.
type Filter struct {
	Stream   access.RequestID   // only of this request
	Actor    access.PersonID    // only what this person did
	Types    []access.EventType // only these
	From, To time.Time          // only From <= At < To
}

func (f Filter) takes(e access.Event) bool {
	switch {
	case f.Actor != "" && e.Actor != f.Actor,
		len(f.Types) > 0 && !slices.Contains(f.Types, e.Type),
		!f.From.IsZero() && e.At.Before(f.From),
		!f.To.IsZero() && !e.At.Before(f.To):
		return false
	}
	return true
}

// Export writes the events that f takes to w, one JSON object on a line, in
// the order of the log. Each has its hash and that of the event before it.
func Export(ctx context.Context, r access.Reader, w io.Writer, f Filter) error {
	enc := json.NewEncoder(w)
	for from := uint64(1); ; {
		events, err := f.page(ctx, r, from)
		if err != nil {
			return fmt.Errorf("export events: %w", err)
		}
		if len(events) == 0 {
			return nil
		}
		for _, e := range events {
			if !f.takes(e) {
				continue
			}
			if err := enc.Encode(e); err != nil {
				return fmt.Errorf("export event %s/%d: %w", e.Stream, e.Seq, err)
			}
		}
		last := events[len(events)-1]
		from = last.Pos + 1
		if f.Stream != "" {
			from = last.Seq + 1
		}
	}
}

// page returns a page of the log, or of the one stream that is asked for.
func (f Filter) page(ctx context.Context, r access.Reader, from uint64) ([]access.Event, error) {
	if f.Stream != "" {
		return r.Stream(ctx, f.Stream, from, maxEvents)
	}
	return r.Log(ctx, from, maxEvents)
}
