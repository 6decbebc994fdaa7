package flowfile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads the flow files among paths of fsys, every *.yaml and *.yml file in
// the folders among them except *_test.yaml, and what they include, as one set.
// Whatever is wrong with their content comes back as Problems, all at once, and
// without a Set.
//
// It refuses what nothing would act upon: see Abilities.
func Load(fsys fs.FS, paths ...string) (*Set, error) { return Abilities{}.Load(fsys, paths...) }

// Abilities are what whoever loads the files can do, beyond what everybody
// can. Files that need more than that do not load, so that nobody relies on a
// rule that is not kept.
type Abilities struct {
	// Proxy says that role sessions are served.
	Proxy bool
}

// Load is the function Load for somebody with these abilities.
func (a Abilities) Load(fsys fs.FS, paths ...string) (*Set, error) {
	return (&loading{able: a, fsys: fsys, join: path.Join, dir: path.Dir}).load(paths)
}

// Open is Load on the files of this machine.
func (a Abilities) Open(paths ...string) (*Set, error) {
	return (&loading{able: a, fsys: machine{}, join: filepath.Join, dir: filepath.Dir}).load(paths)
}

// machine is the file system with its paths as people write them, which
// os.DirFS does not take.
type machine struct{}

// Open implements fs.FS.
func (machine) Open(name string) (fs.File, error) { return os.Open(name) }

// maxFiles bounds how many files make a set.
const maxFiles = 1000

// A loading is a set in the making.
type loading struct {
	able  Abilities
	fsys  fs.FS
	join  func(...string) string
	dir   func(string) string
	files []*file
}

func (l *loading) load(paths []string) (*Set, error) {
	for _, p := range paths {
		if err := l.read(p); err != nil {
			return nil, fmt.Errorf("read flow files: %w", err)
		}
	}
	if len(l.files) == 0 {
		return nil, fmt.Errorf("read flow files: there is no *.yaml file in %s", strings.Join(paths, ", "))
	}
	slices.SortFunc(l.files, func(a, b *file) int { return cmp.Compare(a.name, b.name) })
	d := newDraft()
	d.able = l.able
	roots := l.parse(d)
	for _, root := range roots {
		if zone := root.get("timezone"); zone != nil {
			d.timezone(zone)
		}
		d.readDefaults(root)
	}
	for _, root := range roots {
		d.file(root)
	}
	if d.partial {
		return nil, d.problems.sorted()
	}
	s := d.link(revision(l.files))
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return s, nil
}

// read adds the file called name, or the flow files in that folder.
func (l *loading) read(name string) error {
	name = l.join(name)
	info, err := fs.Stat(l.fsys, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return l.readFile(name)
	}
	entries, err := fs.ReadDir(l.fsys, name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !flowFile(e) {
			continue
		}
		if err := l.readFile(l.join(name, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// readFile adds a file, once.
func (l *loading) readFile(name string) error {
	if slices.ContainsFunc(l.files, func(f *file) bool { return f.name == name }) {
		return nil
	}
	if len(l.files) == maxFiles {
		return fmt.Errorf("there are more than %d files", maxFiles)
	}
	data, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		return err
	}
	l.files = append(l.files, newFile(name, data))
	return nil
}

// parse parses all files, those that are included too, on all processors. What
// is wrong is noted in the order of the files.
func (l *loading) parse(d *draft) []*node {
	var roots []*node
	for done := 0; done < len(l.files); {
		files := l.files[done:]
		done += len(files)
		parsed, readers := make([]*node, len(files)), make([]reader, len(files))
		onAll(len(files), func(i int) { parsed[i] = readers[i].parse(files[i]) })
		for i, root := range parsed {
			d.problems = append(d.problems, readers[i].problems...)
			if root == nil {
				d.partial = true
				continue
			}
			roots = append(roots, root)
			if include := root.get("include"); include != nil {
				d.each(include, "include", func(n *node) { l.include(d, n) })
			}
		}
	}
	return roots
}

// include adds what a file includes.
func (l *loading) include(d *draft, n *node) {
	name := d.text(n, "what is included")
	if name == "" {
		return
	}
	if err := l.read(l.join(l.dir(n.file.name), name)); err != nil {
		d.add(n.pos, fmt.Sprintf("%q cannot be included: %v", name, err), "the path begins at the folder of this file")
	}
}

func flowFile(e fs.DirEntry) bool {
	name, ok := strings.CutSuffix(e.Name(), ".yaml")
	if !ok {
		name, ok = strings.CutSuffix(e.Name(), ".yml")
	}
	return ok && !e.IsDir() && !strings.HasSuffix(name, "_test") && !strings.HasPrefix(name, ".")
}

// revision is the same for the same content, wherever the files stand.
func revision(files []*file) string {
	var sums []string
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.data))
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	slices.Sort(sums)
	all := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	return hex.EncodeToString(all[:8])
}
