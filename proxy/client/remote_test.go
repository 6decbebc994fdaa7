package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// remote returns a client of whatever h answers.
func remote(t *testing.T, h http.HandlerFunc) *client.Remote {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return remoteAt(t, s.URL)
}

func remoteAt(t *testing.T, server string) *client.Remote {
	t.Helper()
	c, err := client.NewRemote(client.RemoteConfig{
		Server: server, Login: "l-0123456789", Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)),
		Agent: "test", Clock: clock.Frozen(noon),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestWhatIsNoAddressOfAServer(t *testing.T) {
	for _, server := range []string{
		"", "sesame.example.com", "http://sesame.example.com", "http://localhost:8443", "http://10.0.0.1:8443",
		"ftp://127.0.0.1", "https://alice:secret@sesame.example.com", "https://sesame.example.com/path", "https://sesame.example.com?a=b",
	} {
		if _, err := client.NewRemote(client.RemoteConfig{Server: server}); err == nil {
			t.Errorf("%q is taken", server)
		}
	}
	for _, server := range []string{"https://sesame.example.com", "https://sesame.example.com:8443/", "http://127.0.0.1:8443", "http://[::1]:8443"} {
		if _, err := client.NewRemote(client.RemoteConfig{Server: server}); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAServerSaysThatIsNoSuccess(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		check  func(error) bool
	}{
		"a refusal": {answer(403, `{"code":"rules","text":"No."}`), func(err error) bool {
			r, ok := errors.AsType[*access.Refusal](err)
			return ok && r.Code == access.RefusedRules && r.Text == "No."
		}},
		"an error of its own": {answer(500, `{"code":"internal","text":"Oh."}`), func(err error) bool {
			_, refused := errors.AsType[*access.Refusal](err)
			return !refused && err.Error() == "Oh."
		}},
		"another server": {answer(404, "<html>"), func(err error) bool { return strings.Contains(err.Error(), "no Sesame server") }},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example", http.StatusFound)
		}, func(err error) bool {
			return strings.Contains(err.Error(), "302")
		}},
		"half an answer": {answer(200, `{"requests":[`), func(err error) bool { return errors.Is(err, client.ErrUnreachable) }},
		"nothing": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, func(err error) bool {
			return errors.Is(err, client.ErrUnreachable)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := remote(t, c.answer).Mine(t.Context()); err == nil || !c.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestALostAnswerIsAskedForOnce has the server take a request whose answer does
// not arrive.
func TestALostAnswerIsAskedForOnce(t *testing.T) {
	var asked []string
	c := remote(t, func(w http.ResponseWriter, r *http.Request) {
		var a api.Asking
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			t.Error(err)
		}
		asked = append(asked, a.Once)
		if len(asked) == 1 {
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(api.Case{Request: api.Request{ID: "r-0123456789"}})
	})
	v, err := c.Ask(t.Context(), api.Asking{Target: "ec2-frontend"})
	if err != nil || v.Request.ID != "r-0123456789" {
		t.Fatalf("Ask = %+v, %v", v, err)
	}
	if len(asked) != 2 || asked[0] != asked[1] || len(asked[0]) < 16 {
		t.Errorf("asked as %q, want twice the same", asked)
	}
}

func TestWhereNobodyAnswers(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	if _, err := remoteAt(t, s.URL).Me(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := remoteAt(t, s.URL).Me(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestWhoseCertificateNobodyKnows(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // which tells of the failed handshake
	s.StartTLS()
	defer s.Close()
	_, err := remoteAt(t, s.URL).Me(t.Context())
	if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "--ca FILE") {
		t.Errorf("got %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := client.NewRemote(client.RemoteConfig{Server: s.URL, CA: ca}); err == nil {
		t.Error("a file that is not there is taken")
	}
	if err := os.WriteFile(ca, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewRemote(client.RemoteConfig{Server: s.URL, CA: ca}); err == nil {
		t.Error("a file without certificates is taken")
	}
}
