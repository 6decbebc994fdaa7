package ssm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sesame/proxy/ssm"
)

// data is a frame of the side's data stream.
func data(from ssm.Side, seq int64, p ssm.Payload, payload string) []byte {
	m := ssm.Message{Type: ssm.Input, Schema: 1, Created: 1, Seq: seq, Payload: p, Data: []byte(payload)}
	if from == ssm.Agent {
		m.Type = ssm.Output
	}
	return m.Append(nil)
}

func shown(seq int64, text string) []byte { return data(ssm.Agent, seq, ssm.PayloadData, text) }
func typed(seq int64, text string) []byte { return data(ssm.Client, seq, ssm.PayloadData, text) }

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A watch is a tap and what it reported, one line an event.
type watch struct {
	*ssm.Tap
	lines []string
	shown strings.Builder
	typed strings.Builder
}

func newWatch(opt ssm.Options) *watch {
	w := &watch{}
	opt.Emit = func(e ssm.Event) error {
		w.lines = append(w.lines, line(e))
		switch e.Kind {
		case ssm.Shown, ssm.Exited:
			w.shown.Write(e.Data)
		case ssm.Typed:
			w.typed.Write(e.Data)
		}
		return nil
	}
	w.Tap = ssm.New(opt)
	return w
}

func line(e ssm.Event) string {
	late := ""
	if e.Late {
		late = " late"
	}
	switch e.Kind {
	case ssm.Shown:
		return fmt.Sprintf("shown %d %q%s", e.Payload, e.Data, late)
	case ssm.Typed:
		return fmt.Sprintf("typed %q%s", e.Data, late)
	case ssm.Resized:
		return fmt.Sprintf("resized %dx%d", e.Size.Cols, e.Size.Rows)
	case ssm.Exited:
		return fmt.Sprintf("exited %d %q", e.Code, e.Data)
	case ssm.Agreed:
		return fmt.Sprintf("agreed %s agent %s client %s key %q sealed %t opens %t",
			e.Handshake.SessionType, e.Handshake.AgentVersion, e.Handshake.ClientVersion, e.Handshake.KMSKeyID, e.Handshake.Sealed, e.Handshake.Opens)
	case ssm.Told:
		return fmt.Sprintf("told %q", e.Text)
	case ssm.Sealed:
		return fmt.Sprintf("sealed by the %v: %d of %d bytes", e.From, e.Payload, len(e.Data))
	case ssm.Flagged:
		return fmt.Sprintf("flag %d by the %v", e.Flag, e.From)
	case ssm.Ended:
		return fmt.Sprintf("ended %q", e.Text)
	case ssm.Lost:
		return fmt.Sprintf("lost %d to %d of the %v", e.First, e.Last, e.From)
	case ssm.Odd:
		return fmt.Sprintf("odd from the %v: %s", e.From, e.Text)
	}
	return fmt.Sprintf("an event of no kind: %+v", e)
}

// agent and client feed frames and fail the test on an error.
func (w *watch) agent(t testing.TB, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		if err := w.FromAgent(f); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *watch) client(t testing.TB, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		if err := w.FromClient(f); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *watch) want(t testing.TB, lines ...string) {
	t.Helper()
	if !slices.Equal(w.lines, lines) {
		t.Errorf("events:\n\t%s\nwant:\n\t%s", strings.Join(w.lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

func wantErr(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}
