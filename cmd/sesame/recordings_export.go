package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/proxy/record"
)

// An exportOptions says what of a recording is taken away, and how.
type exportOptions struct {
	format     string
	file       string
	keystrokes bool
	reason     string
}

// The formats of exports.
const (
	asCast  = "cast"
	asCast2 = "cast2"
	asText  = "text"
	asJSON  = "json"
)

func newRecordingsExport(c *console) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use: "export RECORDING", Short: "Write a recording in a form that other programs read", Args: exactly("a recording"),
		Long: "Writes a recording to standard output, or to a file that must not exist yet:\n\n  cast   asciicast, version 3, which asciinema plays\n  cast2  asciicast, version 2\n  text   what was to be read, row by row, with when\n  json   events, one a line\n\nWith --keystrokes, what was typed is in it as well. That takes a role of its own,\nand a reason, which is recorded.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.json {
				o.format = asJSON
			}
			if !slices.Contains([]string{asCast, asCast2, asText, asJSON}, o.format) {
				return &misuse{fmt.Errorf("%q is no format: there are cast, cast2, text and json", o.format), cmd.CommandPath()}
			}
			return c.library(func(server client.Recordings) error { return c.export(cmd.Context(), server, args[0], o) })
		},
	}
	cmd.Flags().StringVar(&o.format, "format", asCast, "cast, cast2, text or json")
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "the file to write")
	cmd.Flags().BoolVar(&o.keystrokes, "keystrokes", false, "with what was typed")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why you look at what was typed")
	return c.jsonFlag(cmd)
}

func (c *console) export(ctx context.Context, server client.Recordings, id string, o exportOptions) (err error) {
	to := *c
	if o.file != "" {
		f, failed := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if failed != nil {
			return failed
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(o.file)) // half a recording is none
			}
		}()
		to.out = f
	}
	feeds, r, err := openAll(ctx, server, id, o)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to.out, 64<<10)
	to.out = w
	return errors.Join(to.exportAs(ctx, o.format, feeds, r), w.Flush())
}

// openAll begins to look at what is to be exported.
func openAll(ctx context.Context, server client.Recordings, id string, o exportOptions) (merged, api.Recording, error) {
	shown, r, err := open(ctx, server, id, api.Viewing{Look: api.LookExport}, 0)
	if err != nil || !o.keystrokes {
		return merged{shown}, r, err
	}
	typed, _, err := open(ctx, server, id, api.Viewing{Look: api.LookKeystrokes, Reason: o.reason}, 0)
	return merged{shown, typed}, r, err
}

func (c *console) exportAs(ctx context.Context, format string, from merged, r api.Recording) error {
	switch format {
	case asCast2:
		return c.exportCast2(ctx, from, r)
	case asText:
		return c.exportText(ctx, from)
	case asJSON:
		return c.exportJSON(ctx, from, r)
	}
	return c.exportCast(ctx, from, r)
}

// header is what a recording begins with when it is exported.
func header(from merged, r api.Recording) (record.Header, error) {
	size, err := record.SizeOf([]byte(from[0].head))
	return record.Header{
		Start: r.Began, Cols: size.Cols, Rows: size.Rows, Title: strings.Join(nonEmpty(r.Name, "on", placeOf(r)), " "), Command: r.Command,
		About: map[string]string{"recording": r.ID, "grant": r.Grant, "person": r.Person, "target": r.Target},
	}, err
}

func (c *console) exportCast(ctx context.Context, from merged, r api.Recording) error {
	h, err := header(from, r)
	if err != nil {
		return err
	}
	cast, err := record.NewCast(c.out, h)
	if err != nil {
		return err
	}
	return from.each(ctx, cast.Copy)
}

// each calls f for every event.
func (m merged) each(ctx context.Context, f func(record.Line) error) error {
	for {
		l, ok, err := m.pop(ctx)
		if err != nil || !ok {
			return err
		}
		if err := f(l); err != nil {
			return err
		}
	}
}

func (c *console) exportCast2(ctx context.Context, from merged, r api.Recording) error {
	h, err := header(from, r)
	if err != nil {
		return err
	}
	head := struct {
		Version   int               `json:"version"`
		Width     int               `json:"width"`
		Height    int               `json:"height"`
		Timestamp int64             `json:"timestamp"`
		Title     string            `json:"title,omitempty"`
		About     map[string]string `json:"sesame,omitempty"`
	}{2, h.Cols, h.Rows, h.Start.Unix(), h.Title, h.About}
	if err := json.NewEncoder(c.out).Encode(head); err != nil {
		return err
	}
	var buf []byte
	return from.each(ctx, func(l record.Line) error {
		buf = l.AppendV2(buf[:0])
		_, err := c.out.Write(buf)
		return err
	})
}

// exportText writes rows as they were to be read. What was typed comes before
// what it caused, on a row of its own.
func (c *console) exportText(ctx context.Context, from merged) error {
	var rows record.Rows
	err := from.each(ctx, func(l record.Line) error {
		switch l.Code {
		case 'o':
			rows.Add(l)
			return c.printRows(&rows)
		case 'i':
			return c.printRow(l.At, "typed: "+visible(l.Text()))
		case 'r':
			return c.printRow(l.At, "-- the terminal is "+printable(l.Text()))
		case 'm':
			return c.printRow(l.At, "-- "+printable(l.Text()))
		case 'x':
			return c.printRow(l.At, "-- exit status "+printable(l.Text()))
		}
		return nil
	})
	rows.Flush()
	return errors.Join(err, c.printRows(&rows))
}

func (c *console) printRows(rows *record.Rows) error {
	at := 0
	for row := range strings.Lines(string(rows.Whole())) {
		if text := strings.TrimRight(row, " \n"); text != "" {
			if err := c.printRow(rows.When(at), text); err != nil {
				return err
			}
		}
		at += len(row)
	}
	rows.Drop()
	return nil
}

func (c *console) printRow(at time.Duration, text string) error {
	_, err := fmt.Fprintf(c.out, "%s  %s\n", offset(at), printable(text))
	return err
}

// offset is how long after its beginning something was in a session.
func offset(at time.Duration) string {
	at = at.Truncate(time.Millisecond)
	return fmt.Sprintf("%02d:%02d:%06.3f", at/time.Hour, at%time.Hour/time.Minute, (at % time.Minute).Seconds())
}

// visible names keys that write nothing.
func visible(text string) string {
	names := strings.NewReplacer("\r", "⏎", "\n", "⏎", "\t", "⇥", "\x7f", "⌫", "\b", "⌫", "\x1b", "⎋")
	return printable(strings.Map(func(r rune) rune {
		if r < ' ' {
			return 0x2400 + r // the picture of a control character
		}
		return r
	}, names.Replace(text)))
}

// An exportedEvent is one event for programs.
type exportedEvent struct {
	// At is in seconds since the session began. Whoever watches sees it now.
	At   *float64 `json:"at,omitempty"`
	Type string   `json:"type"`
	Text string   `json:"text"`
}

// eventType is what an event with a code is called.
func eventType(code byte) string {
	switch code {
	case 'o':
		return "output"
	case 'i':
		return "input"
	case 'm':
		return "mark"
	case 'r':
		return "resize"
	case 'x':
		return "exit"
	}
	return string(code)
}

// exportJSON writes the recording and then its events, one a line.
func (c *console) exportJSON(ctx context.Context, from merged, r api.Recording) error {
	if err := encodeLine(c.out, struct {
		Recording api.Recording `json:"recording"`
	}{r}); err != nil {
		return err
	}
	return from.each(ctx, func(l record.Line) error { return c.printEvent(l, true) })
}

// printEvent writes an event; timed says that it is known when it was.
func (c *console) printEvent(l record.Line, timed bool) error {
	e := exportedEvent{Type: eventType(l.Code), Text: l.Text()}
	if timed {
		at := l.At.Seconds()
		e.At = &at
	}
	return encodeLine(c.out, e)
}

func encodeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
