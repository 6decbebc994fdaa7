package archive

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sesame/flows/access"
	"sesame/proxy/record"
)

// An Account gathers, from the events of the record, what there has to be of
// recordings. The zero Account is ready.
type Account struct {
	due map[string]*due
	err error
}

// A due is what there has to be of one.
type due struct {
	stand   record.Stand
	keys    []record.Stand // that were sealed anew
	digest  string         // once it ended
	removed bool
}

// Add takes the next event of the record.
func (c *Account) Add(e access.Event) {
	switch e.Type {
	case EventBegun:
		take(c, e, func(d begun) { c.of(d.ID) })
	case EventStood:
		take(c, e, func(d stood) { c.of(d.Recording).stand = record.Stand{Output: d.Output, Input: d.Input} })
	case EventEnded:
		take(c, e, func(d ended) { c.of(d.Recording).digest = d.Digest })
	case EventRenewed:
		take(c, e, func(d renewed) {
			of := c.of(d.Recording)
			of.keys = append(of.keys, record.Stand{Keys: d.Keys})
		})
	case EventRemoved:
		take(c, e, func(d removed) { c.of(d.Recording).removed = true })
	}
}

func take[T any](c *Account, e access.Event, f func(T)) {
	var data T
	if err := json.Unmarshal(e.Data, &data); err != nil {
		c.err = fmt.Errorf("event %s/%d cannot be read: %w", e.Stream, e.Seq, access.ErrBroken)
		return
	}
	f(data)
}

func (c *Account) of(id string) *due {
	if c.due == nil {
		c.due = map[string]*due{}
	}
	if c.due[id] == nil {
		c.due[id] = &due{}
	}
	return c.due[id]
}

// Len is how many recordings there have to be, or have been.
func (c *Account) Len() int { return len(c.due) }

// A Finding is what was found out about one recording.
type Finding struct {
	ID string `json:"id"`
	// State is "whole", "open" for one that goes on, "removed" or "broken".
	State string `json:"state"`
	// Text says what is broken.
	Text string `json:"text,omitempty"`
}

// The states of a Finding.
const (
	Whole   = "whole"
	Going   = "open"
	Gone    = "removed"
	Damaged = "broken"
)

// Verify checks the recordings in a folder, or one of them, against what the
// record says, with the key that signs it. What does not hold is part of the
// findings; an error means that nothing was found out.
func (c *Account) Verify(dir string, key ed25519.PublicKey, only string) (all []Finding, err error) {
	if c.err != nil {
		return nil, c.err
	}
	for _, id := range slices.Sorted(maps.Keys(c.due)) {
		if only != "" && id != only {
			continue
		}
		f, err := c.due[id].verify(filepath.Join(dir, id), key)
		if err != nil {
			return all, err
		}
		f.ID = id
		all = append(all, f)
	}
	strange, err := c.strange(dir, only)
	return append(all, strange...), err
}

func (d *due) verify(dir string, key ed25519.PublicKey) (Finding, error) {
	if d.removed {
		return Finding{State: Gone}, nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Finding{State: Damaged, Text: fmt.Sprintf("recording %s is missing: the record knows it, and not that it was removed", filepath.Base(dir))}, nil
	}
	m, err := record.Verify(dir, key, append(d.keys, d.stand)...)
	switch {
	case errors.Is(err, access.ErrBroken):
		return Finding{State: Damaged, Text: err.Error()}, nil
	case err != nil:
		return Finding{}, err
	case d.digest == "" && m.State == record.StateOpen:
		return Finding{State: Going}, nil
	case d.digest != "" && m.Digest() != d.digest:
		return Finding{State: Damaged, Text: fmt.Sprintf("the manifest of recording %s is not the one that was recorded when it ended: it is an older one, or another's", m.ID)}, nil
	}
	return Finding{State: Whole}, nil
}

// strange are folders that the record does not know.
func (c *Account) strange(dir, only string) (all []Finding, err error) {
	folders, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range folders {
		if id := f.Name(); c.due[id] == nil && (only == "" || only == id) {
			all = append(all, Finding{ID: id, State: Damaged, Text: fmt.Sprintf("%s is among the recordings, and in no record", id)})
		}
	}
	return all, err
}
