package ssm_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sesame/proxy/ssm"
)

func smux(cmd byte, id uint32, data string) string {
	b := []byte{1, cmd}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(data)))
	b = binary.LittleEndian.AppendUint32(b, id)
	return string(b) + data
}

func counted(lines *[]string) *ssm.Streams {
	return &ssm.Streams{
		Opened: func(s ssm.Stream) error { *lines = append(*lines, fmt.Sprintf("open %d", s.ID)); return nil },
		Closed: func(s ssm.Stream) error {
			*lines = append(*lines, fmt.Sprintf("close %d: %d and %d", s.ID, s.Sent, s.Received))
			return nil
		},
	}
}

// TestStreams sends two connections through a session at every split point.
func TestStreams(t *testing.T) {
	client := smux(0, 3, "") + smux(2, 3, "GET") + smux(0, 5, "") + smux(2, 5, "x") + smux(3, 0, "") + smux(1, 3, "") + smux(1, 9, "")
	agent := smux(2, 3, strings.Repeat("r", 300)) + smux(1, 3, "") + smux(2, 3, "after its end")
	for split := range len(client) {
		var lines []string
		s := counted(&lines)
		for _, part := range []struct {
			from ssm.Side
			data string
		}{{ssm.Client, client[:split]}, {ssm.Client, client[split:]}, {ssm.Agent, agent[:min(split, len(agent))]}, {ssm.Agent, agent[min(split, len(agent)):]}} {
			if err := s.Take(part.from, []byte(part.data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if want := []string{"open 3", "open 5", "close 3: 3 and 300", "close 5: 1 and 0"}; !slices.Equal(lines, want) {
			t.Fatalf("split at %d: %q", split, lines)
		}
	}
}

func TestStreamsAreNotGuessed(t *testing.T) {
	for name, data := range map[string]string{"ssh": "SSH-2.0-OpenSSH_9.9\r\n", "a command of version 2": smux(4, 1, "12345678")} {
		var lines []string
		if err := counted(&lines).Take(ssm.Client, []byte(data)); !errors.Is(err, ssm.ErrStreams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var lines []string
	s := counted(&lines)
	var err error
	for id := uint32(0); err == nil && id < 20_000; id++ {
		err = s.Take(ssm.Client, []byte(smux(0, id, "")))
	}
	if !errors.Is(err, ssm.ErrStreams) || len(lines) != 10_000 {
		t.Errorf("%d connections at once: %v", len(lines), err)
	}
}

// FuzzStreams looks for bytes that panic, or of which more is counted than
// there is.
func FuzzStreams(f *testing.F) {
	f.Add([]byte(smux(0, 1, "")+smux(2, 1, "abc")+smux(1, 1, "")), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, split uint8) {
		var sum int64
		s := &ssm.Streams{Opened: func(ssm.Stream) error { return nil }, Closed: func(c ssm.Stream) error { sum += c.Sent + c.Received; return nil }}
		at := min(int(split), len(data))
		if s.Take(ssm.Client, data[:at]) == nil && s.Take(ssm.Client, data[at:]) == nil {
			_ = s.Take(ssm.Agent, data)
		}
		_ = s.Close()
		if sum > 2*int64(len(data)) {
			t.Fatalf("%d bytes counted of %d", sum, len(data))
		}
	})
}
