package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"sesame/flows/access"
)

// Strings in keys end with endMark, and a zero byte inside of one is followed
// by 0xff, which keeps the order of the strings and lets none be taken for the
// beginning of another.
var endMark = []byte{0, 1}

// maxName is the longest key, index name or index value; bbolt's own limit for
// all of them together is four times that.
const maxName = 8 << 10

func part(b []byte, s string) []byte {
	for i := range len(s) {
		b = append(b, s[i])
		if s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, endMark...)
}

// split returns the string that b begins with and what comes after it.
func split(b []byte) (s string, rest []byte, err error) {
	first, rest, ok := bytes.Cut(b, endMark)
	if !ok {
		return "", nil, fmt.Errorf("key %x has no end mark: %w", b, access.ErrBroken)
	}
	return string(bytes.ReplaceAll(first, []byte{0, 0xff}, []byte{0})), rest, nil
}

// after returns the smallest key that comes after all keys with the prefix,
// which ends in an end mark.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	end[len(end)-1]++
	return end
}

func recordKey(k access.Key) []byte { return append(part(nil, string(k.Kind)), k.ID...) }

func indexKey(x access.Index, record []byte) []byte {
	return append(part(part(nil, x.Name), x.Value), record...)
}

func parseRecordKey(b []byte) (access.Key, error) {
	kind, id, err := split(b)
	return access.Key{Kind: access.Kind(kind), ID: string(id)}, err
}

func n64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func streamKey(id access.RequestID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(part(nil, string(id)), seq)
}

// An entry is a stored record: its version, the index entries that list it,
// and its data.
type entry struct {
	version access.Version
	index   []access.Index
	data    []byte
}

func (e entry) encode() []byte {
	b := n64(uint64(e.version))
	b = binary.AppendUvarint(b, uint64(len(e.index)))
	for _, x := range e.index {
		b = appendString(appendString(b, x.Name), x.Value)
	}
	return append(b, e.data...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// parseEntry returns the entry in b. Its data is a part of b.
func parseEntry(b []byte) (e entry, ok bool) {
	if len(b) < 8 {
		return entry{}, false
	}
	e.version = access.Version(binary.BigEndian.Uint64(b))
	n, b, ok := cutNumber(b[8:])
	for ; ok && n > 0; n-- {
		var x access.Index
		if x.Name, b, ok = cutString(b); ok {
			x.Value, b, ok = cutString(b)
		}
		e.index = append(e.index, x)
	}
	e.data = b
	return e, ok
}

func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return 0, nil, false
	}
	return n, b[w:], true
}

func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, b, ok := cutNumber(b)
	if !ok || n > uint64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}
