package main

import (
	"fmt"
	"strings"
	"time"

	"sesame/flows/replay"
)

// kindWords say what a difference is.
var kindWords = map[replay.Kind]cell{
	replay.Refused: {"would be refused", red},
	replay.Allowed: {"would be allowed", yellow},
	replay.Decides: {"others would decide", yellow},
	replay.Told:    {"others would be told, or silence would end otherwise", plain},
	replay.Warned:  {"other warnings would be shown", plain},
	replay.Unknown: {"cannot tell", dim},
}

// replayTable prints a report for a terminal.
func (c *console) replayTable(r replay.Report) error {
	fmt.Fprintf(c.out, "%s.\n\n", replayed(r))
	c.facts(
		fact("unchanged", fmt.Sprint(r.Unchanged)),
		fact("changed", fmt.Sprint(r.Changed)),
		fact("cannot tell", fmt.Sprint(r.Unknown)),
	)
	if len(r.Causes) > 0 {
		fmt.Fprintln(c.out)
		rows := make([][]cell, len(r.Causes))
		for i, n := range r.Causes {
			rows[i] = []cell{{fmt.Sprint(n.Requests), plain}, kindWords[n.Kind], {printable(n.Rule), plain}, {printable(n.Pos), dim}}
		}
		c.table([]string{"REQUESTS", "DIFFERENCE", "RULE", "AT"}, rows)
	}
	c.changes("would be otherwise", r.Changes, r.Changed)
	c.changes("cannot be told", r.Unknowns, r.Unknown)
	return nil
}

// changes prints requests, each with what makes the difference below it.
func (c *console) changes(what string, all []replay.Change, of int) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(c.out, "\n%s %s%s\n", count(of, "request"), what, latestOf(len(all), of))
	for _, ch := range all {
		fmt.Fprintf(c.out, "\n%s  %s for %s\n", c.paint(cell{atMinute(ch.At), dim}), printable(ch.Who), printable(ch.Target))
		lines := [][]cell{fact("  request", string(ch.Request)), fact("  was", wasLine(ch))}
		if ch.Would != nil {
			lines = append(lines, []cell{{text: "  would be"}, {printable(wouldLine(ch)), kindWords[ch.Kind].color}})
		}
		c.facts(append(lines, several("  because", causeLines(ch))...)...)
	}
}

func latestOf(shown, of int) string {
	if shown == of {
		return ":"
	}
	return fmt.Sprintf("; the latest %d (--limit shows more):", shown)
}

// replayed says what was looked at.
func replayed(r replay.Report) string {
	text := "Judged " + count(r.Requests, "request")
	if !r.Since.IsZero() {
		text += " since " + r.Since.Format("2006-01-02 15:04")
	}
	text += " by the proposed rules, revision " + r.Revision
	if r.Unjudged > 0 {
		text += fmt.Sprintf("; %d more had been refused before any rule was asked", r.Unjudged)
	}
	return text
}

// atMinute shortens a moment of a report.
func atMinute(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Format("Mon 2006-01-02 15:04")
}

func wasLine(ch replay.Change) string { return sideLine(ch.Was) }

// wouldLine says what a request would have met, as far as it differs.
func wouldLine(ch replay.Change) string {
	switch ch.Kind {
	case replay.Told:
		return sideLine(*ch.Would) + "; others would be told, or silence would end otherwise"
	case replay.Warned:
		warnings := "; no warning would be shown"
		if len(ch.Would.Warnings) > 0 {
			warnings = "; the warning would be: " + strings.Join(ch.Would.Warnings, " ")
		}
		return sideLine(*ch.Would) + warnings
	}
	return sideLine(*ch.Would)
}

func sideLine(s replay.Side) string {
	if !s.Allow {
		return "refused: " + strings.Join(s.Reasons, " ")
	}
	return fmt.Sprintf("allowed; route %s, decided by %s", s.Route, s.Decides)
}

// causeLines name what makes the difference, with its place.
func causeLines(ch replay.Change) []string {
	var all []string
	for _, cause := range ch.Causes {
		line := cause.Rule
		if cause.Pos != "" {
			line += " at " + cause.Pos
		}
		if cause.Text != "" && ch.Kind != replay.Refused {
			line += ": " + cause.Text
		}
		all = append(all, line)
	}
	return all
}

// replayMarkdown prints a report for a pull request.
func (c *console) replayMarkdown(r replay.Report) error {
	verdict := "No past request would fare otherwise."
	if !r.Same() {
		verdict = fmt.Sprintf("**%d changed**, **%d cannot be told**, %d unchanged.", r.Changed, r.Unknown, r.Unchanged)
	}
	fmt.Fprintf(c.out, "### Replay of past requests\n\n%s\n\n%s.\n", verdict, markdown(replayed(r)))
	if len(r.Causes) > 0 {
		fmt.Fprint(c.out, "\n| Requests | Difference | Rule | At |\n| ---: | --- | --- | --- |\n")
		for _, n := range r.Causes {
			c.markdownRow(fmt.Sprint(n.Requests), kindWords[n.Kind].text, n.Rule, n.Pos)
		}
	}
	c.markdownChanges("Changed", r.Changes, r.Changed)
	c.markdownChanges("Cannot tell", r.Unknowns, r.Unknown)
	return nil
}

func (c *console) markdownChanges(title string, all []replay.Change, of int) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(c.out, "\n#### %s%s\n\n| Asked | Who | Target | Was | Would be | Because |\n| --- | --- | --- | --- | --- | --- |\n",
		title, strings.TrimSuffix(latestOf(len(all), of), ":"))
	for _, ch := range all {
		would := kindWords[replay.Unknown].text
		if ch.Would != nil {
			would = wouldLine(ch)
		}
		c.markdownRow(atMinute(ch.At), ch.Who, ch.Target, wasLine(ch), would, strings.Join(causeLines(ch), "; "))
	}
}

func (c *console) markdownRow(cells ...string) {
	for i, text := range cells {
		cells[i] = markdown(text)
	}
	fmt.Fprintf(c.out, "| %s |\n", strings.Join(cells, " | "))
}

// markdown returns text that Markdown shows as it is: people typed some of it.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range printable(text) {
		if strings.ContainsRune("\\`*_{}[]<>|#!~@&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
