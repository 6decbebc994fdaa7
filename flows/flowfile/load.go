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

// Load reads the flow files among paths of fsys, and every *.yaml and *.yml
// file in the folders among them except *_test.yaml, as one set. Whatever is
// wrong with their content comes back as Problems, all at once, and without a
// Set.
func Load(fsys fs.FS, paths ...string) (*Set, error) {
	var files []*file
	for _, p := range paths {
		found, err := read(fsys, p, path.Join)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return compile(files)
}

// Open is Load on the files of this machine.
func Open(paths ...string) (*Set, error) {
	var files []*file
	for _, p := range paths {
		found, err := read(machine{}, p, filepath.Join)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return compile(files)
}

// machine is the file system with its paths as people write them, which
// os.DirFS does not take.
type machine struct{}

// Open implements fs.FS.
func (machine) Open(name string) (fs.File, error) { return os.Open(name) }

// read reads the file called name, or the flow files in that folder.
func read(fsys fs.FS, name string, join func(...string) string) ([]*file, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read flow files: %w", err)
	}
	names := []string{name}
	if info.IsDir() {
		entries, err := fs.ReadDir(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read flow files: %w", err)
		}
		names = nil
		for _, e := range entries {
			if flowFile(e) {
				names = append(names, join(name, e.Name()))
			}
		}
	}
	var files []*file
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read flow files: %w", err)
		}
		files = append(files, newFile(name, data))
	}
	return files, nil
}

func flowFile(e fs.DirEntry) bool {
	name, ok := strings.CutSuffix(e.Name(), ".yaml")
	if !ok {
		name, ok = strings.CutSuffix(e.Name(), ".yml")
	}
	return ok && !e.IsDir() && !strings.HasSuffix(name, "_test") && !strings.HasPrefix(name, ".")
}

// compile makes a set of files.
func compile(files []*file) (*Set, error) {
	slices.SortFunc(files, func(a, b *file) int { return cmp.Compare(a.name, b.name) })
	files = slices.CompactFunc(files, func(a, b *file) bool { return a.name == b.name })
	if len(files) == 0 {
		return nil, fmt.Errorf("read flow files: there is no *.yaml file: %w", fs.ErrNotExist)
	}
	d := newDraft()
	for _, f := range files {
		if root := d.parse(f); root != nil {
			d.file(root)
		}
	}
	s := d.link(revision(files))
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return s, nil
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
