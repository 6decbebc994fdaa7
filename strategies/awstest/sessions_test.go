package awstest_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sesame/proxy/ssm"
	"sesame/proxy/ssm/mux"
	"sesame/strategies/awstest"
)

// agrees answers a handshake, and returns what the agent asked for.
func (term *terminal) agrees(process func(ssm.RequestedAction) ssm.ProcessedAction) ssm.HandshakeRequest {
	term.t.Helper()
	first := term.next()
	var asked ssm.HandshakeRequest
	if err := json.Unmarshal(first.Data, &asked); err != nil || first.Payload != ssm.PayloadHandshakeRequest {
		term.t.Fatalf("the session begins with %+v", first)
	}
	answer := ssm.HandshakeResponse{ClientVersion: "1.2.804.0"}
	for _, a := range asked.Actions {
		answer.Actions = append(answer.Actions, process(a))
	}
	term.sends(ssm.PayloadHandshakeResponse, answer)
	return asked
}

func done(a ssm.RequestedAction) ssm.ProcessedAction {
	return ssm.ProcessedAction{Type: a.Type, Status: ssm.ActionDone}
}

func TestInteractiveCommand(t *testing.T) {
	r := newShellRig(t)
	term := r.attach(r.start("AWS-StartInteractiveCommand", map[string][]string{"command": {"cat"}}))
	asked := term.agrees(done)
	if len(asked.Actions) != 1 || !strings.Contains(string(asked.Actions[0].Parameters), `"InteractiveCommands"`) || asked.AgentVersion == "" {
		t.Errorf("asked %+v", asked)
	}
	term.types("again\r")
	if got := term.until("again\r\nagain\r\n"); got == "" {
		t.Error(got)
	}
	term.types("\x04")
	term.ends()
}

func TestNonInteractiveCommand(t *testing.T) {
	r := newShellRig(t)
	for command, want := range map[string]struct{ out, err, code string }{
		"echo hello":  {"hello\n", "", "EXIT_CODE: 0"},
		"warn oh no":  {"", "oh no\n", "EXIT_CODE: 0"},
		"no-such-one": {"", "sh: no-such-one: command not found\n", "EXIT_CODE: 127"},
		"exit 7":      {"", "", "EXIT_CODE: 7"},
	} {
		term := r.attach(r.start("AWS-StartNonInteractiveCommand", map[string][]string{"command": {command}}))
		term.agrees(done)
		term.ends()
		if got := term.data; got[ssm.PayloadData] != want.out || got[ssm.PayloadStderr] != want.err || got[ssm.PayloadExitCode] != want.code {
			t.Errorf("%s: %v", command, got)
		}
	}
}

func TestDocumentsAndTheirParameters(t *testing.T) {
	r := newShellRig(t)
	for name, c := range map[string]struct {
		document   string
		parameters map[string][]string
		code       string
	}{
		"a document of nobody": {"SSM-None", nil, "InvalidDocument"},
		"a parameter too many": {"AWS-StartInteractiveCommand", map[string][]string{"command": {"true"}, "colour": {"red"}}, "InvalidParameters"},
		"a parameter missing":  {"AWS-StartPortForwardingSession", nil, "InvalidParameters"},
		"a host missing":       {"AWS-StartPortForwardingSessionToRemoteHost", map[string][]string{"portNumber": {"80"}}, "InvalidParameters"},
		"two values for one":   {"AWS-StartInteractiveCommand", map[string][]string{"command": {"true", "false"}}, "InvalidParameters"},
		"a command to a shell": {"SSM-SessionManagerRunShell", map[string][]string{"command": {"true"}}, "InvalidParameters"},
	} {
		if _, code := r.ssm("StartSession", map[string]any{"Target": "i-0a", "DocumentName": c.document, "Parameters": c.parameters}); code != c.code {
			t.Errorf("%s: %q", name, code)
		}
	}
}

// sealed answers a handshake with a key that KMS makes.
func (term *terminal) sealed(sessionID string) ssm.Key {
	term.t.Helper()
	made := must(kms.NewFromConfig(term.config(term.key)).GenerateDataKey(term.ctx(), &kms.GenerateDataKeyInput{
		KeyId: ptr("alias/sessions"), NumberOfBytes: ptr(int32(ssm.KeySize)),
		EncryptionContext: map[string]string{"aws:ssm:SessionId": sessionID, "aws:ssm:TargetId": "i-0a"},
	}))(term.t)
	term.agrees(func(a ssm.RequestedAction) ssm.ProcessedAction {
		p := done(a)
		if a.Type == ssm.ActionKMSEncryption {
			p.Result = must(json.Marshal(map[string][]byte{"KMSCipherTextKey": made.CiphertextBlob}))(term.t)
		}
		return p
	})
	return must(ssm.NewKey(made.Plaintext))(term.t)
}

func (r *rig) sealing() {
	r.w.AddKMSKey(awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: management, Region: "us-east-1", Alias: "alias/sessions"})
	r.w.AddSessionDocument(awstest.SessionDocument{Name: "SSM-SessionManagerRunShell", Kind: ssm.SessionShell, KeyID: "alias/sessions", Message: "This session is sealed."})
}

func TestASealedSession(t *testing.T) {
	r := newShellRig(t)
	r.sealing()
	term := r.attach(r.start("", nil))
	key := term.sealed(term.id)
	var question struct{ Challenge []byte }
	asked := term.next()
	if err := json.Unmarshal(asked.Data, &question); err != nil || asked.Payload != ssm.PayloadChallenge {
		t.Fatalf("after the handshake: %+v", asked)
	}
	plain := must(key.Open(ssm.Agent, question.Challenge))(t)
	question.Challenge = key.Seal(ssm.Client, []byte("123456789012"), plain)
	term.sends(ssm.PayloadChallengeResponse, question)
	var complete ssm.HandshakeComplete
	if m := term.next(); json.Unmarshal(m.Data, &complete) != nil || complete.Message != "This session is sealed." {
		t.Errorf("the handshake ends with %+v", m)
	}
	term.types(string(key.Seal(ssm.Client, []byte("123456789013"), []byte("echo x\r"))))
	var shown strings.Builder
	for !strings.HasSuffix(shown.String(), "echo x\r\nx\r\n"+prompt) {
		shown.Write(must(key.Open(ssm.Agent, term.next().Data))(t))
	}
	want := []ssm.Payload{ssm.PayloadHandshakeRequest, ssm.PayloadChallenge, ssm.PayloadHandshakeComplete, ssm.PayloadData}
	if !slices.Equal(term.payloads[:4], want) {
		t.Errorf("order %v", term.payloads)
	}
}

func TestASessionIsNotSealedWithAnothersKey(t *testing.T) {
	r := newShellRig(t)
	r.sealing()
	term := r.attach(r.start("", nil))
	term.sealed("sesame-0another")
	if why := term.ends(); !strings.Contains(why, "InvalidCiphertext") {
		t.Errorf("closed with %q", why)
	}
	term = r.attach(r.start("", nil))
	term.sealed(term.id)
	term.next()
	term.sends(ssm.PayloadChallengeResponse, map[string][]byte{"Challenge": []byte("anything")})
	if why := term.ends(); !strings.Contains(why, "does not have the key") {
		t.Errorf("closed with %q", why)
	}
}

func TestDataKeysAreBoundToTheirContext(t *testing.T) {
	r := newShellRig(t)
	r.sealing()
	client := kms.NewFromConfig(r.config(r.key))
	bound := map[string]string{"a": "b"}
	made := must(client.GenerateDataKey(r.ctx(), &kms.GenerateDataKeyInput{KeyId: ptr("alias/sessions"), NumberOfBytes: ptr(int32(64)), EncryptionContext: bound}))(t)
	opened := must(client.Decrypt(r.ctx(), &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: bound}))(t)
	if len(made.Plaintext) != 64 || !slices.Equal(made.Plaintext, opened.Plaintext) || *opened.KeyId != *made.KeyId {
		t.Errorf("opened %d bytes of %s", len(opened.Plaintext), *opened.KeyId)
	}
	_, err := client.Decrypt(r.ctx(), &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob})
	wantCode(t, err, "InvalidCiphertextException")
	_, err = client.GenerateDataKey(r.ctx(), &kms.GenerateDataKeyInput{KeyId: ptr("alias/none"), NumberOfBytes: ptr(int32(64))})
	wantCode(t, err, "NotFoundException")
}

// bytesOf are the two directions of the byte stream that a port session is.
func (term *terminal) bytesOf() (io.Reader, io.Writer) {
	in, feed := io.Pipe()
	term.sockets.Go(func() error {
		for {
			m, err := term.end.Read(term.ctx())
			if err != nil || m.Type == ssm.Closed {
				return feed.Close()
			}
			if m.Payload == ssm.PayloadData {
				_, _ = feed.Write(m.Data) // it fails when the test is over
			}
		}
	})
	return in, writes(func(p []byte) error { return term.end.WriteChunks(term.ctx(), ssm.PayloadData, p) })
}

type writes func([]byte) error

func (w writes) Write(p []byte) (int, error) { return len(p), w(p) }

func TestAPortLeadsToTheLoopbackInterfaceAlone(t *testing.T) {
	r := newShellRig(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) { _, _ = io.WriteString(w, "hello from "+hr.Host) }))
	defer server.Close()
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: management, Region: "us-east-1", Ports: map[string]string{
		"db.internal:80": server.Listener.Addr().String(), "81": "192.0.2.1:81",
	}})
	term := r.attach(r.start("AWS-StartPortForwardingSessionToRemoteHost", map[string][]string{"portNumber": {"80"}, "host": {"db.internal"}}))
	asked := term.agrees(done)
	if p := string(asked.Actions[0].Parameters); !strings.Contains(p, `"LocalPortForwarding"`) || !strings.Contains(p, `"Port"`) {
		t.Errorf("asked %s", p)
	}
	term.next() // the handshake is complete
	client := mux.Client(term.bytesOf())
	term.sockets.Go(client.Run)
	for range 3 {
		s := must(client.Open())(t)
		_ = must(io.WriteString(s, "GET / HTTP/1.0\r\nHost: db\r\n\r\n"))(t)
		if got := string(must(io.ReadAll(s))(t)); !strings.HasSuffix(got, "\r\n\r\nhello from db") {
			t.Errorf("got %q", got)
		}
	}
	term = r.attach(r.start("AWS-StartPortForwardingSession", map[string][]string{"portNumber": {"81"}}))
	term.agrees(done)
	term.next()
	if err := term.end.WriteChunks(r.ctx(), ssm.PayloadData, []byte{1, 0, 0, 0, 3, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for term.data[ssm.PayloadFlag] == "" {
		term.next()
	}
	if got := term.data[ssm.PayloadFlag]; got != "\x00\x00\x00\x03" {
		t.Errorf("flag %q", got)
	}
}

func TestSSHIsOneStreamOfBytes(t *testing.T) {
	r := newShellRig(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: management, Region: "us-east-1", Ports: map[string]string{"22": l.Addr().String()}})
	term := r.attach(r.start("AWS-StartSSHSession", nil))
	asked := term.agrees(done)
	if p := string(asked.Actions[0].Parameters); strings.Contains(p, "LocalPortForwarding") {
		t.Errorf("asked %s", p)
	}
	conn := must(l.Accept())(t)
	defer conn.Close()
	term.types("SSH-2.0-client\r\n")
	got := make([]byte, len("SSH-2.0-client\r\n"))
	_ = must(io.ReadFull(conn, got))(t)
	_ = must(io.WriteString(conn, "SSH-2.0-server\r\n"))(t)
	term.until("SSH-2.0-server\r\n")
	_ = conn.Close()
	term.ends()
	if string(got) != "SSH-2.0-client\r\n" {
		t.Errorf("arrived %q", got)
	}
}

// ecs calls ECS, and returns the code of what it refuses.
func (r *rig) ecs(operation string, in map[string]any) (answer map[string]any, code string) {
	r.t.Helper()
	status, text := r.post("ecs", string(must(json.Marshal(in))(r.t)), http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonEC2ContainerServiceV20141113." + operation},
	})
	if err := json.Unmarshal(text, &answer); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	if status != http.StatusOK {
		code, _ = answer["__type"].(string)
	}
	return answer, code
}

func TestExecuteCommandAnswersWithASession(t *testing.T) {
	r := newShellRig(t)
	r.w.AddTask(awstest.Task{ID: "0f9de17a", Cluster: "web", Account: management, Region: "us-east-1", Container: "nginx", RuntimeID: "0f9de17a-99"})
	in := map[string]any{"cluster": "web", "task": "0f9de17a", "command": "/bin/sh", "interactive": true}
	answer, code := r.ecs("ExecuteCommand", in)
	session, _ := answer["session"].(map[string]any)
	if code != "" || session == nil {
		t.Fatalf("%s %v", code, answer)
	}
	term := r.attach(grip{session["sessionId"].(string), session["tokenValue"].(string), session["streamUrl"].(string)})
	term.agrees(done)
	term.until(prompt)
	term.types("hostname\r")
	term.until("nginx\r\n" + prompt)
	if s := r.w.ShellSessions()[0]; s.Target != "ecs:web_0f9de17a_0f9de17a-99" {
		t.Errorf("target %s", s.Target)
	}
	in["task"] = "none"
	if _, code := r.ecs("ExecuteCommand", in); code != "InvalidParameterException" {
		t.Errorf("a task of nobody: %q", code)
	}
	answer, _ = r.ecs("DescribeTasks", map[string]any{"cluster": "web", "tasks": []string{"0f9de17a", "none"}})
	if tasks, failures := answer["tasks"].([]any), answer["failures"].([]any); len(tasks) != 1 || len(failures) != 1 {
		t.Errorf("tasks %v", answer)
	}
}
