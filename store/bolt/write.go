package bolt

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
)

// A writer makes the changes of a group in its transaction.
type writer struct {
	tx                              *bbolt.Tx
	records, index, events, streams *bbolt.Bucket
	state                           state
	guard                           func(func() error) error
	// err is a write that went wrong half way: the transaction is void.
	err error
}

func (s *Store) writer(tx *bbolt.Tx) (*writer, error) {
	st, err := readState(tx)
	w := &writer{
		tx: tx, state: st, guard: s.guard,
		records: tx.Bucket(recordsBucket), index: tx.Bucket(indexBucket),
		events: tx.Bucket(eventsBucket), streams: tx.Bucket(streamsBucket),
	}
	// Events come in the order of their keys and are never changed, so that
	// their pages can be full.
	w.events.FillPercent = 0.95
	return w, err
}

// finish stores how far the group has counted.
func (w *writer) finish() error {
	return w.tx.Bucket(metaBucket).Put(stateKey, w.state.encode())
}

// A step is a commit that nothing can refuse any more.
type step struct {
	state  state
	writes []write
	events []access.Event
	lines  [][]byte // the events as JSON
}

// A write replaces one record.
type write struct {
	key    access.Key
	record []byte // the key as it is stored
	was    entry
	is     entry // without data: deleted
}

// commit makes the changes of c, or none of them.
func (w *writer) commit(c access.Commit) (access.Version, []access.Key, error) {
	st := &step{state: w.state}
	st.state.version++
	if err := w.guard(func() error { return w.plan(st, c) }); err != nil {
		return 0, nil, err
	}
	if w.err = w.apply(st); w.err != nil {
		return 0, nil, w.err
	}
	w.state = st.state
	var keys []access.Key
	for _, ch := range st.writes {
		keys = append(keys, ch.key)
	}
	return access.Version(st.state.version), keys, nil
}

// plan only reads, so that what it refuses, or finds damaged, leaves the
// transaction as it was for the other members.
func (w *writer) plan(st *step, c access.Commit) error {
	if c.Epoch != 0 && uint64(c.Epoch) != w.state.epoch {
		return fmt.Errorf("commit under leadership %d of %d: %w", c.Epoch, w.state.epoch, access.ErrDeposed)
	}
	changes, err := st.withNotices(c)
	if err != nil {
		return err
	}
	for _, ch := range changes {
		if err := w.planChange(st, ch); err != nil {
			return err
		}
	}
	return w.planEvents(st, c.Events)
}

// withNotices returns the changes of c together with those that put its
// notices into the outbox.
func (st *step) withNotices(c access.Commit) ([]access.Change, error) {
	changes := slices.Clone(c.Changes)
	for _, n := range c.Notices {
		st.state.notices++
		n.Seq = st.state.notices
		ch, err := access.Put(n, 0)
		if err != nil {
			return nil, err
		}
		changes = append(changes, ch)
	}
	return changes, nil
}

func (w *writer) planChange(st *step, ch access.Change) error {
	if slices.ContainsFunc(st.writes, func(o write) bool { return o.key == ch.Key }) {
		return fmt.Errorf("commit changes %s twice", ch.Key)
	}
	out := write{key: ch.Key, record: recordKey(ch.Key)}
	if b := w.records.Get(out.record); b != nil {
		var ok bool
		if out.was, ok = parseEntry(b); !ok {
			return fmt.Errorf("record %s cannot be read: %w", ch.Key, access.ErrBroken)
		}
	}
	if out.was.version != ch.Expect {
		return fmt.Errorf("%s is at version %d, not %d: %w", ch.Key, out.was.version, ch.Expect, access.ErrConflict)
	}
	if ch.Data != nil {
		out.is = entry{version: access.Version(st.state.version), data: ch.Data}
		if ch.Index != nil {
			out.is.index = slices.Clone(ch.Index(out.is.version))
		}
	}
	st.writes = append(st.writes, out)
	return out.namesFit()
}

// namesFit refuses names that are too long to be keys.
func (o write) namesFit() error {
	longest := max(len(o.key.Kind), len(o.key.ID))
	for _, x := range o.is.index {
		longest = max(longest, len(x.Name), len(x.Value))
	}
	if longest > maxName {
		return fmt.Errorf("a name of %d bytes in record %.40s: %w", longest, o.key, access.ErrTooLarge)
	}
	return nil
}

func (w *writer) planEvents(st *step, events []access.Event) error {
	heads := map[access.RequestID]access.Event{}
	for _, e := range events {
		if e.Stream == "" || len(e.Stream) > maxName {
			return errors.New("an event names no request, or none that could be")
		}
		prev, ok := heads[e.Stream]
		if !ok {
			var err error
			if prev, err = head(w.tx, e.Stream); err != nil {
				return err
			}
		}
		st.state.pos++
		e = e.Chain(prev, st.state.pos)
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode event %s of %s: %w", e.Type, e.Stream, err)
		}
		heads[e.Stream] = e
		st.events, st.lines = append(st.events, e), append(st.lines, line)
	}
	return nil
}

// head returns the last event of a stream, or the zero event.
func head(tx *bbolt.Tx, id access.RequestID) (access.Event, error) {
	prefix := part(nil, string(id))
	c := tx.Bucket(streamsBucket).Cursor()
	k, pos := seekBefore(c, after(prefix))
	if k == nil || len(k) != len(prefix)+8 || string(k[:len(prefix)]) != string(prefix) {
		return access.Event{}, nil
	}
	return streamEvent(tx, id, binary.BigEndian.Uint64(k[len(prefix):]), pos)
}

func (w *writer) apply(st *step) error {
	for _, o := range st.writes {
		if err := w.applyWrite(o); err != nil {
			return fmt.Errorf("write %s: %w", o.key, err)
		}
	}
	for i, e := range st.events {
		err := errors.Join(
			w.events.Put(n64(e.Pos), st.lines[i]),
			w.streams.Put(streamKey(e.Stream, e.Seq), n64(e.Pos)),
		)
		if err != nil {
			return fmt.Errorf("write event %s/%d: %w", e.Stream, e.Seq, err)
		}
	}
	return nil
}

func (w *writer) applyWrite(o write) error {
	for _, x := range o.was.index {
		if !slices.Contains(o.is.index, x) {
			if err := w.index.Delete(indexKey(x, o.record)); err != nil {
				return err
			}
		}
	}
	if o.is.version == 0 {
		return w.records.Delete(o.record)
	}
	for _, x := range o.is.index {
		if slices.Contains(o.was.index, x) {
			continue
		}
		if err := w.index.Put(indexKey(x, o.record), nil); err != nil {
			return err
		}
	}
	return w.records.Put(o.record, o.is.encode())
}
