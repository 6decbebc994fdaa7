package record

import (
	"time"
	"unicode/utf8"
)

// A mask keeps out of the record what was typed and not shown: passwords. It
// holds what is typed until it has appeared on the line that the cursor is on,
// and lets it pass then; what has not appeared within echoWindow is hidden.
//
//	typed     s u d o · i d ⏎          h u n t e r 2 ⏎        l s ⏎
//	shown       s u d o · i d ⏎ Password:            ⏎ uid=0… $ l s ⏎
//	recorded  s u d o · i d ⏎          (hidden)      ⏎        l s ⏎
//
// Keys that write nothing, such as Enter, arrows and Backspace, always pass.
// Between two of them, what was typed is one piece, and it appears as a whole or
// is hidden as a whole. A hidden stretch becomes one mark, whatever its length.
//
// It errs towards hiding: what is typed to programs that show something else,
// such as the commands of an editor, is hidden, and is to be seen in the output
// by what it did. What it cannot know:
//
//   - A secret that is shown, for instance as a part of a command, is no secret
//     to it: it stands in both streams.
//   - A piece of four characters and more counts as shown if they appear in one
//     row on the line within echoWindow, a shorter one if it appears right before
//     the cursor, by whatever cause. So a secret counts as shown if the program
//     happens to show the same word just then.
//   - Whoever controls both ends of the session can have anything hidden or
//     shown. The output is the evidence; what was typed is a help.
type mask struct {
	// pass gets what may be recorded, and hide is told of what may not.
	pass func(at time.Time, p []byte) error
	hide func(at time.Time) error

	queue  []*piece
	held   int // bytes in the queue
	keys   keys
	line   echoLine
	stamp  uint32 // counts what was shown
	looked int    // bytes and comparisons since the queue was empty
	hiding bool   // a piece was hidden, and the line that it is of goes on
}

const (
	// echoWindow is longer than an echo takes.
	echoWindow = 3 * time.Second
	// maxHeld bounds the bytes that wait, and maxPieces in how many pieces.
	maxHeld   = 16 << 10
	maxPieces = 512
	// maxPiece bounds the characters of a piece.
	maxPiece = 2048
	// maxLooked bounds the work for what waits: whoever sends that much can
	// have it hidden.
	maxLooked = 1 << 20
	// sureFrom is how long a piece is that does not appear by chance.
	sureFrom = 4
)

// A piece is something that was typed.
type piece struct {
	strokes []stroke
	text    []rune // that is to appear; none passes
	stamp   uint32 // what was shown before
	seen    int    // how much of text has appeared
	done    bool   // nothing is added any more
	ends    bool   // the line, and with it what is asked for
}

// A stroke is what was typed at once.
type stroke struct {
	at time.Time
	p  []byte
}

func (p *piece) last() time.Time { return p.strokes[len(p.strokes)-1].at }

func (p *piece) add(at time.Time, text []byte) {
	if n := len(p.strokes); n > 0 && p.strokes[n-1].at.Equal(at) {
		p.strokes[n-1].p = append(p.strokes[n-1].p, text...)
		return
	}
	p.strokes = append(p.strokes, stroke{at, append([]byte(nil), text...)})
}

// typed takes input.
func (m *mask) typed(at time.Time, p []byte) error {
	if err := m.settle(at); err != nil {
		return err
	}
	m.keys.each(p, func(k key) {
		tail := m.tail(k)
		tail.add(at, k.p)
		m.held += len(k.p)
		if k.r != 0 {
			tail.text = append(tail.text, k.r)
		}
		tail.ends = tail.ends || k.ends
	})
	for m.held > maxHeld || len(m.queue) > maxPieces {
		if err := m.pop(); err != nil {
			return err
		}
	}
	return m.settle(at)
}

// tail returns the piece that a key belongs to.
func (m *mask) tail(k key) *piece {
	if n := len(m.queue); n > 0 {
		last := m.queue[n-1]
		if (k.r != 0) == (len(last.text) > 0) && !last.done && !last.ends && len(last.text) < maxPiece {
			return last
		}
		last.done = true
	}
	p := &piece{stamp: m.stamp}
	m.queue = append(m.queue, p)
	return p
}

// shown takes output: what was typed may appear in it.
func (m *mask) shown(at time.Time, p []byte) error {
	if err := m.settle(at); err != nil || len(m.queue) == 0 {
		return err
	}
	m.stamp++
	m.looked += len(p)
	if m.looked <= maxLooked {
		m.line.show(p, m.stamp, m.look)
	}
	return m.settle(at)
}

// look looks for what waits on the line.
func (m *mask) look() {
	for _, p := range m.queue {
		if len(p.text) > p.seen && m.looked <= maxLooked {
			m.looked += p.look(&m.line)
		}
	}
}

// look notes how much of p stands on the line, and returns what that took.
func (p *piece) look(l *echoLine) (work int) {
	cols := []int{l.col}
	if n := min(l.col, len(l.cells)); n > 0 && l.cells[n-1].r == ' ' {
		cols = append(cols, n-1) // with which line editors go to the next row
	}
	for _, col := range cols {
		for end := len(p.text); end > p.seen; end-- {
			work++
			// After a row is full, only the rest stands on the next one.
			if l.endsWith(col, p.text[:end], p.stamp) || p.seen >= sureFrom && l.endsWith(col, p.text[p.seen:end], p.stamp) {
				work += end
				p.seen = end
				break
			}
		}
	}
	if p.seen == len(p.text) || len(p.text) < sureFrom {
		return work
	}
	for col := len(p.text); col <= min(l.col, len(l.cells)); col++ {
		work++
		if l.endsWith(col, p.text, p.stamp) {
			p.seen = len(p.text)
			break
		}
	}
	return work
}

// settle lets go of what is known to be shown, or to be hidden, by now.
func (m *mask) settle(now time.Time) error {
	for len(m.queue) > 0 {
		p := m.queue[0]
		over := now.Sub(p.last()) >= echoWindow || m.looked > maxLooked
		if len(p.text) > 0 && !over && !(p.done && p.seen == len(p.text)) {
			return nil
		}
		if err := m.pop(); err != nil {
			return err
		}
	}
	return nil
}

// flush lets go of everything, at the end.
func (m *mask) flush(at time.Time) error {
	for len(m.queue) > 0 {
		if err := m.pop(); err != nil {
			return err
		}
	}
	if len(m.keys.runes.rest()) > 0 && !m.hiding {
		return m.hide(at) // the beginning of a character
	}
	return nil
}

// pop lets go of the first piece.
func (m *mask) pop() error {
	p := m.queue[0]
	m.queue = m.queue[1:]
	if len(m.queue) == 0 {
		m.queue, m.line, m.looked = nil, echoLine{}, 0
	}
	hidden := len(p.text) > p.seen || m.hiding && len(p.text) > 0 && len(p.text) < sureFrom
	for _, s := range p.strokes {
		m.held -= len(s.p)
		if hidden {
			continue
		}
		if err := m.pass(s.at, s.p); err != nil {
			return err
		}
	}
	before := m.hiding
	m.hiding = (m.hiding || hidden) && !p.ends
	if hidden && !before {
		return m.hide(p.strokes[0].at)
	}
	return nil
}

// A key is one that was pressed, or what a terminal says by itself.
type key struct {
	p    []byte
	r    rune // that it writes, or 0
	ends bool // the line
}

// keys takes input apart.
type keys struct {
	runes runes
	state byte // of an escape sequence, as in an echoLine
	n     int  // bytes of it
}

// maxSequence bounds an escape sequence of a terminal.
const maxSequence = 1024

// each calls f for each key of p. A key is valid until f returns.
func (k *keys) each(p []byte, f func(key)) {
	p = k.runes.whole(p)
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case k.state != 0:
			k.escape(r, n)
			f(key{p: p[:n]})
		case r == 0x1b:
			// An Escape that comes alone is a key.
			if k.n = 0; len(p) > n {
				k.state = inEscape
			}
			f(key{p: p[:n], ends: len(p) == n})
		case r < ' ' || r == 0x7f:
			f(key{p: p[:n], ends: ends(r)})
		default:
			f(key{p: p[:n], r: r})
		}
		p = p[n:]
	}
}

// ends reports whether a key ends a line, so that what was asked for on it is
// over: Enter, and what interrupts, ends or stops.
func ends(r rune) bool {
	switch r {
	case '\r', '\n', 0x03, 0x04, 0x1a, 0x1c:
		return true
	}
	return false
}

func (k *keys) escape(r rune, n int) {
	k.n += n
	switch {
	case k.n > maxSequence, r == 0x18, r == 0x1a:
		k.state = 0
	case k.state == inEscape && r == 'O':
		k.state = inOne // a function key
	case k.state == inEscape:
		k.state = begins(r)
	case k.state == inCSI:
		if r >= 0x40 && r <= 0x7e {
			k.state = 0
		}
	case k.state == inString:
		if r == 0x07 {
			k.state = 0
		} else if r == 0x1b {
			k.state = inOne
		}
	default:
		k.state = 0
	}
}
