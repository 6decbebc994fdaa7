package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// How often there is a checkpoint: at most each second, and without a hint
// that something was committed, which a store may swallow, each minute.
const (
	every = time.Second
	idle  = time.Minute
)

// ErrRolledBack says that a store is older than the head beside it.
var ErrRolledBack = errors.New("store is older than its last checkpoint")

// Options say what to audit and with what. All but Sink, Calls and Failed are
// required.
type Options struct {
	Store access.Store
	Dir   string // for the keys and the head; that of the store
	Clock clock.Clock
	// Sink gets every checkpoint once it is durable, to take its head away
	// from this machine. When it fails, it gets the latest again with the
	// next one, or a little later.
	Sink func(Checkpoint) error
	// Calls says where the record of calls stands, once everything up to there
	// is on the disk. A checkpoint carries it as it is.
	Calls func() (string, error)
	// Failed is told what went wrong, each time; the auditor tries again.
	Failed func(error)
}

// An Auditor makes the checkpoints of a store. There is one for a store at a
// time.
type Auditor struct {
	o    Options
	key  ed25519.PrivateKey
	mu   sync.Mutex // guards what follows
	last Checkpoint
	kept uint64 // number of the checkpoint that the file has
	sent uint64 // number of the checkpoint that the sink took last
}

// Open returns the auditor of o.Store. At the first start it makes the signing
// key. It refuses with ErrRolledBack a store that is older than the head in
// o.Dir.
func Open(ctx context.Context, o Options) (*Auditor, error) {
	if o.Sink == nil {
		o.Sink = func(Checkpoint) error { return nil }
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	last, err := lastCheckpoint(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	head, err := readHead(o.Dir)
	if err != nil {
		return nil, err
	}
	a := &Auditor{o: o, last: last, kept: head.Number, sent: last.Number}
	if a.key, err = ownKey(o.Dir, last.Number > 0 || head.Number > 0); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.resumeLocked(ctx, head); err != nil {
		return nil, err
	}
	return a, nil
}

// ownKey returns the signing key. Only where nothing is signed yet does it make
// one: a second key would make the first one's checkpoints look forged.
func ownKey(dir string, signed bool) (ed25519.PrivateKey, error) {
	key, err := loadKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if signed {
		return nil, fmt.Errorf("signing key %s is gone; restore it from where it is kept: %w", filepath.Join(dir, keyName), err)
	}
	return makeKey(dir)
}

// lastCheckpoint returns the last checkpoint, or the zero one.
func lastCheckpoint(ctx context.Context, r access.Reader) (Checkpoint, error) {
	page, err := r.List(ctx, access.Query{Index: IndexCheckpoints, Descending: true, Limit: 1})
	if err != nil {
		return Checkpoint{}, fmt.Errorf("list checkpoints: %w", err)
	}
	if len(page.Records) == 0 {
		return Checkpoint{}, nil
	}
	return access.Decode[Checkpoint](page.Records[0])
}

// resumeLocked checks that the store is where the auditor left it, or further.
func (a *Auditor) resumeLocked(ctx context.Context, head Head) error {
	if err := a.notOlderLocked(ctx, head); err != nil {
		return err
	}
	if a.last.Number == 0 {
		return nil
	}
	if !ed25519.Verify(a.PublicKey(), a.last.body(), a.last.Sig) {
		return broken("checkpoint %d is not signed with the key in %s; restore the key or the store that belong together",
			a.last.Number, filepath.Join(a.o.Dir, keyName))
	}
	if events, err := a.o.Store.Log(ctx, a.last.Pos, 1); err != nil || len(events) == 0 || events[0].Pos != a.last.Pos {
		return errors.Join(err, broken("the log ends before position %d, which checkpoint %d covers; restore a backup", a.last.Pos, a.last.Number))
	}
	// A crash may have come between the checkpoint and the file.
	return a.keepLocked()
}

// notOlderLocked refuses a store that has not come to head, or came to another one.
func (a *Auditor) notOlderLocked(ctx context.Context, head Head) error {
	if head.Number == 0 {
		return nil
	}
	at, _, err := access.LoadOrNew[Checkpoint](ctx, a.o.Store, Checkpoint{Number: head.Number}.Key())
	if err != nil {
		return fmt.Errorf("read checkpoint %d: %w", head.Number, err)
	}
	if a.last.Number >= head.Number && at.Head() == head {
		return nil
	}
	return fmt.Errorf("the store has come to checkpoint %d, and %s to %d, or to another one; put the newer store back, or remove that file to go on with this one: %w",
		a.last.Number, filepath.Join(a.o.Dir, headName), head.Number, ErrRolledBack)
}

// PublicKey returns the key that checks the checkpoints.
func (a *Auditor) PublicKey() ed25519.PublicKey { return a.key.Public().(ed25519.PublicKey) }

// Sign signs a text that is no checkpoint. What it is begins the text, so that a
// signature serves for nothing else.
func (a *Auditor) Sign(text []byte) []byte {
	if bytes.HasPrefix(text, []byte(signedAs)) {
		return nil // what reads as a checkpoint is made of the record alone
	}
	return ed25519.Sign(a.key, text)
}

// Head returns the head of the record as of the last checkpoint.
func (a *Auditor) Head() Head {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last.Number == 0 {
		return Head{}
	}
	return a.last.Head()
}

// Run makes checkpoints until ctx ends, and a last one then.
func (a *Auditor) Run(ctx context.Context) error {
	news := make(chan struct{}, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		a.o.Store.Watch(ctx, func([]access.Key) {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	})
	defer watching.Wait()
	for failed := 0; ctx.Err() == nil; {
		now := a.o.Clock.Now()
		switch err := a.Checkpoint(ctx); {
		case err == nil:
			failed = 0
			await(ctx, a.o.Clock, now.Add(idle), news)
		case ctx.Err() == nil:
			failed++
			a.o.Failed(err)
		}
		// The error is the end of ctx, which ends the loop.
		_ = clock.Wait(ctx, a.o.Clock, now.Add(pause(failed)))
	}
	return a.checkpoint(context.WithoutCancel(ctx), 0)
}

// pause is the time between two tries after so many failures: a disk that is
// full for hours is not to be asked, and complained of, every second.
func pause(failed int) time.Duration { return min(idle, every<<min(failed, 10)) }

// await blocks until there are news, the clock has come to at, or ctx ends.
func await(ctx context.Context, c clock.Clock, at time.Time, news <-chan struct{}) {
	t := c.Timer(at)
	defer t.Stop()
	select {
	case <-news:
	case <-t.C:
	case <-ctx.Done():
	}
}

// Checkpoint covers what happened since the last checkpoint, if anything did.
// For calls alone there is one a minute: they come all the time.
func (a *Auditor) Checkpoint(ctx context.Context) error { return a.checkpoint(ctx, idle) }

func (a *Auditor) checkpoint(ctx context.Context, callsEvery time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		events, err := a.o.Store.Log(ctx, a.last.Pos+1, maxEvents)
		if err != nil {
			return fmt.Errorf("read log for checkpoint: %w", err)
		}
		if len(events) == 0 {
			return errors.Join(a.callsLocked(ctx, callsEvery), a.keepLocked(), a.sendLocked())
		}
		if err := a.coverLocked(ctx, events); err != nil {
			return err
		}
	}
}

// callsLocked makes a checkpoint when calls alone have moved, and the last one
// is old enough. The first checkpoint has events.
func (a *Auditor) callsLocked(ctx context.Context, age time.Duration) error {
	if a.last.Number == 0 || a.o.Clock.Now().Before(a.last.At.Add(age)) {
		return nil
	}
	if at := a.standLocked(); at == "" || at == a.last.Calls {
		return nil
	}
	return a.coverLocked(ctx, nil)
}

// standLocked is where the record of calls stands. If that is not known, what
// was known goes on to hold: the events are not to wait for the calls.
func (a *Auditor) standLocked() string {
	if a.o.Calls == nil {
		return ""
	}
	at, err := a.o.Calls()
	if err != nil {
		a.o.Failed(fmt.Errorf("checkpoint without the latest calls: %w", err))
		return a.last.Calls
	}
	return at
}

// coverLocked makes the checkpoint that covers events.
func (a *Auditor) coverLocked(ctx context.Context, events []access.Event) error {
	next := Checkpoint{Number: a.last.Number + 1, At: a.o.Clock.Now(), Pos: a.last.Pos}
	if a.last.Number > 0 {
		next.Prev = a.last.Head().Hash
	}
	heads := tips{}
	for _, e := range events {
		next.Pos++
		if e.Pos != next.Pos || e.Hash != e.Sum() {
			return broken("checkpoint %d is not made: position %d of the log does not hold what was committed there", next.Number, next.Pos)
		}
		heads.add(e)
	}
	next.Heads, next.Calls = heads.sorted(), a.standLocked()
	next = next.signed(a.key)
	ch, err := access.Put(next, 0)
	if err != nil {
		return err
	}
	if _, err := a.o.Store.Commit(ctx, access.Commit{Changes: []access.Change{ch}}); err != nil {
		return fmt.Errorf("store checkpoint %d: %w", next.Number, err)
	}
	a.last = next
	return errors.Join(a.keepLocked(), a.sendLocked())
}

// keepLocked puts the head of the last checkpoint into the file, unless it is
// there.
func (a *Auditor) keepLocked() error {
	if a.kept == a.last.Number {
		return nil
	}
	if err := writeHead(a.o.Dir, a.last.Head()); err != nil {
		return err
	}
	a.kept = a.last.Number
	return nil
}

// sendLocked hands the last checkpoint to the sink, unless it has it.
func (a *Auditor) sendLocked() error {
	if a.sent == a.last.Number {
		return nil
	}
	if err := a.o.Sink(a.last); err != nil {
		return fmt.Errorf("send head %d: %w", a.last.Number, err)
	}
	a.sent = a.last.Number
	return nil
}
