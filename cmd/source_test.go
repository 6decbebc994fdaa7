package cmd_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// maxGoStatements bounds how many places start a goroutine of their own. More
// concurrency than that goes through errgroup or sync.WaitGroup, whose owner
// waits for it.
const maxGoStatements = 8

// readsTime are the functions of package time that read or follow the
// machine's clock.
var readsTime = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}

// mayReadTime are the folders and files that may do so, with the reason.
var mayReadTime = []struct{ in, why string }{
	{"flows/clock/", "everybody else's time comes from here"},
	{"strategies/awstest/world.go", "request signatures carry wall time, and the stand-in checks them"},
}

// A source is one parsed file.
type source struct {
	path  string // relative to the module, with slashes
	file  *ast.File
	lines *token.FileSet
}

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.lines.Position(n.Pos()).Line)
}

// parsed are the files of the repository, read once for all tests.
var parsed = sync.OnceValues(parse)

func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse() ([]source, error) {
	const root = ".."
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))), f, set})
		return nil
	})
	return all, err
}

// each calls f for every node of type N in the files that are, or are not,
// tests.
func each[N ast.Node](t *testing.T, tests bool, f func(source, N)) {
	t.Helper()
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") != tests {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if n, ok := n.(N); ok {
				f(s, n)
			}
			return true
		})
	}
}

func TestGoroutinesAreFew(t *testing.T) {
	var places []string
	each(t, false, func(s source, n *ast.GoStmt) { places = append(places, s.at(n)) })
	if len(places) > maxGoStatements {
		t.Errorf("%d go statements, at most %d: %v", len(places), maxGoStatements, places)
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	each(t, false, func(s source, n *ast.FuncDecl) {
		if n.Recv == nil && n.Name.Name == "init" {
			t.Errorf("%s: an init function: let whoever needs it call it", s.at(n))
		}
	})
}

func TestTimeComesFromTheClock(t *testing.T) {
	each(t, false, func(s source, n *ast.SelectorExpr) {
		pkg, ok := n.X.(*ast.Ident)
		if !ok || pkg.Name != "time" || !slices.Contains(readsTime, n.Sel.Name) || !imports(s.file, "time") {
			return
		}
		for _, may := range mayReadTime {
			if strings.HasPrefix(s.path, may.in) {
				return
			}
		}
		t.Errorf("%s: time.%s: take the time from flows/clock, or say in mayReadTime why not", s.at(n), n.Sel.Name)
	})
}

// TestTestsDoNotWait keeps real sleeps and skips out of the tests. In a bubble
// of testing/synctest time costs nothing, so files that use one may sleep.
func TestTestsDoNotWait(t *testing.T) {
	each(t, true, func(s source, n *ast.SelectorExpr) {
		pkg, ok := n.X.(*ast.Ident)
		if !ok {
			return
		}
		if pkg.Name == "time" && n.Sel.Name == "Sleep" && !imports(s.file, "testing/synctest") {
			t.Errorf("%s: time.Sleep in a test: wait for what it stands for", s.at(n))
		}
		if pkg.Name == "t" && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, n.Sel.Name) {
			t.Errorf("%s: t.%s: a test that is not run proves nothing", s.at(n), n.Sel.Name)
		}
	})
}

// TestPackageVariablesStand finds assignments to variables of a package.
func TestPackageVariablesStand(t *testing.T) {
	byDir := map[string][]source{}
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			dir := filepath.Dir(s.path)
			byDir[dir] = append(byDir[dir], s)
		}
	}
	for _, files := range byDir {
		vars := packageVars(files)
		for _, s := range files {
			for _, d := range s.file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					checkAssignments(t, s, f, vars)
				}
			}
		}
	}
}

func packageVars(files []source) map[string]bool {
	vars := map[string]bool{}
	for _, s := range files {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					vars[name.Name] = name.Name != "_"
				}
			}
		}
	}
	return vars
}

// checkAssignments goes by name: a name that the function declares itself, in
// any place, is taken to be its own.
func checkAssignments(t *testing.T, s source, f *ast.FuncDecl, vars map[string]bool) {
	own := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			declare(own, n.Names...)
		case *ast.ValueSpec:
			declare(own, n.Names...)
		case *ast.RangeStmt:
			declareAll(own, n.Key, n.Value)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				declareAll(own, n.Lhs...)
			}
		}
		return true
	})
	ast.Inspect(f, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok == token.DEFINE {
			return true
		}
		for _, left := range a.Lhs {
			if name, ok := root(left).(*ast.Ident); ok && vars[name.Name] && !own[name.Name] {
				t.Errorf("%s: assigns to the package variable %s", s.at(a), name.Name)
			}
		}
		return true
	})
}

func declare(own map[string]bool, names ...*ast.Ident) {
	for _, n := range names {
		own[n.Name] = true
	}
}

func declareAll(own map[string]bool, names ...ast.Expr) {
	for _, n := range names {
		if name, ok := n.(*ast.Ident); ok {
			declare(own, name)
		}
	}
}

// root returns the variable that an assignable expression is a part of.
func root(e ast.Expr) ast.Expr {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return e
		}
	}
}

func TestEveryExportIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		dir := filepath.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
		for _, d := range s.file.Decls {
			checkDocs(t, s, d)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

func checkDocs(t *testing.T, s source, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if name, doc := documentable(spec); name != nil && name.IsExported() && doc == nil && d.Doc == nil {
				t.Errorf("%s: %s has no comment", s.at(spec), name.Name)
			}
		}
	}
}

// documentable returns the first name that a specification declares, with its
// own comment.
func documentable(spec ast.Spec) (*ast.Ident, *ast.CommentGroup) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name, spec.Doc
	case *ast.ValueSpec:
		if spec.Doc != nil {
			return spec.Names[0], spec.Doc
		}
		return spec.Names[0], spec.Comment
	}
	return nil, nil
}

// exportedReceiver reports whether people outside the package see f's methods.
// What sort, heap and fmt demand of an unexported type explains itself.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}

func imports(f *ast.File, path string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		name, err := strconv.Unquote(i.Path.Value)
		return err == nil && name == path && i.Name == nil
	})
}
