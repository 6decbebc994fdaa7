package sigv4_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sesame/proxy/sigv4"
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// A framer writes bodies of signed chunks as the API reference of S3 has it,
// with nothing of the code under test.
type framer struct {
	key          []byte
	stamp, scope string
	last         string
}

func newFramer(secret, stamp, region, seed string) *framer {
	key := []byte("AWS4" + secret)
	for _, part := range []string{stamp[:8], region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	return &framer{key, stamp, stamp[:8] + "/" + region + "/s3/aws4_request", seed}
}

func (f *framer) sign(kind string, sums ...string) string {
	text := strings.Join(append([]string{kind, f.stamp, f.scope, f.last}, sums...), "\n")
	f.last = hex.EncodeToString(mac(f.key, text))
	return f.last
}

func (f *framer) head(data []byte) string {
	return fmt.Sprintf("%x;chunk-signature=%s\r\n", len(data), f.sign("AWS4-HMAC-SHA256-PAYLOAD", hexSum(nil), hexSum(data)))
}

func (f *framer) chunk(data string) string {
	if data == "" {
		return f.head(nil)
	}
	return f.head([]byte(data)) + data + "\r\n"
}

// body frames chunks. trailer is in canonical form, and ends are how its lines
// end on the wire.
func (f *framer) body(chunks []string, trailer, ends string) string {
	var b strings.Builder
	for _, c := range append(chunks[:len(chunks):len(chunks)], "") {
		b.WriteString(f.chunk(c))
	}
	if trailer != "" {
		b.WriteString(strings.ReplaceAll(trailer, "\n", ends))
		b.WriteString("x-amz-trailer-signature:" + f.sign("AWS4-HMAC-SHA256-TRAILER", hexSum([]byte(trailer))) + "\r\n")
	}
	return b.String() + "\r\n"
}

const exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// upload is a verified upload in chunks, with the credential and the chain of
// its way upstream.
func upload(t testing.TB, marker string, length int) (*sigv4.Signed, sigv4.Chain, *framer, *framer) {
	t.Helper()
	at := signedAt
	down := sigv4.Credential{KeyID: keyID, Key: sigv4.NewKey(secret, sigv4.Scope{Day: "20260314", Region: "us-east-1", Service: "s3"})}
	up := sigv4.Credential{KeyID: "ASIAUPSTREAM", Token: token, Key: sigv4.NewKey(exampleSecret, down.Key.Scope())}
	r := sigv4.Request{Method: "PUT", Target: "/bucket/key", Host: "s3.amazonaws.com", Length: -1, Header: map[string][]string{
		"X-Amz-Content-Sha256":         {marker},
		"X-Amz-Decoded-Content-Length": {fmt.Sprint(length)},
		"Content-Encoding":             {"aws-chunked"},
	}}
	if _, err := down.Sign(r, []string{"content-encoding", "x-amz-content-sha256", "x-amz-decoded-content-length"}, marker, at); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(down.Key, at); err != nil {
		t.Fatal(err)
	}
	out, chain, err := s.Resign(up, r.Host, at.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s, chain, newFramer(secret, "20260314T150926Z", "us-east-1", signatureOf(r)), newFramer(exampleSecret, "20260314T150927Z", "us-east-1", signatureOf(out))
}

func signatureOf(r sigv4.Request) string {
	_, signature, _ := strings.Cut(r.Header["Authorization"][0], "Signature=")
	return signature
}

const (
	chunkMarker   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	trailerMarker = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	checksum      = "x-amz-checksum-crc32c:sOO8/Q==\n"
)

var bodies = []struct {
	name, marker string
	chunks       []string
	trailer      string
	ends         string
}{
	{"empty", chunkMarker, nil, "", ""},
	{"one", chunkMarker, []string{"hello"}, "", ""},
	{"three", chunkMarker, []string{"hello", strings.Repeat("w", 300), "\r\n0;chunk-signature="}, "", ""},
	{"trailer", trailerMarker, []string{"hello", "world"}, checksum, "\r\n"},
	{"trailer as in the example of S3", trailerMarker, []string{"hello", "world"}, checksum, "\n\r\n"},
	{"trailer with bare line feeds", trailerMarker, []string{"hello"}, "x-amz-a:1\n" + checksum, "\n"},
}

// TestChunksAreSignedAgain reads each body in every split, and one byte at a
// time.
func TestChunksAreSignedAgain(t *testing.T) {
	for _, b := range bodies {
		t.Run(b.name, func(t *testing.T) {
			s, chain, down, up := upload(t, b.marker, len(strings.Join(b.chunks, "")))
			sent, want := down.body(b.chunks, b.trailer, b.ends), up.body(b.chunks, b.trailer, b.ends)
			for i := range len(sent) + 1 {
				src := io.MultiReader(strings.NewReader(sent[:i]), strings.NewReader(sent[i:]))
				if got, err := io.ReadAll(s.Body(src, chain)); err != nil || string(got) != want {
					t.Fatalf("split at %d: %v\n%q\nwant\n%q", i, err, got, want)
				}
			}
			slow := iotest.OneByteReader(s.Body(iotest.OneByteReader(strings.NewReader(sent)), chain))
			if got, err := io.ReadAll(slow); err != nil || string(got) != want {
				t.Errorf("byte by byte: %v, %q", err, got)
			}
		})
	}
}

// TestChangedChunksAreRefused changes each byte of each body. What was let go
// until then is what would have been sent for the true body, in whole chunks.
func TestChangedChunksAreRefused(t *testing.T) {
	for _, b := range bodies {
		t.Run(b.name, func(t *testing.T) {
			s, chain, down, up := upload(t, b.marker, len(strings.Join(b.chunks, "")))
			sent, want := down.body(b.chunks, b.trailer, b.ends), up.body(b.chunks, b.trailer, b.ends)
			for i := range sent {
				changed := []byte(sent)
				changed[i] ^= 0x01
				got, err := io.ReadAll(s.Body(bytes.NewReader(changed), chain))
				if !errors.Is(err, sigv4.ErrBody) || !strings.HasPrefix(want, string(got)) || len(got) == len(want) {
					t.Fatalf("byte %d changed: %v, let go %d bytes of %d", i, err, len(got), len(want))
				}
				got, err = io.ReadAll(s.Body(strings.NewReader(sent[:i]), chain))
				if !errors.Is(err, sigv4.ErrBody) || len(got) == len(want) {
					t.Fatalf("cut at %d: %v", i, err)
				}
			}
			if _, err := io.ReadAll(s.Body(strings.NewReader(sent+"x"), chain)); !errors.Is(err, sigv4.ErrBody) {
				t.Errorf("a byte more: %v", err)
			}
		})
	}
}

func TestChunksThatClaimTooMuch(t *testing.T) {
	signature := ";chunk-signature=" + strings.Repeat("a", 64) + "\r\n"
	for _, body := range []string{
		"100001" + signature, "ffffffffffffffff" + signature, "-1" + signature, "+1" + signature, "" + signature,
		"0x1" + signature, "7fffffffffffffff" + signature, strings.Repeat("0", 200), "5\r\nhello\r\n", "6" + signature + "hello!\r\n",
	} {
		s, chain, _, _ := upload(t, chunkMarker, 5)
		if got, err := io.ReadAll(s.Body(strings.NewReader(body), chain)); !errors.Is(err, sigv4.ErrBody) || len(got) > 0 {
			t.Errorf("%.40q: %q, %v", body, got, err)
		}
	}
}

// TestChunksTakeConstantMemory sends 64 MiB through, and counts all that was
// allocated on the way.
func TestChunksTakeConstantMemory(t *testing.T) {
	const size, count = 64 << 10, 1024
	s, chain, down, _ := upload(t, chunkMarker, size*count)
	body := s.Body(&stream{framer: down, data: bytes.Repeat([]byte("x"), size), left: count}, chain)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, struct{ io.Reader }{body})
	runtime.ReadMemStats(&after)
	if err != nil || n < size*count {
		t.Errorf("%d bytes came out: %v", n, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d bytes allocated for %d", took, n)
	}
}

// A stream is a body of equal chunks that is never in memory as a whole.
type stream struct {
	*framer
	data  []byte
	left  int
	ready [][]byte
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.ready) == 0 {
		if s.left < 0 {
			return 0, io.EOF
		}
		if s.left == 0 {
			s.ready = [][]byte{[]byte(s.head(nil) + "\r\n")}
		} else {
			s.ready = [][]byte{[]byte(s.head(s.data)), s.data, []byte("\r\n")}
		}
		s.left--
	}
	n := copy(p, s.ready[0])
	if s.ready[0] = s.ready[0][n:]; len(s.ready[0]) == 0 {
		s.ready = s.ready[1:]
	}
	return n, nil
}

// documented are the two examples that the API reference of S3 prints with all
// their signatures: "Transferring Payload in Multiple Chunks" and "Including
// Trailing Headers".
var documented = []struct {
	payload    string
	header     string
	seed       string
	signatures []string
	trailer    string
}{
	{
		payload: chunkMarker, header: "Content-Length",
		seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		signatures: []string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		},
	},
	{
		payload: trailerMarker, header: "X-Amz-Trailer",
		seed: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		signatures: []string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
			"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
		},
		trailer: checksum,
	},
}

func TestDocumentedChunks(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	c := sigv4.Credential{KeyID: "AKIAIOSFODNN7EXAMPLE", Key: sigv4.NewKey(exampleSecret, sigv4.Scope{Day: "20130524", Region: "us-east-1", Service: "s3"})}
	for _, ex := range documented {
		t.Run(ex.payload, func(t *testing.T) {
			r := sigv4.Request{Method: "PUT", Target: "/examplebucket/chunkObject.txt", Host: "s3.amazonaws.com", Length: -1, Header: map[string][]string{
				"Content-Encoding":             {"aws-chunked"},
				"X-Amz-Content-Sha256":         {ex.payload},
				"X-Amz-Decoded-Content-Length": {"66560"},
				"X-Amz-Storage-Class":          {"REDUCED_REDUNDANCY"},
			}}
			r.Header[ex.header] = []string{map[string]string{"Content-Length": "66824", "X-Amz-Trailer": "x-amz-checksum-crc32c"}[ex.header]}
			if _, err := c.Sign(r, lowerNames(r.Header), ex.payload, at); err != nil {
				t.Fatal(err)
			}
			if got := signatureOf(r); got != ex.seed {
				t.Fatalf("seed %s, want %s", got, ex.seed)
			}
			body := newFramer(exampleSecret, "20130524T000000Z", "us-east-1", ex.seed).
				body([]string{strings.Repeat("a", 65536), strings.Repeat("a", 1024)}, ex.trailer, "\n\r\n")
			for _, want := range ex.signatures {
				if !strings.Contains(body, want) {
					t.Errorf("the body lacks the signature %s", want)
				}
			}
			if got := sameAgain(t, r, c, at, body); got != body {
				t.Errorf("the same key and time give another body")
			}
		})
	}
}

func lowerNames(header map[string][]string) []string {
	var names []string
	for name := range header {
		names = append(names, strings.ToLower(name))
	}
	return names
}

// sameAgain verifies r and signs it and its body again under the same key.
func sameAgain(t *testing.T, r sigv4.Request, c sigv4.Credential, at time.Time, body string) string {
	t.Helper()
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(c.Key, at); err != nil {
		t.Fatal(err)
	}
	_, chain, err := s.Resign(c, r.Host, at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s.Body(strings.NewReader(body), chain))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}
