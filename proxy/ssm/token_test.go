package ssm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/proxy/ssm"
)

const (
	theirs = "AAEAAUvY+the/real/token=="
	ours   = "sesame-session-token"
)

// openings are first frames; each %s is the token.
var openings = []string{
	`{"MessageSchemaVersion":"1.0","RequestId":"r-1","TokenValue":"%s","ClientId":"c-1","ClientVersion":"1.2.804.0"}`,
	"\n{ \"TokenValue\" :\t\"%s\" , \"ClientId\" : \"c-1\", \"Later\": {\"TokenValue\": [1]}, \"MessageSchemaVersion\":\"1.0\"}\r\n",
	`{"TokenValue":"%s"}`,
	`{"\u0054okenValue":"%s"}`,
}

func TestOnlyTheTokenOfTheFirstFrameChanges(t *testing.T) {
	for _, form := range openings {
		frame := fmt.Appendf(nil, form, ours)
		before := string(frame)
		got, err := ssm.RewriteOpening(frame, theirs)
		if err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if want := fmt.Sprintf(form, theirs); string(got) != want {
			t.Errorf("rewritten to\n%s\nwant\n%s", got, want)
		}
		if string(frame) != before {
			t.Errorf("%s: the frame itself changed", form)
		}
	}
}

func TestTheFirstFrameIsRead(t *testing.T) {
	got, err := ssm.ReadOpening(fmt.Appendf(nil, openings[0], ours))
	want := ssm.Opening{Schema: "1.0", RequestID: "r-1", Token: ours, ClientID: "c-1", ClientVersion: "1.2.804.0"}
	if err != nil || got != want {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
}

func TestFirstFramesThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	for _, frame := range []string{
		"", "null", "[]", `"TokenValue"`, "{", `{}`,
		`{"TokenValue":""}`, `{"TokenValue":null}`, `{"TokenValue":1}`, `{"TokenValue":["` + ours + `"]}`,
		`{"tokenvalue":"` + ours + `"}`,
		`{"TokenValue":"` + ours + `","TokenValue":"another"}`,
		`{"TokenValue":"` + ours + `","tokenValue":"another"}`,
		`{"TokenValue":"` + ours + `","\u0054okenValue":"another"}`,
		`{"TokenValue":"` + ours + `","ClientId":"` + ours + `"}`,
		`{"TokenValue":"` + ours + `"}{}`,
		`{"TokenValue":"` + ours + `"`,
		`{"TokenValue":"` + ours + `","ClientId":1}`,
		`{"TokenValue":"` + ours + `","x":"` + strings.Repeat("x", ssm.MaxJSON) + `"}`,
	} {
		got, err := ssm.RewriteOpening([]byte(frame), theirs)
		if got != nil || err == nil {
			t.Errorf("%.80s: rewritten to %.80s", frame, got)
			continue
		}
		wantErr(t, err, ssm.ErrToken)
		if strings.Contains(err.Error(), ours) || strings.Contains(err.Error(), theirs) {
			t.Errorf("the error holds a token: %v", err)
		}
	}
}

const stream = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ana-0123?role=publish_subscribe&cell-number=A=="

// answers are the bodies of calls; each %s is the token.
var answers = []struct {
	call ssm.Call
	body string
}{
	{ssm.StartSession, `{"SessionId":"ana-0123","StreamUrl":"` + stream + `","TokenValue":"%s"}`},
	{ssm.StartSession, "{\n  \"TokenValue\": \"%s\",\n  \"StreamUrl\": \"" + stream + "\",\n  \"New\": [1e400, \"\\ud800\"],\n  \"SessionId\": \"ana-0123\"\n}\n"},
	{ssm.ResumeSession, `{"StreamUrl":"` + stream + `","SessionId":"ana-0123","TokenValue":"%s"}`},
	{ssm.ExecuteCommand, `{"clusterArn":"arn:aws:ecs:eu-west-1:111122223333:cluster/c","interactive":true,"session":{"sessionId":"ana-0123","streamUrl":"` +
		stream + `","tokenValue":"%s"},"taskArn":"arn:aws:ecs:eu-west-1:111122223333:task/t"}`},
}

func TestOnlyTheTokenOfAnAnswerChanges(t *testing.T) {
	for _, a := range answers {
		said, got, err := ssm.RewriteAnswer(a.call, fmt.Appendf(nil, a.body, theirs), ours)
		if err != nil {
			t.Errorf("%s: %v", a.body, err)
		}
		if want := fmt.Sprintf(a.body, ours); string(got) != want {
			t.Errorf("rewritten to\n%s\nwant\n%s", got, want)
		}
		if diff := cmp.Diff(ssm.Answer{SessionID: "ana-0123", StreamURL: stream, Token: theirs}, said); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a.body, diff)
		}
	}
}

func TestASessionThatTimedOutHasNoToken(t *testing.T) {
	for _, body := range []string{`{"SessionId":"ana-0123"}`, `{"SessionId":"ana-0123","TokenValue":null,"StreamUrl":null}`, `{"SessionId":"ana-0123","TokenValue":""}`} {
		said, got, err := ssm.RewriteAnswer(ssm.ResumeSession, []byte(body), ours)
		if err != nil || string(got) != body || said != (ssm.Answer{SessionID: "ana-0123"}) {
			t.Errorf("%s: %+v, %s, %v", body, said, got, err)
		}
	}
}

func TestAnswersThatLeadPastTheBridgeAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"the token twice":                `{"StreamUrl":"` + stream + `","TokenValue":"` + theirs + `","New":"` + theirs + `"}`,
		"the token within another value": `{"StreamUrl":"wss://h/?token=` + theirs + `","TokenValue":"` + theirs + `"}`,
		"the name twice":                 `{"TokenValue":"` + theirs + `","TokenValue":"x"}`,
		"the name in another case":       `{"tokenValue":"` + theirs + `"}`,
		"a signed URL":                   `{"StreamUrl":"wss://h/?X-Amz-Signature=1","TokenValue":"` + theirs + `"}`,
		"a signed URL in another case":   `{"StreamUrl":"wss://h/?x%2damz-security-token=1","TokenValue":"` + theirs + `"}`,
		"a URL with a password":          `{"StreamUrl":"wss://u:p@h/","TokenValue":"` + theirs + `"}`,
		"a URL that is none":             `{"StreamUrl":"wss://h/%zz","TokenValue":"` + theirs + `"}`,
		"a query that is none":           `{"StreamUrl":"wss://h/?a;b","TokenValue":"` + theirs + `"}`,
		"CBOR":                           "\xbf\x6aTokenValue\x61x\xff",
		"a token that is no text":        `{"TokenValue":{"a":"` + theirs + `"}}`,
		"a session that is no text":      `{"SessionId":7,"TokenValue":"` + theirs + `"}`,
	} {
		said, got, err := ssm.RewriteAnswer(ssm.StartSession, []byte(body), ours)
		if err == nil || got != nil || said != (ssm.Answer{}) {
			t.Errorf("%s: rewritten to %s", name, got)
			continue
		}
		wantErr(t, err, ssm.ErrToken)
		if strings.Contains(err.Error(), theirs) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
	if _, _, err := ssm.RewriteAnswer(ssm.ExecuteCommand, []byte(`{"session":"`+theirs+`"}`), ours); err == nil {
		t.Error("a session that is no object is accepted")
	}
	if _, _, err := ssm.RewriteAnswer(0, []byte(`{}`), ours); err == nil {
		t.Error("the zero call is accepted")
	}
}

func TestSessionsAreFoundInWhatIsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"SessionId": "ana-0123","TokenValue":"` + theirs:                                       "ana-0123",
		`{"session":{"sessionId":"ecs-execute-command-0a"},"sessionId":"ecs-execute-command-0a"`: "ecs-execute-command-0a",
		`{"SessionId":"ana-0123","sessionId":"bob-0123"}`:                                        "",
		`{"SessionId":"a b"}`: "",
		`{"SessionId":""}`:    "",
		"":                    "",
	} {
		if got := ssm.FindSession([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// FuzzOpening checks that whatever is rewritten differs in its token alone,
// and that a reader finds the new one.
func FuzzOpening(f *testing.F) {
	for _, form := range openings {
		f.Add(fmt.Appendf(nil, form, ours))
	}
	f.Add([]byte(`{"TokenValue":"a\u0022b","x":{"TokenValue":"c"}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := string(frame)
		opening, readErr := ssm.ReadOpening(frame)
		got, err := ssm.RewriteOpening(frame, theirs)
		if string(frame) != before {
			t.Fatal("the frame changed")
		}
		if err != nil {
			if got != nil {
				t.Fatal("a frame and an error")
			}
			return
		}
		after, err := ssm.ReadOpening(got)
		if readErr != nil || err != nil || after.Token != theirs {
			t.Fatalf("%v, %v: reads as %+v", readErr, err, after)
		}
		opening.Token = theirs
		if after != opening {
			t.Fatalf("more than the token changed: %+v, was %+v", after, opening)
		}
		start := commonPrefix(before, string(got))
		if tail := commonSuffix(before[start:], string(got)[start:]); !json.Valid(got) || len(got)-start-tail > len(theirs)+2 {
			t.Fatalf("rewritten to %s", got)
		}
	})
}

// FuzzAnswer checks that the real token never reaches the client.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(uint8(a.call), fmt.Appendf(nil, a.body, theirs))
	}
	f.Fuzz(func(t *testing.T, call uint8, body []byte) {
		before := string(body)
		said, got, err := ssm.RewriteAnswer(ssm.Call(call), body, ours)
		if string(body) != before {
			t.Fatal("the answer changed in place")
		}
		if id := ssm.FindSession(body); len(id) > 96 || !strings.Contains(before, `"`+id+`"`) && id != "" {
			t.Fatalf("found the session %q", id)
		}
		switch {
		case err != nil:
			if got != nil || said != (ssm.Answer{}) {
				t.Fatal("an answer and an error")
			}
		case said.Token == "":
			if string(got) != before {
				t.Fatal("changed without a token")
			}
		default:
			again, _, err := ssm.RewriteAnswer(ssm.Call(call), got, theirs)
			said.Token = ours
			// Ours may be part of another value by chance.
			if err == nil && again != said {
				t.Fatalf("reads as %+v, want %+v", again, said)
			}
		}
	})
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
