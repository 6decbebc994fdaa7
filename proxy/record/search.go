package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Query says what is searched for in what was shown.
type Query struct {
	// Text is what a row is to contain; empty if Pattern is used.
	Text string
	// Pattern is what it is to match. Optional.
	Pattern *regexp.Regexp
	// Limit bounds the hits. Required.
	Limit int
}

// A Hit is a row in which something was found.
type Hit struct {
	Recording string        `json:"recording"`
	At        time.Duration `json:"at"` // since the session began
	Row       string        `json:"row"`
}

// maxShown bounds the characters of a Row around what was found.
const maxShown = 240

// chunkSize is how much of a recording one goroutine searches at a time.
const chunkSize = 8 << 20

// A chunk is a part of a stream.
type chunk struct {
	id    string
	lock  lock
	first spot
	end   int64
}

// Search returns the rows of recordings in which q is found, in the order of the
// recordings, and of time. What cannot be read is named in the error, beside
// what was found in the others.
func (s *Store) Search(ctx context.Context, q Query, ids ...string) ([]Hit, error) {
	var chunks []chunk
	var failed []error
	for _, id := range ids {
		more, err := s.chunks(id)
		if err != nil {
			failed = append(failed, fmt.Errorf("search recording %s: %w", id, err))
		}
		chunks = append(chunks, more...)
	}
	found := make([][]Hit, len(chunks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range chunks {
		group.Go(func() (err error) {
			found[i], err = s.searchChunk(ctx, q, c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		failed = append(failed, err)
	}
	var all []Hit
	for _, hits := range found {
		all = append(all, hits[:min(len(hits), q.Limit-len(all))]...)
	}
	return all, errors.Join(failed...)
}

// chunks takes a recording apart.
func (s *Store) chunks(id string) (all []chunk, err error) {
	r, err := s.OpenStream(id, Output)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		at, err := r.w.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		if n := len(all); n == 0 || at.end()-all[n-1].first.at > s.chunk {
			all = append(all, chunk{id: id, lock: r.lock, first: at})
		}
		all[len(all)-1].end = at.end()
	}
}

// searchChunk searches the rows that end in a chunk, but for the first, and the
// first that ends after it: at the border of two chunks nobody knows whether a
// row begins there.
func (s *Store) searchChunk(ctx context.Context, q Query, c chunk) ([]Hit, error) {
	r, err := openReader(streamPath(s.dir(c.id), Output), c.lock)
	if err != nil {
		return nil, fmt.Errorf("search recording %s: %w", c.id, err)
	}
	defer r.Close()
	r.Resume(Position{c.first.number - 1, c.first.at})
	h := hunt{q: q, id: c.id, skip: c.first.number > 1}
	for len(h.hits) < q.Limit && !h.done && ctx.Err() == nil {
		past := r.Position().Offset >= c.end
		seg, err := r.Next()
		if errors.Is(err, io.EOF) {
			h.rows.Flush()
			h.look(false)
			break
		}
		if err == nil {
			err = h.add(seg, past)
		}
		if err != nil {
			return h.hits, fmt.Errorf("search recording %s: %w", c.id, err)
		}
	}
	return h.hits, context.Cause(ctx)
}

// A hunt is a search in a chunk.
type hunt struct {
	q    Query
	id   string
	rows Rows
	skip bool // the first row, which is the chunk before's
	done bool
	hits []Hit
}

// add searches a segment; past the chunk, only the first row.
func (h *hunt) add(seg Segment, past bool) error {
	_, err := Lines(seg.Text, seg.From, func(l Line) error {
		if l.Code == 'o' {
			h.rows.Add(l)
		}
		return nil
	})
	h.look(past)
	return err
}

// look searches the rows that are whole.
func (h *hunt) look(first bool) {
	text, at := h.rows.Whole(), 0
	if len(text) == 0 {
		return
	}
	end := len(text)
	if first {
		end, h.done = bytes.IndexByte(text, '\n')+1, true
	}
	if h.skip {
		at, h.skip = bytes.IndexByte(text, '\n')+1, false
	}
	for at < end && len(h.hits) < h.q.Limit {
		from, to := h.q.find(text[at:end])
		if from < 0 {
			break
		}
		row := bytes.LastIndexByte(text[:at+from], '\n') + 1
		last := at + to + bytes.IndexByte(text[at+to:], '\n')
		h.hits = append(h.hits, Hit{h.id, h.rows.When(at + from), clip(text[row:last], at+from-row)})
		at = last + 1
	}
	h.rows.Drop()
}

// find returns where q is in whole rows, within one of them.
func (q Query) find(text []byte) (from, to int) {
	if q.Pattern == nil {
		from = bytes.Index(text, []byte(q.Text))
		return from, from + len(q.Text)
	}
	for at := 0; at < len(text); {
		end := at + bytes.IndexByte(text[at:], '\n')
		if loc := q.Pattern.FindIndex(text[at:end]); loc != nil {
			return at + loc[0], at + loc[1]
		}
		at = end + 1
	}
	return -1, -1
}

// clip returns a row, or what is around a place in it.
func clip(row []byte, place int) string {
	if len(row) <= maxShown {
		return string(row)
	}
	from := min(max(0, place-maxShown/2), len(row)-maxShown)
	return strings.ToValidUTF8(string(row[from:from+maxShown]), "")
}
