package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"filippo.io/age"

	"sesame/flows/access"
)

// A Renewer is a Sealer that may have sealed with another key before.
type Renewer interface {
	Sealer
	// Current reports whether something is sealed with the key that seals now.
	Current(sealed []byte) bool
}

// A peek is an age.Identity that only looks.
type peek struct{ sealed []byte }

var errPeeked = errors.New("it was only looked at")

// Unwrap implements age.Identity.
func (p *peek) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type == stanzaType {
			p.sealed = s.Body
		}
	}
	return nil, errPeeked
}

// Renew seals the keys of a recording anew that are sealed with another key than
// now, and are there. told is told what the files of the streams will hash to,
// before any is written. It reports whether there were any.
func (s *Store) Renew(id string, by Renewer, told func(keys map[Stream]string) error) (bool, error) {
	if !idForm.MatchString(id) {
		return false, access.ErrNotFound
	}
	files, keys := map[Stream][]byte{}, map[Stream]string{}
	for _, name := range []Stream{Output, Input} {
		file, err := s.renewed(id, name, by)
		if err != nil {
			return false, fmt.Errorf("seal the key of recording %s anew: %w", id, err)
		}
		if file != nil {
			files[name], keys[name] = file, keySum(file)
		}
	}
	if len(files) == 0 {
		return false, nil
	}
	if err := told(keys); err != nil {
		return false, err
	}
	for name, file := range files {
		if err := writeDurably(keyPath(s.dir(id), name), file); err != nil {
			return false, err
		}
	}
	return true, nil
}

// renewed returns the file of a key, sealed anew, or nil where that need not be.
func (s *Store) renewed(id string, name Stream, by Renewer) ([]byte, error) {
	old, err := readLimited(keyPath(s.dir(id), name), maxKeyFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var p peek
	if _, err := age.Decrypt(bytes.NewReader(old), &p); !errors.Is(err, errPeeked) {
		return nil, fmt.Errorf("the file of the key of %s cannot be read: %w", name, access.ErrBroken)
	}
	if by.Current(p.sealed) {
		return nil, nil
	}
	w := newWarden(by, id, name)
	key, err := w.unwrap(old)
	if err != nil {
		return nil, err
	}
	return w.wrap(key)
}
