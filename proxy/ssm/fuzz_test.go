package ssm_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"sesame/proxy/ssm"
)

// FuzzParse checks that what is accepted is what the plugin would read, and
// reads the same when it is made again.
func FuzzParse(f *testing.F) {
	for _, frame := range vectors(f) {
		f.Add(frame)
		f.Add(frame[:len(frame)-1])
		f.Add(put(frame, 0, 1<<32-4))
		f.Add(put(frame, 116, 0))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		m, err := ssm.Parse(frame)
		if !bytes.Equal(frame, before) {
			t.Fatal("the frame changed")
		}
		if err != nil || m.Type == ssm.Unknown || m.Type == ssm.Start || m.Type == ssm.Pause {
			return
		}
		if !bytes.HasSuffix(frame, m.Data) || len(m.Data)+116 > len(frame) {
			t.Fatalf("data %q is not the end of the frame", m.Data)
		}
		again, err := ssm.Parse(m.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if m.Payload == again.Payload && !bytes.Equal(m.Append(nil), again.Append(nil)) {
			t.Fatalf("%+v became %+v", m, again)
		}
	})
}

// A script is bytes that stand for a session. Of each three, the first says
// who sends and how, the second the number. Contents follow from the number,
// so that repetitions are true, unless the first says that the third decides.
type script []byte

// How a frame of a script comes.
const (
	chosen  = 4 + iota // the third byte decides on the contents
	misled             // from the wrong end
	cut                // at the third byte
	flipped            // in the third byte
)

// play hands the frames of s to take.
func (s script) play(take func(from ssm.Side, frame []byte)) {
	for ; len(s) >= 3; s = s[3:] {
		from, how := ssm.Client+ssm.Side(s[0]&1), s[0]>>5
		seq, pick := int64(s[1]), s[1]*31+byte(from)
		if s[1] > 250 {
			seq <<= 8 * (s[1] - 249)
		}
		if how == chosen {
			pick = s[2]
		}
		frame := data(from, seq, ssm.Payload(pick&15), contents[int(pick)%len(contents)])
		switch how {
		case misled:
			from = ssm.Client + ssm.Agent - from
		case cut:
			frame = frame[:int(s[2])%len(frame)]
		case flipped:
			frame[int(s[2])%len(frame)] ^= s[1]
		}
		take(from, frame)
	}
}

var contents = []string{
	"", "x", "hello\r\n", "\x00\x00\x00\x02", `{"cols":80,"rows":24}`, `{"cols":1e9}`, "EXIT_CODE: 7", `{}`, `[`,
	`{"AgentVersion":"3","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port"}},{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"k"}}]}`,
	`{"ProcessedClientActions":[{"ActionType":"KMSEncryption","ActionStatus":1,"ActionResult":{"KMSCipherTextKey":"QQ=="}}]}`,
	`{"CustomerMessage":"hi"}`, string(make([]byte, 100)),
}

// FuzzTap checks, for any session, that no number of a side is reported twice,
// that in each direction what is not late ascends, that memory is bounded and
// that frames are left alone.
func FuzzTap(f *testing.F) {
	const fromClient, fromAgent = 0, 1
	f.Add([]byte{fromAgent, 0, 0, fromClient, 0, 0, fromAgent, 2, 0, fromAgent, 1, 0, fromAgent, 2, 0, fromAgent, 0, 0})
	f.Add([]byte{chosen<<5 | fromAgent, 0, 165, chosen<<5 | fromClient, 0, 166, fromAgent, 1, 0, fromClient, 1, 0}) // sealed
	f.Add([]byte{fromAgent, 255, 0, fromAgent, 0, 0, fromAgent, 9, 0, fromAgent, 7, 0, fromAgent, 5, 0, fromAgent, 3, 0, fromAgent, 4, 0})
	f.Add([]byte{flipped<<5 | fromAgent, 1, 90})
	f.Add([]byte{cut<<5 | fromAgent, 1, 90})
	f.Add([]byte{misled<<5 | fromAgent, 0, 0, chosen<<5 | fromClient, 0, 1, chosen<<5 | fromClient, 0, 2})
	random := rand.New(rand.NewPCG(6, 6))
	for range 8 {
		var long []byte
		for i := range 300 {
			long = append(long, byte(random.IntN(2)), byte(i/4+random.IntN(20)), 0)
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		const held = 300
		n := newNumbers(t)
		tap := ssm.New(ssm.Options{Emit: n.take, MaxHeld: held, Key: func([]byte) ([]byte, error) { return plaintext(), nil }})
		var over bool
		script(raw).play(func(from ssm.Side, frame []byte) {
			before := bytes.Clone(frame)
			feed := tap.FromClient
			if from == ssm.Agent {
				feed = tap.FromAgent
			}
			err := feed(frame)
			if !bytes.Equal(frame, before) {
				t.Fatal("the frame changed")
			}
			if over && err == nil {
				t.Fatal("the tap goes on after an error")
			}
			over = over || err != nil
			if got := ssm.Held(tap); got > 2*held {
				t.Fatalf("%d bytes held, at most %d", got, 2*held)
			}
		})
		if err := tap.Close(); !over && err != nil && !errors.Is(err, ssm.ErrGaps) {
			t.Fatal(err)
		}
	})
}

// numbers checks the numbers of what a tap reports.
type numbers struct {
	t    *testing.T
	seen map[ssm.Side]map[int64]bool
	last map[ssm.Side]int64
	lost map[ssm.Side][][2]int64
}

func newNumbers(t *testing.T) *numbers {
	return &numbers{t,
		map[ssm.Side]map[int64]bool{ssm.Client: {}, ssm.Agent: {}},
		map[ssm.Side]int64{ssm.Client: -1, ssm.Agent: -1}, map[ssm.Side][][2]int64{}}
}

func (n *numbers) take(e ssm.Event) error {
	switch e.Kind {
	case ssm.Lost:
		if e.First <= n.last[e.From] || e.Last < e.First {
			n.t.Errorf("lost %d to %d after %d", e.First, e.Last, n.last[e.From])
		}
		n.lost[e.From] = append(n.lost[e.From], [2]int64{e.First, e.Last})
		n.last[e.From] = e.Last
	case ssm.Shown, ssm.Typed, ssm.Sealed, ssm.Exited, ssm.Flagged, ssm.Resized, ssm.Agreed, ssm.Told:
		n.number(e)
	}
	return nil
}

func (n *numbers) number(e ssm.Event) {
	if n.seen[e.From][e.Seq] {
		n.t.Errorf("number %d of the %v twice", e.Seq, e.From)
	}
	n.seen[e.From][e.Seq] = true
	if e.Seq > n.last[e.From] {
		n.last[e.From] = e.Seq
		return
	}
	for _, l := range n.lost[e.From] {
		if l[0] <= e.Seq && e.Seq <= l[1] {
			return
		}
	}
	n.t.Errorf("number %d of the %v after %d, and was not lost", e.Seq, e.From, n.last[e.From])
}
