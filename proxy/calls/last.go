package calls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Last are the last entries about calls in a directory, n at most, of a grant or,
// without one, of all; and the number after the last entry of any. It begins at
// the newest file, and looks at no more of them than it takes.
func Last(ctx context.Context, dir, grant string, n int) (all []Entry, next uint64, err error) {
	names, err := segments(dir)
	if err != nil {
		return nil, 0, err
	}
	next = 1
	for _, name := range slices.Backward(names) {
		t := tail{ctx: ctx, room: make([][]byte, 0, n-len(all)), mark: []byte(`"grant":`)}
		if t.mark = appendText(t.mark, grant); grant == "" {
			t.mark = nil
		}
		err := lines(name, t.take)
		if errors.Is(err, fs.ErrNotExist) {
			break // kept long enough, and so are those before it
		}
		var part []Entry
		if err == nil {
			part, err = t.entries()
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		all, next = append(part, all...), max(next, t.next)
		if len(all) == n {
			break
		}
	}
	return all, next, nil
}

// A tail is the last lines of a file, in room that is used again and again.
type tail struct {
	ctx  context.Context
	mark []byte // what the lines that are meant have in them
	room [][]byte
	seen int    // of those lines
	last []byte // line of any kind
	next uint64 // the number after it
}

// The lines of a file that are about no call.
const (
	segmentMark = `"kind":"` + string(segment) + `"`
	tornMark    = `"kind":"` + string(torn) + `"`
)

func (t *tail) take(_ int64, line []byte) error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	t.last = append(t.last[:0], line...)
	if !bytes.Contains(line, t.mark) || bytes.Contains(line, []byte(segmentMark)) || bytes.Contains(line, []byte(tornMark)) {
		return nil
	}
	if len(t.room) < cap(t.room) {
		t.room = append(t.room, bytes.Clone(line))
	} else {
		at := t.seen % cap(t.room)
		t.room[at] = append(t.room[at][:0], line...)
	}
	t.seen++
	return nil
}

// entries reads the lines, in their order.
func (t *tail) entries() ([]Entry, error) {
	if len(t.last) == 0 {
		return nil, nil
	}
	last, _, _, err := parseLine(t.last)
	if err != nil {
		return nil, err
	}
	t.next = last.Seq + 1
	begin := t.seen % max(len(t.room), 1)
	var all []Entry
	for _, line := range slices.Concat(t.room[begin:], t.room[:begin]) {
		e, _, _, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
