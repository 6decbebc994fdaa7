package ssm_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sesame/proxy/ssm"
)

func TestAShellWithoutAHandshake(t *testing.T) {
	w := newWatch(ssm.Options{})
	w.agent(t, shown(0, "$ "))
	w.client(t, data(ssm.Client, 0, ssm.PayloadSize, `{"cols":80,"rows":24}`), typed(1, "l"), typed(2, "s\r"))
	w.agent(t, shown(1, "file\r\n"), ssm.Message{Type: ssm.Acknowledge, Data: []byte("{}")}.Append(nil))
	w.agent(t, ssm.Message{Type: ssm.Closed, Data: []byte(`{"Output":"idle for too long"}`)}.Append(nil))
	w.want(t, `shown 1 "$ "`, "resized 80x24", `typed "l"`, `typed "s\r"`, `shown 1 "file\r\n"`, `ended "idle for too long"`)
}

func TestACommandWithAHandshake(t *testing.T) {
	w := newWatch(ssm.Options{})
	w.agent(t, data(ssm.Agent, 0, ssm.PayloadHandshakeRequest,
		`{"AgentVersion":"3.3","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"NonInteractiveCommands","Properties":null}}]}`))
	w.client(t, data(ssm.Client, 0, ssm.PayloadHandshakeResponse,
		`{"ClientVersion":"1.2","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1}]}`))
	w.agent(t,
		data(ssm.Agent, 1, ssm.PayloadHandshakeComplete, `{"HandshakeTimeToComplete":1000,"CustomerMessage":"be careful"}`),
		shown(2, "out"), data(ssm.Agent, 3, ssm.PayloadStderr, "err"),
		data(ssm.Agent, 4, ssm.PayloadExitCode, "EXIT_CODE: 3"))
	w.client(t, data(ssm.Client, 1, ssm.PayloadFlag, "\x00\x00\x00\x02"))
	w.want(t, `agreed NonInteractiveCommands agent 3.3 client 1.2 key "" sealed false opens false`, `told "be careful"`,
		`shown 1 "out"`, `shown 11 "err"`, `exited 3 "EXIT_CODE: 3"`, "flag 2 by the client")
}

// The plugin prints the payload of whatever it does not handle itself.
func TestWhatThePluginWouldPrintIsShown(t *testing.T) {
	w := newWatch(ssm.Options{})
	for i, p := range []ssm.Payload{0, 2, 3, 4, 6, 9, 13, 1 << 31} {
		w.agent(t, data(ssm.Agent, int64(i), p, fmt.Sprint(p, " ")))
	}
	w.agent(t, data(ssm.Agent, 8, ssm.PayloadExitCode, "no number"), data(ssm.Agent, 9, ssm.PayloadFlag, "no flag"))
	if got, want := w.shown.String(), "0 2 3 4 6 9 13 2147483648 no numberno flag"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}

func TestWhatBothEndsPassOverIsOdd(t *testing.T) {
	w := newWatch(ssm.Options{})
	w.agent(t, typed(0, "from the wrong end"), ssm.Message{Type: "agent_session_state", Data: []byte("{}")}.Append(nil))
	w.client(t, shown(0, "from the wrong end"), ssm.Message{Type: ssm.Closed}.Append(nil))
	w.client(t,
		data(ssm.Client, 0, ssm.PayloadSize, `{"cols":0,"rows":24}`),
		data(ssm.Client, 1, ssm.PayloadSize, `{"cols":80,"rows":4294967295}`),
		data(ssm.Client, 2, ssm.PayloadSize, `{"cols":80,"rows":-1}`),
		data(ssm.Client, 3, ssm.PayloadFlag, "\x02"),
		data(ssm.Client, 4, ssm.PayloadHandshakeResponse, "no JSON"),
		data(ssm.Client, 5, 99, "x"))
	w.agent(t, data(ssm.Agent, 0, ssm.PayloadHandshakeRequest, "no JSON"), data(ssm.Agent, 1, ssm.PayloadHandshakeComplete, "[]"))
	notForIt := "a message of a type that is not for the other end"
	w.want(t, "odd from the agent: "+notForIt, "odd from the agent: "+notForIt,
		"odd from the client: "+notForIt, "odd from the client: "+notForIt,
		"odd from the client: a size that no terminal has", "odd from the client: a size that no terminal has", "odd from the client: a size that no terminal has",
		"odd from the client: a flag that is no number", "odd from the client: an answer to a handshake that cannot be read",
		"odd from the client: a payload that an agent does not take",
		"odd from the agent: a handshake that cannot be read", "odd from the agent: an end of a handshake that cannot be read")
}

func TestPublicationMessagesPassWhateverTheyHold(t *testing.T) {
	w := newWatch(ssm.Options{})
	for _, kind := range []ssm.Type{ssm.Start, ssm.Pause} {
		frame := ssm.Message{Type: kind, Data: []byte("whatever")}.Append(nil)
		frame[80] ^= 1
		w.agent(t, put(frame, 116, 0))
	}
	w.want(t)
}

// sentence is a session's output, a byte in each frame.
const sentence = "the quick brown fox jumps over the lazy dog"

func TestAnyOrderWithAnyRepetitionIsTheSame(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 6))
		var frames [][]byte
		for i, c := range sentence {
			for range 1 + random.IntN(3) {
				frames = append(frames, shown(int64(i), string(c)))
			}
		}
		random.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		w := newWatch(ssm.Options{})
		w.agent(t, frames...)
		if w.shown.String() != sentence || len(w.lines) != len(sentence) {
			t.Fatalf("seed %d: shown %q in %d events", seed, w.shown.String(), len(w.lines))
		}
	}
}

// The bridge reuses its buffers.
func TestHeldFramesAreCopies(t *testing.T) {
	w := newWatch(ssm.Options{})
	early := shown(1, "second")
	w.agent(t, early)
	clear(early)
	w.agent(t, shown(0, "first "))
	w.want(t, `shown 1 "first "`, `shown 1 "second"`)
}

// A new socket begins with a new token and goes on numbering; what was not
// acknowledged comes again.
func TestASessionResumes(t *testing.T) {
	w := newWatch(ssm.Options{})
	w.agent(t, shown(0, "a"), shown(1, "b"), shown(3, "d"))
	w.client(t, typed(0, "x"))
	w.agent(t, shown(1, "b"), shown(2, "c"), shown(3, "d"), shown(4, "e"))
	w.client(t, typed(0, "x"), typed(1, "y"))
	if w.shown.String() != "abcde" || w.typed.String() != "xy" {
		t.Errorf("shown %q, typed %q", w.shown.String(), w.typed.String())
	}
}

func TestAGapThatNeverClosesIsSaid(t *testing.T) {
	w := newWatch(ssm.Options{MaxHeld: 10})
	w.agent(t, shown(0, "a"), shown(3, "33333"), shown(4, "44444"))
	w.want(t, `shown 1 "a"`)
	w.agent(t, shown(6, "6"))
	w.want(t, `shown 1 "a"`, "lost 1 to 2 of the agent", `shown 1 "33333"`, `shown 1 "44444"`)
	w.agent(t, shown(2, "2"), shown(1, "1"), shown(2, "2"), shown(5, "5"))
	w.want(t, `shown 1 "a"`, "lost 1 to 2 of the agent", `shown 1 "33333"`, `shown 1 "44444"`,
		`shown 1 "2" late`, `shown 1 "1" late`, `shown 1 "5"`, `shown 1 "6"`)
}

func TestClosingSaysWhatIsMissing(t *testing.T) {
	w := newWatch(ssm.Options{})
	w.client(t, typed(1, "x"))
	w.agent(t, shown(2, "c"), shown(5, "f"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.want(t, "lost 0 to 0 of the client", `typed "x"`,
		"lost 0 to 1 of the agent", `shown 1 "c"`, "lost 3 to 4 of the agent", `shown 1 "f"`)
	if w.FromAgent(shown(6, "g")) == nil {
		t.Error("a closed tap takes a frame")
	}
}

// A number from nowhere must not swallow the messages that follow.
func TestANumberFarAheadHidesNothing(t *testing.T) {
	w := newWatch(ssm.Options{MaxHeld: 4})
	w.agent(t, shown(0, "a"), shown(1<<62, "far away"))
	for i := range 300 {
		w.agent(t, shown(int64(1+i), "b"))
	}
	if got, want := w.shown.String(), "afar away"+strings.Repeat("b", 300); got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}

func TestANumberWithTwoContentsEndsTheSession(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"after delivery":        {shown(0, "ls"), shown(0, "rm")},
		"while it waits":        {shown(1, "ls"), shown(1, "rm")},
		"as another payload":    {shown(0, "ls"), data(ssm.Agent, 0, ssm.PayloadStderr, "ls")},
		"after it was released": {shown(1, "ls"), shown(0, "x"), shown(1, "rm")},
		"of the client":         nil,
	} {
		w := newWatch(ssm.Options{})
		feed := w.FromAgent
		if frames == nil {
			frames, feed = [][]byte{typed(0, "ls"), typed(0, "rm")}, w.FromClient
		}
		var err error
		for _, f := range frames {
			err = errors.Join(err, feed(f))
		}
		if !errors.Is(err, ssm.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.FromAgent(shown(9, "more")); err == nil {
			t.Errorf("%s: the tap goes on", name)
		}
	}
}

func TestARepetitionThatNobodyCanCompareEndsTheSession(t *testing.T) {
	w := newWatch(ssm.Options{})
	for i := range int64(10_241) {
		w.agent(t, shown(i, "x"))
	}
	w.agent(t, shown(1, "x"))
	wantErr(t, w.FromAgent(shown(0, "x")), ssm.ErrConflict)
}

func TestASenderOfGapsIsGivenUp(t *testing.T) {
	w := newWatch(ssm.Options{MaxHeld: 1})
	var err error
	for i := int64(1); err == nil && i < 1000; i += 2 {
		err = w.FromAgent(shown(i, "xx"))
	}
	wantErr(t, err, ssm.ErrGaps)

	w = newWatch(ssm.Options{MaxHeld: 1})
	w.agent(t, shown(1000, "xx"))
	err = nil
	for i := int64(1); err == nil && i < 1000; i += 2 {
		err = w.FromAgent(shown(i, "x"))
	}
	wantErr(t, err, ssm.ErrGaps)
}

func TestARecordThatCannotBeWrittenStopsTheBridge(t *testing.T) {
	full := errors.New("the disk is full")
	tap := ssm.New(ssm.Options{Emit: func(ssm.Event) error { return full }})
	wantErr(t, tap.FromAgent(shown(0, "x")), full)
	wantErr(t, tap.FromClient(typed(0, "x")), full)
	wantErr(t, tap.Close(), full)
}

func TestTheFrameIsLeftAlone(t *testing.T) {
	for name, frame := range vectors(t) {
		before := string(frame)
		w := newWatch(ssm.Options{})
		if err := errors.Join(w.FromAgent(frame), w.FromClient(frame)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if string(frame) != before {
			t.Errorf("%s: changed", name)
		}
	}
}

func TestBothDirectionsAtOnce(t *testing.T) {
	w := newWatch(ssm.Options{})
	done := make(chan error)
	go func() {
		var err error
		for i := range int64(1000) {
			err = errors.Join(err, w.FromClient(typed(i, "x")))
		}
		done <- err
	}()
	for i := range int64(1000) {
		w.agent(t, shown(i, "y"))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(w.lines) != 2000 {
		t.Errorf("%d events, want 2000", len(w.lines))
	}
}
