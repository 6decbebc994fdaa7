package ssm_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"sesame/proxy/ssm"
)

// plaintext is a data key as KMS would make it, of bytes 0 to 63.
func plaintext() []byte {
	key := make([]byte, ssm.KeySize)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func nonce(n byte) []byte { return append(bytes.Repeat([]byte{7}, 11), n) }

func newKey(t testing.TB) ssm.Key {
	t.Helper()
	k, err := ssm.NewKey(plaintext())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealedHandshake takes w through the handshake of a sealed session.
func sealedHandshake(t testing.TB, w *watch) {
	t.Helper()
	w.agent(t, data(ssm.Agent, 0, ssm.PayloadHandshakeRequest, `{"AgentVersion":"3.3","RequestedClientActions":[`+
		`{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"alias/sessions"}},`+
		`{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream"}}]}`))
	w.client(t, data(ssm.Client, 0, ssm.PayloadHandshakeResponse, `{"ClientVersion":"1.2","ProcessedClientActions":[`+
		`{"ActionType":"KMSEncryption","ActionStatus":1,"ActionResult":{"KMSCipherTextKey":"`+base64.StdEncoding.EncodeToString([]byte("blob"))+`"}}]}`))
	w.agent(t, data(ssm.Agent, 1, ssm.PayloadChallenge, `{"Challenge":"AAAA"}`))
	w.client(t, data(ssm.Client, 1, ssm.PayloadChallengeResponse, `{"Challenge":"AAAA"}`))
	w.agent(t, data(ssm.Agent, 2, ssm.PayloadHandshakeComplete, `{}`))
}

func talkSealed(t testing.TB, w *watch) {
	t.Helper()
	k := newKey(t)
	sealedHandshake(t, w)
	w.agent(t,
		shown(3, string(k.Seal(ssm.Agent, nonce(1), []byte("$ ")))),
		data(ssm.Agent, 4, ssm.PayloadStderr, string(k.Seal(ssm.Agent, nonce(2), []byte("no")))),
		data(ssm.Agent, 5, ssm.PayloadExitCode, string(k.Seal(ssm.Agent, nonce(3), []byte("EXIT_CODE: 1")))))
	w.client(t, typed(2, string(k.Seal(ssm.Client, nonce(4), []byte("ls\r")))),
		data(ssm.Client, 3, ssm.PayloadSize, `{"cols":80,"rows":24}`))
}

func TestASealedSessionIsOpenedWithItsKey(t *testing.T) {
	var asked []byte
	w := newWatch(ssm.Options{Key: func(blob []byte) ([]byte, error) {
		asked = bytes.Clone(blob)
		return plaintext(), nil
	}})
	talkSealed(t, w)
	w.want(t, `agreed Standard_Stream agent 3.3 client 1.2 key "alias/sessions" sealed true opens true`,
		`shown 1 "$ "`, `shown 11 "no"`, `exited 1 "EXIT_CODE: 1"`, `typed "ls\r"`, "resized 80x24")
	if string(asked) != "blob" {
		t.Errorf("asked for the key of %q", asked)
	}
}

func TestASealedSessionWithoutItsKeyIsMetadata(t *testing.T) {
	want := []string{`agreed Standard_Stream agent 3.3 client 1.2 key "alias/sessions" sealed true opens false`,
		"sealed by the agent: 1 of 30 bytes", "sealed by the agent: 11 of 30 bytes", "sealed by the agent: 12 of 40 bytes",
		"sealed by the client: 1 of 31 bytes", "resized 80x24"}
	for name, source := range map[string]func([]byte) ([]byte, error){
		"nobody to ask": nil,
		"refused":       func([]byte) ([]byte, error) { return nil, errors.New("access denied") },
		"a short key":   func([]byte) ([]byte, error) { return plaintext()[:32], nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatch(ssm.Options{Key: source})
			talkSealed(t, w)
			w.want(t, want...)
		})
	}
}

// What waited while the session was sealed is opened in its turn, and in
// buffers of its own.
func TestSealedFramesComeInAnyOrder(t *testing.T) {
	w := newWatch(ssm.Options{Key: func([]byte) ([]byte, error) { return plaintext(), nil }})
	sealedHandshake(t, w)
	k := newKey(t)
	for i := 9; i >= 0; i-- {
		frame := shown(int64(3+i), string(k.Seal(ssm.Agent, nonce(byte(i)), []byte{byte('0' + i)})))
		w.agent(t, frame, frame)
	}
	if got := w.shown.String(); got != "0123456789" {
		t.Errorf("shown %q", got)
	}
}

func TestWhatTheKeyDoesNotOpenIsReportedAsItIs(t *testing.T) {
	w := newWatch(ssm.Options{Key: func([]byte) ([]byte, error) { return plaintext(), nil }})
	sealedHandshake(t, w)
	forged := newKey(t).Seal(ssm.Agent, nonce(1), []byte("x"))
	forged[len(forged)-1] ^= 1
	w.lines = nil
	w.agent(t, shown(3, "in the clear, longer than a nonce"), shown(4, "short"), shown(5, string(forged)),
		shown(6, string(newKey(t).Seal(ssm.Client, nonce(2), []byte("the client's key")))))
	w.want(t, "sealed by the agent: 1 of 33 bytes", "sealed by the agent: 1 of 5 bytes",
		"sealed by the agent: 1 of 29 bytes", "sealed by the agent: 1 of 44 bytes")
}

// Both were made with AESGCM of Python's cryptography, from "hello".
const (
	agentVector  = "090909090909090909090909db7d6457e852a491cd741f26fe9570066851c1b7ca"
	clientVector = "0909090909090909090909092cbdff8fa234358117874e065c83f8d95246f346b9"
)

func TestKeyOpensWhatOthersSeal(t *testing.T) {
	k := newKey(t)
	for from, sealed := range map[ssm.Side]string{
		ssm.Agent:  agentVector,
		ssm.Client: clientVector,
	} {
		raw, err := hex.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := k.Open(from, raw)
		if err != nil || string(plain) != "hello" {
			t.Errorf("%v: opened %q, %v", from, plain, err)
		}
		if other := ssm.Agent + ssm.Client - from; other != from {
			if _, err := k.Open(other, raw); err == nil {
				t.Errorf("%v: the other half of the key opens it", from)
			}
		}
	}
	if _, err := (ssm.Key{}).Open(ssm.Agent, make([]byte, 40)); err == nil {
		t.Error("the zero key opens something")
	}
}
