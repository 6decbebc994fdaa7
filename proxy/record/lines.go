package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"sesame/flows/access"
)

// A Line is one event of an asciicast.
type Line struct {
	// At is when it came, since the session began.
	At time.Duration
	// Code is 'o' for output, 'i' for input, 'm' for a mark, 'r' for a size, and
	// 'x' for an exit status.
	Code byte
	// quoted is the text as a JSON string, without its quotes.
	quoted []byte
}

// AppendText appends what the event says to b.
func (l Line) AppendText(b []byte) []byte {
	for q := l.quoted; ; {
		n := bytes.IndexByte(q, '\\')
		if n < 0 {
			return append(b, q...)
		}
		b = append(b, q[:n]...)
		r, size := escaped(q[n:])
		b = utf8.AppendRune(b, r)
		q = q[n+size:]
	}
}

// Text is what the event says.
func (l Line) Text() string { return string(l.AppendText(nil)) }

// escaped reads a JSON escape, and returns how many bytes it takes.
func escaped(q []byte) (rune, int) {
	if len(q) < 2 {
		return utf8.RuneError, len(q)
	}
	switch q[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'u':
		if len(q) < 6 {
			return utf8.RuneError, len(q)
		}
		r := rune(0)
		for _, c := range q[2:6] {
			r = r<<4 | rune(unhex(c))
		}
		if !utf8.ValidRune(r) {
			r = utf8.RuneError
		}
		return r, 6
	}
	return rune(q[1]), 2
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

var errLine = fmt.Errorf("a line is no event of an asciicast: %w", access.ErrBroken)

// Lines calls f for each event in whole lines of an asciicast that begin at a
// moment, and returns the moment of the last. What f is given is valid until it
// returns. The line that an asciicast begins with, and comments, are passed over.
func Lines(text []byte, from time.Duration, f func(Line) error) (time.Duration, error) {
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte{'\n'})
		if !whole {
			return from, errLine
		}
		text = rest
		if len(line) > 0 && (line[0] == '{' || line[0] == '#') {
			continue
		}
		l, err := parseLine(line, from)
		if err != nil {
			return from, err
		}
		from = l.At
		if err := f(l); err != nil {
			return from, err
		}
	}
	return from, nil
}

// parseLine reads [0.248,"o","…"], as this package writes it.
func parseLine(line []byte, from time.Duration) (Line, error) {
	comma := bytes.IndexByte(line, ',')
	if comma < 6 || line[0] != '[' || line[comma-4] != '.' || len(line) < comma+8 || comma > 20 {
		return Line{}, errLine
	}
	var passed time.Duration
	for _, c := range line[1:comma] {
		if c != '.' {
			if c < '0' || c > '9' {
				return Line{}, errLine
			}
			passed = 10*passed + time.Duration(c-'0')
		}
	}
	rest, end := line[comma+1:], len(line)-2
	if passed > maxOffset/time.Millisecond || rest[0] != '"' || string(rest[2:5]) != `","` || string(line[end:]) != `"]` || end < comma+6 {
		return Line{}, errLine
	}
	return Line{from + passed*time.Millisecond, rest[1], line[comma+6 : end]}, nil
}

// A Size is that of a terminal.
type Size struct{ Cols, Rows int }

// SizeOf reads the line that an asciicast begins with.
func SizeOf(text []byte) (Size, error) {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	var h headerLine
	if err := json.Unmarshal(line, &h); err != nil {
		return Size{}, fmt.Errorf("the first line of an asciicast cannot be read: %w", access.ErrBroken)
	}
	return Size{h.Term.Cols, h.Term.Rows}, nil
}
