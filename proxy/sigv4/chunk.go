package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxChunk bounds the memory of a body in signed chunks: a signature goes
	// out before its chunk, so a chunk is held until it is hashed. SDKs send
	// 64 to 128 KiB.
	maxChunk = 1 << 20
	// maxLine and maxTrailer bound what is read around the chunks.
	maxLine    = 128
	maxTrailer = 8 << 10
	// step is how much a chunk may claim before its bytes are there.
	step = 64 << 10

	chunkExtension   = ";chunk-signature="
	trailerSignature = "x-amz-trailer-signature:"
)

// rechunker reads a body of signed chunks and returns the same body with the
// signatures of another chain. The forms of AWS, with CR LF for the ends of
// lines:
//
//	10000;chunk-signature=<64 digits>
//	<65536 bytes>
//	0;chunk-signature=<64 digits>
//	x-amz-checksum-crc32c:sOO8/Q==                with a trailer only;
//	x-amz-trailer-signature:<64 digits>           LF alone may end its lines
//	<empty line>
type rechunker struct {
	src      *bufio.Reader
	down, up Chain
	trailer  bool
	left     int64  // bytes that are still to come once decoded; negative if unknown
	room     []byte // one chunk with all around it
	ready    []byte // what of it is not returned yet
	ended    bool   // the last chunk was read
	err      error
}

func (s *Signed) rechain(src io.Reader, up Chain) io.Reader {
	if up.key.mac == nil {
		return failed{malformed("there is no chain to sign chunks with")}
	}
	left, err := s.decodedLength()
	if err != nil {
		return failed{err}
	}
	return &rechunker{
		src:     bufio.NewReader(src),
		down:    Chain{s.key, s.stamp, s.signature},
		up:      up,
		trailer: s.Payload == ChunkedTrailer,
		left:    left,
	}
}

// decodedLength is what the client says the chunks hold, or negative.
func (s *Signed) decodedLength() (int64, error) {
	text, err := s.request.only("X-Amz-Decoded-Content-Length")
	if err != nil || text == "" {
		return -1, err
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, malformed("x-amz-decoded-content-length is not a number")
	}
	return int64(n), nil
}

func (c *rechunker) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.ready) == 0 {
		if c.err == nil {
			c.err = c.fill()
		}
		if c.err != nil {
			return 0, c.err
		}
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// fill makes one chunk ready, all of it checked.
func (c *rechunker) fill() error {
	if c.ended {
		return c.atEnd()
	}
	c.room = c.room[:0]
	size, signature, err := c.readHead()
	if err != nil {
		return truncated(err)
	}
	if err := c.readData(size, signature); err != nil {
		return truncated(err)
	}
	if size == 0 {
		if err := c.readEnd(); err != nil {
			return truncated(err)
		}
	}
	c.ready = c.room
	return nil
}

// truncated makes an early end what it is. Other errors of the source pass.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badBody("it ends within a chunk")
	}
	return err
}

// atEnd is reached when the last chunk was returned.
func (c *rechunker) atEnd() error {
	switch _, err := c.src.ReadByte(); {
	case err == nil:
		return badBody("it goes on after the last chunk")
	default:
		return err
	}
}

// readLine reads to the end of a line, into room.
func (c *rechunker) readLine(limit int) (line []byte, err error) {
	start := len(c.room)
	for {
		b, err := c.src.ReadByte()
		if err != nil {
			return nil, err
		}
		c.room = append(c.room, b)
		if b == '\n' {
			return c.room[start:], nil
		}
		if len(c.room)-start >= limit {
			return nil, badBody("a line around its chunks is longer than %d bytes", limit)
		}
	}
}

// readHead reads the line before a chunk. The signature is at an offset of
// room, since room may move as it grows.
func (c *rechunker) readHead() (size, signature int, err error) {
	line, err := c.readLine(maxLine)
	if err != nil {
		return 0, 0, err
	}
	digits, rest, ok := strings.Cut(string(line), chunkExtension)
	if !ok || len(rest) != hexLength+len("\r\n") || !strings.HasSuffix(rest, "\r\n") {
		return 0, 0, badBody("the line before a chunk is malformed")
	}
	n, err := parseSize(digits)
	if err != nil {
		return 0, 0, err
	}
	return int(n), len(digits) + len(chunkExtension), c.count(n)
}

// count holds the sizes of the chunks against what the client said before.
func (c *rechunker) count(n int64) error {
	switch {
	case c.left < 0:
		return nil
	case n > c.left || n == 0 && c.left > 0:
		return badBody("it holds more or less than x-amz-decoded-content-length says")
	}
	c.left -= n
	return nil
}

func parseSize(digits string) (int64, error) {
	for i := range len(digits) {
		if !isHex(digits[i]) {
			return 0, badBody("the size of a chunk is malformed")
		}
	}
	n, err := strconv.ParseInt(digits, 16, 64)
	if err != nil {
		return 0, badBody("the size of a chunk is malformed")
	}
	if n > maxChunk {
		return 0, badBody("a chunk is longer than %d bytes", maxChunk)
	}
	return n, nil
}

// readData reads size bytes, checks the signature over them and puts the
// other one in its place.
func (c *rechunker) readData(size, signature int) error {
	start := len(c.room)
	for got := 0; got < size; {
		n := min(size-got, step)
		if err := c.readFull(n); err != nil {
			return err
		}
		got += n
	}
	sum := sha256.Sum256(c.room[start:])
	if err := relink(c.down.chunk(sum), c.up.chunk(sum), c.room[signature:signature+hexLength]); err != nil {
		return err
	}
	if size == 0 {
		return nil
	}
	return c.readBreak()
}

// readFull appends n bytes to room. It grows as bytes come, so that a claim
// alone takes no memory.
func (c *rechunker) readFull(n int) error {
	start := len(c.room)
	c.room = slices.Grow(c.room, n)[:start+n]
	_, err := io.ReadFull(c.src, c.room[start:])
	return err
}

func (c *rechunker) readBreak() error {
	start := len(c.room)
	if err := c.readFull(len("\r\n")); err != nil {
		return err
	}
	if string(c.room[start:]) != "\r\n" {
		return badBody("a chunk does not end where it says")
	}
	return nil
}

func (c *rechunker) readEnd() error {
	c.ended = true
	if c.trailer {
		if err := c.readTrailer(); err != nil {
			return err
		}
	}
	return c.readBreak()
}

// readTrailer reads the lines of the trailer up to its signature, and checks
// and replaces that one. Empty lines between them, which S3's own example has,
// pass as they are.
func (c *rechunker) readTrailer() error {
	var lines []string
	for start := len(c.room); len(c.room)-start < maxTrailer; {
		line, err := c.readLine(maxTrailer)
		if err != nil {
			return err
		}
		text := bytes.TrimRight(line, "\r\n")
		if signature, ok := bytes.CutPrefix(text, []byte(trailerSignature)); ok {
			return c.relinkTrailer(lines, signature)
		}
		if len(text) > 0 {
			lines = append(lines, string(text))
		}
	}
	return badBody("its trailer is longer than %d bytes", maxTrailer)
}

func (c *rechunker) relinkTrailer(lines []string, signature []byte) error {
	text, err := canonicalTrailer(lines)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	return relink(c.down.trailer(sum), c.up.trailer(sum), signature)
}
