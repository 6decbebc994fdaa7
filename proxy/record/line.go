package record

import "unicode/utf8"

// An echoLine is the line of a terminal that the cursor is on, as far as it
// takes to see whether what was typed appears there. It knows what line editors
// do to a line, and takes anything that leaves the line for a new one.
type echoLine struct {
	cells []cell
	col   int
	runes runes
	state byte   // of an escape sequence: 0 outside, else what it began with
	param []byte // of a control sequence
	wrote bool   // the last thing was a character
}

// A cell is a character, and when it was shown.
type cell struct {
	r     rune
	stamp uint32
}

// maxLine bounds the characters of a line, and maxParam those of a sequence.
const (
	maxLine  = 4096
	maxParam = 32
)

// The states within an escape sequence.
const (
	inEscape = 'E'
	inCSI    = '['
	inString = ']' // OSC, DCS and their like: a text up to BEL or ESC \
	inOne    = '(' // one more character
)

// show applies output. Where the cursor comes to rest behind a character it
// calls look.
func (l *echoLine) show(p []byte, stamp uint32, look func()) {
	for p = l.runes.whole(p); len(p) > 0; {
		r, n := utf8.DecodeRune(p)
		p = p[n:]
		if l.state != 0 {
			l.escape(r)
			continue
		}
		if r >= ' ' && r != 0x7f {
			l.put(cell{r, stamp})
			l.wrote = true
			continue
		}
		if l.wrote {
			look()
		}
		l.wrote = false
		l.control(r)
	}
	if l.wrote {
		look()
	}
}

func (l *echoLine) put(c cell) {
	if l.col >= maxLine {
		l.clear()
	}
	for len(l.cells) <= l.col {
		l.cells = append(l.cells, cell{r: ' '})
	}
	l.cells[l.col] = c
	l.col++
}

func (l *echoLine) clear() { l.cells, l.col = l.cells[:0], 0 }

func (l *echoLine) control(r rune) {
	switch r {
	case '\b':
		l.col = max(0, l.col-1)
	case '\r':
		l.col = 0
	case '\n', '\v', '\f':
		l.clear()
	case '\t':
		l.put(cell{r: ' '})
	case 0x1b:
		l.state, l.param = inEscape, l.param[:0]
	}
}

// escape takes the next character of an escape sequence.
func (l *echoLine) escape(r rune) {
	switch {
	case r == 0x18 || r == 0x1a: // cancel
		l.state = 0
	case l.state == inEscape:
		l.state = begins(r)
	case l.state == inCSI:
		l.csi(r)
	case l.state == inString:
		if r == 0x07 {
			l.state = 0
		} else if r == 0x1b {
			l.state = inOne // the backslash
		}
	default:
		l.state = 0
	}
}

// begins returns what a character after ESC begins.
func begins(r rune) byte {
	switch r {
	case '[':
		return inCSI
	case ']', 'P', 'X', '^', '_':
		return inString
	case '(', ')', '*', '+', '#', '%', ' ':
		return inOne
	}
	return 0
}

func (l *echoLine) csi(r rune) {
	if r < 0x40 || r > 0x7e {
		if len(l.param) < maxParam && r < utf8.RuneSelf {
			l.param = append(l.param, byte(r))
		}
		return
	}
	l.state = 0
	n := number(l.param)
	switch r {
	case 'C':
		l.col = min(l.col+max(1, n), maxLine-1)
	case 'D':
		l.col = max(0, l.col-max(1, n))
	case 'G', '`':
		l.col = min(max(1, n), maxLine) - 1
	case 'K':
		l.erase(n)
	case 'P':
		l.remove(max(1, n))
	case '@':
		l.insert(max(1, n))
	case 'A', 'B', 'E', 'F', 'H', 'f', 'd', 'J', 'L', 'M', 'S', 'T', 'h', 'l':
		if r != 'h' && r != 'l' && (r != 'J' || n != 0) { // modes leave the line, as does erasing what is below
			l.clear()
		}
	}
}

// number is the first parameter of a sequence, or 0.
func number(param []byte) (n int) {
	for _, c := range param {
		if c < '0' || c > '9' || n > maxLine {
			return n
		}
		n = 10*n + int(c-'0')
	}
	return n
}

func (l *echoLine) erase(how int) {
	switch {
	case how == 0 && l.col < len(l.cells):
		l.cells = l.cells[:l.col]
	case how > 0:
		for i := range l.cells {
			if how == 2 || i <= l.col {
				l.cells[i] = cell{r: ' '}
			}
		}
	}
}

func (l *echoLine) remove(n int) {
	if l.col < len(l.cells) {
		l.cells = append(l.cells[:l.col], l.cells[min(len(l.cells), l.col+n):]...)
	}
}

func (l *echoLine) insert(n int) {
	if l.col >= len(l.cells) {
		return
	}
	n = min(n, maxLine-l.col)
	tail := append(make([]cell, n, n+len(l.cells)-l.col), l.cells[l.col:]...)
	for i := range n {
		tail[i].r = ' '
	}
	l.cells = append(l.cells[:l.col], tail...)
	l.cells = l.cells[:min(len(l.cells), maxLine)]
}

// endsWith reports whether the line before col ends with text, shown after
// stamp.
func (l *echoLine) endsWith(col int, text []rune, stamp uint32) bool {
	if len(text) > col || col > len(l.cells) {
		return false
	}
	for i := 1; i <= len(text); i++ {
		if c := l.cells[col-i]; c.r != text[len(text)-i] || c.stamp <= stamp {
			return false
		}
	}
	return true
}
