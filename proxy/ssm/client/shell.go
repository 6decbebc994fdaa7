package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/ssm"
)

// A Terminal is where a session is shown.
type Terminal struct {
	// Keys are what is typed, closed at the end of it. A session that began
	// with a terminal ends then, as a shell does at the end of its input.
	Keys <-chan []byte
	// Sizes are those of the terminal, from the first on. Nil without one.
	Sizes    <-chan ssm.Size
	Out, Err io.Writer
	// Code gets how the agent says the exit code. Optional.
	Code io.Writer
}

// endOfInput is what a terminal makes of Control-D.
const endOfInput = 4

// Shell shows the session until it ends, and returns the exit code of what ran,
// if that was told: a shell does not tell.
func (s *Session) Shell(ctx context.Context, t Terminal) (code int, err error) {
	err = s.run(ctx, func(ctx context.Context) error {
		using, ctx := errgroup.WithContext(ctx)
		over, stop := context.WithCancel(ctx)
		begun := make(chan struct{})
		using.Go(func() error {
			defer stop()
			return s.show(ctx, t, &code, begun)
		})
		using.Go(func() error { return s.listen(over, t, begun) })
		return using.Wait()
	})
	if e, ok := errors.AsType[*Ended](err); ok && e.Why == "" {
		err = nil
	}
	return code, err
}

// show shows what comes. It closes begun when what is typed has somewhere to
// go.
func (s *Session) show(ctx context.Context, t Terminal, code *int, begun chan struct{}) error {
	for first := true; ; {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if first {
			close(begun)
			first = false
		}
		if err := s.present(t, m, code); err != nil {
			return fmt.Errorf("show the session: %w", err)
		}
	}
}

func (s *Session) present(t Terminal, m ssm.Message, code *int) error {
	var err error
	switch m.Payload {
	case ssm.PayloadHandshakeComplete:
		var c ssm.HandshakeComplete
		if json.Unmarshal(m.Data, &c) == nil && c.Message != "" {
			_, err = fmt.Fprintf(t.Out, "%s\r\n", c.Message)
		}
	case ssm.PayloadExitCode:
		if told, ok := ssm.ExitCodeOf(m.Data); ok {
			*code = told
		}
		if t.Code != nil {
			_, err = t.Code.Write(m.Data)
		}
	case ssm.PayloadStderr, ssm.PayloadError:
		_, err = t.Err.Write(m.Data)
	case ssm.PayloadFlag:
	default:
		_, err = t.Out.Write(m.Data)
	}
	return err
}

// listen passes on what the person does, once the session has begun.
func (s *Session) listen(ctx context.Context, t Terminal, begun <-chan struct{}) error {
	select {
	case <-begun:
	case <-ctx.Done():
		return nil
	}
	for {
		var err error
		select {
		case keys, ok := <-t.Keys:
			if !ok {
				t.Keys = nil
				keys = []byte{endOfInput}
			}
			err = s.write(ctx, keys)
		case size := <-t.Sizes:
			err = s.say(ctx, ssm.PayloadSize, size)
		case <-ctx.Done():
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
