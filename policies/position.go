package policies

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Position is a place in a flow file.
type Position struct {
	File      string
	Line, Col int // from 1
}

// String returns "file:line:col".
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Compare orders places as they stand in the files.
func (p Position) Compare(q Position) int {
	return cmp.Or(strings.Compare(p.File, q.File), p.Line-q.Line, p.Col-q.Col)
}

// A Source is the text of one expression and where it stands.
type Source struct {
	Text string
	Pos  Position // of its first character
	// At returns the position of the character at offset, in bytes, of Text.
	// Nil means that Text stands in the file as it is.
	At func(offset int) Position
}

// position returns where the rune with index n of the text stands.
func (s Source) position(n int) Position {
	offset := 0
	for ; n > 0 && offset < len(s.Text); n-- {
		_, size := utf8.DecodeRuneInString(s.Text[offset:])
		offset += size
	}
	if s.At != nil {
		return s.At(offset)
	}
	p, before := s.Pos, s.Text[:offset]
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		p.Line += strings.Count(before, "\n")
		p.Col, before = 1, before[i+1:]
	}
	p.Col += utf8.RuneCountInString(before)
	return p
}

// A Problem is something wrong with a rule.
type Problem struct {
	Pos     Position
	Message string
	Hint    string // what was probably meant; empty when there is no telling
}
