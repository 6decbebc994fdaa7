package main

import (
	"crypto/ed25519"
	"encoding/base64"
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
// owner alone can read, with the key or without: then that is in the keyring.
type loginFile struct {
	Server string    `json:"server"`
	CA     string    `json:"ca,omitempty"`
	Login  string    `json:"login"`
	Name   string    `json:"name"`
	Until  time.Time `json:"until"`
	Ring   bool      `json:"keyring,omitempty"`
	Key    seed      `json:"key,omitempty"` // Ed25519
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
			return "", fmt.Errorf("find where to keep the login: %w: set $SESAME_HOME to a folder of yours", err)
		}
	}
	return filepath.Join(dir, "sesame", "login.json"), nil
}

// errSignedOut refuses whoever never signed in.
var errSignedOut = &access.Refusal{Code: api.CodeSignedOut, Text: "You are not signed in on this computer: run sesame login --server https://…, with the address of your server."}

// readLogin returns how this computer is signed in, with the key.
func (c *console) readLogin() (loginFile, error) {
	l, err := c.readLoginFile()
	if err == nil && l.Ring {
		l.Key, err = c.fromRing(l.Login)
	}
	return l, err
}

// readLoginFile returns what the file has of how this computer is signed in. It
// refuses one that others can read, since they may have.
func (c *console) readLoginFile() (loginFile, error) {
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
	unusable := &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login in %s cannot be read: run sesame login again.", path)}
	if !info.Mode().IsRegular() {
		return loginFile{}, &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login in %s is no file: move away what is there, and run sesame login again.", path)}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return loginFile{}, &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login in %s could be read by others (mode %v), so it is not used: run sesame login again, and /access logout in Slack.", path, info.Mode().Perm())}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return loginFile{}, err
	}
	var l loginFile
	if err := json.Unmarshal(text, &l); err != nil || !l.Ring && len(l.Key) != ed25519.SeedSize {
		return loginFile{}, unusable
	}
	return l, nil
}

// fromRing returns the key of a login that is in the keyring.
func (c *console) fromRing(login string) (seed, error) {
	secret, err := c.ring().Get(ringService, login)
	if errors.Is(err, errNoSecret) {
		return nil, &access.Refusal{Code: api.CodeSignedOut, Text: "You are not signed in, because your key is not in the keyring of this computer any more: run sesame login."}
	} else if err != nil {
		return nil, &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your key is in the keyring of this computer, which cannot be read now (%v): unlock it, or run sesame login --store file.", err)}
	}
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(key) != ed25519.SeedSize {
		return nil, &access.Refusal{Code: api.CodeSignedOut, Text: "What the keyring of this computer has for your login is no key: run sesame login again."}
	}
	return key, nil
}

// ring returns the keyring, or one that is not there.
func (c *console) ring() keyStore {
	if c.keys == nil {
		return noKeyring{}
	}
	return c.keys
}

// A noKeyring is what a computer without one has.
type noKeyring struct{}

// Set implements keyStore.
func (noKeyring) Set(string, string, string) error { return errNoKeyring }

// Get implements keyStore.
func (noKeyring) Get(string, string) (string, error) { return "", errNoKeyring }

// Delete implements keyStore.
func (noKeyring) Delete(string, string) error { return errNoKeyring }

// The places of a key, as --store names them.
const (
	storeAuto = "auto"
	storeFile = "file"
	storeRing = "keyring"
)

// keepLogin keeps l with its key where the store says, and returns where that is,
// in words. Where the store may choose, it is the keyring if there is one.
func (c *console) keepLogin(l loginFile, store string) (where string, err error) {
	where = "in the keyring of this computer"
	if store != storeFile {
		err = c.ring().Set(ringService, l.Login, base64.StdEncoding.EncodeToString(l.Key))
		l.Ring = err == nil
	}
	if store == storeRing && err != nil {
		return "", fmt.Errorf("keep the key in the keyring of this computer: %w: run sesame login --store file to have it in a file of your own", err)
	}
	if l.Ring {
		l.Key = nil
		return where, c.writeLogin(l)
	}
	path, pathErr := c.loginPath()
	where = "in " + path + ", which only you can read"
	if err != nil && !errors.Is(err, errNoKeyring) {
		where += fmt.Sprintf(", since the keyring cannot be used (%v)", err)
	}
	return where, errors.Join(pathErr, c.writeLogin(l))
}

// dropKey removes the key of a login from the keyring, if it is there. What
// cannot be removed is of no use once the login is over.
func (c *console) dropKey(l loginFile) {
	if l.Ring {
		_ = c.ring().Delete(ringService, l.Login)
	}
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
	server, err := client.NewRemote(client.RemoteConfig{
		Server: l.Server, CA: l.CA, Login: l.Login, Key: ed25519.NewKeyFromSeed(l.Key),
		Agent: agent(), Clock: c.clock,
	})
	if err == nil {
		c.server = server
	}
	return server, err
}

// asMe has f ask the server that this computer is signed in to.
func (c *console) asMe(f func(*client.Remote) error) error {
	l, err := c.readLogin()
	if err != nil {
		return err
	}
	server, err := c.connect(l)
	if err != nil {
		return &access.Refusal{Code: api.CodeSignedOut, Text: fmt.Sprintf("Your login cannot be used (%v): run sesame login again, with --server and, if it needs one, --ca.", err)}
	}
	defer server.Close()
	return f(server)
}
