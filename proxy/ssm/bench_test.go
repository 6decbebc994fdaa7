package ssm_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"sesame/proxy/ssm"
)

func nothing(ssm.Event) error { return nil }

// BenchmarkTap is output in payloads of a kilobyte, as agents send it, with an
// acknowledgement for each; MB/s is of output.
func BenchmarkTap(b *testing.B) {
	frame := shown(0, strings.Repeat("x", 1024))
	ack := ssm.Message{Type: ssm.Acknowledge, Data: []byte(asJSON(b, ssm.Acknowledgement{Type: ssm.Output, ID: messageID.String(), Sequential: true}))}.Append(nil)
	tap := ssm.New(ssm.Options{Emit: nothing})
	b.SetBytes(1024)
	b.ReportAllocs()
	for seq := uint64(0); b.Loop(); seq++ {
		binary.BigEndian.PutUint64(frame[48:], seq)
		if err := tap.FromAgent(frame); err != nil {
			b.Fatal(err)
		}
		if err := tap.FromClient(ack); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTapSealed is the same of a session that KMS made the key for.
func BenchmarkTapSealed(b *testing.B) {
	frame := shown(0, string(newKey(b).Seal(ssm.Agent, nonce(1), make([]byte, 1024))))
	tap := ssm.New(ssm.Options{Emit: nothing, Key: func([]byte) ([]byte, error) { return plaintext(), nil }})
	sealedHandshake(b, &watch{Tap: tap})
	b.SetBytes(1024)
	b.ReportAllocs()
	for seq := uint64(3); b.Loop(); seq++ {
		binary.BigEndian.PutUint64(frame[48:], seq)
		if err := tap.FromAgent(frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTapReordered is output of which every second message comes first.
func BenchmarkTapReordered(b *testing.B) {
	frame := shown(0, strings.Repeat("x", 1024))
	tap := ssm.New(ssm.Options{Emit: nothing})
	b.SetBytes(1024)
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		binary.BigEndian.PutUint64(frame[48:], n^1)
		if err := tap.FromAgent(frame); err != nil {
			b.Fatal(err)
		}
	}
}
