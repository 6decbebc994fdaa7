package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/ssm"
	"sesame/proxy/ssm/mux"
)

// The documents of port sessions.
const (
	PortDocument       = "AWS-StartPortForwardingSession"
	RemotePortDocument = "AWS-StartPortForwardingSessionToRemoteHost"
)

// multiplexing is the first version of the agent that carries more than one
// connection, and does not keep them alive by itself, which would keep the
// session from timing out.
const multiplexing = "3.1.1511.0"

// ErrOldAgent says that ports cannot be forwarded through the machine.
var ErrOldAgent = errors.New("the agent of the machine is older than " + multiplexing + ", which this client needs to forward ports: have the machine updated")

// Forward carries each connection to l through the session, until ctx is over,
// which is no error, or the session is. It tells said when l is served, and
// what goes wrong with a connection.
func (s *Session) Forward(ctx context.Context, l net.Listener, said func(string)) error {
	err := s.run(ctx, func(ctx context.Context) error { return s.forward(ctx, l, said) })
	if e, ok := errors.AsType[*Ended](err); ok && e.Why == "" || ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Session) forward(ctx context.Context, l net.Listener, said func(string)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	in, feed := io.Pipe()
	m := mux.Client(in, sender{ctx, s})
	carrying, ctx := errgroup.WithContext(ctx)
	carrying.Go(func() error {
		<-ctx.Done()
		m.Close()
		return errors.Join(context.Cause(ctx), l.Close(), in.Close())
	})
	carrying.Go(m.Run)
	carrying.Go(func() error { return s.feed(ctx, feed, said) })
	carrying.Go(func() error { return accept(ctx, l, m, carrying) })
	said("Forwarding " + l.Addr().String() + ". Control-C ends it.")
	return carrying.Wait()
}

// begin waits for the handshake of a port session.
func (s *Session) begin(ctx context.Context) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m.Payload != ssm.PayloadHandshakeComplete {
			continue
		}
		if s.about.Type != ssm.SessionPort {
			return fmt.Errorf("the session is of type %s, and not about a port", cmp.Or(s.about.Type, ssm.SessionShell))
		}
		var p struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(s.about.Properties, &p) // what is not said is not multiplexed
		if p.Type != "LocalPortForwarding" || older(s.agent, multiplexing) {
			return ErrOldAgent
		}
		return nil
	}
}

// older reports whether a version comes before another.
func older(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		n := 0
		if i < len(a) {
			n, _ = strconv.Atoi(a[i])
		}
		if want, _ := strconv.Atoi(b[i]); n != want {
			return n < want
		}
	}
	return false
}

// A sender writes to the session.
type sender struct {
	ctx context.Context // of the forwarding: io.Writer has no room for one
	s   *Session
}

// Write implements io.Writer.
func (w sender) Write(p []byte) (int, error) {
	if err := w.s.write(w.ctx, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// feed passes on the bytes of the agent.
func (s *Session) feed(ctx context.Context, to io.Writer, said func(string)) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m.Payload == ssm.PayloadFlag {
			if f, ok := ssm.FlagOf(m.Data); ok && f == ssm.FlagConnectError {
				said("The machine cannot connect to the port: check that something listens there, and that the machine may reach it.")
			}
		}
		if m.Payload != ssm.PayloadData {
			continue
		}
		if _, err := to.Write(m.Data); err != nil {
			return err
		}
	}
}

// accept gives each connection a stream.
func accept(ctx context.Context, l net.Listener, m *mux.Mux, carrying *errgroup.Group) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		stream, err := m.Open()
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		carrying.Go(func() error {
			hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer hangUp()
			_ = mux.Join(stream, conn.(mux.Duplex)) // a connection that breaks is the two programs' affair
			return nil
		})
	}
}
