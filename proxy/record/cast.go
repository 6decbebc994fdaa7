package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// The size that a terminal has until it is known.
const (
	defaultCols = 80
	defaultRows = 24
)

// errEnded answers what comes after the end of a recording.
var errEnded = errors.New("the recording has ended")

// A Header is what is known when a recording begins.
type Header struct {
	// Start is when the session began. The time of events counts from here.
	// Required.
	Start time.Time
	// Cols and Rows are the size of the terminal. Default 80 by 24.
	Cols, Rows int
	// Terminal is its type, such as xterm-256color. Optional.
	Terminal string
	// Title and Command are shown by players. Optional.
	Title, Command string
	// About is what players do not know: whose session under which grant.
	// It is written under a name of our own, which players pass over. Optional.
	About map[string]string
}

type headerLine struct {
	Version   int               `json:"version"`
	Term      term              `json:"term"`
	Timestamp int64             `json:"timestamp"`
	Command   string            `json:"command,omitempty"`
	Title     string            `json:"title,omitempty"`
	About     map[string]string `json:"sesame,omitempty"`
}

type term struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type,omitempty"`
}

// A Cast is a recording that is being written. It must be used by one
// goroutine at a time. After an error all its methods return that error.
type Cast struct {
	to    io.Writer
	start time.Time
	past  int64 // milliseconds since start of the latest event
	line  []byte
	err   error

	output, input runes
}

// NewCast begins a recording in w.
func NewCast(w io.Writer, h Header) (*Cast, error) {
	if h.Start.IsZero() {
		return nil, errors.New("begin a recording: no time that it starts at")
	}
	line, err := json.Marshal(headerLine{
		Version:   3,
		Term:      term{positive(h.Cols, defaultCols), positive(h.Rows, defaultRows), h.Terminal},
		Timestamp: h.Start.Unix(),
		Command:   h.Command,
		Title:     h.Title,
		About:     h.About,
	})
	if err != nil {
		return nil, err
	}
	c := &Cast{to: w, start: h.Start}
	if err := c.write(append(line, '\n')); err != nil {
		return nil, err
	}
	return c, nil
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// Output adds what was shown at that time.
func (c *Cast) Output(at time.Time, p []byte) error { return c.text(at, 'o', c.output.whole(p)) }

// Input adds what was typed at that time.
func (c *Cast) Input(at time.Time, p []byte) error { return c.text(at, 'i', c.input.whole(p)) }

// Resize adds that the terminal has another size.
func (c *Cast) Resize(at time.Time, cols, rows int) error {
	return c.event(at, 'r', strconv.AppendInt(append(strconv.AppendInt(nil, int64(cols), 10), 'x'), int64(rows), 10))
}

// Mark adds something that happened around the session, for players to show
// and to jump to.
func (c *Cast) Mark(at time.Time, label string) error { return c.event(at, 'm', []byte(label)) }

// Copy adds an event of another asciicast, as it is there.
func (c *Cast) Copy(l Line) error {
	if c.err != nil {
		return c.err
	}
	b := append(c.line[:0], '[')
	b = appendSeconds(b, c.since(c.start.Add(l.At)))
	b = append(b, ',', '"', l.Code, '"', ',', '"')
	c.line = append(append(b, l.quoted...), '"', ']', '\n')
	return c.write(c.line)
}

// AppendV2 appends the event as one of an asciicast, version 2, in which times
// count from the beginning. It has no event for an exit status, which is left
// out.
func (l Line) AppendV2(b []byte) []byte {
	if l.Code == 'x' {
		return b
	}
	b = append(appendSeconds(append(b, '['), l.At.Milliseconds()), ',', ' ', '"', l.Code, '"', ',', ' ', '"')
	return append(append(b, l.quoted...), '"', ']', '\n')
}

// Exit adds how the program ended, and ends the recording.
func (c *Cast) Exit(at time.Time, code int) error {
	if err := c.rest(at); err != nil {
		return err
	}
	if err := c.event(at, 'x', strconv.AppendInt(nil, int64(code), 10)); err != nil {
		return err
	}
	c.err = errEnded
	return nil
}

// Close ends the recording of a session that did not say how it ended. It may
// follow Exit, and does not close the writer.
func (c *Cast) Close(at time.Time) error {
	if errors.Is(c.err, errEnded) {
		return nil
	}
	if err := c.rest(at); err != nil {
		return err
	}
	c.err = errEnded
	return nil
}

// rest writes the beginnings of characters that never came to an end.
func (c *Cast) rest(at time.Time) error {
	if err := c.text(at, 'o', c.output.rest()); err != nil {
		return err
	}
	return c.text(at, 'i', c.input.rest())
}

// text adds an event unless there is nothing in it yet.
func (c *Cast) text(at time.Time, code byte, p []byte) error {
	if len(p) == 0 {
		return c.err
	}
	return c.event(at, code, p)
}

func (c *Cast) event(at time.Time, code byte, text []byte) error {
	if c.err != nil {
		return c.err
	}
	b := append(c.line[:0], '[')
	b = appendSeconds(b, c.since(at))
	b = append(b, ',', '"', code, '"', ',')
	b = appendString(b, text)
	c.line = append(b, ']', '\n')
	return c.write(c.line)
}

// since returns the milliseconds that passed since the latest event. They are
// differences of rounded times, and not rounded differences, so that what is
// lost by rounding does not add up. A clock that went back counts as standing
// still.
func (c *Cast) since(at time.Time) int64 {
	now := max(at.Sub(c.start).Milliseconds(), c.past)
	passed := now - c.past
	c.past = now
	return passed
}

func (c *Cast) write(line []byte) error {
	if _, err := c.to.Write(line); err != nil {
		c.err = fmt.Errorf("write the recording: %w", err)
	}
	return c.err
}

func appendSeconds(b []byte, milliseconds int64) []byte {
	b = strconv.AppendInt(b, milliseconds/1000, 10)
	rest := milliseconds % 1000
	return append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}
