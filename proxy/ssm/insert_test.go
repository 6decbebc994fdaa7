package ssm_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sesame/proxy/ssm"
)

// acked is a client's acknowledgement of a number.
func acked(t testing.TB, seq int64) []byte {
	t.Helper()
	return ssm.Message{Type: ssm.Acknowledge, Schema: 1, Flags: 3, Data: []byte(asJSON(t, ssm.Acknowledgement{
		Type: ssm.Output, ID: "id", Seq: seq, Sequential: true,
	}))}.Append(nil)
}

func ackedSeq(t testing.TB, frame []byte) string {
	t.Helper()
	m, err := ssm.Parse(frame)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// A screen is what a client that behaves as the plugin does shows.
type screen struct {
	next  int64
	held  map[int64]string
	shows strings.Builder
}

// take returns the number to acknowledge.
func (s *screen) take(t testing.TB, frame []byte) int64 {
	t.Helper()
	m, err := ssm.Parse(frame)
	if err != nil {
		t.Fatal(err)
	}
	if m.Seq >= s.next {
		s.held[m.Seq] = string(m.Data)
	}
	for text, ok := s.held[s.next]; ok; text, ok = s.held[s.next] {
		s.shows.WriteString(text)
		delete(s.held, s.next)
		s.next++
	}
	return m.Seq
}

func notice(text string) ssm.Message {
	return ssm.Message{Type: ssm.Output, Schema: 1, Payload: ssm.PayloadData, Data: []byte(text)}
}

// TestInsertedMessagesLeaveTheStreamWhole has an agent send again and out of
// order what is not acknowledged, and a client that loses and repeats frames:
// the client shows all of it once and in order, and the agent gets exactly the
// acknowledgements that are its own.
func TestInsertedMessagesLeaveTheStreamWhole(t *testing.T) {
	const messages = 300
	for seed := range uint64(50) {
		dice := rand.New(rand.NewPCG(seed, 7))
		var in ssm.Inserter
		client := &screen{held: map[int64]string{}}
		open := map[int64]bool{}
		var want strings.Builder
		deliver := func(frame []byte) {
			if dice.IntN(5) == 0 {
				return // lost
			}
			seq := client.take(t, frame)
			if dice.IntN(5) == 0 {
				return // the acknowledgement is
			}
			frame, pass := in.ToAgent(acked(t, seq))
			if !pass {
				return
			}
			var original int64
			if _, err := fmt.Sscanf(ackedSeq(t, frame), `{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"id","AcknowledgedMessageSequenceNumber":%d`, &original); err != nil {
				t.Fatal(err)
			}
			if !open[original] {
				return // acknowledged before
			}
			delete(open, original)
		}
		sent := int64(0)
		send := func(seq int64) {
			frame := shown(seq, fmt.Sprintf("<%d>", seq))
			in.ToClient(frame)
			deliver(frame)
		}
		for steps := 0; sent < messages || len(open) > 0 || len(in.Waiting()) > 0; steps++ {
			if steps > 100_000 {
				t.Fatalf("seed %d: after %d messages %d are not acknowledged; shown %q", seed, sent, len(open), client.shows.String())
			}
			switch dice.IntN(4) {
			case 0, 1:
				if sent < messages && len(open) < 20 {
					open[sent] = true
					sent++
					if dice.IntN(3) > 0 {
						send(sent - 1)
					}
				}
			case 2:
				for seq := range open {
					send(seq)
					break
				}
			case 3:
				if frame := in.Insert(notice("[w]")); frame != nil && dice.IntN(2) == 0 {
					deliver(frame)
				}
				for _, frame := range in.Waiting() {
					deliver(frame)
				}
			}
			if sent == messages && strings.Count(client.shows.String(), "<") == messages && len(in.Waiting()) == 0 {
				for seq := range open {
					send(seq)
				}
			}
		}
		for seq := range int64(messages) {
			fmt.Fprintf(&want, "<%d>", seq)
		}
		if got := strings.ReplaceAll(client.shows.String(), "[w]", ""); got != want.String() || !strings.Contains(client.shows.String(), "[w]") {
			t.Fatalf("seed %d: shown %q", seed, client.shows.String())
		}
	}
}

func TestNothingInsertedChangesNothing(t *testing.T) {
	var in ssm.Inserter
	if in.Insert(notice("too early")) != nil {
		t.Error("something was inserted before the agent spoke")
	}
	for _, frame := range [][]byte{shown(0, "a"), shown(5, "b"), typed(0, "c"), acked(t, 3), nil, []byte("text")} {
		was := bytes.Clone(frame)
		in.ToClient(frame)
		got, pass := in.ToAgent(frame)
		if !bytes.Equal(got, was) || !pass {
			t.Errorf("%q became %q, %t", was, got, pass)
		}
	}
}

func TestWhatIsInsertedMovesNumbersAlone(t *testing.T) {
	var in ssm.Inserter
	in.ToClient(shown(0, "a"))
	in.ToClient(shown(3, "early"))
	frame := in.Insert(notice("w"))
	if m, err := ssm.Parse(frame); err != nil || m.Seq != 4 || string(m.Data) != "w" {
		t.Errorf("%+v, %v", m, err)
	}
	late, later := shown(2, "late"), shown(4, "later")
	in.ToClient(late)
	in.ToClient(later)
	if !bytes.Equal(late, shown(2, "late")) || !bytes.Equal(later, shown(5, "later")) {
		t.Error("more than the number moved, or the wrong one")
	}
	for _, c := range []struct {
		client, agent int64
		pass          bool
	}{{3, 3, true}, {4, 0, false}, {5, 4, true}, {4, 0, false}} {
		got, pass := in.ToAgent(acked(t, c.client))
		if pass != c.pass || pass && !bytes.Equal(got, acked(t, c.agent)) {
			t.Errorf("%d became %q, %t", c.client, got, pass)
		}
	}
	if len(in.Waiting()) != 0 {
		t.Error("what was acknowledged still waits")
	}
}

// FuzzInserter looks for frames by which numbers move without anything having
// been inserted, payloads change, or an end is not given what is its own.
func FuzzInserter(f *testing.F) {
	f.Add(shown(7, "x"), uint8(2))
	f.Add(acked(f, 1), uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, frame []byte, insertions uint8) {
		var in ssm.Inserter
		in.ToClient(shown(0, "a"))
		for range insertions % 8 {
			in.Insert(notice("w"))
		}
		before, err := ssm.Parse(frame)
		back, pass := in.ToAgent(frame)
		if err != nil {
			return // a tap has not let it through
		}
		if pass {
			if after, err := ssm.Parse(back); err != nil || after.ID != before.ID || after.Type != before.Type {
				t.Fatalf("%q became %q: %v", frame, back, err)
			}
		}
		up := bytes.Clone(frame)
		in.ToClient(up)
		after, err := ssm.Parse(up)
		if before.Type == ssm.Output && before.Seq < 1<<62 {
			if err != nil || after.Seq < before.Seq || after.Seq-before.Seq > int64(insertions%8) || !bytes.Equal(after.Data, before.Data) {
				t.Fatalf("%+v became %+v: %v", before, after, err)
			}
		} else if before.Type != ssm.Output && !bytes.Equal(up, frame) {
			t.Fatal("something else than output changed")
		}
	})
}
