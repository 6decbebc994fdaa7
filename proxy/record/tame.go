package record

import (
	"slices"
	"unicode/utf8"
)

// A Tamer lets through of output what draws, and nothing that makes a terminal
// do something else: what sets its title or the clipboard, what it answers as if
// somebody typed, what changes its mouse and keys. Whoever looks at a recording
// did not run the program that made it. The zero Tamer is ready.
type Tamer struct {
	state byte   // of an escape sequence, as in an echoLine
	seq   []byte // what came of it
	// other says that the other screen is shown, and region that a part of the
	// screen scrolls.
	other, region bool
}

// maxSeq bounds a sequence that draws.
const maxSeq = 128

// drawing are the last characters of control sequences that draw, or that move
// the cursor.
const drawing = "@ABCDEFGHIJKLMPSTXZ`abdefgmrsu"

// drawingModes are the private modes that draw: the cursor, wrapping, and the
// other screen.
func drawingModes() []string { return []string{"7", "12", "25", "47", "1047", "1048", "1049"} }

// Append appends what is let through of p, which is UTF-8, to b.
func (t *Tamer) Append(b, p []byte) []byte {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case t.state != 0:
			b = t.escape(b, r, p[:n])
		case r == 0x1b:
			t.state, t.seq = inEscape, append(t.seq[:0], 0x1b)
		case r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0), r >= '\b' && r <= '\r', r == 0x0e, r == 0x0f:
			b = append(b, p[:n]...)
		}
		p = p[n:]
	}
	return b
}

// escape takes the next character of an escape sequence.
func (t *Tamer) escape(b []byte, r rune, text []byte) []byte {
	if r == 0x1b && t.state != inString { // the one before is cut short
		t.state, t.seq = inEscape, append(t.seq[:0], 0x1b)
		return b
	}
	if len(t.seq) < maxSeq {
		t.seq = append(t.seq, text...)
	}
	switch t.state {
	case inEscape:
		if t.state = begins(r); t.state == 0 && (r == '7' || r == '8' || r == 'D' || r == 'E' || r == 'H' || r == 'M') {
			return append(b, t.seq...)
		}
	case inCSI:
		if r >= 0x40 && r <= 0x7e {
			t.state = 0
			return t.csi(b, r)
		}
	case inString:
		if r == 0x07 || r == 0x18 || r == 0x1a {
			t.state = 0
		} else if r == 0x1b {
			t.state = 'S' // the backslash that ends it
		}
	case inOne:
		t.state = 0
		if t.seq[1] == '(' || t.seq[1] == ')' {
			return append(b, t.seq...)
		}
	default:
		t.state = 0
	}
	return b
}

// csi lets a control sequence through if it draws.
func (t *Tamer) csi(b []byte, last rune) []byte {
	param := t.seq[2 : len(t.seq)-1]
	if len(t.seq) >= maxSeq {
		return b
	}
	if last == 'h' || last == 'l' {
		if len(param) > 1 && param[0] == '?' && slices.Contains(drawingModes(), string(param[1:])) || string(param) == "4" {
			if otherScreen(param) {
				t.other = last == 'h'
			}
			return append(b, t.seq...)
		}
		return b
	}
	for _, c := range param {
		if c != ';' && c != ':' && (c < '0' || c > '9') {
			return b
		}
	}
	if last < utf8.RuneSelf && slices.Contains([]byte(drawing), byte(last)) {
		t.region = t.region || last == 'r'
		return append(b, t.seq...)
	}
	return b
}

// AppendRest appends what makes a terminal what it was before.
func (t *Tamer) AppendRest(b []byte) []byte {
	if t.region {
		b = append(b, "\x1b7\x1b[r\x1b8"...) // to set it moves the cursor
	}
	if t.other {
		b = append(b, "\x1b[?1049l"...)
	}
	return append(b, "\x1b[?25h\x1b[?7h\x1b[4l\x1b(B\x0f\x1b[0m"...)
}
