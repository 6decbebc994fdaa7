package server

import (
	"io/fs"
	"maps"
	"os"
	"sync"
	"time"
)

// A stamp is what changes when a file or folder does. The zero stamp is of one
// that is not there.
type stamp struct {
	size    int64
	changed time.Time
	folder  bool
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime(), info.IsDir()}
}

// A reading is the file system of this machine, which remembers what was read
// of it, and how it was just before. It implements fs.FS.
type reading struct {
	mu     sync.Mutex // guards stamps
	stamps map[string]stamp
}

// Open implements fs.FS with paths as people write them.
func (r *reading) Open(name string) (fs.File, error) {
	r.mu.Lock()
	if _, known := r.stamps[name]; !known {
		if r.stamps == nil {
			r.stamps = map[string]stamp{}
		}
		r.stamps[name] = stampOf(name)
	}
	r.mu.Unlock()
	return os.Open(name)
}

// A watch tells when what was read has changed, and has come to rest since: a
// save that is half done is not what anybody wants in force.
type watch struct {
	read map[string]stamp // what was acted on
	last map[string]stamp // what the last look saw
}

// follow starts anew from what was read.
func (w *watch) follow(r *reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.read, w.last = maps.Clone(r.stamps), nil
}

// look reports whether there is something to act on: a change that two looks
// in a row saw alike.
func (w *watch) look() bool {
	now := make(map[string]stamp, len(w.read))
	for name := range w.read {
		now[name] = stampOf(name)
	}
	rests := maps.Equal(now, w.last)
	w.last = now
	return rests && !maps.Equal(now, w.read)
}
