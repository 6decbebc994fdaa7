package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
)

// A ring is a keyring in memory.
type ring struct {
	held map[string]string
	err  error // of everything, while it is set
}

func (r *ring) Set(service, account, secret string) error {
	if r.err == nil {
		r.held[service+"/"+account] = secret
	}
	return r.err
}

func (r *ring) Get(service, account string) (string, error) {
	secret, ok := r.held[service+"/"+account]
	if r.err == nil && !ok {
		return "", errNoSecret
	}
	return secret, r.err
}

func (r *ring) Delete(service, account string) error {
	delete(r.held, service+"/"+account)
	return r.err
}

// keeper is a console that keeps logins in a folder of the test, and in keys.
func keeper(t *testing.T, keys keyStore) *console {
	t.Helper()
	return &console{out: &bytes.Buffer{}, err: &bytes.Buffer{}, clock: clock.System{}, home: t.TempDir(), keys: keys}
}

func aLogin() loginFile {
	return loginFile{Server: "https://sesame.example.com", Login: "l-1", Name: "Alice", Key: bytes.Repeat([]byte{7}, ed25519.SeedSize)}
}

func TestKeysAreKeptWhereTheyAreSafest(t *testing.T) {
	locked := errors.New("it is locked")
	for name, c := range map[string]struct {
		keys   keyStore
		store  string
		where  string // or what is wrong
		inRing bool
		fails  bool
	}{
		"in the keyring":                {&ring{held: map[string]string{}}, storeAuto, "in the keyring", true, false},
		"in the keyring, as was asked":  {&ring{held: map[string]string{}}, storeRing, "in the keyring", true, false},
		"in a file, as was asked":       {&ring{held: map[string]string{}}, storeFile, "login.json, which only you can read", false, false},
		"where there is no keyring":     {nil, storeAuto, "login.json, which only you can read", false, false},
		"where it is locked":            {&ring{err: locked}, storeAuto, "since the keyring cannot be used (it is locked)", false, false},
		"locked, and nothing else will": {&ring{err: locked}, storeRing, "sesame login --store file", false, true},
		"no keyring, and nothing else":  {nil, storeRing, "sesame login --store file", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := keeper(t, c.keys)
			where, err := at.keepLogin(aLogin(), c.store)
			text, _ := os.ReadFile(filepath.Join(at.home, "login.json"))
			if c.fails {
				if err == nil || !strings.Contains(err.Error(), c.where) || len(text) > 0 {
					t.Errorf("%v, want %q and nothing kept", err, c.where)
				}
				return
			}
			if err != nil || !strings.Contains(where, c.where) {
				t.Errorf("kept %q, %v, want %q", where, err, c.where)
			}
			if got := strings.Contains(string(text), `"key":`); got == c.inRing {
				t.Errorf("the file is %s", text)
			}
			if l, err := at.readLogin(); err != nil || !bytes.Equal(l.Key, aLogin().Key) || l.Ring != c.inRing {
				t.Errorf("read back: %+v, %v", l, err)
			}
		})
	}
}

func TestAKeyThatIsGoneOrLockedIsSaid(t *testing.T) {
	r := &ring{held: map[string]string{}}
	c := keeper(t, r)
	if _, err := c.keepLogin(aLogin(), storeAuto); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(){
		"is not in the keyring of this computer any more: run sesame login.": func() { r.held = map[string]string{} },
		"(it is locked): unlock it, or run sesame login --store file.":       func() { r.err = errors.New("it is locked") },
		"What the keyring of this computer has for your login is no key":     func() { r.held = map[string]string{"sesame/l-1": "aGVsbG8="} },
	} {
		was := r.held
		change()
		_, err := c.readLogin()
		if refused, ok := errors.AsType[*access.Refusal](err); !ok || refused.Code != api.CodeSignedOut || !strings.Contains(refused.Text, want) {
			t.Errorf("%v, want %q", err, want)
		}
		r.held, r.err = was, nil
	}
}

func TestSigningOutRemovesTheKey(t *testing.T) {
	r := &ring{held: map[string]string{}}
	c := keeper(t, r)
	l := aLogin()
	l.Server = "http://127.0.0.1:1" // where nobody answers
	if _, err := c.keepLogin(l, storeAuto); err != nil || len(r.held) != 1 {
		t.Fatal(err, len(r.held))
	}
	if err := c.logout(t.Context()); err != nil || len(r.held) != 0 {
		t.Errorf("%v, %d keys left", err, len(r.held))
	}
	if _, err := c.readLogin(); !errors.Is(err, errSignedOut) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAKeyringIsLookedForWhereThereIsASession(t *testing.T) {
	for name, c := range map[string]struct {
		system, bus string
		socket      bool
		want        bool
	}{
		"macOS":                       {"darwin", "", false, true},
		"Windows":                     {"windows", "", false, true},
		"a session":                   {"linux", "unix:path=/run/user/1000/bus", false, true},
		"a session that nobody names": {"linux", "", true, true},
		"a server":                    {"linux", "", false, false},
		"a session to be started":     {"linux", "autolaunch:", false, false},
		"another Unix":                {"freebsd", "", false, false},
	} {
		getenv := func(name string) string {
			return map[string]string{"DBUS_SESSION_BUS_ADDRESS": c.bus, "XDG_RUNTIME_DIR": "/run/user/1000"}[name]
		}
		there := func(path string) bool { return c.socket && path == "/run/user/1000/bus" }
		if got := reachable(c.system, getenv, there); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
