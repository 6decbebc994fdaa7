package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"sesame/proxy/ssm"
	session "sesame/proxy/ssm/client"
)

// A commandEnded carries the exit code of a command that ran elsewhere, and
// has said itself what there is to say.
type commandEnded struct{ code int }

func (e *commandEnded) Error() string { return fmt.Sprintf("the command ended with %d", e.code) }

// shell shows a session at the terminal until it ends, and returns the exit
// code of what ran, if that is not zero.
func (c *console) shell(ctx context.Context, s *session.Session, in io.Reader) error {
	code, err := show(ctx, s, in, session.Terminal{Out: c.out, Err: c.err})
	if err == nil && code != 0 {
		return &commandEnded{code}
	}
	return err
}

// show shows a session on t, with in to type at.
func show(ctx context.Context, s *session.Session, in io.Reader, t session.Terminal) (code int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t.Keys = keysOf(ctx, in)
	var watching errgroup.Group
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		before, err := term.MakeRaw(int(f.Fd()))
		if err != nil {
			return 0, fmt.Errorf("the terminal cannot be set up: %w", err)
		}
		defer func() { _ = term.Restore(int(f.Fd()), before) }()
		sizes := make(chan ssm.Size)
		t.Sizes = sizes
		watching.Go(func() error { watchSize(ctx, f, sizes); return nil })
	}
	code, err = s.Shell(ctx, t)
	stop()
	_ = watching.Wait()
	return code, err
}

// keysOf reads what is typed. Whoever waits for a key cannot be interrupted, so
// the last read ends with the process.
func keysOf(ctx context.Context, in io.Reader) <-chan []byte {
	keys := make(chan []byte)
	var reading errgroup.Group
	reading.Go(func() error {
		defer close(keys)
		for {
			buf := make([]byte, 1024)
			n, err := in.Read(buf)
			if n > 0 {
				select {
				case keys <- buf[:n]:
				case <-ctx.Done():
					return nil
				}
			}
			if err != nil {
				return nil
			}
		}
	})
	return keys
}

// watchSize tells the size of the terminal now, and whenever it changes.
func watchSize(ctx context.Context, f *os.File, sizes chan<- ssm.Size) {
	changed := make(chan os.Signal, 1)
	defer resized(changed)()
	for {
		if cols, rows, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 && rows > 0 {
			select {
			case sizes <- ssm.Size{Cols: uint32(cols), Rows: uint32(rows)}:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
