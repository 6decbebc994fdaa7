package flowfile

import (
	"errors"
	"io/fs"
)

// Load reads the flow files among paths of fsys, and every *.yaml and *.yml
// file in the folders among them, as one set. Whatever is wrong with their
// content comes back as Problems, all at once, and without a Set.
func Load(fsys fs.FS, paths ...string) (*Set, error) {
	return nil, errors.ErrUnsupported
}

// Open is Load on the files of this machine.
func Open(paths ...string) (*Set, error) {
	return nil, errors.ErrUnsupported
}
