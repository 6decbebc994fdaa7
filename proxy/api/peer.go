package api

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// A peerKey is where a connection's context carries its peer: net/http gives
// handlers no other way to their connection.
type peerKey struct{}

// A peer is who is at the other end of a connection, as the kernel says.
type peer struct {
	uid uint32
	err error
}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	var p peer
	if local, ok := c.(*net.UnixConn); ok {
		p.uid, p.err = peerUID(local)
	} else {
		p.err = errors.New("not a local connection")
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// uid returns the user of this machine who is calling.
func uid(ctx context.Context) (uint32, error) {
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok {
		return 0, errors.New("nobody knows who is calling")
	}
	if p.err != nil {
		return 0, fmt.Errorf("find out who is calling: %w", p.err)
	}
	return p.uid, nil
}

// control runs ask on c's file descriptor.
func control(c *net.UnixConn, ask func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = ask(int(fd)) }); err != nil {
		return err
	}
	return failed
}
