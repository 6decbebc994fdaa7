package iam

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A template is a text of a policy with its wildcards and variables, ready to
// be compared with a text of a request.
type template struct {
	pieces    []piece
	fold      bool // whether case does not count; literals are in lower case then
	variables bool
	fenced    bool // whether a star stays within its part of an ARN
}

// A piece is a literal, one of the wildcards, or a variable.
type piece struct {
	kind     pieceKind
	literal  string // of a variable: its default
	variable string // the key that it stands for, in lower case
	fallback bool   // whether the variable has a default
	fenced   bool   // of a wildcard: it matches no colon
}

type pieceKind byte

const (
	literal pieceKind = iota
	one
	star
	variable
)

// A syntax says what is special in a template.
type syntax struct {
	wildcards, variables, fold bool
}

// newTemplate reads the text of a policy.
func newTemplate(text string, s syntax) (template, error) {
	t := template{fold: s.fold}
	for text != "" {
		p, rest, err := nextPiece(text, s)
		if err != nil {
			return template{}, err
		}
		text = rest
		if s.fold {
			p.literal = strings.ToLower(p.literal)
		}
		t.variables = t.variables || p.kind == variable
		t.add(p)
	}
	return t, nil
}

// add joins literals that meet, and stars that meet.
func (t *template) add(p piece) {
	if n := len(t.pieces); n > 0 && t.pieces[n-1].kind == p.kind {
		switch p.kind {
		case literal:
			t.pieces[n-1].literal += p.literal
			return
		case star:
			return
		}
	}
	t.pieces = append(t.pieces, p)
}

func nextPiece(text string, s syntax) (p piece, rest string, err error) {
	switch {
	case s.wildcards && text[0] == '*':
		return piece{kind: star}, text[1:], nil
	case s.wildcards && text[0] == '?':
		return piece{kind: one}, text[1:], nil
	case s.variables && strings.HasPrefix(text, "${"):
		return nextVariable(text)
	}
	end := 1
	for end < len(text) && !(s.wildcards && (text[end] == '*' || text[end] == '?')) && !(s.variables && text[end] == '$') {
		end++
	}
	return piece{literal: text[:end]}, text[end:], nil
}

// nextVariable reads ${key}, ${key, 'default'}, or a character that stands for
// itself: ${*}, ${?}, ${$}.
func nextVariable(text string) (p piece, rest string, err error) {
	body, rest, ok := strings.Cut(text[2:], "}")
	if !ok {
		return p, "", fmt.Errorf("%q is a variable without an end", text)
	}
	if body == "*" || body == "?" || body == "$" {
		return piece{literal: body}, rest, nil
	}
	key, fallback, has := strings.Cut(body, ",")
	// A blank is part of the key, as IAM reads it, so that no request has it.
	p = piece{kind: variable, variable: strings.ToLower(key), fallback: has}
	if strings.TrimSpace(key) == "" {
		return p, "", fmt.Errorf("%q names no key", "${"+body+"}")
	}
	if has {
		quoted := strings.TrimSpace(fallback)
		if len(quoted) < 2 || quoted[0] != '\'' || quoted[len(quoted)-1] != '\'' {
			return p, "", fmt.Errorf("the default in %q is not in single quotes", "${"+body+"}")
		}
		p.literal = quoted[1 : len(quoted)-1]
	}
	return p, rest, nil
}

// match reports whether text is what the template describes. A variable that
// the request has no value for describes nothing.
func (t *template) match(q *query, text string) (bool, error) {
	if t.fold {
		text = strings.ToLower(text)
	}
	pieces := t.pieces
	if t.variables {
		var room [8]piece // on the stack, for most templates
		known, err := false, error(nil)
		if pieces, known, err = t.substitute(q, room[:0]); err != nil || !known {
			return false, err
		}
	}
	if t.fenced {
		return matchFenced(pieces, text), nil
	}
	return matchGlob(pieces, text), nil
}

// substitute appends the pieces to room, with each variable's value as a
// literal: what a value contains is never a wildcard.
func (t *template) substitute(q *query, room []piece) (pieces []piece, known bool, err error) {
	for _, p := range t.pieces {
		if p.kind == variable {
			values, err := q.context.get(p.variable)
			switch {
			case err != nil:
				return nil, false, err
			case len(values) > 1:
				return nil, false, fmt.Errorf("%s has several values, and a variable needs one", p.variable)
			case len(values) == 1:
				p.literal = values[0]
			case !p.fallback:
				return nil, false, nil
			}
			p.kind = literal
			if t.fold {
				p.literal = strings.ToLower(p.literal)
			}
		}
		room = append(room, p)
	}
	return room, true, nil
}

// matchGlob tries the last star for longer and longer texts: what an earlier
// star could take in addition, the last one can as well.
func matchGlob(pieces []piece, text string) bool {
	p, at := 0, 0
	afterStar, starEnd := -1, 0
	for p < len(pieces) || at < len(text) {
		if p < len(pieces) {
			if pieces[p].kind == star {
				p++
				if p == len(pieces) {
					return true
				}
				afterStar, starEnd = p, pieces[p].find(text, at)
				if at = starEnd; at < 0 {
					return false
				}
				continue
			}
			if n, ok := pieces[p].take(text[at:]); ok {
				p, at = p+1, at+n
				continue
			}
		}
		if afterStar < 0 || starEnd >= len(text) {
			return false
		}
		starEnd = pieces[afterStar].find(text, starEnd+1)
		if p, at = afterStar, starEnd; at < 0 {
			return false
		}
	}
	return true
}

// find returns the first place not before from where the piece may begin, or
// -1.
func (p *piece) find(text string, from int) int {
	if p.kind != literal {
		return from
	}
	i := strings.Index(text[from:], p.literal)
	if i < 0 {
		return -1
	}
	return from + i
}

// take returns how much of the beginning of text a literal or ? matches.
func (p *piece) take(text string) (int, bool) {
	if p.kind == literal {
		return len(p.literal), strings.HasPrefix(text, p.literal)
	}
	if text == "" || !utf8.RuneStart(text[0]) || p.fenced && text[0] == ':' {
		return 0, false
	}
	_, n := utf8.DecodeRuneInString(text)
	return n, true
}

// matchFenced is matchGlob for stars of two sorts, where trying the last one
// does not do: it follows all the places that the pieces so far can reach.
func matchFenced(pieces []piece, text string) bool {
	reached := make([]bool, len(text)+1)
	reached[0] = true
	for _, p := range pieces {
		next := make([]bool, len(text)+1)
		for at := range reached {
			if !reached[at] {
				continue
			}
			if p.kind != star {
				if n, ok := p.take(text[at:]); ok {
					next[at+n] = true
				}
				continue
			}
			for end := at; end <= len(text) && !next[end]; end++ {
				next[end] = true
				if p.fenced && end < len(text) && text[end] == ':' {
					break
				}
			}
		}
		reached = next
	}
	return reached[len(text)]
}

// colonsBeforeResource is how many colons an ARN has before its last part, in
// which colons have no meaning.
const colonsBeforeResource = 5

// fence keeps wildcards within their part of an ARN, but for a star at the end
// of a part, which IAM lets go on beyond the colon ("IAM JSON policy elements:
// Resource").
func (t *template) fence() {
	colons := 0
	for i := range t.pieces {
		p := &t.pieces[i]
		switch {
		case p.kind == literal:
			colons += strings.Count(p.literal, ":")
		case colons >= colonsBeforeResource:
		case p.kind == one:
			p.fenced = true
		case p.kind == star:
			atEnd := i == len(t.pieces)-1 || strings.HasPrefix(t.pieces[i+1].literal, ":") && t.pieces[i+1].kind == literal
			p.fenced = !atEnd
			t.fenced = t.fenced || p.fenced
		}
	}
}

// parts returns the template cut at the first five colons, as ARN operators
// compare it: part by part.
func (t *template) parts() []template {
	parts := []template{{fold: t.fold}}
	last := func() *template { return &parts[len(parts)-1] }
	for _, p := range t.pieces {
		for p.kind == literal && len(parts) <= colonsBeforeResource {
			head, tail, cut := strings.Cut(p.literal, ":")
			if !cut {
				break
			}
			if head != "" {
				last().add(piece{literal: head})
			}
			parts = append(parts, template{fold: t.fold})
			p.literal = tail
		}
		if p.kind != literal || p.literal != "" {
			last().add(p)
			last().variables = last().variables || p.kind == variable
		}
	}
	return parts
}
