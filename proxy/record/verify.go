package record

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"sesame/flows/access"
)

// A Stand is how far a recording was known to be at a time: what comes before
// it cannot have changed since.
type Stand struct {
	Output, Input Sum
	// Keys are what the files of keys hash to that were sealed anew.
	Keys map[Stream]string
}

// Verify checks a recording in its folder against its own manifest and against
// where it stood before, without its keys, and names the first thing that does
// not hold. The manifest has to be signed with the key; a recording that has
// not ended has nobody's signature yet, and is checked as far as it goes.
func Verify(dir string, key ed25519.PublicKey, stands ...Stand) (Manifest, error) {
	m, err := checkManifest(dir, key)
	if err != nil {
		return m, err
	}
	for _, name := range m.streams() {
		if err := m.verifyStream(dir, name, stands); err != nil {
			return m, fmt.Errorf("%s of recording %s: %w", name, m.ID, err)
		}
	}
	return m, nil
}

// checkManifest checks that the file of a manifest is what was written.
func checkManifest(dir string, key ed25519.PublicKey) (Manifest, error) {
	b, err := readLimited(manifestPath(dir), maxManifest)
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("the manifest of recording %s is missing: %w", filepath.Base(dir), access.ErrBroken)
	} else if err != nil {
		return Manifest{}, err
	}
	return checkText(b, filepath.Base(dir), key)
}

// checkText checks the text of a manifest in a folder.
func checkText(b []byte, folder string, key ed25519.PublicKey) (Manifest, error) {
	m, err := parseManifest(b)
	if err != nil {
		return m, fmt.Errorf("recording %s: %w", folder, err)
	}
	if m.ID != folder {
		return m, fmt.Errorf("the folder %s holds recording %s: %w", folder, m.ID, access.ErrBroken)
	}
	if m.State != StateOpen {
		if err := m.Signed(key); err != nil {
			return m, err
		}
	}
	if same, err := encodeManifest(m); err != nil || !bytes.Equal(same, b) {
		return m, fmt.Errorf("the manifest of recording %s was changed in its form: %w", m.ID, access.ErrBroken)
	}
	return m, nil
}

func (m Manifest) streams() []Stream {
	if m.Kind.opaque() || m.MetadataOnly != "" {
		return []Stream{Output}
	}
	return []Stream{Output, Input}
}

func (m Manifest) sumOf(s Stream) Sum {
	if s == Output {
		return m.Output
	}
	return m.Input
}

func (s Stand) sumOf(name Stream) Sum {
	if name == Output {
		return s.Output
	}
	return s.Input
}

// verifyStream checks the key and the chain of one stream.
func (m Manifest) verifyStream(dir string, name Stream, stands []Stand) error {
	if err := m.verifyKey(dir, name, stands); err != nil {
		return err
	}
	f, err := os.Open(streamPath(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("all of its segments are missing: %w", access.ErrBroken)
	} else if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	want := anchors(m, name, stands)
	got, err := check(f, info.Size(), origin(m.ID, name), want.hold)
	if err != nil {
		return err
	}
	if err := want.rest(got.sum); err != nil {
		return err
	}
	return m.compare(m.sumOf(name), got)
}

// compare compares what there is of a stream with what the manifest says.
func (m Manifest) compare(want Sum, got checked) error {
	if m.State == StateOpen {
		return nil
	}
	switch {
	case got.torn > 0:
		return fmt.Errorf("%d bytes follow segment %d that are no segment: %w", got.torn, got.sum.Segments, access.ErrBroken)
	case got.sum.Segments > want.Segments:
		return fmt.Errorf("segment %d and what follows it were added: %w", want.Segments+1, access.ErrBroken)
	case got.sum != want:
		return fmt.Errorf("what it holds is not what its manifest says: %w", access.ErrBroken)
	}
	return nil
}

// verifyKey compares the file of a key with what the manifest says of it, or what
// was said of it since.
func (m Manifest) verifyKey(dir string, name Stream, stands []Stand) error {
	b, err := readLimited(keyPath(dir, name), maxKeyFile)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("its key is missing, and nobody can read it any more: %w", access.ErrBroken)
	} else if err != nil {
		return err
	}
	sum := keySum(b)
	if sum != m.Keys[name] && !slices.ContainsFunc(stands, func(s Stand) bool { return s.Keys[name] == sum }) {
		return fmt.Errorf("its key was changed: %w", access.ErrBroken)
	}
	return nil
}

func keySum(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// known are heads that a chain has to have, by number of segment.
type known struct {
	heads map[uint64]string
	held  uint64
}

// anchors returns where a stream has to have stood.
func anchors(m Manifest, name Stream, stands []Stand) *known {
	k := &known{heads: map[uint64]string{}}
	for _, s := range append(stands, Stand{Output: m.Output, Input: m.Input}) {
		if sum := s.sumOf(name); sum.Segments > 0 {
			k.heads[sum.Segments] = sum.Head
		}
	}
	return k
}

// hold compares the chain after a segment with what is known of it.
func (k *known) hold(number uint64, head chain) error {
	want, ok := k.heads[number]
	switch {
	case !ok:
		return nil
	case want == head.String():
		k.held = number
		delete(k.heads, number)
		return nil
	}
	return fmt.Errorf("segment %d is not the one that was recorded: what comes after segment %d was changed: %w", number, k.held, access.ErrBroken)
}

// rest refuses a stream that ends too early.
func (k *known) rest(got Sum) error {
	var last uint64
	for number := range k.heads {
		last = max(last, number)
	}
	if last > got.Segments {
		return fmt.Errorf("it ends after segment %d, and %d were recorded: its tail was cut off: %w", got.Segments, last, access.ErrBroken)
	}
	return nil
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

func encodeManifest(m Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}
