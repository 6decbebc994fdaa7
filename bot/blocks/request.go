package blocks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// The names of a target's params that are worth showing.
var shownParams = []struct{ param, label string }{
	{"account", "Account"}, {"permission_set", "Permission set"}, {"role_arn", "Role"},
}

// direct is what is said about a target that is not served through the proxy.
const direct = "direct: calls are not recorded by Sesame"

// ForApprovers draws c for those who decide on it and for the channels that
// are told. While it is pending it has Approve and Deny; afterwards it says
// who decided and when, and what became of it.
func ForApprovers(c Case, now time.Time) Message {
	m := Message{Text: fallback(c, now)}
	m.Blocks = append(m.Blocks, asking(c)...)
	m.Blocks = append(m.Blocks, slack.NewSectionBlock(nil, facts(c, now), nil))
	if extra := extras(c); extra != nil {
		m.Blocks = append(m.Blocks, extra)
	}
	m.Blocks = append(m.Blocks, outcome(c, now)...)
	if c.Request.State == access.Pending {
		m.Blocks = append(m.Blocks, decideButtons(c))
	}
	m.Blocks = append(m.Blocks, footer(c))
	return m
}

// headline says who wants what and why.
func headline(c Case) phrase {
	r := c.Request
	return saying(person(r.By), " requests ", strong(r.Target.Name), " for ", strong(access.Spoken(r.Duration)), " – ", why(r))
}

func why(r access.Request) span {
	return span{text: or(cut(oneLine(r.Reason), maxHeadline), "no reason given")}
}

// asking is the headline, the target in words, and the whole reason where the
// headline has only a part of it.
func asking(c Case) []slack.Block {
	first := headline(c)
	if label := c.Request.Target.Label; label != "" && label != c.Request.Target.Name {
		first = saying(first, "\n", typed(label))
	}
	parts := []slack.RichTextElement{slack.NewRichTextSection(first.rich()...)}
	if whole := paragraph(c.Request.Reason); whole != why(c.Request).text {
		parts = append(parts, quote(whole))
	}
	return []slack.Block{rich(parts...)}
}

// fallback is what notifications and screen readers get.
func fallback(c Case, now time.Time) string {
	first := headline(c).fallback()
	if s := stage(c); s != string(access.Pending) {
		first = capital(s) + ": " + first
	}
	lines := []string{first}
	for _, p := range became(c, now) {
		lines = append(lines, p.fallback())
	}
	return cut(strings.Join(lines, "\n"), maxFallback)
}

// facts are the fields that an approver compares.
func facts(c Case, now time.Time) []*slack.TextBlockObject {
	r := c.Request
	field := func(label, markup string) *slack.TextBlockObject {
		return authored("*"+label+"*\n"+markup, maxField)
	}
	fields := []*slack.TextBlockObject{field("Target", ident(r.Target.Name))}
	for _, p := range shownParams {
		if v := r.Target.Params[p.param]; v != "" {
			fields = append(fields, field(p.label, ident(v)))
		}
	}
	fields = append(fields, field("Duration", access.Spoken(r.Duration)))
	switch {
	case r.State == access.Pending:
		fields = append(fields, field("Would end", date(now.Add(r.Duration))+" at the earliest"))
	case !c.Grant.EndsAt.IsZero() && c.Grant.End.At.IsZero():
		fields = append(fields, field("Ends", date(c.Grant.EndsAt)))
	}
	if r.Target.Overhang > 0 {
		fields = append(fields, field("Overhang", "credentials may work up to "+access.Spoken(r.Target.Overhang)+" after the end"))
	}
	if r.Target.Recorded {
		return append(fields, field("Calls", "recorded by Sesame"))
	}
	return append(fields, field("Calls", direct))
}

// extras are the form's own fields and what the rules warn of.
func extras(c Case) slack.Block {
	var items []phrase
	for _, name := range slices.Sorted(maps.Keys(c.Request.Fields)) {
		label := or(c.Labels[name], name)
		value := span{text: or(cut(oneLine(c.Request.Fields[name]), maxField), "–")}
		items = append(items, saying(strong(label), ": ", value))
	}
	for _, w := range c.Request.Verdict.Warnings {
		items = append(items, saying(strong("Warning"), " (", typed(w.Rule), "): ", span{text: or(cut(oneLine(w.Text), maxField), "–")}))
	}
	if len(items) == 0 {
		return nil
	}
	return rich(list(items...))
}

func decideButtons(c Case) *slack.ActionBlock {
	v := Value(c)
	approve := button(ActionApprove, "Approve Request", v)
	approve.Style = slack.StylePrimary
	// Declining is the safe choice, so it is not dressed as dangerous.
	return slack.NewActionBlock(buttonsID("decide", c), approve, button(ActionDeny, "Deny", v))
}

// footer says under which rules the request stands and who else may decide.
func footer(c Case) *slack.ContextBlock {
	r := c.Request
	about := []string{string(r.ID), "route " + or(oneLine(r.Verdict.Route.Name), "–")}
	if need := needed(r.Verdict.Route); need > 0 {
		about = append(about, fmt.Sprintf("%d of %s", need-r.Missing(), access.Counted(need, "approval")))
	}
	if r.By.Email != "" {
		about = append(about, "as "+oneLine(r.By.Email))
	}
	if r.State == access.Pending {
		about = append(about, "may decide: "+deciders(r.Verdict.Route))
	}
	return contextOf(append([]*slack.TextBlockObject{plain(strings.Join(about, " · "), maxText)}, lapse(r)...)...)
}

// lapse says when r lapses, while it does. Slack runs the parts of a context
// together, so this one begins with what divides the others.
func lapse(r access.Request) []*slack.TextBlockObject {
	if r.State != access.Pending || r.LapsesAt.IsZero() {
		return nil
	}
	return []*slack.TextBlockObject{authored("· lapses "+date(r.LapsesAt), maxText)}
}

func needed(r access.Route) int {
	n := 0
	for _, need := range r.Needs {
		n += need.Count
	}
	return n
}

func deciders(r access.Route) string { return cut(oneLine(r.Deciders()), maxText/2) }
