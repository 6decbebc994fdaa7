package ssm_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/proxy/ssm"
)

const created = 1503434274948

var messageID = ssm.ID{0xdd, 0x01, 0xe5, 0x6b, 0xff, 0x48, 0x48, 0x3e, 0xa5, 0x08, 0xb5, 0xf0, 0x73, 0xf3, 0x1b, 0x16}

// vectors reads testdata/frames.txt: a line with a name, lines of hex, and an
// empty line.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.txt")
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string][]byte{}
	for block := range strings.SplitSeq(string(text), "\n\n") {
		name, lines, _ := strings.Cut(block, "\n")
		if name, ok := strings.CutPrefix(name, "# "); ok {
			frame, err := hex.DecodeString(strings.ReplaceAll(lines, "\n", ""))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			frames[name] = frame
		}
	}
	return frames
}

func TestParseReadsWhatTheProtocolSays(t *testing.T) {
	base := ssm.Message{Schema: 1, Created: created, ID: messageID}
	with := func(change func(*ssm.Message)) ssm.Message {
		m := base
		change(&m)
		return m
	}
	want := map[string]ssm.Message{
		"output, blanks behind the type": with(func(m *ssm.Message) {
			m.Type, m.Seq, m.Flags, m.Payload, m.Data = ssm.Output, 7, ssm.SYN, ssm.PayloadData, []byte("total 0\r\n")
		}),
		"input, NULs behind the type": with(func(m *ssm.Message) {
			m.Type, m.Payload, m.Data = ssm.Input, ssm.PayloadData, []byte("ls\r")
		}),
		"size": with(func(m *ssm.Message) {
			m.Type, m.Seq, m.Payload, m.Data = ssm.Input, 1, ssm.PayloadSize, []byte(`{"cols":120,"rows":40}`)
		}),
		"acknowledgement": with(func(m *ssm.Message) {
			m.Type, m.Flags = ssm.Acknowledge, ssm.SYN|ssm.FIN
			m.Data = []byte(asJSON(t, ssm.Acknowledgement{Type: ssm.Output, ID: messageID.String(), Seq: 7, Sequential: true}))
		}),
		"end, a header without a payload type": with(func(m *ssm.Message) {
			m.Type, m.Data = ssm.Closed, []byte(`{"MessageType":"channel_closed","SchemaVersion":1,"Output":"over"}`)
		}),
		"output, a header with a field more": with(func(m *ssm.Message) {
			m.Type, m.Seq, m.Payload, m.Data = ssm.Output, 8, ssm.PayloadStderr, []byte("no")
		}),
	}
	frames := vectors(t)
	if len(frames) != len(want) {
		t.Errorf("%d frames, want %d", len(frames), len(want))
	}
	for name, frame := range frames {
		m, err := ssm.Parse(frame)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want[name], m); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAppendMakesTheFramesOfTheProtocol(t *testing.T) {
	frames := vectors(t)
	for _, name := range []string{"output, blanks behind the type", "size", "acknowledgement", "end, a header without a payload type"} {
		m, err := ssm.Parse(frames[name])
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Append([]byte("before")); !bytes.Equal(got, append([]byte("before"), frames[name]...)) {
			t.Errorf("%s: made\n%x\nwant\n%x", name, got[6:], frames[name])
		}
	}
}

func TestAcknowledgementsAreRead(t *testing.T) {
	m, err := ssm.Parse(vectors(t)["acknowledgement"])
	if err != nil {
		t.Fatal(err)
	}
	var a ssm.Acknowledgement
	if err := json.Unmarshal(m.Data, &a); err != nil {
		t.Fatal(err)
	}
	if want := (ssm.Acknowledgement{Type: ssm.Output, ID: "dd01e56b-ff48-483e-a508-b5f073f31b16", Seq: 7, Sequential: true}); a != want {
		t.Errorf("read %+v, want %+v", a, want)
	}
}

func TestTypesArePaddedAsThePluginTrims(t *testing.T) {
	frame := shown(0, "x")
	for field, want := range map[string]ssm.Type{
		"output_stream_data":           ssm.Output,
		"\x00output_stream_data\x00":   ssm.Output,
		"  output_stream_data \x00":    ssm.Output,
		"output_stream_data\x00 ":      ssm.Unknown, // a NUL within blanks stays
		"Output_stream_data":           ssm.Unknown,
		"output_stream_data.":          ssm.Unknown,
		"agent_session_state":          ssm.Unknown,
		"":                             ssm.Unknown,
		strings.Repeat("a", 32):        ssm.Unknown,
		"\t\noutput_stream_data\v\f\r": ssm.Output,
	} {
		changed := bytes.Clone(frame)
		for i := range 32 {
			changed[4+i] = ' '
		}
		n := copy(changed[4:36], field)
		if strings.HasSuffix(field, "\x00") {
			clear(changed[4+n : 36])
		}
		m, err := ssm.Parse(changed)
		if err != nil || m.Type != want {
			t.Errorf("%q is %q, %v, want %q", field, m.Type, err, want)
		}
	}
}

// put returns frame with a number of four bytes changed.
func put(frame []byte, at int, n uint32) []byte {
	changed := bytes.Clone(frame)
	binary.BigEndian.PutUint32(changed[at:], n)
	return changed
}

func TestForgedFramesAreRefused(t *testing.T) {
	frame := shown(3, "hello")
	flipped := bytes.Clone(frame)
	flipped[len(flipped)-1] ^= 1
	digest := bytes.Clone(frame)
	digest[80] ^= 1
	typeless := ssm.Message{Type: ssm.Closed, Data: []byte("hello")}.Append(nil)
	copy(typeless[4:], ssm.Output)
	negative := bytes.Clone(frame)
	negative[48] = 0x80
	last := bytes.Clone(frame)
	binary.BigEndian.PutUint64(last[48:], math.MaxInt64)

	for name, bad := range map[string][]byte{
		"nothing":                         nil,
		"a header of zero":                put(frame, 0, 0),
		"a header that ends in the type":  put(frame, 0, 113),
		"a header beyond the frame":       put(frame, 0, uint32(len(frame))),
		"a header that wraps around":      put(frame, 0, math.MaxUint32-3),
		"a header of two gigabytes":       put(frame, 0, math.MaxInt32),
		"a header that hides the payload": put(frame, 0, 121),
		"data without a type":             typeless,
		"a length of zero":                put(frame, 116, 0),
		"a length too short":              put(frame, 116, 4),
		"a length too long":               put(frame, 116, 6),
		"a length of four gigabytes":      put(frame, 116, math.MaxUint32),
		"another payload":                 flipped,
		"another digest":                  digest,
		"a negative number":               negative,
		"the last number":                 last,
		"something behind":                append(bytes.Clone(frame), 0),
		"more than a frame may have":      shown(0, strings.Repeat("x", ssm.MaxFrame)),
	} {
		_, err := ssm.Parse(bad)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantErr(t, err, ssm.ErrFrame)
	}
}

func TestFramesCutAnywhereAreRefused(t *testing.T) {
	for name, frame := range vectors(t) {
		for n := range frame {
			if _, err := ssm.Parse(frame[:n]); err == nil {
				t.Errorf("%s: accepted the first %d of %d bytes", name, n, len(frame))
			}
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	frame := shown(0, strings.Repeat("x", 1024))
	if n := testing.AllocsPerRun(100, func() { _, _ = ssm.Parse(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
