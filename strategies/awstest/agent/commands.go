package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/flows/clock"
)

// A call is a command with its words.
type call struct {
	*run
	ctx      context.Context // of the command: interrupted by the person
	user     string
	args     []string
	out, err *bufio.Writer
}

// commands are what a Shell knows.
func commands() map[string]func(*call) int {
	return map[string]func(*call) int{
		"cat":      (*call).cat,
		"date":     func(c *call) int { return c.say(c.Clock.Now().Format(time.UnixDate)) },
		"echo":     func(c *call) int { return c.say(strings.Join(c.args, " ")) },
		"false":    func(*call) int { return 1 },
		"hostname": func(c *call) int { return c.say(c.Host) },
		"runes":    (*call).runes,
		"seq":      (*call).seq,
		"sleep":    (*call).sleep,
		"stty":     (*call).stty,
		"sudo":     (*call).sudo,
		"true":     func(*call) int { return 0 },
		"uname":    func(c *call) int { return c.say("Linux") },
		"warn":     (*call).warn,
		"whoami":   func(c *call) int { return c.say(c.user) },
		"yes":      (*call).yes,
	}
}

// The exit codes of a shell.
const (
	exitFailed      = 1
	exitMisused     = 2
	exitUnknown     = 127
	exitInterrupted = 130
)

// outputSize is how much a command writes at once.
const outputSize = 32 << 10

// execute runs a command by its words.
func (r *run) execute(ctx context.Context, user string, words []string) (code int, exits bool) {
	if words[0] == "exit" || words[0] == "logout" {
		if len(words) > 1 {
			code, _ = strconv.Atoi(words[1])
		}
		return code & 0xff, true
	}
	c := &call{run: r, ctx: ctx, user: user, args: words[1:]}
	c.out = bufio.NewWriterSize(r.lineEnds(r.t.Out), outputSize)
	c.err = bufio.NewWriterSize(r.lineEnds(r.stderr()), outputSize)
	known := commands()
	do, is := known[words[0]]
	switch {
	case is:
		code = do(c)
	case words[0] == "help":
		code = c.say("A toy of a shell. Commands: exit, help, " + strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	default:
		fmt.Fprintf(c.err, "sh: %s: command not found\n", words[0])
		code = exitUnknown
	}
	_, _ = c.out.Flush(), c.err.Flush() // they fail when the session is over
	if ctx.Err() != nil {
		code = exitInterrupted
	}
	return code, false
}

// stderr is the terminal's, or without one an output of its own.
func (r *run) stderr() Writer {
	if r.Plain {
		return r.t.Err
	}
	return r.t.Out
}

// lineEnds writes as print does.
func (r *run) lineEnds(to Writer) Writer {
	return func(p []byte) error {
		if r.Plain {
			return to(p)
		}
		return to([]byte(strings.ReplaceAll(string(p), "\n", "\r\n")))
	}
}

func (c *call) say(text string) int {
	fmt.Fprintln(c.out, text)
	return 0
}

func (c *call) misused(how string) int {
	fmt.Fprintln(c.err, "usage: "+how)
	return exitMisused
}

// number returns the nth argument.
func (c *call) number(n, otherwise int) (int, bool) {
	if n >= len(c.args) {
		return otherwise, otherwise >= 0
	}
	v, err := strconv.Atoi(c.args[n])
	return v, err == nil && v >= 0
}

// cat says each line again, until the end of the input.
func (c *call) cat() int {
	for {
		text, ok := c.line(c.ctx)
		if !ok {
			return 0
		}
		fmt.Fprintln(c.out, text)
		if c.out.Flush() != nil {
			return exitFailed
		}
	}
}

// seq counts from the first number, or one, to the last.
func (c *call) seq() int {
	last, ok := c.number(len(c.args)-1, -1)
	first := 1
	if len(c.args) == 2 {
		var isNumber bool
		first, isNumber = c.number(0, -1)
		ok = ok && isNumber
	}
	if !ok || len(c.args) > 2 {
		return c.misused("seq [FIRST] LAST")
	}
	for i := first; i <= last && c.ctx.Err() == nil; i++ {
		if _, err := fmt.Fprintln(c.out, i); err != nil {
			return exitFailed
		}
	}
	return 0
}

// yes says something until it is interrupted.
func (c *call) yes() int {
	text := "y"
	if len(c.args) > 0 {
		text = strings.Join(c.args, " ")
	}
	for c.ctx.Err() == nil {
		if _, err := fmt.Fprintln(c.out, text); err != nil {
			return exitFailed
		}
	}
	return 0
}

// runes writes characters of two, three and four bytes, which messages of a
// kilobyte cut anywhere.
func (c *call) runes() int {
	n, ok := c.number(0, -1)
	if !ok {
		return c.misused("runes N")
	}
	for i := 0; i < n && c.ctx.Err() == nil; i++ {
		if _, err := io.WriteString(c.out, []string{"é", "€", "🔑"}[i%3]); err != nil {
			return exitFailed
		}
	}
	return c.say("")
}

// sleep waits on the clock.
func (c *call) sleep() int {
	if len(c.args) != 1 {
		return c.misused("sleep SECONDS|DURATION")
	}
	text := c.args[0]
	if _, err := strconv.Atoi(text); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return c.misused("sleep SECONDS|DURATION")
	}
	if clock.Wait(c.ctx, c.Clock, c.Clock.Now().Add(d)) != nil {
		return exitInterrupted
	}
	return 0
}

// stty says the size of the terminal, or sets whether it shows what is typed.
func (c *call) stty() int {
	switch strings.Join(c.args, " ") {
	case "size":
		c.mu.Lock()
		size := c.size
		c.mu.Unlock()
		return c.say(fmt.Sprintf("%d %d", size.Rows, size.Cols))
	case "-echo":
		c.setEcho(false)
	case "echo":
		c.setEcho(true)
	default:
		return c.misused("stty size|echo|-echo")
	}
	return 0
}

func (r *run) setEcho(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.echo = on
}

// sudo asks for a password, takes any, and runs the command.
func (c *call) sudo() int {
	if len(c.args) == 0 {
		return c.misused("sudo COMMAND")
	}
	c.setEcho(false)
	c.print(c.t.Out, fmt.Sprintf("[sudo] password for %s: ", c.user))
	_, ok := c.line(c.ctx)
	c.setEcho(true)
	c.print(c.t.Out, "\n")
	if !ok {
		return exitFailed
	}
	code, _ := c.execute(c.ctx, "root", c.args)
	return code
}

// warn writes where errors go.
func (c *call) warn() int {
	fmt.Fprintln(c.err, strings.Join(c.args, " "))
	return 0
}
