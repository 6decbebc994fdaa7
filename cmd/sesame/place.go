package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sesame/cmd/sesame/server"
)

// A source is one parsed flow file.
type source struct {
	name string
	tree *ast.File
}

// sources parses the flow files at paths, which have been loaded before, so
// that whatever cannot be read is left aside.
func sources(paths []string) []source {
	var all []source
	for _, path := range paths {
		// Walking a file visits the file; a folder's own folders hold no flows.
		_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && name != path {
				return fs.SkipDir
			}
			if text, err := os.ReadFile(name); err == nil {
				if tree, err := parser.ParseBytes(text, 0); err == nil {
					all = append(all, source{name, tree})
				}
			}
			return nil
		})
	}
	return all
}

// locate returns findings with the places of the keys that they are about.
func locate(found server.Findings, in []source) []problem {
	all := make([]problem, len(found))
	for i, f := range found {
		all[i] = problem{File: f.Path, Message: f.Message}
		for _, s := range in {
			if node := nodeAt(s.tree, f.Path); node != nil {
				at := node.GetToken().Position
				all[i] = problem{File: s.name, Line: at.Line, Col: at.Column, Message: f.Path + ": " + f.Message}
				break
			}
		}
	}
	return all
}

// nodeAt returns what stands at a path such as targets.ec2-frontend, or nil.
func nodeAt(tree *ast.File, path string) ast.Node {
	at := (&yaml.PathBuilder{}).Root()
	for key := range strings.SplitSeq(path, ".") {
		at = at.Child(key)
	}
	node, err := at.Build().FilterFile(tree)
	if err != nil || node == nil {
		return nil
	}
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		// The token of a mapping is its first colon.
		return m.Values[0].Key
	}
	return node
}
