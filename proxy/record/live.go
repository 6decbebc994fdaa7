package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"sesame/flows/access"
)

const (
	// ringSize bounds what is kept for those who watch, and come to fetch it.
	ringSize = 256 << 10
	// joinText is how much of what was shown before somebody gets who joins.
	joinText = 64 << 10
	// watchedFor is how long a ring is kept for somebody who does not come.
	watchedFor = time.Minute
)

// A Glimpse is what somebody sees who watches a session.
type Glimpse struct {
	// Text is lines of an asciicast. Their intervals are not to be waited for.
	Text []byte
	// Next is where to go on.
	Next int64
	// Skipped is how many bytes were shown before Text that are not in it,
	// since whoever watches came too late for them.
	Skipped int64
	// Over says that the session has ended, and that Text is the rest.
	Over bool
}

// A ring is the latest of what was shown, for those who watch. What it has no
// room for is forgotten: a session waits for nobody.
type ring struct {
	text   []byte
	end    int64         // of text, in the whole stream
	news   chan struct{} // closed when there is more; nil while nobody waits
	polled time.Time
}

func (g *ring) add(line []byte) {
	if len(g.text)+len(line) > 2*ringSize {
		cut := max(0, len(g.text)-ringSize)
		if n := bytes.IndexByte(g.text[cut:], '\n'); n >= 0 {
			cut += n + 1
		}
		g.text = append(g.text[:0], g.text[cut:]...)
	}
	g.text = append(g.text, line...)
	g.end += int64(len(line))
	g.wake()
}

func (g *ring) wake() {
	if g.news != nil {
		close(g.news)
		g.news = nil
	}
}

// since returns what came after a place, and how much is gone.
func (g *ring) since(at int64) Glimpse {
	start := g.end - int64(len(g.text))
	at = min(max(0, at), g.end)
	look := Glimpse{Next: g.end, Skipped: max(0, start-at)}
	look.Text = bytes.Clone(g.text[max(at, start)-start:])
	return look
}

// find returns a recording that is open, or access.ErrNotFound.
func (s *Store) find(id string) (*Recording, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.open[id]; r != nil {
		return r, nil
	}
	return nil, access.ErrNotFound
}

// Join begins to watch a session: it returns the latest of what was shown, and
// where Watch goes on. Of a recording that is not open it is access.ErrNotFound.
func (s *Store) Join(id string) (Glimpse, error) {
	r, err := s.find(id)
	if err != nil {
		return Glimpse{}, err
	}
	next, err := r.listen()
	if err != nil {
		return Glimpse{}, err
	}
	text, skipped, err := s.recent(id)
	return Glimpse{Text: text, Next: next, Skipped: skipped}, err
}

// listen has a ring from here on.
func (r *Recording) listen() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	if r.err = r.output.seal(); r.err != nil {
		return 0, r.err
	}
	return r.ringLocked().end, nil
}

func (r *Recording) ringLocked() *ring {
	if r.output.ring == nil {
		r.output.ring = &ring{end: r.output.total}
	}
	r.output.ring.polled = r.store.Wall.Now()
	return r.output.ring
}

// recent returns the end of what was shown, from the file, with the line that
// an asciicast begins with, and how many bytes of segments were left out.
func (s *Store) recent(id string) (text []byte, skipped int64, err error) {
	in, err := s.OpenStream(id, Output)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	first, err := in.Next()
	if errors.Is(err, io.EOF) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, err
	}
	text = bytes.Clone(first.Text)
	begun := in.Position().Offset
	if err := in.Seek(maxOffset, joinText); err != nil {
		return nil, 0, err
	}
	if at := in.Position(); at.Offset >= begun {
		text = text[:bytes.IndexByte(text, '\n')+1]
		skipped = at.Offset
	} else {
		in.Resume(Position{first.Number, begun})
	}
	for {
		seg, err := in.Next()
		if errors.Is(err, io.EOF) {
			return text, skipped, nil
		} else if err != nil {
			return nil, 0, err
		}
		text = append(text, seg.Text...)
	}
}

// Watch returns what was shown since a place, as soon as there is something, or
// when ctx ends.
func (s *Store) Watch(ctx context.Context, id string, at int64) (Glimpse, error) {
	r, err := s.find(id)
	if errors.Is(err, access.ErrNotFound) {
		return Glimpse{Next: at, Over: true}, nil
	}
	for {
		look, news := r.glimpse(at)
		if len(look.Text) > 0 || look.Skipped > 0 || look.Over {
			return look, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return look, nil
		}
	}
}

// glimpse returns what there is after a place, and what tells that there is
// more.
func (r *Recording) glimpse(at int64) (Glimpse, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.ringLocked()
	look := g.since(at)
	look.Over = r.manifest.State != StateOpen
	if g.news == nil {
		g.news = make(chan struct{})
	}
	return look, g.news
}

// tireLocked forgets what nobody fetches any more.
func (r *Recording) tireLocked(now time.Time) {
	if g := r.output.ring; g != nil && now.Sub(g.polled) > watchedFor {
		g.wake()
		r.output.ring = nil
	}
}
