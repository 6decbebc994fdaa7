package flowfile

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"sesame/policies"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A file is one flow file.
type file struct {
	name  string
	data  string
	lines []int // where each line begins
}

func newFile(name string, data []byte) *file {
	f := &file{name: name, data: strings.TrimPrefix(string(data), mark), lines: []int{0}}
	for i, c := range []byte(f.data) {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// position returns the line and column of the byte at offset.
func (f *file) position(offset int) policies.Position {
	line := sort.SearchInts(f.lines, offset+1)
	col := utf8.RuneCountInString(f.data[f.lines[line-1]:min(offset, len(f.data))])
	return policies.Position{File: f.name, Line: line, Col: col + 1}
}

// A kind is what a node is.
type kind string

// The kinds of nodes.
const (
	text    kind = "text"
	number  kind = "number"
	truth   kind = "true or false"
	empty   kind = "nothing"
	list    kind = "a list"
	mapping kind = "a mapping"
	refused kind = "" // noted as a problem already
)

// A node is a value in a file and where it stands.
type node struct {
	file  *file
	pos   policies.Position
	kind  kind
	text  string // of a text, number or truth, as it is meant
	items []*node
	pairs []pair
	// inherited says that the value stands under defaults.
	inherited bool
}

// A pair is one entry of a mapping.
type pair struct{ key, value *node }

// get returns the value of the key, or nil.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

// count returns how many of the keys are there.
func (n *node) count(keys ...string) int {
	found := 0
	for _, key := range keys {
		if n.get(key) != nil {
			found++
		}
	}
	return found
}

// source returns the text of n as a rule, which knows the place in the file of
// each of its characters.
func (n *node) source() policies.Source {
	return policies.Source{Text: n.text, Pos: n.at(0), At: n.at}
}

// at returns where the character at offset of the text stands. It follows the
// text through the file past what YAML adds: quotes, indentation and escapes.
func (n *node) at(offset int) policies.Position {
	i := n.file.lines[n.pos.Line-1]
	for range n.pos.Col - 1 {
		_, size := utf8.DecodeRuneInString(n.file.data[i:])
		i += size
	}
	if i < len(n.file.data) && (n.file.data[i] == '|' || n.file.data[i] == '>') {
		i += max(0, strings.IndexByte(n.file.data[i:], '\n'))
	}
	found := i
	for at, r := range n.text {
		if at > offset {
			break
		}
		if unicode.IsSpace(r) {
			continue
		}
		next := strings.IndexRune(n.file.data[i:], r)
		if next < 0 {
			return n.pos
		}
		found = i + next
		i = found + utf8.RuneLen(r)
	}
	return n.file.position(found)
}

// parse reads a file into nodes. What is wrong with its YAML is noted; the
// node is nil then.
func (r *reader) parse(f *file) (root *node) {
	defer func() {
		if e := recover(); e != nil {
			r.add(f.position(0), fmt.Sprintf("this cannot be read as YAML: %v", e), "")
			root = nil
		}
	}()
	if !r.readable(f) {
		return nil
	}
	tokens := lexer.Tokenize(f.data)
	if !r.bounded(f, tokens) {
		return nil
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(f, err)
		return nil
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			r.add(tokenPosition(f, doc.Body.GetToken()), "a flow file holds one document", "put the rest into a file of its own")
			break
		}
		root = r.convert(f, doc.Body, 0)
	}
	if root == nil {
		r.add(f.position(0), "the file is empty", "begin with version: 1")
	}
	return root
}

// tokenPosition returns where t stands; always a place that the file has.
func tokenPosition(f *file, t *token.Token) policies.Position {
	p := policies.Position{File: f.name, Line: 1, Col: 1}
	if t != nil && t.Position != nil {
		p.Line = min(max(1, t.Position.Line), len(f.lines))
		p.Col = max(1, t.Position.Column)
	}
	return p
}

// convert returns n as a node. What flow files do not use is noted, and is
// nothing: with anchors, a small file could stand for a huge one.
func (r *reader) convert(f *file, n ast.Node, depth int) *node {
	out := &node{file: f, pos: tokenPosition(f, n.GetToken()), kind: empty}
	if depth > maxDepth {
		r.add(out.pos, tooDeep(), "")
		out.kind = refused
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		r.convertMapping(out, n, depth)
	case *ast.MappingValueNode:
		r.convertMapping(out, &ast.MappingNode{Values: []*ast.MappingValueNode{n}}, depth)
	case *ast.SequenceNode:
		out.kind = list
		for _, item := range n.Values {
			out.items = append(out.items, r.convert(f, item, depth+1))
		}
	case *ast.StringNode:
		out.kind, out.text = text, n.Value
		r.visible(out)
	case *ast.LiteralNode:
		out.kind, out.text = text, n.Value.Value
		r.visible(out)
	case *ast.IntegerNode:
		out.kind, out.text = number, n.GetToken().Value
	case *ast.FloatNode:
		out.kind, out.text = number, n.GetToken().Value
	case *ast.BoolNode:
		out.kind, out.text = truth, fmt.Sprint(n.Value)
	case *ast.NullNode:
	default:
		out.kind = refused
		r.add(out.pos, "flow files are plain YAML, without anchors, aliases, tags and merged keys", "")
	}
	return out
}

func (r *reader) convertMapping(out *node, n *ast.MappingNode, depth int) {
	out.kind = mapping
	seen := map[string]policies.Position{}
	for _, v := range n.Values {
		key := r.convert(out.file, v.Key, depth+1)
		if len(out.pairs) == 0 {
			out.pos = key.pos
		}
		if key.kind == empty || key.kind == list || key.kind == mapping {
			r.add(key.pos, "a key is a word", "")
			continue
		}
		if key.kind == refused {
			continue
		}
		if first, ok := seen[key.text]; ok {
			r.add(key.pos, fmt.Sprintf("%s is here twice", key.text), fmt.Sprintf("first in line %d", first.Line))
			continue
		}
		seen[key.text] = key.pos
		out.pairs = append(out.pairs, pair{key, r.convert(out.file, v.Value, depth+1)})
	}
}
