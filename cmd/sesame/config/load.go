package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A Problem is one thing wrong with a file, with the path of its key.
type Problem struct {
	File    string
	Line    int // from 1; 0 when it is not known
	Col     int
	Path    string
	Message string
}

// String returns "file:line:col: path: message".
func (p Problem) String() string {
	var s strings.Builder
	if p.File != "" {
		s.WriteString(p.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&s, "%d:%d:", p.Line, p.Col)
		}
		s.WriteString(" ")
	}
	if p.Path != "" {
		s.WriteString(p.Path + ": ")
	}
	return s.String() + p.Message
}

// Problems is everything wrong with a file, in the order of its places.
type Problems []Problem

// Error returns one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the file at path over the defaults, and resolves its paths
// against its folder. Everything wrong with it comes back as Problems.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(path, text)
	if err != nil {
		return Config{}, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, err
	}
	return c.under(dir), nil
}

// Parse is Load without the file system: name is what problems call the text.
func Parse(name string, text []byte) (Config, error) {
	c := Default()
	err := yaml.NewDecoder(strings.NewReader(string(text)), yaml.Strict()).Decode(&c)
	if err != nil && !errors.Is(err, io.EOF) {
		return Config{}, Problems{undecodable(name, err)}
	}
	found := c.check()
	if len(found) == 0 {
		return c, nil
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Config{}, Problems{undecodable(name, err)}
	}
	return Config{}, problemsIn(name, tree, found)
}

// undecodable returns the problem that the YAML library found.
func undecodable(name string, err error) Problem {
	p := Problem{File: name, Message: err.Error()}
	if at, ok := errors.AsType[yaml.Error](err); ok {
		p.Message = at.GetMessage()
		if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
			p.Message = "must be " + inWords(wrong.DstType)
		}
		if t := at.GetToken(); t != nil {
			p.Line, p.Col = t.Position.Line, t.Position.Column
		}
	}
	return p
}

// inWords names a type for whoever wrote something else in its place.
func inWords(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a time such as 30m"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "keys with values"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "a mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	default:
		return "a number"
	}
}

// problemsIn gives findings their places in tree, which may be nil.
func problemsIn(name string, tree *ast.File, found []finding) Problems {
	ps := make(Problems, len(found))
	for i, f := range found {
		ps[i] = Problem{File: name, Path: f.path, Message: f.message}
		if tree != nil {
			ps[i].Line, ps[i].Col = place(tree, f.path)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return ps
}

// place returns where the value at path stands, or else the nearest thing
// around it that does.
func place(tree *ast.File, path string) (line, col int) {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if node, err := p.FilterFile(tree); err == nil && node.GetToken() != nil {
				at := first(node).GetToken().Position
				return at.Line, at.Column
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 1, 1
}

// first returns what a reader sees as the beginning of node: the token of a
// mapping is its first colon.
func first(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key
		}
	case *ast.MappingValueNode:
		return n.Key
	}
	return node
}

// under returns c with its relative paths taken from dir.
func (c Config) under(dir string) Config {
	abs := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	c.DataDir, c.Flows, c.FlowSecrets = abs(c.DataDir), abs(c.Flows), abs(c.FlowSecrets)
	c.Socket = abs(cmp.Or(c.Socket, filepath.Join(c.DataDir, "sesame.sock")))
	if c.API.Cert != "" {
		c.API.Cert, c.API.Key = abs(c.API.Cert), abs(c.API.Key)
	}
	for _, key := range []*string{&c.Proxy.SealingKey, &c.Proxy.FormerSealingKey} {
		if *key != "" && !strings.HasPrefix(*key, KMS) {
			*key = abs(*key)
		}
	}
	c.Slack.AppToken, c.Slack.BotToken = c.Slack.AppToken.under(dir), c.Slack.BotToken.under(dir)
	c.AWS.RoleChain = slices.Clone(c.AWS.RoleChain)
	for i, r := range c.AWS.RoleChain {
		c.AWS.RoleChain[i].ExternalID = r.ExternalID.under(dir)
	}
	c.Sinks = slices.Clone(c.Sinks)
	for i, s := range c.Sinks {
		c.Sinks[i].Token = s.Token.under(dir)
	}
	return c
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
