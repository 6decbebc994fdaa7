package agent

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
)

// Version is what the agent says of itself: one that multiplexes ports, and
// keeps none of them alive.
const Version = "3.3.2299.0"

// Options are what a session is to be.
type Options struct {
	ID    string
	Clock clock.Clock
	// Kind is the type of session, ssm.SessionShell and so on. Required.
	Kind string
	// Properties are what the handshake says of the kind. Optional.
	Properties map[string]string
	// Handshake has a plain shell begin with one, too.
	Handshake bool
	// Message is what the client shows once the handshake is over. Optional.
	Message string
	// KeyID names the key of KMS with which the session is sealed, and DataKey
	// opens what the client had made with it. Optional, both or none.
	KeyID   string
	DataKey func(blob []byte) ([]byte, error)
	// Program is what runs. Required, unless the session is about a port.
	Program Program
	// Dial leads to the port. Required for one.
	Dial func(ctx context.Context) (net.Conn, error)
}

// A Program is what runs on the machine. It ends when the terminal's input
// does, or its context, and returns its exit code.
type Program interface {
	Run(ctx context.Context, t Terminal) int
}

// A Terminal is what a Program has of the person. In is closed when the
// session is over. A program that has no terminal gets no sizes.
type Terminal struct {
	In       <-chan Input
	Out, Err Writer
}

// A Writer takes output. Its error means that the session is over.
type Writer func([]byte) error

// Write implements io.Writer.
func (w Writer) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// An Input is what was typed, or the terminal's new size.
type Input struct {
	Data []byte
	Size ssm.Size
}

// A Session is one session of an agent.
type Session struct {
	opt    Options
	end    *channel.End
	key    ssm.Key
	sealed bool
}

// New returns a session that has not begun.
func New(o Options) *Session {
	return &Session{opt: o, end: channel.New(ssm.Agent, o.Clock)}
}

// Serve carries the session over a socket until that breaks, and closes it.
func (s *Session) Serve(ctx context.Context, socket channel.Socket) error {
	return s.end.Serve(ctx, socket)
}

// Close tells the client that the session is over, and why, if there is a
// reason to tell.
func (s *Session) Close(why string) {
	data, _ := json.Marshal(ssm.Closing{ // always can
		Created: s.opt.Clock.Now().Format("2006-01-02T15:04:05.000Z"), SessionID: s.opt.ID, Type: ssm.Closed, Schema: 1, Output: why,
	})
	s.end.Tell(ssm.Closed, data)
}

// Flush waits until the client has everything.
func (s *Session) Flush(ctx context.Context) error { return s.end.Flush(ctx) }

// errOver ends a session that the client wants to end.
var errOver = errors.New("the client ended the session")

// Run runs the session until its program or the client has ended it, or ctx
// does. Whoever calls it then calls Close.
func (s *Session) Run(ctx context.Context) error {
	if s.opt.Handshake || s.opt.KeyID != "" || s.opt.Kind != ssm.SessionShell {
		if err := s.handshake(ctx); err != nil {
			return err
		}
	}
	err := s.run(ctx)
	if errors.Is(err, errOver) {
		return nil
	}
	return err
}

func (s *Session) run(ctx context.Context) error {
	if s.opt.Kind == ssm.SessionPort {
		return s.port(ctx)
	}
	return s.program(ctx)
}

// program runs the program while input is carried to it.
func (s *Session) program(ctx context.Context) error {
	keys := make(chan Input)
	over, stop := context.WithCancelCause(ctx)
	var reading errgroup.Group
	reading.Go(func() error {
		defer close(keys)
		err := s.listen(over, keys)
		stop(err)
		return nil
	})
	code := s.opt.Program.Run(over, Terminal{keys, s.writer(over, ssm.PayloadData), s.writer(over, ssm.PayloadStderr)})
	err := context.Cause(over)
	if err == nil && s.opt.Kind == ssm.SessionNonInteractive {
		err = s.write(over, ssm.PayloadExitCode, fmt.Appendf(nil, "EXIT_CODE: %d", code))
	}
	if err == nil {
		err = s.end.Flush(over)
	}
	stop(errOver)
	return errors.Join(err, reading.Wait())
}

// listen passes on what the client sends.
func (s *Session) listen(ctx context.Context, to chan<- Input) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		in := Input{Data: m.Data}
		switch m.Payload {
		case ssm.PayloadData:
		case ssm.PayloadSize:
			in.Data = nil
			if err := json.Unmarshal(m.Data, &in.Size); err != nil {
				continue
			}
		default:
			continue
		}
		select {
		case to <- in:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next returns the next message, opened, unless it is the one that ends the
// session.
func (s *Session) next(ctx context.Context) (ssm.Message, error) {
	m, err := s.end.Read(ctx)
	if err != nil {
		return m, err
	}
	if m.Payload == ssm.PayloadFlag && len(m.Data) == 4 && ssm.Flag(binary.BigEndian.Uint32(m.Data)) == ssm.FlagTerminate {
		return m, errOver
	}
	if s.sealed && m.Payload == ssm.PayloadData {
		if m.Data, err = s.key.Open(ssm.Client, m.Data); err != nil {
			return m, fmt.Errorf("input number %d: %w", m.Seq, err)
		}
	}
	return m, nil
}

// writer returns what writes output of a kind.
func (s *Session) writer(ctx context.Context, p ssm.Payload) Writer {
	return func(data []byte) error {
		for len(data) > 0 {
			n := min(len(data), channel.ChunkSize)
			if err := s.write(ctx, p, data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	}
}

// write sends one message, sealed if the session is.
func (s *Session) write(ctx context.Context, p ssm.Payload, data []byte) error {
	if s.sealed {
		data = s.seal(data)
	}
	return s.end.Write(ctx, p, data)
}

func (s *Session) seal(data []byte) []byte {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	return s.key.Seal(ssm.Agent, nonce, data)
}

const nonceSize = 12
