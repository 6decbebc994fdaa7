//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// quiet reports whether nothing has come on a socket, not even its end. It has
// room for a byte, which stays where it is.
func quiet(fd uintptr, room []byte) bool {
	n, _, err := syscall.Recvfrom(int(fd), room, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n <= 0 && (errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK))
}
