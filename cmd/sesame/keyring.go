package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"sesame/flows/clock"
)

// A keyStore is where a system keeps the secrets of its user. Each of its methods
// may take as long as somebody needs to unlock it.
type keyStore interface {
	Set(service, account, secret string) error
	// Get returns errNoSecret for what is not there.
	Get(service, account string) (string, error)
	Delete(service, account string) error
}

// The errors of a keyStore that others act upon.
var (
	errNoSecret  = keyring.ErrNotFound
	errNoKeyring = errors.New("this computer has none that can be reached")
)

// ringService is what our secrets are filed under; accounts are logins.
const ringService = "sesame"

// ringPatience is how long a keyring may take. Where nobody sits at the screen,
// the question for its password is never answered.
const ringPatience = 20 * time.Second

// A systemKeyring is that of the operating system: the Keychain of macOS, the
// Credential Manager of Windows, the Secret Service elsewhere.
type systemKeyring struct{}

// Set implements keyStore.
func (systemKeyring) Set(service, account, secret string) error {
	_, err := bounded(func() (string, error) { return "", keyring.Set(service, account, secret) })
	return err
}

// Get implements keyStore.
func (systemKeyring) Get(service, account string) (string, error) {
	return bounded(func() (string, error) { return keyring.Get(service, account) })
}

// Delete implements keyStore.
func (systemKeyring) Delete(service, account string) error {
	_, err := bounded(func() (string, error) { return "", keyring.Delete(service, account) })
	return err
}

// bounded has a keyring do something, if there is one. What takes too long is left
// behind: sesame is about to end, or to become another program.
func bounded(do func() (string, error)) (string, error) {
	if !reachable(runtime.GOOS, os.Getenv, exists) {
		return "", errNoKeyring
	}
	type answer struct {
		secret string
		err    error
	}
	answered := make(chan answer, 1)
	var left sync.WaitGroup // for nobody
	left.Go(func() {
		secret, err := do()
		answered <- answer{secret, err}
	})
	machine := clock.System{}
	timer := machine.Timer(machine.Now().Add(ringPatience))
	defer timer.Stop()
	select {
	case a := <-answered:
		return a.secret, a.err
	case <-timer.C:
		return "", fmt.Errorf("it did not answer within %s", ringPatience)
	}
}

// reachable reports whether there may be a keyring. The Secret Service is on the
// bus of the session; to ask for it where there is no session would start one.
func reachable(system string, getenv func(string) string, exists func(string) bool) bool {
	if system == "darwin" || system == "windows" {
		return true
	}
	if at := getenv("DBUS_SESSION_BUS_ADDRESS"); at != "" && at != "autolaunch:" {
		return true
	}
	dir := getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	}
	return exists(filepath.Join(dir, "bus"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
