package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketPath is the shortest limit that the systems have for the path of a
// socket, macOS's.
const maxSocketPath = 103

// madeIn is what the temporary folder adds to the path.
const madeIn = len("/.s1234567890/s")

// Listen opens the socket at path for its owner alone. A socket that a dead
// server left behind is replaced; one that a server answers on is not.
func Listen(path string) (net.Listener, error) {
	if len(filepath.Dir(path))+madeIn > maxSocketPath || len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket path %s is too long, since systems allow %d characters: set a shorter one", path, maxSocketPath)
	}
	if err := clear(path); err != nil {
		return nil, err
	}
	// Between creation and chmod the socket has the mode that the umask gives
	// it. So it is made in a folder that only the owner can enter, and moved.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open socket: %w", err), l.Close())
	}
	return &listener{l, path}, nil
}

// clear removes what a dead server left at path.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("open socket: %s is there already, and is no socket: move it away", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("open socket: a server answers on %s already", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("open socket: %w", err)
	}
	return os.Remove(path)
}

// A listener removes its socket when it is closed.
type listener struct {
	net.Listener
	path string
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	if removed := os.Remove(l.path); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		return errors.Join(err, removed)
	}
	return err
}
