package calls

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sesame/flows/access"
)

// A chain is the hash up to and including an entry.
type chain [sha256.Size]byte

const (
	chainOpen  = `,"chain":"`
	chainClose = "\"}\n"
	chainSize  = len(chainOpen) + 2*sha256.Size + len(chainClose)
)

// next is the chain after an entry whose line begins with body.
func (c chain) next(body []byte) chain {
	h := sha256.New()
	h.Write(c[:])
	h.Write(body)
	return chain(h.Sum(nil))
}

// line is that of an entry with a number, and the chain after it. The chain
// before it goes ahead of the line in b, so that both are hashed in one piece.
func (c chain) line(b []byte, seq uint64, entry []byte) (room, line []byte, next chain) {
	b = append(b[:0], c[:]...)
	b = strconv.AppendUint(append(b, `{"seq":`...), seq, 10)
	b = append(b, entry...)
	next = sha256.Sum256(b)
	b = hex.AppendEncode(append(b, chainOpen...), next[:])
	b = append(b, chainClose...)
	return b, b[len(c):], next
}

func (c chain) String() string { return hex.EncodeToString(c[:]) }

// parseLine takes a line apart, with its newline, without checking it.
func parseLine(line []byte) (e Entry, body []byte, says chain, err error) {
	cut := len(line) - chainSize
	if cut <= 0 || !bytes.HasPrefix(line[cut:], []byte(chainOpen)) || !bytes.HasSuffix(line, []byte(chainClose)) {
		return e, nil, says, fmt.Errorf("the line has no chain: %w", access.ErrBroken)
	}
	if _, err := hex.Decode(says[:], line[cut+len(chainOpen):len(line)-len(chainClose)]); err != nil {
		return e, nil, says, fmt.Errorf("the chain is not hexadecimal: %w", access.ErrBroken)
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, nil, says, fmt.Errorf("the line is not JSON: %w", access.ErrBroken)
	}
	return e, line[:cut], says, nil
}

// A walk is how far a record was checked.
type walk struct {
	begun bool
	seq   uint64
	at    chain
}

// step checks the next line.
func (w *walk) step(line []byte) (Entry, error) {
	e, body, says, err := parseLine(line)
	if err != nil {
		return e, err
	}
	if !w.begun {
		if err := w.begin(e); err != nil {
			return e, err
		}
	}
	switch {
	case e.Seq != w.seq+1:
		return e, fmt.Errorf("entry %d follows entry %d: %w", e.Seq, w.seq, access.ErrBroken)
	case e.Kind == segment && e.Prev != w.at.String():
		return e, fmt.Errorf("the segment of entry %d does not go on where the one before ends: %w", e.Seq, access.ErrBroken)
	case w.at.next(body) != says:
		return e, fmt.Errorf("entry %d was changed: %w", e.Seq, access.ErrBroken)
	}
	w.seq, w.at = e.Seq, says
	return e, nil
}

// begin takes the word of the first segment that is kept for what was before.
func (w *walk) begin(e Entry) error {
	if e.Kind != segment || e.Seq == 0 {
		return fmt.Errorf("the segment does not begin as one: %w", access.ErrBroken)
	}
	if _, err := hex.Decode(w.at[:], []byte(e.Prev)); err != nil || len(e.Prev) != 2*sha256.Size {
		return fmt.Errorf("the segment does not say what was before it: %w", access.ErrBroken)
	}
	w.begun, w.seq = true, e.Seq-1
	return nil
}

// A Head is where a record stands. The zero Head is that of an empty one.
type Head struct {
	Seq  uint64
	Hash string
}

// String returns "seq:hash".
func (h Head) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash }

// ParseHead returns the Head that String wrote.
func ParseHead(s string) (Head, error) {
	number, hash, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	sum, hexErr := hex.DecodeString(hash)
	if err != nil || hexErr != nil || len(sum) != sha256.Size {
		return Head{}, fmt.Errorf("%q is not the head of a record of calls", s)
	}
	return Head{seq, hash}, nil
}
