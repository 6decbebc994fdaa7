package record

import (
	"bytes"
	"sort"
	"time"
	"unicode/utf8"
)

// Rows make text of output, row by row, as somebody would remember having seen
// it: without colours, and with what was typed over or taken back as it was in
// the end. Where a program moves about the screen, each place that it moves to
// begins a row. The zero Rows is ready.
type Rows struct {
	text  []byte
	row   int // where the last row begins, which is not whole
	at    int // the cursor
	times []instant
	state byte // of an escape sequence, as in an echoLine
	param []byte
	cr    bool // the last thing was a carriage return
}

// An instant is when what follows a place in the text was shown.
type instant struct {
	from int
	at   time.Duration
}

// maxRow bounds a row.
const maxRow = 64 << 10

// Add adds output.
func (r *Rows) Add(l Line) {
	r.mark(l.At)
	for q := l.quoted; len(q) > 0; {
		n := bytes.IndexByte(q, '\\')
		if n < 0 {
			n = len(q)
		}
		r.print(q[:n])
		if q = q[n:]; len(q) > 0 {
			c, size := escaped(q)
			r.special(c)
			q = q[size:]
		}
	}
}

// mark notes that what follows the cursor is shown now.
func (r *Rows) mark(now time.Duration) {
	n := len(r.times)
	for n > 0 && r.times[n-1].from >= r.at {
		n--
	}
	r.times = append(r.times[:n], instant{r.at, now})
}

// special takes what JSON escapes: quotes, backslashes and control characters.
func (r *Rows) special(c rune) {
	switch {
	case r.state != 0:
		r.escape(c)
	case c == '\n':
		r.breakRow()
	case c == '\r':
		r.cr = true
		return
	case c == 0x1b:
		r.state, r.param = inEscape, r.param[:0]
	case c == '\b':
		r.back()
	case c == '\t' || c >= ' ' && c != 0x7f:
		var b [utf8.UTFMax]byte
		r.print(b[:utf8.EncodeRune(b[:], c)])
	}
	r.cr = r.cr && c == 0x1b
}

// print puts characters where the cursor is.
func (r *Rows) print(p []byte) {
	for len(p) > 0 && r.state != 0 {
		c, n := utf8.DecodeRune(p)
		r.escape(c)
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	if r.cr {
		r.cr, r.at = false, r.row
	}
	if len(r.text)-r.row > maxRow {
		r.breakRow()
	}
	if r.at == len(r.text) {
		r.text = append(r.text, p...)
		r.at = len(r.text)
		return
	}
	r.over(p)
}

// over replaces as many characters as p has.
func (r *Rows) over(p []byte) {
	end := r.at
	for range utf8.RuneCount(p) {
		_, n := utf8.DecodeRune(r.text[end:])
		end += n
	}
	r.replace(r.at, end, p)
	r.at += len(p)
}

func (r *Rows) replace(from, to int, with []byte) {
	if len(with) == to-from {
		copy(r.text[from:to], with)
		return
	}
	tail := append(append([]byte(nil), with...), r.text[to:]...)
	r.text = append(r.text[:from], tail...)
}

func (r *Rows) breakRow() {
	r.text = append(r.text, '\n')
	r.row, r.at, r.cr = len(r.text), len(r.text), false
}

// back moves the cursor one character to the left.
func (r *Rows) back() {
	if r.at > r.row {
		_, n := utf8.DecodeLastRune(r.text[r.row:r.at])
		r.at -= n
	}
}

// forth moves it to the right, within what is there.
func (r *Rows) forth() {
	_, n := utf8.DecodeRune(r.text[r.at:])
	r.at += n
}

// escape takes the next character of an escape sequence.
func (r *Rows) escape(c rune) {
	switch {
	case c == 0x18 || c == 0x1a:
		r.state = 0
	case r.state == inEscape:
		r.state = begins(c)
	case r.state == inCSI && c >= 0x40 && c <= 0x7e:
		r.state = 0
		r.csi(c, number(r.param))
	case r.state == inCSI:
		if len(r.param) < maxParam && c < utf8.RuneSelf {
			r.param = append(r.param, byte(c))
		}
	case r.state == inString && c == 0x1b:
		r.state = inOne
	case r.state == inString && c != 0x07:
	default:
		r.state = 0
	}
}

func (r *Rows) csi(c rune, n int) {
	if c == 'm' { // colours, which are most of all
		return
	}
	if r.cr {
		r.cr, r.at = false, r.row
	}
	n = min(max(1, n), maxRow)
	switch c {
	case 'C':
		for ; n > 0 && r.at < len(r.text); n-- {
			r.forth()
		}
	case 'D':
		for ; n > 0 && r.at > r.row; n-- {
			r.back()
		}
	case 'G':
		for r.at = r.row; n > 1 && r.at < len(r.text); n-- {
			r.forth()
		}
	case 'K':
		if len(r.param) == 0 || r.param[0] == '0' {
			r.text = r.text[:r.at]
		}
	case 'P':
		end := r.at
		for ; n > 0 && end < len(r.text); n-- {
			_, size := utf8.DecodeRune(r.text[end:])
			end += size
		}
		r.replace(r.at, end, nil)
	case '@':
		r.replace(r.at, r.at, bytes.Repeat([]byte{' '}, min(n, 1024)))
	case 'A', 'B', 'E', 'F', 'H', 'f', 'd', 'h', 'l':
		// Of the modes, only the other screen leaves the row.
		if len(r.text) > r.row && (c != 'h' && c != 'l' || otherScreen(r.param)) {
			r.breakRow()
		}
	}
}

// otherScreen reports whether a mode is about which screen is shown.
func otherScreen(param []byte) bool {
	switch string(param) {
	case "?47", "?1047", "?1049":
		return true
	}
	return false
}

// Whole returns the rows that are whole, each with its end. They are valid until
// the next call of Add or Drop.
func (r *Rows) Whole() []byte { return r.text[:r.row] }

// Flush makes the last row a whole one.
func (r *Rows) Flush() {
	if len(r.text) > r.row {
		r.breakRow()
	}
}

// When returns when what stands at a place of Whole was shown.
func (r *Rows) When(place int) time.Duration {
	i := sort.Search(len(r.times), func(i int) bool { return r.times[i].from > place })
	if i == 0 {
		return 0
	}
	return r.times[i-1].at
}

// Drop forgets the rows that are whole.
func (r *Rows) Drop() {
	keep := sort.Search(len(r.times), func(i int) bool { return r.times[i].from > r.row })
	keep = max(0, keep-1)
	n := copy(r.times, r.times[keep:])
	r.times = r.times[:n]
	for i := range r.times {
		r.times[i].from = max(0, r.times[i].from-r.row)
	}
	n = copy(r.text, r.text[r.row:])
	r.text = r.text[:n]
	r.at -= r.row
	r.row = 0
}
