package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
	emptyHash        = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hexLength        = 2 * sha256.Size
)

// A Chain is where the signatures of the chunks of one body stand. Each is
// made over the one before; the first builds on that of the request. The zero
// Chain is for bodies without signed chunks.
type Chain struct {
	key   Key
	stamp string
	last  [sha256.Size]byte // signature
}

// next moves c on by one signature, over what ends in a hash.
func (c *Chain) next(kind, before string, sum [sha256.Size]byte) string {
	b := make([]byte, 0, 320)
	b = append(append(b, kind...), '\n')
	b = append(append(b, c.stamp...), '\n')
	b = append(c.key.scope.append(b), '\n')
	b = append(hex.AppendEncode(b, c.last[:]), '\n')
	c.last = c.key.sign(hex.AppendEncode(append(b, before...), sum[:]))
	return hex.EncodeToString(c.last[:])
}

func (c *Chain) chunk(sum [sha256.Size]byte) string {
	return c.next(chunkAlgorithm, emptyHash+"\n", sum)
}

func (c *Chain) trailer(sum [sha256.Size]byte) string {
	return c.next(trailerAlgorithm, "", sum)
}

// relink checks a signature against the client's chain and writes that of the
// upstream chain in its place.
func relink(want, with string, in []byte) error {
	if subtle.ConstantTimeCompare([]byte(want), in) != 1 {
		return badBody("the signature of a chunk does not match")
	}
	copy(in, with)
	return nil
}

// canonicalTrailer is what the signature of a trailer covers: its lines,
// trimmed and in order.
func canonicalTrailer(lines []string) ([]byte, error) {
	var all []string
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.Trim(name, " \t"))
		if !ok || name == "" {
			return nil, badBody("a line of the trailer is not a header")
		}
		all = append(all, string(appendValue([]byte(name+":"), value, false))+"\n")
	}
	slices.Sort(all)
	return []byte(strings.Join(all, "")), nil
}
