package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// maxBytes is far above what any service of AWS takes.
	maxBytes = 256 << 10
	// maxDepth is above the seven levels of a policy, and bounds recursion.
	maxDepth = 12

	// byteOrderMark is what some editors put before a text.
	byteOrderMark = "\ufeff"
)

// A node is a JSON value with its place.
type node struct {
	kind    nodeKind
	text    string // of a scalar
	members []member
	items   []node
	at      Position
}

type nodeKind string

const (
	object nodeKind = "an object"
	list   nodeKind = "a list"
	text   nodeKind = "a string"
	number nodeKind = "a number"
	truth  nodeKind = "true or false"
	null   nodeKind = "null"
)

type member struct {
	key   Value
	value node
}

// A treeReader reads JSON and keeps count of lines and columns.
type treeReader struct {
	dec    *json.Decoder
	source string
	offset int // of at in source
	at     Position
}

// readTree returns the one JSON value that source is, or a Problem.
func readTree(file, source string) (node, error) {
	r := &treeReader{source: source, at: Position{file, 1, 1}, dec: json.NewDecoder(strings.NewReader(source))}
	r.dec.UseNumber()
	if len(source) > maxBytes {
		return node{}, r.problem("the document has %d bytes: no policy may have more than %d", len(source), maxBytes)
	}
	if strings.HasPrefix(source, byteOrderMark) {
		return node{}, r.problem("the document begins with a byte order mark, which IAM does not take: save it without one")
	}
	if !utf8.ValidString(source) {
		return node{}, r.problem("the document is not UTF-8")
	}
	root, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if _, err := r.token(); !errors.Is(err, io.EOF) {
		return node{}, r.problem("there is more after the end of the document")
	}
	return root, nil
}

func (r *treeReader) problem(format string, args ...any) error {
	return Problems{{At: r.at, Message: fmt.Sprintf(format, args...)}}
}

// token returns the next token, with at on its first character.
func (r *treeReader) token() (json.Token, error) {
	r.advance(int(r.dec.InputOffset()))
	r.advance(len(r.source) - len(strings.TrimLeft(r.source[r.offset:], " \t\r\n,:")))
	t, err := r.dec.Token()
	if err == nil || errors.Is(err, io.EOF) && r.offset == len(r.source) {
		return t, err
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, r.misspelt()
	}
	r.advance(len(r.source))
	return nil, r.problem("not JSON: it ends too soon")
}

// misspelt says where the source is no JSON. The decoder does not: within a
// value, it counts from somewhere else.
func (r *treeReader) misspelt() error {
	bad, ok := errors.AsType[*json.SyntaxError](json.Unmarshal([]byte(r.source), new(json.RawMessage)))
	if !ok {
		return r.problem("not JSON")
	}
	r.offset, r.at.Line, r.at.Col = 0, 1, 1
	r.advance(int(bad.Offset) - 1)
	return r.problem("not JSON: %s", bad)
}

// advance moves at to an offset that is not before it.
func (r *treeReader) advance(to int) {
	for _, c := range r.source[r.offset:to] {
		r.at.Col++
		if c == '\n' {
			r.at.Line, r.at.Col = r.at.Line+1, 1
		}
	}
	r.offset = to
}

func (r *treeReader) value(depth int) (node, error) {
	t, err := r.token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = r.problem("not JSON: it ends too soon")
		}
		return node{}, err
	}
	if depth > maxDepth {
		return node{}, r.problem("nested too deeply for a policy")
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(depth)
		}
		return r.list(depth)
	case string:
		return node{kind: text, text: t, at: r.at}, nil
	case json.Number:
		return node{kind: number, text: t.String(), at: r.at}, nil
	case bool:
		return node{kind: truth, text: fmt.Sprint(t), at: r.at}, nil
	}
	return node{kind: null, at: r.at}, nil
}

func (r *treeReader) object(depth int) (node, error) {
	n := node{kind: object, at: r.at}
	for r.dec.More() {
		key, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{Value{key.text, key.at}, value})
	}
	_, err := r.token()
	return n, atEnd(r, err)
}

func (r *treeReader) list(depth int) (node, error) {
	n := node{kind: list, at: r.at}
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := r.token()
	return n, atEnd(r, err)
}

// atEnd turns the end of the text, where something is still open, into a
// problem.
func atEnd(r *treeReader, err error) error {
	if errors.Is(err, io.EOF) {
		return r.problem("not JSON: it ends too soon")
	}
	return err
}
