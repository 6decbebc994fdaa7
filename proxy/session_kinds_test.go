package proxy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/gorilla/websocket"

	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/mux"
	"sesame/strategies/awstest"
)

// sealing has all shells be sealed with a key of KMS.
func (r *rig) sealing() {
	r.sts.AddKMSKey(awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: "222222222222", Region: region, Alias: "alias/sessions"})
	r.sts.AddSessionDocument(awstest.SessionDocument{Name: "SSM-SessionManagerRunShell", Kind: ssm.SessionShell, KeyID: "alias/sessions"})
}

// elsewhere calls KMS without Sesame, with a key of the person's own.
func (r *rig) elsewhere() *kms.Client {
	own := r.sts.AddKey("222222222222", "alice")
	return kms.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String(r.sts.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(own.ID, own.Secret, ""),
	})
}

// agrees answers the handshake that the session begins with.
func (term *terminal) agrees(result any) {
	term.Helper()
	first := term.next()
	var asked ssm.HandshakeRequest
	if err := json.Unmarshal(first.Data, &asked); err != nil || first.Payload != ssm.PayloadHandshakeRequest {
		term.Fatalf("the session begins with %+v", first)
	}
	answer := ssm.HandshakeResponse{ClientVersion: "1.2.804.0"}
	for _, a := range asked.Actions {
		p := ssm.ProcessedAction{Type: a.Type, Status: ssm.ActionDone}
		if a.Type == ssm.ActionKMSEncryption {
			p.Result, _ = json.Marshal(result) // what is made of bytes encodes
		}
		answer.Actions = append(answer.Actions, p)
	}
	term.sends(ssm.PayloadHandshakeResponse, answer)
}

// seals has the session sealed with a key that KMS makes, as asked by client.
func (term *terminal) seals(client *kms.Client) ssm.Key {
	term.Helper()
	made, err := client.GenerateDataKey(term.Context(), &kms.GenerateDataKeyInput{
		KeyId: aws.String("arn:aws:kms:us-east-1:222222222222:key/1234abcd-12ab-34cd-56ef-1234567890ab"), NumberOfBytes: aws.Int32(ssm.KeySize),
		EncryptionContext: map[string]string{"aws:ssm:SessionId": *term.SessionId, "aws:ssm:TargetId": "i-0a"},
	})
	if err != nil {
		term.Fatal(err)
	}
	key, err := ssm.NewKey(made.Plaintext)
	if err != nil {
		term.Fatal(err)
	}
	term.agrees(map[string][]byte{"KMSCipherTextKey": made.CiphertextBlob})
	return key
}

// proves that the client has the key, which ends the handshake.
func (term *terminal) proves(key ssm.Key) {
	term.Helper()
	var c struct{ Challenge []byte }
	m := term.next()
	if err := json.Unmarshal(m.Data, &c); err != nil || m.Payload != ssm.PayloadChallenge {
		term.Fatalf("after the handshake: %+v", m)
	}
	plain, err := key.Open(ssm.Agent, c.Challenge)
	if err != nil {
		term.Fatal(err)
	}
	c.Challenge = key.Seal(ssm.Client, []byte("123456789012"), plain)
	term.sends(ssm.PayloadChallengeResponse, c)
	term.next() // the handshake is complete
}

// unseals reads up to a text.
func (term *terminal) unseals(key ssm.Key, text string) string {
	term.Helper()
	return term.unsealsUntil(key, func(shown string) bool { return strings.HasSuffix(shown, text) })
}

func (term *terminal) unsealsUntil(key ssm.Key, enough func(shown string) bool) string {
	term.Helper()
	var shown strings.Builder
	for !enough(shown.String()) {
		m := term.next()
		if term.over {
			term.Fatalf("closed (%q) after %q", term.closing, shown.String())
		}
		plain, err := key.Open(ssm.Agent, m.Data)
		if err != nil {
			plain = []byte("[" + string(m.Data) + "]")
		}
		shown.Write(plain)
	}
	return shown.String()
}

// TestSealedSessions are recorded in plain text when their key passes, or when
// the role may open it; else they end, or what passes is counted.
func TestSealedSessions(t *testing.T) {
	for name, c := range map[string]struct {
		lists    string
		outside  bool
		recorded bool
		told     string
	}{
		"the key passes":                 {lists: `{"allow":["ssm:StartSession"]}`, recorded: true},
		"the role opens it":              {lists: `{"allow":["ssm:StartSession","kms:Decrypt"]}`, outside: true, recorded: true},
		"nobody has it":                  {lists: `{"allow":["ssm:StartSession"]}`, outside: true, told: "This session is encrypted with a key that did not pass through Sesame, so it cannot be recorded and was ended: have the call to KMS go through Sesame too, with sesame run, or ask the admins."},
		"nobody has it, and that is all": {lists: `{"allow":["ssm:StartSession"],"sealed":"metadata"}`, outside: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, kept := newSessionRig(t, c.lists)
			r.sealing()
			if !c.recorded { // as the policy of the role has it
				r.sts.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "Decrypt"})
			}
			term := r.start("", nil)
			client := kms.NewFromConfig(r.config())
			if _, err := client.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
				KeyId: aws.String("alias/sessions"), NumberOfBytes: aws.Int32(ssm.KeySize), EncryptionContext: map[string]string{"aws:ssm:SessionId": "another"},
			}); err == nil || !strings.Contains(err.Error(), "is not among what") {
				t.Errorf("a key for something else: %v", err)
			}
			if c.outside {
				client = r.elsewhere()
			}
			key := term.seals(client)
			if c.told != "" {
				if told := term.ends(); told != c.told {
					t.Errorf("told %q", told)
				}
				r.gone()
				return
			}
			term.proves(key)
			term.unsealsUntil(key, func(shown string) bool { // whichever of them is first
				return strings.Contains(shown, prompt) && (c.recorded || strings.Contains(shown, "how much passes is recorded, and not what.\r\n]"))
			})
			term.types(string(key.Seal(ssm.Client, []byte("123456789013"), []byte("echo x\r"))))
			shown := term.unseals(key, "echo x\r\nx\r\n"+prompt)
			r.clock.Advance(55 * time.Minute)
			if line := term.unseals(key, "or finish.\r\n]"); !strings.HasPrefix(line, "[\r\nSesame: this session ends in 5 minutes") {
				t.Errorf("warned %q", line)
			}
			term.types(string(key.Seal(ssm.Client, []byte("123456789014"), []byte("exit\r"))))
			term.ends()
			tape := kept.only(t)
			tape.over(t)
			got, typed, events := tape.outcome()
			if c.recorded != (strings.Contains(got, shown) && typed == "echo x\rexit\r") || c.recorded == slices.Contains(events, "sealed") {
				t.Errorf("recorded %q, %q, %q", got, typed, events)
			}
		})
	}
}

// TestWhereSessionsMayLead holds documents to their names, and to where they
// lead, however that is written.
func TestWhereSessionsMayLead(t *testing.T) {
	const (
		ports = `{"documents":["SSM-SessionManagerRunShell","AWS-StartPortForwardingSession","AWS-StartPortForwardingSessionToRemoteHost","AWS-StartSSHSession"],"forward":["db.internal:3306","localhost:80??"]}`
		known = "AWS-StartPortForwardingSessionToRemoteHost"
	)
	r, _ := newSessionRig(t, ports)
	r.sts.AddInstance(awstest.Instance{ID: "i-0a", Account: "222222222222", Region: region})
	start := func(body string) message {
		return message{
			method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: body,
			header: map[string]string{"X-Amz-Target": "AmazonSSM.StartSession", "Content-Type": "application/x-amz-json-1.1"},
		}
	}
	remote := func(parameters string) string {
		return fmt.Sprintf(`{"Target":"i-0a","DocumentName":%q,"Parameters":%s}`, known, parameters)
	}
	for name, c := range map[string]struct{ body, sentence string }{
		"a host and port that are listed": {remote(`{"host":["DB.internal"],"portNumber":["3306"],"localPortNumber":["1"]}`), ""},
		"another port":                    {remote(`{"host":["db.internal"],"portNumber":["22"]}`), "Sessions of ec2-frontend do not lead to db.internal:22: use db.internal:3306 or localhost:80??."},
		"another host":                    {remote(`{"host":["evil"],"portNumber":["3306"]}`), "do not lead to evil:3306"},
		"no port":                         {remote(`{"host":["db.internal"]}`), "does not say where it leads"},
		"no host":                         {remote(`{"portNumber":["3306"]}`), "does not say where it leads"},
		"two hosts":                       {remote(`{"host":["db.internal","evil"],"portNumber":["3306"]}`), "does not say where it leads"},
		"a host twice":                    {remote(`{"host":["db.internal"],"portNumber":["3306"],"host":["evil"]}`), "comes twice"},
		"a parameter in another case":     {remote(`{"host":["db.internal"],"portNumber":["3306"],"Host":["evil"]}`), "does not know what the parameter"},
		"parameters in another case":      {`{"Target":"i-0a","DocumentName":"` + known + `","parameters":{"host":["db.internal"],"portNumber":["3306"]}}`, "does not say where it leads"},
		"parameters twice":                {`{"Target":"i-0a","DocumentName":"` + known + `","Parameters":{"host":["db.internal"],"portNumber":["3306"]},"Parameters":{}}`, "repeated"},
		"parameters that are none":        {remote(`["host"]`), "its parameters are no object"},
		"a port that is no list":          {remote(`{"host":["db.internal"],"portNumber":"3306"}`), "is no list of texts"},
		"a port of the machine":           {`{"Target":"i-0a","DocumentName":"AWS-StartPortForwardingSession","Parameters":{"portNumber":["8080"],"localPortNumber":["1"]}}`, ""},
		"another port of it":              {`{"Target":"i-0a","DocumentName":"AWS-StartPortForwardingSession","Parameters":{"portNumber":["22"],"localPortNumber":["1"]}}`, "do not lead to localhost:22"},
		"SSH":                             {`{"Target":"i-0a","DocumentName":"AWS-StartSSHSession"}`, ""},
		"SSH to another port":             {`{"Target":"i-0a","DocumentName":"AWS-StartSSHSession","Parameters":{"portNumber":["2222"]}}`, "do not lead to localhost:2222"},
		"a document that is not listed":   {`{"Target":"i-0a","DocumentName":"AWS-StartInteractiveCommand","Parameters":{"command":["ls"]}}`, "do not use the document"},
		"a body in another encoding":      {"\xff\xfe", "request"},
	} {
		w := r.serve(r.signed(start(c.body)), home)
		if started := w.Code == http.StatusOK; started != (c.sentence == "") || !strings.Contains(w.Body.String(), c.sentence) {
			t.Errorf("%s: %d %s, want %q", name, w.Code, w.Body, c.sentence)
		}
	}
}

// TestDocumentsWithoutAList are those of which everything is recorded.
func TestDocumentsWithoutAList(t *testing.T) {
	r, _ := newSessionRig(t, "")
	for document, sentence := range map[string]string{
		"AWS-StartInteractiveCommand": "", "AWS-StartNonInteractiveCommand": "",
		"AWS-StartPortForwardingSession": "do not use the document", "AWS-StartSSHSession": "do not use the document", "Our-Own": "do not use the document",
	} {
		_, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{
			Target: aws.String("i-0a"), DocumentName: aws.String(document), Parameters: map[string][]string{"command": {"true"}},
		})
		if (err == nil) != (sentence == "") || err != nil && !strings.Contains(err.Error(), sentence) {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// TestADocumentOfOnesOwnSaysWhereItLeads has one forward ports, and the client
// not say whereto.
func TestADocumentOfOnesOwnSaysWhereItLeads(t *testing.T) {
	r, kept := newSessionRig(t, `{"documents":["Our-ForwardToShop"]}`)
	r.sts.AddSessionDocument(awstest.SessionDocument{Name: "Our-ForwardToShop", Kind: ssm.SessionPort})
	if _, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{
		Target: aws.String("i-0a"), DocumentName: aws.String("Our-ForwardToShop"), Parameters: map[string][]string{"portNumber": {"22"}},
	}); err == nil || !strings.Contains(err.Error(), "does not know what the parameter \"portNumber\" of Our-ForwardToShop does: leave it out") {
		t.Errorf("another port: %v", err)
	}
	// The stand-in's documents pin nothing, so that it misses the port.
	_, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a"), DocumentName: aws.String("Our-ForwardToShop")})
	if err == nil || !strings.Contains(err.Error(), "needs the parameter portNumber") || len(kept.all) != 0 {
		t.Errorf("as it is written: %v", err)
	}
}

// TestADocumentIsWhatItSays ends a session that turns out to be another sort
// than its document was listed as.
func TestADocumentIsWhatItSays(t *testing.T) {
	r, _ := newSessionRig(t, `{"documents":["Our-Own"]}`)
	r.sts.AddSessionDocument(awstest.SessionDocument{Name: "Our-Own", Kind: ssm.SessionPort})
	term := r.start("Our-Own", map[string][]string{"portNumber": {"80"}})
	term.agrees(nil)
	if told := term.ends(); !strings.Contains(told, "makes this a session of the type Port") {
		t.Errorf("told %q", told)
	}
	r.gone()
}

// TestACommand is recorded with how it ended.
func TestACommand(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("AWS-StartNonInteractiveCommand", map[string][]string{"command": {"exit 7"}})
	term.agrees(nil)
	term.ends()
	tape := kept.only(t)
	tape.over(t)
	if _, _, events := tape.outcome(); tape.about.Kind != record.Command || !slices.Contains(events, "exit 7") {
		t.Errorf("%+v %q", tape.about, events)
	}
}

// TestAPortSession has HTTP go through a port.
func TestAPortSession(t *testing.T) {
	r, kept := newSessionRig(t, `{"documents":["AWS-StartPortForwardingSessionToRemoteHost"],"forward":["db.internal:80"]}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = io.WriteString(w, "hello from "+req.Host) }))
	defer server.Close()
	r.sts.AddInstance(awstest.Instance{ID: "i-0a", Account: "222222222222", Region: region, Ports: map[string]string{"db.internal:80": server.Listener.Addr().String()}})
	term := r.start("AWS-StartPortForwardingSessionToRemoteHost", map[string][]string{"portNumber": {"80"}, "host": {"db.internal"}})
	term.agrees(nil)
	term.next() // the handshake is complete
	in, feed := io.Pipe()
	term.sockets.Go(func() {
		for {
			m, err := term.end.Read(term.Context())
			if err != nil || m.Type == ssm.Closed {
				_ = feed.Close() // whoever reads finds out
				return
			}
			if m.Payload == ssm.PayloadData {
				_, _ = feed.Write(m.Data) // it fails when the test is over
			}
		}
	})
	client := mux.Client(in, writes(func(p []byte) error { return term.end.WriteChunks(term.Context(), ssm.PayloadData, p) }))
	term.sockets.Go(func() { _ = client.Run() })
	for range 2 {
		s, err := client.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(s, "GET / HTTP/1.0\r\nHost: db\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); err != nil || !strings.HasSuffix(string(got), "\r\n\r\nhello from db") {
			t.Errorf("got %q, %v", got, err)
		}
	}
	r.clock.Advance(59 * time.Minute) // of which nobody says anything within the port
	r.end()
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	tape := kept.only(t)
	tape.over(t)
	if a := tape.about; a.Kind != record.Port || a.Command != "db.internal:80" {
		t.Errorf("%+v", a)
	}
}

// TestAClientThatEndsItsSession is gone before anybody can answer, as the
// plugin is after Control-C.
func TestAClientThatEndsItsSession(t *testing.T) {
	r, kept := newSessionRig(t, `{"documents":["AWS-StartPortForwardingSession"],"forward":["localhost:80"]}`)
	out, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{
		Target: aws.String("i-0a"), DocumentName: aws.String("AWS-StartPortForwardingSession"), Parameters: map[string][]string{"portNumber": {"80"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ws, status, err := r.upgrade(*out.StreamUrl, r.key)
	if err != nil {
		t.Fatalf("upgrade: %d %v", status, err)
	}
	defer ws.Close()
	flag := ssm.Message{Type: ssm.Input, Schema: 1, Created: 1, Payload: ssm.PayloadFlag, Data: []byte{0, 0, 0, byte(ssm.FlagTerminate)}}
	if err := errors.Join(ws.WriteJSON(opening(*out.TokenValue)), ws.WriteMessage(websocket.BinaryMessage, flag.Append(nil)), ws.NetConn().Close()); err != nil {
		t.Fatal(err)
	}
	if why := kept.only(t).over(t); why != "The person ended the session." {
		t.Errorf("it ended: %q", why)
	}
	r.gone()
}

type writes func([]byte) error

func (w writes) Write(p []byte) (int, error) { return len(p), w(p) }

// TestACommandInAContainer goes through ECS.
func TestACommandInAContainer(t *testing.T) {
	r, kept := newSessionRig(t, `{"allow":["ecs:ExecuteCommand"]}`)
	r.sts.AddTask(awstest.Task{ID: "0123456789abcdef0123456789abcdef", Cluster: "shop", Account: "222222222222", Region: region, Container: "web", RuntimeID: "0123456789abcdef0123456789abcdef-1"})
	w := r.serve(r.signed(message{
		method: "POST", url: "https://ecs.us-east-1.amazonaws.com/", service: "ecs",
		body:   `{"cluster":"shop","task":"0123456789abcdef0123456789abcdef","command":"sh","interactive":true}`,
		header: map[string]string{"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ExecuteCommand", "Content-Type": "application/x-amz-json-1.1"},
	}), home)
	var out struct {
		Session struct{ SessionID, StreamURL, TokenValue string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Session.TokenValue == "" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	term := &terminal{rig: r, end: newEnd(), StartSessionOutput: &awsssm.StartSessionOutput{
		SessionId: &out.Session.SessionID, StreamUrl: &out.Session.StreamURL, TokenValue: &out.Session.TokenValue,
	}}
	term.connect(out.Session.TokenValue)
	r.clock.Advance(10 * time.Second)
	r.end()
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	tape := kept.only(t)
	tape.over(t)
	if a := tape.about; a.Kind != record.ECS || !strings.HasPrefix(a.Instance, "shop ") || a.Session != out.Session.SessionID {
		t.Errorf("%+v", a)
	}
	r.gone()
}
