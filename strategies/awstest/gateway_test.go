package awstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
	"sesame/strategies/awstest"
)

// A grip is how a client holds a session.
type grip struct{ id, token, stream string }

func gripOf(answer map[string]any) grip {
	id, _ := answer["SessionId"].(string)
	token, _ := answer["TokenValue"].(string)
	stream, _ := answer["StreamUrl"].(string)
	return grip{id, token, stream}
}

// newShellRig has the machine i-0a, and a clock that passes.
func newShellRig(t *testing.T, edit ...func(*awstest.Config)) *rig {
	t.Helper()
	r := newRig(t, append([]func(*awstest.Config){func(c *awstest.Config) { c.Clock = clock.Running(noon) }}, edit...)...)
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: management, Region: "us-east-1"})
	return r
}

// start starts a session on i-0a.
func (r *rig) start(document string, parameters map[string][]string) grip {
	r.t.Helper()
	in := map[string]any{"Target": "i-0a"}
	if document != "" {
		in["DocumentName"] = document
	}
	if parameters != nil {
		in["Parameters"] = parameters
	}
	answer, code := r.ssm("StartSession", in)
	if code != "" {
		r.t.Fatalf("start %s: %s %v", document, code, answer)
	}
	return gripOf(answer)
}

// upgrade asks for the data channel as the plugin does, signed with k.
func (r *rig) upgrade(g grip, k awstest.Key) (*websocket.Conn, int) {
	r.t.Helper()
	at := must(url.Parse(g.stream))(r.t)
	host := at.Host
	signed := must(http.NewRequest(http.MethodGet, at.String(), nil))(r.t)
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	creds := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token}
	if err := v4.NewSigner().SignHTTP(r.ctx(), creds, signed, emptyHash, "ssmmessages", "us-east-1", time.Now()); err != nil {
		r.t.Fatal(err)
	}
	header := signed.Header.Clone()
	header.Set("Host", host)
	at.Scheme, at.Host = "ws", strings.TrimPrefix(r.w.URL(), "http://")
	ws, res, err := websocket.DefaultDialer.DialContext(r.ctx(), at.String(), header)
	if res == nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	return ws, res.StatusCode
}

func opening(token string) ssm.Opening {
	return ssm.Opening{Schema: "1.0", RequestID: "9ab2", Token: token, ClientID: "7e1f", ClientVersion: "1.2.804.0"}
}

// A terminal is a client of one session, for tests: it has the frames carried,
// and reads what is shown.
type terminal struct {
	*rig
	grip
	end      *channel.End
	sockets  errgroup.Group
	shown    strings.Builder
	payloads []ssm.Payload
	data     map[ssm.Payload]string
	closing  string
	over     bool
}

// attach opens a data channel of g.
func (r *rig) attach(g grip) *terminal {
	r.t.Helper()
	term := &terminal{rig: r, grip: g, end: channel.New(ssm.Client, clock.System{}), data: map[ssm.Payload]string{}}
	term.connect(g)
	return term
}

// connect brings one more socket.
func (term *terminal) connect(g grip) {
	t := term.t
	t.Helper()
	ws, status := term.upgrade(g, term.key)
	if ws == nil {
		t.Fatalf("upgrade: %d", status)
	}
	if err := ws.WriteJSON(opening(g.token)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	term.sockets.Go(func() error { _ = term.end.Serve(ctx, ws); return nil })
	t.Cleanup(func() { cancel(); _ = term.sockets.Wait() })
}

// lost waits until both ends know that the socket is gone.
func (term *terminal) lost() {
	term.t.Helper()
	_ = term.sockets.Wait()
	for changed := term.w.Changed(); term.w.ShellSessions()[0].Connected; changed = term.w.Changed() {
		<-changed
	}
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	if err := term.end.WriteChunks(term.ctx(), ssm.PayloadData, []byte(keys)); err != nil {
		term.t.Fatal(err)
	}
}

func (term *terminal) sends(p ssm.Payload, v any) {
	term.t.Helper()
	if err := term.end.Write(term.ctx(), p, must(json.Marshal(v))(term.t)); err != nil {
		term.t.Fatal(err)
	}
}

// next takes one message.
func (term *terminal) next() ssm.Message {
	term.t.Helper()
	ctx, cancel := context.WithTimeout(term.ctx(), 20*time.Second)
	defer cancel()
	m, err := term.end.Read(ctx)
	if err != nil {
		term.t.Fatalf("%v; shown so far: %q", err, term.shown.String())
	}
	if m.Type == ssm.Closed {
		var c ssm.Closing
		if err := json.Unmarshal(m.Data, &c); err != nil || c.SessionID != term.id {
			term.t.Errorf("closed with %s, %v", m.Data, err)
		}
		term.over, term.closing = true, c.Output
		return m
	}
	term.payloads = append(term.payloads, m.Payload)
	term.data[m.Payload] += string(m.Data)
	if m.Payload == ssm.PayloadData {
		term.shown.Write(m.Data)
	}
	return m
}

// until reads up to a text that was not there before, and returns all that
// came since the last time.
func (term *terminal) until(text string) string {
	term.t.Helper()
	before := term.shown.Len()
	for !strings.Contains(term.shown.String()[before:], text) {
		if term.next(); term.over {
			term.t.Fatalf("closed (%q) before %q; shown %q", term.closing, text, term.shown.String()[before:])
		}
	}
	return term.shown.String()[before:]
}

// ends reads up to the end.
func (term *terminal) ends() string {
	term.t.Helper()
	for !term.over {
		term.next()
	}
	return term.closing
}

const prompt = "sh-5.2$ "

func TestAShell(t *testing.T) {
	r := newShellRig(t)
	term := r.attach(r.start("", nil))
	if first := term.next(); first.Payload != ssm.PayloadData || first.Seq != 0 || string(first.Data) != prompt {
		t.Errorf("the session begins with %+v", first)
	}
	if got := r.w.ShellSessions(); len(got) != 1 || !got[0].Connected {
		t.Errorf("sessions %+v", got)
	}
	term.types("echo one  two\r")
	if got := term.until(prompt); got != "echo one  two\r\none two\r\n"+prompt {
		t.Errorf("shown %q", got)
	}
	term.sends(ssm.PayloadSize, ssm.Size{Cols: 132, Rows: 43})
	term.types("stty size\r")
	if got := term.until(prompt); got != "stty size\r\n43 132\r\n"+prompt {
		t.Errorf("shown %q", got)
	}
	term.types("exit 3\r")
	if why := term.ends(); why != "" {
		t.Errorf("closed with %q", why)
	}
	// The client may hear of the end before the session is gone.
	for changed := r.w.Changed(); len(r.w.ShellSessions()) > 0; changed = r.w.Changed() {
		<-changed
	}
}

func TestWhatIsTypedAtAPasswordPromptIsNotShown(t *testing.T) {
	r := newShellRig(t)
	term := r.attach(r.start("", nil))
	term.until(prompt)
	term.types("sudo whoami\r")
	term.until("password for ssm-user: ")
	term.types("hunter2\r")
	if got := term.until(prompt); got != "\r\nroot\r\n"+prompt {
		t.Errorf("shown %q", got)
	}
	term.types("yes\r")
	term.until("y\r\ny\r\n")
	term.types("\x03")
	term.until("^C\r\n")
	term.until(prompt)
}

func TestUpgradesAreSignedAndTokensChecked(t *testing.T) {
	r := newShellRig(t)
	g := r.start("", nil)
	for name, k := range map[string]awstest.Key{
		"a key of nobody": {ID: "AKIANOBODY", Secret: "x"}, "another secret": {ID: r.key.ID, Secret: "x"},
	} {
		if _, status := r.upgrade(g, k); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	elsewhere := g
	elsewhere.stream = strings.Replace(g.stream, g.id, "sesame-0none", 1)
	if _, status := r.upgrade(elsewhere, r.key); status != http.StatusBadRequest {
		t.Errorf("a session of nobody: %d", status)
	}
	other := r.start("", nil)
	refused := func(name string, first any) {
		t.Helper()
		ws, status := r.upgrade(g, r.key)
		if ws == nil {
			t.Fatalf("%s: %d", name, status)
		}
		defer ws.Close()
		if err := ws.WriteJSON(first); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("another session's token", opening(other.token))
	refused("no token", opening(""))
	refused("an opening that says nothing", map[string]string{"TokenValue": g.token})
	answer, _ := r.ssm("ResumeSession", map[string]any{"SessionId": g.id})
	refused("a token that was replaced", opening(g.token))
	g = gripOf(answer)
	r.clock.Advance(2 * time.Minute)
	refused("a token that is too old", opening(g.token))
}

func TestASessionOutlivesItsSockets(t *testing.T) {
	r := newShellRig(t)
	g := r.start("", nil)
	term := r.attach(g)
	term.until(prompt)
	r.w.CutShell(g.id)
	term.lost()
	answer, code := r.ssm("ResumeSession", map[string]any{"SessionId": g.id})
	if code != "" || gripOf(answer).token == g.token || gripOf(answer).stream != g.stream {
		t.Errorf("resumed with %s %v", code, answer)
	}
	term.types("echo back\r")
	term.connect(gripOf(answer))
	term.until("back\r\n" + prompt)
	r.w.CutShell(g.id)
	term.lost()
	r.clock.Advance(20 * time.Minute)
	answer, code = r.ssm("ResumeSession", map[string]any{"SessionId": g.id})
	if code != "" || answer["TokenValue"] != nil {
		t.Errorf("after the idle time: %s %v", code, answer)
	}
	if _, code := r.ssm("ResumeSession", map[string]any{"SessionId": "sesame-0none"}); code != "DoesNotExistException" {
		t.Errorf("a session of nobody: %q", code)
	}
}

func TestTerminatingTellsTheClient(t *testing.T) {
	r := newShellRig(t)
	g := r.start("", nil)
	term := r.attach(g)
	term.until(prompt)
	if _, code := r.ssm("TerminateSession", map[string]any{"SessionId": g.id}); code != "" {
		t.Error(code)
	}
	if why := term.ends(); !strings.Contains(why, "TerminateSession") {
		t.Errorf("closed with %q", why)
	}
	if _, code := r.ssm("ResumeSession", map[string]any{"SessionId": g.id}); code != "DoesNotExistException" {
		t.Errorf("resumed: %q", code)
	}
}

func TestSessionsAreListed(t *testing.T) {
	r := newShellRig(t)
	g, over := r.start("", nil), r.start("", nil)
	r.ssm("TerminateSession", map[string]any{"SessionId": over.id})
	r.attach(g).until(prompt)
	for state, want := range map[string]string{"Active": g.id + " Connected", "History": over.id + " Terminated"} {
		answer, code := r.ssm("DescribeSessions", map[string]any{"State": state, "Filters": []any{map[string]any{"key": "Target", "value": "i-0a"}}})
		list, _ := answer["Sessions"].([]any)
		if len(list) != 1 {
			t.Fatalf("%s: %s %v", state, code, answer)
		}
		if s := list[0].(map[string]any); fmt.Sprint(s["SessionId"], " ", s["Status"]) != want {
			t.Errorf("%s: %v", state, s)
		}
	}
	answer, code := r.ssm("DescribeInstanceInformation", map[string]any{})
	if list, _ := answer["InstanceInformationList"].([]any); len(list) != 1 {
		t.Errorf("machines: %s %v", code, answer)
	}
	for target, want := range map[string]string{"i-0a": "connected", "i-0z": "notconnected"} {
		if answer, _ := r.ssm("GetConnectionStatus", map[string]any{"Target": target}); answer["Status"] != want {
			t.Errorf("%s: %v", target, answer)
		}
	}
}

func TestFramesAreMadeGoodAgain(t *testing.T) {
	r := newShellRig(t)
	for _, kind := range []awstest.FrameFaultKind{awstest.LoseFrame, awstest.RepeatFrame, awstest.SwapFrames, awstest.DelayFrame} {
		for _, from := range []ssm.Side{ssm.Client, ssm.Agent} {
			n := 0
			r.w.FaultFrames(awstest.FrameFault{Kind: kind, From: from, Times: -1, Delay: 5 * time.Millisecond, When: func(ssm.Message) bool {
				n++
				return n%5 == 0
			}})
		}
		term := r.attach(r.start("", nil))
		term.until(prompt)
		term.types("seq 900\r")
		got := term.until("900\r\n" + prompt)
		for i := range 900 {
			if !strings.Contains(got, fmt.Sprintf("\n%d\r\n", i+1)) {
				t.Fatalf("fault %d: no %d in what was shown", kind, i+1)
			}
		}
		r.w.ClearFrames()
		term.types("exit\r")
		term.ends()
	}
}

func TestAFrameCutsTheSocket(t *testing.T) {
	r := newShellRig(t)
	g := r.start("", nil)
	term := r.attach(g)
	term.until(prompt)
	r.w.FaultFrames(awstest.FrameFault{Kind: awstest.CutSocket, From: ssm.Agent, When: func(m ssm.Message) bool { return m.Type == ssm.Output }})
	term.types("echo a\r")
	_ = term.sockets.Wait()
	answer, _ := r.ssm("ResumeSession", map[string]any{"SessionId": g.id})
	term.connect(gripOf(answer))
	term.until("a\r\n" + prompt)
}

// TestTheClientEndsASession has it say so by a flag.
func TestTheClientEndsASession(t *testing.T) {
	r := newShellRig(t)
	term := r.attach(r.start("", nil))
	term.until(prompt)
	if err := term.end.Write(r.ctx(), ssm.PayloadFlag, []byte{0, 0, 0, byte(ssm.FlagTerminate)}); err != nil {
		t.Fatal(err)
	}
	if why := term.ends(); why != "" {
		t.Errorf("closed with %q", why)
	}
}
