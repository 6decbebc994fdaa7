package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sesame/bot/slacktest"
)

// A play is a story being told. After the first thing that is not as told, it
// does nothing more: err says what that was.
type play struct {
	ctx   context.Context // of the whole story
	stage *Stage
	out   io.Writer
	err   error
	// printed is what was last shown of each message, by its place.
	printed map[string][]string
}

// tell writes one line: who or where, and what.
func (p *play) tell(who, format string, args ...any) {
	first := true
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		for _, part := range wrapped(strings.TrimRight(line, "\n"), textWidth) {
			if !first {
				who = ""
			}
			fmt.Fprintf(p.out, "   %-10s %s\n", who, part)
			first = false
		}
	}
}

// textWidth is how wide a text may be: with what stands before it, a line has
// 96 columns.
const textWidth = 80

// wrapped is a line in parts that are no longer than width, if its words allow
// it.
func wrapped(line string, width int) []string {
	var parts []string
	now := ""
	for _, word := range strings.SplitAfter(line, " ") {
		if now != "" && utf8.RuneCountInString(now+strings.TrimRight(word, " ")) > width {
			parts = append(parts, strings.TrimRight(now, " "))
			now = "  "
		}
		now += word
	}
	return append(parts, strings.TrimRight(now, " "))
}

// failed notes that something is not as told.
func (p *play) failed(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// check compares a claim with what the stand-ins hold.
func (p *play) check(claim string, ok bool) {
	switch {
	case p.err != nil:
	case ok:
		p.tell("    ok", "%s", claim)
	default:
		p.failed("not so: %s", claim)
	}
}

// await waits for something that takes its time, and then says so.
func (p *play) await(claim string, done func() bool) {
	if p.err != nil {
		return
	}
	p.failedBy(p.stage.Await(p.ctx, claim, done))
	p.check(claim, p.err == nil)
}

func (p *play) failedBy(err error) {
	if err != nil {
		p.failed("%w", err)
	}
}

// did takes what Slack says at once to what somebody did.
func (p *play) did(r slacktest.Reply, err error) {
	p.failedBy(err)
	if r.Error != "" {
		p.failed("slack says: %s", r.Error)
	}
}

// types has somebody type a line where access is asked for.
func (p *play) types(name, line string) {
	if p.err != nil {
		return
	}
	p.tell(name, "types in #%s: %s", p.stage.callings()[ChannelAccess], line)
	p.did(p.stage.As(name).Command(p.ctx, ChannelAccess, line))
}

// presses has somebody press a button of a message.
func (p *play) presses(name string, m slacktest.Message, action string) {
	if p.err != nil {
		return
	}
	p.tell(name, "presses %s", labelOf(m, action))
	p.did(p.stage.As(name).Click(p.ctx, m.Control(action)))
}

// labelOf is what stands on a button of a message.
func labelOf(m slacktest.Message, action string) string {
	for _, b := range m.Blocks {
		row, _ := b.(map[string]any)
		elements, _ := row["elements"].([]any)
		for _, e := range elements {
			button, _ := e.(map[string]any)
			if text, ok := button["text"].(map[string]any); ok && button["action_id"] == action {
				return fmt.Sprintf("[%s]", text["text"])
			}
		}
	}
	return action
}

// sees waits for a message in a channel, and shows it.
func (p *play) sees(channel string, texts ...string) slacktest.Message {
	if p.err != nil {
		return slacktest.Message{}
	}
	m, err := p.stage.AwaitMessage(p.ctx, channel, Says(texts...))
	p.missing(err, texts)
	p.shows("#"+p.stage.callings()[channel], m)
	return m
}

// reads waits for a direct message to somebody, and shows it.
func (p *play) reads(name string, texts ...string) slacktest.Message {
	if p.err != nil {
		return slacktest.Message{}
	}
	m, err := p.stage.AwaitMessage(p.ctx, p.stage.Person(name).ID, Says(texts...))
	p.missing(err, texts)
	p.shows("to "+name, m)
	return m
}

// isTold waits for what one person alone sees, and shows it.
func (p *play) isTold(name string, texts ...string) {
	if p.err != nil {
		return
	}
	m, err := p.stage.AwaitEphemeral(p.ctx, p.stage.Person(name).ID, Says(texts...))
	p.missing(err, texts)
	p.shows("to "+name, m)
}

// trail waits for a reply in the thread of a message, and shows it.
func (p *play) trail(m slacktest.Message, texts ...string) {
	if p.err != nil {
		return
	}
	r, err := p.stage.AwaitReply(p.ctx, m, Says(texts...))
	p.missing(err, texts)
	p.shows("  thread", r)
}

func (p *play) missing(err error, texts []string) {
	if err != nil {
		p.failed("no message says %q: %w", texts, err)
	}
}

// shows writes a message: all of it, or what changed since it was last shown.
func (p *play) shows(where string, m slacktest.Message) {
	if p.err != nil {
		return
	}
	place := m.Channel + m.TS
	lines, before := linesOf(m), p.printed[place]
	for _, line := range lines {
		switch {
		case before == nil:
			p.tell(where, "| %s", line)
		case !slices.Contains(before, line):
			p.tell(where, "+ %s", line)
		default:
			continue
		}
		where = ""
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(line string) bool { return slices.Contains(lines, line) })
	if len(gone) > maxGone {
		gone = []string{fmt.Sprintf("(%d lines)", len(gone))}
	}
	for _, line := range gone {
		p.tell("", "- %s", line)
	}
	p.printed[place] = lines
}

// maxGone is how many lines that are gone from a message are written out.
const maxGone = 3

// linesOf is a message as a person reads it, each field in one line.
func linesOf(m slacktest.Message) []string {
	labels := map[string]bool{}
	for _, b := range m.Blocks {
		section, _ := b.(map[string]any)
		fields, _ := section["fields"].([]any)
		for _, f := range fields {
			field, _ := f.(map[string]any)
			text, _ := field["text"].(string)
			label, _, _ := strings.Cut(text, "\n")
			labels[strings.Trim(label, "*")] = true
		}
	}
	var lines []string
	label := ""
	for line := range strings.Lines(m.Text()) {
		line = strings.TrimRight(line, "\n")
		if labels[line] && label == "" {
			label = line + ": "
			continue
		}
		lines = append(lines, label+line)
		label = ""
	}
	return lines
}

// unchanged checks that a message says what it said. That it is drawn again as
// time goes on, with when access would end by then, is no change.
func (p *play) unchanged(m slacktest.Message) {
	if p.err != nil {
		return
	}
	p.check("the request's message is as it was", slices.ContainsFunc(p.stage.slack.Messages(m.Channel), func(now slacktest.Message) bool {
		return now.TS == m.TS && slices.Equal(timeless(now), timeless(m))
	}))
}

// timeless is a message as a person reads it, but for when access would end.
func timeless(m slacktest.Message) []string {
	return slices.DeleteFunc(linesOf(m), func(line string) bool { return strings.HasPrefix(line, "Would end") })
}

// aws shows what AWS holds.
func (p *play) aws() {
	if p.err != nil {
		return
	}
	c := p.stage.cloud()
	for _, a := range c.Assignments {
		p.tell("AWS", "%s has %s in %s (%s) since %s", a.Who, a.PermissionSet, a.Account, a.AccountName, clockTime(a.Since))
	}
	if len(c.Assignments) == 0 {
		p.tell("AWS", "nobody has anything")
	}
}

// writes returns how many calls of an operation AWS has carried out.
func (p *play) writes(operation string) int {
	n := 0
	for _, c := range p.stage.aws.Calls() {
		if c.Operation == operation && c.Done {
			n++
		}
	}
	return n
}

// moves moves the clock on to a moment.
func (p *play) moves(to time.Time) {
	if p.err != nil {
		return
	}
	p.failedBy(p.stage.MoveTo(p.ctx, to))
	p.tell("clock", "it is %s", clockTime(p.stage.Clock().Now()))
}

func clockTime(t time.Time) string { return t.Format("15:04:05") }
