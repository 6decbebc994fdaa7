package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/ssm"
	"sesame/proxy/ssm/mux"
)

// Forwarding is the type of port session whose streams are multiplexed.
const Forwarding = "LocalPortForwarding"

// port carries connections to a port, until the client ends the session.
func (s *Session) port(ctx context.Context) error {
	in, feed := io.Pipe()
	carrying, ctx := errgroup.WithContext(ctx)
	carrying.Go(func() error {
		err := s.feed(ctx, feed)
		return errors.Join(err, feed.CloseWithError(err))
	})
	if s.opt.Properties["type"] == Forwarding {
		carrying.Go(func() error { return s.streams(ctx, in) })
	} else {
		carrying.Go(func() error { return s.stream(ctx, in) })
	}
	return carrying.Wait()
}

// feed passes on the bytes that the client sends.
func (s *Session) feed(ctx context.Context, to io.Writer) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m.Payload != ssm.PayloadData {
			continue
		}
		if _, err := to.Write(m.Data); err != nil {
			return err
		}
	}
}

// streams carries each stream to a connection of its own.
func (s *Session) streams(ctx context.Context, in io.Reader) error {
	m := mux.Server(in, s.writer(ctx, ssm.PayloadData))
	running, ctx := errgroup.WithContext(ctx)
	running.Go(m.Run)
	stop := context.AfterFunc(ctx, m.Close)
	defer stop()
	for {
		stream, err := m.Accept(ctx)
		if err != nil {
			return errors.Join(err, running.Wait())
		}
		running.Go(func() error { return s.join(ctx, stream) })
	}
}

// join carries one stream. What becomes of it ends nothing but itself.
func (s *Session) join(ctx context.Context, stream *mux.Stream) error {
	conn, err := s.opt.Dial(ctx)
	if err != nil {
		return errors.Join(stream.Close(), s.flag(ctx, ssm.FlagConnectError))
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return errors.Join(conn.Close(), stream.Close())
	}
	hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer hangUp()
	_ = mux.Join(stream, tcp) // a connection that breaks is the two programs' affair
	return nil
}

// stream carries the one connection that the session is.
func (s *Session) stream(ctx context.Context, in *io.PipeReader) error {
	conn, err := s.opt.Dial(ctx)
	if err != nil {
		return errors.Join(errors.New("connection to the port failed"), s.flag(ctx, ssm.FlagConnectError))
	}
	hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer hangUp()
	var typing errgroup.Group
	typing.Go(func() error {
		_, err := io.Copy(conn, in)
		return err
	})
	_, err = io.Copy(s.writer(ctx, ssm.PayloadData), conn)
	if err == nil {
		err = s.end.Flush(ctx)
	}
	_, _ = conn.Close(), in.Close()
	_ = typing.Wait() // it fails because the connection is closed
	return errors.Join(errOver, err)
}

func (s *Session) flag(ctx context.Context, f ssm.Flag) error {
	return s.end.Write(ctx, ssm.PayloadFlag, binary.BigEndian.AppendUint32(nil, uint32(f)))
}
