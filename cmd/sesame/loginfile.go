package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A seed is the private half of a key. It does not print itself.
type seed []byte

// Format prints a placeholder, whatever the verb.
func (seed) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// A loginFile is how this computer is signed in. It is kept in a file that its
// owner alone can read; the keyrings of the systems are not used.
type loginFile struct {
	Server string    `json:"server"`
	CA     string    `json:"ca,omitempty"`
	Login  string    `json:"login"`
	Name   string    `json:"name"`
	Until  time.Time `json:"until"`
	Key    seed      `json:"key"` // Ed25519
}

// homeEnv names the folder of the login where it is not among the settings of
// its owner.
const homeEnv = "SESAME_HOME"

// loginPath is where the login is: login.json of $SESAME_HOME, or of the folder
// sesame, where the system has people keep their settings.
func (c *console) loginPath() (string, error) {
	if c.home != "" {
		return filepath.Join(c.home, "login.json"), nil
	}
	dir := c.settings
	if dir == "" {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("find where to keep the login: %w", err)
		}
	}
	return filepath.Join(dir, "sesame", "login.json"), nil
}

// errSignedOut refuses whoever never signed in.
var errSignedOut = &access.Refusal{Code: api.CodeSignedOut, Text: "You are not signed in on this computer: run sesame login --server https://…, with the address of your server."}

// readLogin returns how this computer is signed in. It refuses a file that
// others can read, since they may have.
func (c *console) readLogin() (loginFile, error) {
	path, err := c.loginPath()
	if err != nil {
		return loginFile{}, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return loginFile{}, errSignedOut
	} else if err != nil {
		return loginFile{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return loginFile{}, &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login in %s could be read by others (mode %v), so it is not used: run sesame login again, and /access logout in Slack.", path, info.Mode().Perm())}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return loginFile{}, err
	}
	var l loginFile
	if err := json.Unmarshal(text, &l); err != nil || len(l.Key) != ed25519.SeedSize {
		return loginFile{}, &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login in %s cannot be read: run sesame login again.", path)}
	}
	return l, nil
}

// writeLogin keeps l, whole or not at all.
func (c *console) writeLogin(l loginFile) error {
	path, err := c.loginPath()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".login-") // for its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the login: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func (c *console) removeLogin() error {
	path, err := c.loginPath()
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// connect returns the server as l speaks to it.
func (c *console) connect(l loginFile) (*client.Remote, error) {
	v := thisVersion()
	return client.NewRemote(client.RemoteConfig{
		Server: l.Server, CA: l.CA, Login: l.Login, Key: ed25519.NewKeyFromSeed(l.Key),
		Agent: fmt.Sprintf("sesame/%s (%s)", v.Version, v.Platform), Clock: c.clock,
	})
}

// asMe has f ask the server that this computer is signed in to.
func (c *console) asMe(f func(*client.Remote) error) error {
	l, err := c.readLogin()
	if err != nil {
		return err
	}
	server, err := c.connect(l)
	if err != nil {
		return err
	}
	defer server.Close()
	return f(server)
}
