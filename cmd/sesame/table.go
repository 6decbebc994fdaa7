package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"sesame/flows/access"
)

// A color is the number of an ANSI colour.
type color int

// The colours.
const (
	plain  color = 0
	red    color = 31
	green  color = 32
	yellow color = 33
	dim    color = 2
)

// stateColors say what needs looking at.
var stateColors = map[string]color{
	"pending": yellow, "opening": yellow, "closing": yellow, "connecting": yellow,
	"approved": green, "open": green, "connected": green,
	"denied": red, "failed": red, "stopped": red, "refused": red, "alarm": red, "denial": red,
	"closed": dim, "withdrawn": dim, "lapsed": dim,
}

// A cell is a text with a colour, which the width of a column leaves out.
type cell struct {
	text  string
	color color
}

func cells(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, t := range texts {
		row[i] = cell{printable(t), plain}
	}
	return row
}

func state(s string) cell { return cell{printable(s), stateColors[s]} }

// table prints rows under a head, in columns as wide as they need to be.
func (c *console) table(head []string, rows [][]cell) {
	top := cells(head...)
	for i := range top {
		top[i].color = dim
	}
	rows = append([][]cell{top}, rows...)
	widths := make([]int, len(head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.text))
		}
	}
	for _, row := range rows {
		c.row(row, widths)
	}
}

func (c *console) row(row []cell, widths []int) {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(c.paint(cell))
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.text)+2))
		}
	}
	fmt.Fprintln(c.out, strings.TrimRight(b.String(), " "))
}

// facts prints names with their values, leaving out what has no value.
func (c *console) facts(pairs ...[]cell) {
	width := 0
	for _, p := range pairs {
		if p[1].text != "" {
			width = max(width, utf8.RuneCountInString(p[0].text))
		}
	}
	for _, p := range pairs {
		if p[1].text != "" {
			p[0].color = dim
			c.row(p, []int{width, 0})
		}
	}
}

func fact(name, value string) []cell { return cells(name, value) }

func (c *console) paint(t cell) string {
	if !c.color || t.color == plain {
		return t.text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", t.color, t.text)
}

// printable returns text on one line and without what a terminal would act
// on: people typed some of it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// printJSON prints v for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// when returns a moment in local time, with how far it is from now.
func (c *console) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	now := c.clock.Now().Add(c.ahead())
	local, layout := t.In(c.zone), "2006-01-02 15:04"
	if y, m, d := now.In(c.zone).Date(); local.Year() == y && local.Month() == m && local.Day() == d {
		layout = "15:04"
	}
	return fmt.Sprintf("%s (%s)", local.Format(layout), distance(t.Sub(now)))
}

// distance returns d as a person says it: "in 5m", "3h ago".
func distance(d time.Duration) string {
	if d.Abs() < time.Minute {
		return "now"
	}
	size := d.Abs().Round(time.Minute) // what lasts an hour, lasts that also a moment later
	var text string
	switch {
	case size < time.Hour:
		text = fmt.Sprintf("%dm", size/time.Minute)
	case size < 24*time.Hour:
		text = fmt.Sprintf("%dh%02dm", size/time.Hour, size%time.Hour/time.Minute)
	default:
		text = fmt.Sprintf("%dd", size/(24*time.Hour))
	}
	if d > 0 {
		return "in " + text
	}
	return text + " ago"
}

// spoken returns a duration that JSON carries, as a person says it.
func spoken(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return access.Spoken(d)
}
