package main

import (
	"context"
	"strings"
	"time"

	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/proxy/record"
)

// A feed is a stream of a recording, fetched part by part.
type feed struct {
	server client.Recordings
	view   string
	next   api.ReadQuery
	over   bool
	head   string // the line that the stream begins with
	lines  []record.Line
	begun  bool
}

// seekBack is how many bytes lead up to a moment that is gone to, so that the
// screen is what it was.
const seekBack = 256 << 10

// open begins to look at a recording.
func open(ctx context.Context, server client.Recordings, id string, v api.Viewing, from time.Duration) (*feed, api.Recording, error) {
	view, err := server.View(ctx, id, v)
	if err != nil {
		return nil, api.Recording{}, err
	}
	f := &feed{server: server, view: view.ID, next: api.ReadQuery{At: from, Back: seekBack}}
	return f, view.Recording, f.fill(ctx)
}

// fill fetches parts until there is an event, or none any more.
func (f *feed) fill(ctx context.Context) error {
	for len(f.lines) == 0 && !f.over {
		part, err := f.server.Read(ctx, f.view, f.next)
		if err != nil {
			return err
		}
		if !f.begun {
			f.begun = true
			f.head, _, _ = strings.Cut(part.Text, "\n")
		}
		f.next, f.over = api.ReadQuery{Segment: part.Segment, Offset: part.Offset}, part.Over
		f.lines = f.lines[:0]
		if _, err := record.Lines([]byte(part.Text), time.Duration(part.From)*time.Millisecond, func(l record.Line) error {
			f.lines = append(f.lines, l)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// pop takes the next event; it reports false at the end.
func (f *feed) pop(ctx context.Context) (record.Line, bool, error) {
	if err := f.fill(ctx); err != nil || len(f.lines) == 0 {
		return record.Line{}, false, err
	}
	l := f.lines[0]
	f.lines = f.lines[1:]
	return l, true, nil
}

// A merged is several feeds in the order of time.
type merged []*feed

// pop takes the earliest event of all.
func (m merged) pop(ctx context.Context) (record.Line, bool, error) {
	var first *feed
	for _, f := range m {
		if err := f.fill(ctx); err != nil {
			return record.Line{}, false, err
		}
		if len(f.lines) > 0 && (first == nil || f.lines[0].At < first.lines[0].At) {
			first = f
		}
	}
	if first == nil {
		return record.Line{}, false, nil
	}
	return first.pop(ctx)
}
