package audit

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/flows/access"
)

// IndexCheckpoints lists the checkpoints in the order of their numbers.
const IndexCheckpoints = "checkpoints"

// maxEvents is how many events one checkpoint covers at most, which bounds its
// size. More news make more checkpoints.
const maxEvents = 1000

// signedAs separates these signatures from all others that a key might make.
const signedAs = "sesame checkpoint 1\n"

// A Checkpoint says where the chains stood when the log had come to a
// position.
type Checkpoint struct {
	Number uint64    `json:"number"` // from 1
	At     time.Time `json:"at"`
	Pos    uint64    `json:"pos"`   // of the last event that it covers
	Heads  []Tip     `json:"heads"` // of the streams with events since the checkpoint before, by name
	Prev   string    `json:"prev"`  // hash of the checkpoint before; empty for the first
	// Calls is where the record of calls stood, which is kept beside the store;
	// empty where there is none.
	Calls string `json:"calls,omitempty"`
	Sig   []byte `json:"sig,omitempty"`
}

// A Tip is the last event of a stream.
type Tip struct {
	Stream access.RequestID `json:"stream"`
	Seq    uint64           `json:"seq"`
	Hash   string           `json:"hash"`
}

// Key is where the checkpoint is stored.
func (c Checkpoint) Key() access.Key {
	return access.Key{Kind: access.KindCheckpoint, ID: fmt.Sprintf("%016x", c.Number)}
}

// Index lists the checkpoint by number.
func (c Checkpoint) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexCheckpoints, Value: fmt.Sprintf("%016x", c.Number)}}
}

// Head returns the head that c is.
func (c Checkpoint) Head() Head {
	sum := sha256.Sum256(c.body())
	return Head{c.Number, hex.EncodeToString(sum[:])}
}

// body returns what is signed and hashed: everything but the signature.
func (c Checkpoint) body() []byte {
	c.Sig = nil
	// The struct holds nothing that cannot be encoded, so the error cannot
	// happen.
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return append([]byte(signedAs), b...)
}

func (c Checkpoint) signed(key ed25519.PrivateKey) Checkpoint {
	c.Sig = ed25519.Sign(key, c.body())
	return c
}

// follows returns what is wrong with c as the next checkpoint after prev.
func (c Checkpoint) follows(prev Checkpoint, pub ed25519.PublicKey) error {
	var head Head
	if prev.Number > 0 {
		head = prev.Head()
	}
	switch {
	case c.Number != prev.Number+1:
		return broken("checkpoint %d is missing: the one after %d is %d", prev.Number+1, prev.Number, c.Number)
	case !ed25519.Verify(pub, c.body(), c.Sig):
		return broken("checkpoint %d is not signed with this key, or was changed", c.Number)
	case c.Prev != head.Hash:
		return broken("checkpoint %d does not name the checkpoint before it", c.Number)
	case c.Pos < prev.Pos, c.Pos == prev.Pos && !c.moves(prev):
		return broken("checkpoint %d covers nothing: it ends at position %d, the one before at %d", c.Number, c.Pos, prev.Pos)
	}
	return nil
}

// moves reports whether c says something new about calls.
func (c Checkpoint) moves(prev Checkpoint) bool { return c.Calls != "" && c.Calls != prev.Calls }

func broken(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, access.ErrBroken)...)
}

// tips are the last events of streams.
type tips map[access.RequestID]Tip

func (t tips) add(e access.Event) { t[e.Stream] = Tip{e.Stream, e.Seq, e.Hash} }

func (t tips) sorted() []Tip {
	all := make([]Tip, 0, len(t))
	for _, tip := range t {
		all = append(all, tip)
	}
	slices.SortFunc(all, func(a, b Tip) int { return cmp.Compare(a.Stream, b.Stream) })
	return all
}

// A Head identifies a checkpoint and, by the hashes in it, all that came
// before. The zero Head is that of a record without checkpoints.
type Head struct {
	Number uint64
	Hash   string
}

// String returns "number:hash".
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Number, h.Hash) }

// ParseHead returns the head that String wrote.
func ParseHead(s string) (Head, error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(s), ":")
	n, err := strconv.ParseUint(number, 10, 64)
	sum, hexErr := hex.DecodeString(hash)
	if !ok || err != nil || hexErr != nil || len(sum) != sha256.Size || n == 0 {
		return Head{}, fmt.Errorf("%q is not a head: want number:hash, as audit verify prints it", s)
	}
	return Head{n, hex.EncodeToString(sum)}, nil
}

func (h Head) encode() []byte { return []byte(h.String() + "\n") }
