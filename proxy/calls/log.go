package calls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// Config says where a record is kept, and how much of it.
type Config struct {
	// Dir is the record's own directory. Required.
	Dir string
	// Quota is how many bytes all segments may have. Default 1 GiB.
	Quota int64
	// Segment is how many bytes one may have. Default 64 MiB.
	Segment int64
	// Retain is how long entries are kept. Zero keeps them until somebody
	// takes them away.
	Retain time.Duration
	// Clock tells when entries are old. Required.
	Clock clock.Clock
	// Wall paces the writes to the disk. Default clock.System.
	Wall clock.Clock
}

const (
	defaultQuota   = 1 << 30
	defaultSegment = 64 << 20
	// reserve is what outcomes may take when the quota is reached.
	reserve = 1 << 20
	// margin is more than an entry takes.
	margin = 64 << 10
	// syncEvery is how long an entry may take to the disk.
	syncEvery = 100 * time.Millisecond
)

// A Log is a record that is being written. It is safe for concurrent use. Open
// makes one, Close ends it.
type Log struct {
	Config
	stop  context.CancelFunc
	wg    sync.WaitGroup
	dirty chan struct{}
	texts sync.Pool

	mu     sync.Mutex // guards what follows
	file   *os.File
	parts  []part // the last is the file
	total  int64
	walk   walk
	buffer []byte // for the line that is being written
	broken error  // why nothing is recorded any more
}

// A part is one segment.
type part struct {
	name  string
	size  int64
	began time.Time
}

// Open goes on with the record in a directory, or begins one.
func Open(c Config) (*Log, error) {
	c.Quota, c.Segment = cmp.Or(c.Quota, defaultQuota), cmp.Or(c.Segment, defaultSegment)
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the record of calls: %w", err)
	}
	l := &Log{Config: c, dirty: make(chan struct{}, 1), texts: sync.Pool{New: func() any { return new([]byte) }}}
	if err := l.find(); err != nil {
		return nil, fmt.Errorf("open the record of calls: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.wg.Go(func() { l.sync(ctx) })
	return l, nil
}

// find goes to the end of what is there, and cuts off what was not finished.
func (l *Log) find() error {
	names, err := segments(l.Dir)
	if err != nil {
		return err
	}
	for i, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		p := part{name: name, size: info.Size()}
		if i < len(names)-1 {
			p.began = firstOf(name)
			l.parts, l.total = append(l.parts, p), l.total+p.size
			continue
		}
		return l.resume(p)
	}
	return l.rotate()
}

// firstOf is when a segment began, or the zero time.
func firstOf(name string) (began time.Time) {
	stop := errors.New("enough")
	_ = lines(name, func(_ int64, line []byte) error { // what cannot be read is kept
		e, _, _, err := parseLine(line)
		if err == nil {
			began = e.At
		}
		return stop
	})
	return began
}

// resume goes on with the last segment.
func (l *Log) resume(p part) error {
	var end int64
	err := lines(p.name, func(at int64, line []byte) error {
		e, err := l.walk.step(line)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(p.name), err)
		}
		if at == 0 {
			p.began = e.At
		}
		end = at + int64(len(line))
		return nil
	})
	if err != nil {
		return err
	}
	if end == 0 { // a crash as it began: the one before says where it stood
		return l.retreat(p)
	}
	cut := p.size - end
	if l.file, err = os.OpenFile(p.name, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	p.size = end
	l.parts, l.total = append(l.parts, p), l.total+end
	if cut == 0 {
		return nil
	}
	if err := l.file.Truncate(end); err != nil {
		return err
	}
	e := Entry{At: l.Clock.Now(), Kind: torn, Why: fmt.Sprintf("%d bytes of an entry that was not finished were cut off", cut)}
	return l.appendLocked(e.append(nil))
}

// retreat drops a segment that has no entry, and starts over.
func (l *Log) retreat(p part) error {
	if err := os.Remove(p.name); err != nil {
		return err
	}
	l.parts, l.total, l.walk = nil, 0, walk{}
	return l.find()
}

// rotate begins the next segment. It is called with the lock held, or before
// anybody else has l.
func (l *Log) rotate() error {
	if l.file != nil {
		if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
			return err
		}
	}
	now := l.Clock.Now()
	l.expire(now)
	name := segmentName(l.Dir, l.walk.seq+1)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	l.file = file
	l.parts = append(l.parts, part{name: name, began: now})
	l.walk.begun = true
	e := Entry{At: now, Kind: segment, Prev: l.walk.at.String()}
	if err := l.writeLocked(e.append(nil)); err != nil {
		return err
	}
	return syncDir(l.Dir)
}

// expire removes the segments of which every entry is older than is kept.
func (l *Log) expire(now time.Time) {
	for l.Retain > 0 && len(l.parts) > 1 && l.parts[1].began.Before(now.Add(-l.Retain)) {
		if os.Remove(l.parts[0].name) != nil {
			return // next time; the quota is kept in any case
		}
		l.total -= l.parts[0].size
		l.parts = l.parts[1:]
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Append records e, with the next number. Whatever the error, e must not be
// taken for recorded; access.ErrNoSpace says that there may be room later.
func (l *Log) Append(e Entry) error {
	text := l.texts.Get().(*[]byte) // all but the number, while others write
	defer l.texts.Put(text)
	*text = e.append((*text)[:0])
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.roomLocked(e.Kind); err != nil {
		return err
	}
	if err := l.appendLocked(*text); err != nil {
		return fmt.Errorf("record a call: %w", err)
	}
	return nil
}

// Room reports why a call that is begun now could not be recorded to its end,
// or nil.
func (l *Log) Room() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.roomLocked(Intent)
}

func (l *Log) roomLocked(k Kind) error {
	limit := l.Quota
	if k == Intent || k == Refused {
		limit -= reserve
	}
	switch {
	case l.broken != nil:
		return l.broken
	case l.total+margin > limit:
		return fmt.Errorf("the record of calls has reached its quota of %d bytes: %w", l.Quota, access.ErrNoSpace)
	}
	return nil
}

func (l *Log) appendLocked(entry []byte) error {
	if l.parts[len(l.parts)-1].size >= l.Segment {
		if err := l.rotate(); err != nil {
			l.broken = fmt.Errorf("the record of calls cannot go on: %w", err)
			return l.broken
		}
	}
	if err := l.writeLocked(entry); err != nil {
		return err
	}
	select {
	case l.dirty <- struct{}{}:
	default: // somebody was told already
	}
	return nil
}

// writeLocked writes the line of an entry, all of it or nothing.
func (l *Log) writeLocked(entry []byte) error {
	seq := l.walk.seq + 1
	room, line, next := l.walk.at.line(l.buffer, seq, entry)
	l.buffer = room
	if len(line) > maxLine {
		return fmt.Errorf("an entry of %d bytes: %w", len(line), access.ErrTooLarge)
	}
	p := &l.parts[len(l.parts)-1]
	if _, err := l.file.Write(line); err != nil {
		return l.undoLocked(p, err)
	}
	p.size, l.total = p.size+int64(len(line)), l.total+int64(len(line))
	l.walk.seq, l.walk.at = seq, next
	return nil
}

// undoLocked takes back what a failed write may have left. Where that fails
// too, nothing is recorded any more.
func (l *Log) undoLocked(p *part, cause error) error {
	if err := l.file.Truncate(p.size); err != nil {
		l.broken = fmt.Errorf("the record of calls cannot go on: %w", errors.Join(cause, err))
		return l.broken
	}
	if errors.Is(cause, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", access.ErrNoSpace, cause)
	}
	return cause
}

// sync brings entries to the disk, until ctx ends.
func (l *Log) sync(ctx context.Context) {
	for {
		select {
		case <-l.dirty:
		case <-ctx.Done():
			return
		}
		if clock.Wait(ctx, l.Wall, l.Wall.Now().Add(syncEvery)) != nil {
			return
		}
		l.mu.Lock()
		file := l.file
		l.mu.Unlock()
		// A file that was closed meanwhile was brought to the disk before.
		err := file.Sync()
		if errors.Is(err, os.ErrClosed) {
			err = nil
		}
		if err = errors.Join(err, l.there()); err != nil {
			l.mu.Lock()
			l.broken = fmt.Errorf("the record of calls does not reach the disk: %w", err)
			l.mu.Unlock()
			return
		}
	}
}

// there reports why the file that is written is not the one that will be read:
// one that somebody removed takes whatever it is given.
func (l *Log) there() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ours, err := l.file.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(l.parts[len(l.parts)-1].name)
	if err == nil && !os.SameFile(ours, found) {
		err = fmt.Errorf("%s was replaced", found.Name())
	}
	return err
}

// Head returns where the record stands.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.walk.head()
}

// Anchor is Head once everything up to there is on the disk, so that no
// checkpoint names what a loss of power takes away.
func (l *Log) Anchor() (Head, error) {
	l.mu.Lock()
	head, file := l.walk.head(), l.file
	l.mu.Unlock()
	// A file that was closed meanwhile was brought to the disk before.
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return Head{}, fmt.Errorf("bring the record of calls to the disk: %w", err)
	}
	return head, nil
}

// Close brings everything to the disk. It is called once; nothing is recorded
// after it.
func (l *Log) Close() error {
	l.stop()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = errors.New("the record of calls is closed")
	}
	return errors.Join(l.file.Sync(), l.file.Close())
}

// Size is how many bytes the record takes.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
