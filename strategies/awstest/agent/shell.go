package agent

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
)

// Prompt is how a Shell says that it waits for a command.
const Prompt = "sh-5.2$ "

// A Shell is a toy that looks like a shell from afar. Without a Command it
// reads commands until exit, or the end of its input.
type Shell struct {
	Clock clock.Clock
	// Host and User are what commands say of where they are.
	Host, User string
	// Command is run instead of what is typed. Optional.
	Command string
	// Plain is a shell without a terminal: no echo, and lines end with LF.
	Plain bool
}

// Run implements Program.
func (s Shell) Run(ctx context.Context, t Terminal) int {
	r := &run{Shell: s, t: t, lines: make(chan line, typeAhead), echo: !s.Plain}
	r.size = ssm.Size{Cols: 80, Rows: 24}
	var reading errgroup.Group
	over, stop := context.WithCancel(ctx)
	reading.Go(func() error { r.read(over); return nil })
	code := r.main(ctx)
	stop()
	_ = reading.Wait()
	return code
}

// typeAhead is how many lines may be typed that no command reads yet.
const typeAhead = 64

// A line was typed, or the end of the input was.
type line struct {
	text string
	end  bool
}

// A run is a Shell at work: one part of it reads keys, the other runs
// commands.
type run struct {
	Shell
	t     Terminal
	lines chan line

	mu   sync.Mutex // guards what follows
	size ssm.Size
	echo bool
	stop context.CancelFunc // of the command that runs
	part []byte             // of the line that is being typed
}

// main runs commands.
func (r *run) main(ctx context.Context) int {
	if r.Command != "" {
		code, _ := r.command(ctx, r.Command)
		return code
	}
	code := 0
	for ctx.Err() == nil {
		r.print(r.t.Out, Prompt)
		typed, ok := r.line(ctx)
		if !ok {
			break
		}
		var exits bool
		if code, exits = r.command(ctx, typed); exits {
			break
		}
	}
	r.print(r.t.Out, "exit\n")
	return code
}

// command runs one, until it ends or is interrupted.
func (r *run) command(ctx context.Context, typed string) (code int, exits bool) {
	words := strings.Fields(typed)
	if len(words) == 0 {
		return 0, false
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.setStop(stop)
	defer r.setStop(nil)
	return r.execute(ctx, r.User, words)
}

func (r *run) setStop(stop context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = stop
}

// line returns what was typed next, unless the input ends.
func (r *run) line(ctx context.Context) (string, bool) {
	select {
	case l := <-r.lines:
		return l.text, !l.end
	case <-ctx.Done():
		return "", false
	}
}

// print writes text as the terminal wants it.
func (r *run) print(to io.Writer, text string) {
	if !r.Plain {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	_, _ = io.WriteString(to, text) // it fails when the session is over
}

// read takes what the person does.
func (r *run) read(ctx context.Context) {
	for {
		select {
		case in, ok := <-r.t.In:
			if !ok {
				r.enter(line{end: true})
				return
			}
			if in.Data == nil {
				r.mu.Lock()
				r.size = in.Size
				r.mu.Unlock()
			}
			for _, b := range in.Data {
				r.key(b)
			}
		case <-ctx.Done():
			return
		}
	}
}

// The keys that mean something.
const (
	keyInterrupt = 3
	keyEnd       = 4
	keyBackspace = 8
	keyDelete    = 127
)

// key takes one key as a terminal's line discipline does.
func (r *run) key(b byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case b == '\r' || b == '\n':
		r.showLocked("\n")
		r.enter(line{text: string(r.part)})
		r.part = nil
	case b == keyInterrupt:
		r.showLocked("^C\n")
		r.part = nil
		if r.stop != nil {
			r.stop()
		} else if r.Command == "" {
			r.print(r.t.Out, Prompt)
		}
	case b == keyEnd && len(r.part) == 0:
		r.enter(line{end: true})
	case b == keyBackspace || b == keyDelete:
		if len(r.part) > 0 {
			r.part = bytes.TrimRight(r.part, "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f")
			r.part = r.part[:len(r.part)-1]
			r.showLocked("\b \b")
		}
	case b >= ' ':
		r.part = append(r.part, b)
		r.showLocked(string([]byte{b}))
	}
}

// showLocked shows what was typed, unless that is secret.
func (r *run) showLocked(text string) {
	if r.echo {
		r.print(r.t.Out, text)
	}
}

// enter gives a line to whoever reads lines; what is typed too far ahead is
// lost, as it is with a terminal.
func (r *run) enter(l line) {
	select {
	case r.lines <- l:
	default:
	}
}
