package calls

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"sesame/flows/access"
)

// maxLine bounds a line of the record.
const maxLine = 1 << 20

// Verify checks the record in a directory from its first entry to its last,
// and that it holds the anchors, which are heads that it had before. An anchor
// older than what is kept says nothing.
func Verify(dir string, anchors ...Head) (Head, error) {
	missing := map[uint64]string{}
	for _, a := range anchors {
		if a.Seq > 0 {
			missing[a.Seq] = a.Hash
		}
	}
	var w walk
	var held uint64
	err := each(dir, func(name string, line []byte) error {
		e, err := w.step(line)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if want, anchored := missing[e.Seq]; anchored && want != w.at.String() {
			return fmt.Errorf("%s: entry %d is not the one that a checkpoint names: what comes after entry %d was changed: %w", name, e.Seq, held, access.ErrBroken)
		}
		if _, anchored := missing[e.Seq]; anchored {
			held = e.Seq
			delete(missing, e.Seq)
		}
		return nil
	})
	if err != nil {
		return w.head(), err
	}
	for seq := range missing {
		if seq > w.seq {
			return w.head(), fmt.Errorf("entry %d is missing: the record ends before it, and a checkpoint names entry %d: %w", w.seq+1, slices.Max(slices.Collect(maps.Keys(missing))), access.ErrBroken)
		}
	}
	return w.head(), nil
}

func (w walk) head() Head {
	if w.seq == 0 {
		return Head{}
	}
	return Head{w.seq, w.at.String()}
}

// Each calls f for the entries about calls in a directory, in their order,
// without checking the chain. It ends with the first error of f.
func Each(dir string, f func(Entry) error) error { return From(dir, 0, f) }

// From is Each for the entries from a number on. It does not read the files
// that end before it, nor those that are removed meanwhile.
func From(dir string, seq uint64, f func(Entry) error) error {
	names, err := segments(dir)
	if err != nil {
		return err
	}
	for i, name := range names {
		if i+1 < len(names) && names[i+1] <= segmentName(dir, seq) {
			continue
		}
		err := lines(name, func(_ int64, line []byte) error {
			if before(line, seq) {
				return nil
			}
			e, _, _, err := parseLine(line)
			if err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(name), err)
			}
			if e.Kind == segment || e.Kind == torn || e.Seq < seq {
				return nil
			}
			return f(e)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// before reports whether a line is of an entry before a number, which takes a
// small part of the time that reading it does.
func before(line []byte, seq uint64) bool {
	rest, ours := bytes.CutPrefix(line, []byte(`{"seq":`))
	digits, _, more := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return ours && more && err == nil && n < seq
}

// segmentName is where the segment is whose first entry has a number.
func segmentName(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("calls-%016d.jsonl", first))
}

// segments are the files of a record, the oldest first.
func segments(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "calls-*.jsonl"))
	slices.Sort(names)
	return names, err
}

func each(dir string, f func(name string, line []byte) error) error {
	names, err := segments(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := lines(name, func(_ int64, line []byte) error { return f(filepath.Base(name), line) }); err != nil {
			return err
		}
	}
	return nil
}

// lines calls f for each line of a file that has an end, and where it begins.
func lines(name string, f func(at int64, line []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, maxLine)
	for at := int64(0); ; {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is unfinished was never there
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if err := f(at, line); err != nil {
			return err
		}
		at += int64(len(line))
	}
}
