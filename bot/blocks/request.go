package blocks

import (
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

// outlasting says what may happen after the end.
func outlasting(t access.Target) string {
	if t.Sessions {
		return "sessions that are open may go on"
	}
	return "credentials may work"
}

// direct is what is said about a target that is not served through the proxy.
const direct = "direct: calls are not recorded by Sesame"

// ForApprovers draws c for those who decide on it and for the channels that
// are told. While it is pending it has Approve and Deny; afterwards it says
// who decided and when, and what became of it.
func ForApprovers(c Case, now time.Time) Message {
	if c.Request.State == access.Pending {
		return account(c, now, decideButtons(c))
	}
	return account(c, now)
}

// ForTold draws c for those who are told of it and cannot decide.
func ForTold(c Case, now time.Time) Message { return account(c, now) }

// account is everything there is to say about c to others than who asked, and
// what can be pressed.
func account(c Case, now time.Time, buttons ...slack.Block) Message {
	m := Message{Text: fallback(c, now)}
	m.Blocks = append(m.Blocks, asking(c)...)
	m.Blocks = append(m.Blocks, slack.NewSectionBlock(nil, facts(c, now), nil))
	if extra := extras(c); extra != nil {
		m.Blocks = append(m.Blocks, extra)
	}
	m.Blocks = append(m.Blocks, outcome(c, now)...)
	m.Blocks = append(m.Blocks, buttons...)
	m.Blocks = append(m.Blocks, footer(c))
	return m
}

// headline says who wants what and why.
func headline(c Case) phrase {
	r := c.Request
	who, what, long := person(r.By), strong(r.Target.Name), strong(access.Spoken(r.Duration))
	switch {
	case r.Extends != "":
		return saying(who, " asks to keep ", what, " for ", long, " longer – ", why(r))
	case r.BreakGlass:
		return saying(who, " breaks the glass to ", what, " for ", long, " – ", why(r))
	default:
		return saying(who, " requests ", what, " for ", long, " – ", why(r))
	}
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
	for _, t := range times(c, now) {
		fields = append(fields, field(t.label, t.markup))
	}
	if r.Target.Overhang > 0 {
		fields = append(fields, field("Overhang", outlasting(r.Target)+" up to "+access.Spoken(r.Target.Overhang)+" after the end"))
	}
	if r.Target.Recorded {
		return append(fields, field("Calls", "recorded by Sesame"))
	}
	return append(fields, field("Calls", direct))
}

// A timeFact is a field about time, in our own markup.
type timeFact struct{ label, markup string }

// times say how long c is about, and when it would end, or does.
func times(c Case, now time.Time) []timeFact {
	r := c.Request
	long := timeFact{"Duration", access.Spoken(r.Duration)}
	if r.Extends != "" {
		long.label = "Longer by"
	}
	from, to, moved := extended(c)
	switch {
	case moved:
		return []timeFact{long, {"Ends", date(to) + " instead of " + date(from)}}
	case r.Extends != "" && c.Grant.State == access.Open:
		return []timeFact{long, {"Ends", date(c.Grant.EndsAt)}, {"Would end", date(c.Grant.EndsAt.Add(r.Duration))}}
	case r.Extends != "":
		return []timeFact{long}
	case r.State == access.Pending:
		return []timeFact{long, {"Would end", date(now.Add(r.Duration)) + " at the earliest"}}
	case !c.Grant.EndsAt.IsZero() && c.Grant.End.At.IsZero():
		return []timeFact{long, {"Ends", date(c.Grant.EndsAt)}}
	}
	return []timeFact{long}
}

// extras are what was typed besides the reason, and what the rules warn of.
func extras(c Case) slack.Block {
	var items []phrase
	if c.Request.BreakGlass {
		items = append(items, saying(strong("Incident"), ": ", typed(c.Request.Incident)))
	}
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

// footer says under which rules the request stands, who is still missing, and
// what happens when they stay silent.
func footer(c Case) *slack.ContextBlock {
	r := c.Request
	about := []string{string(r.ID), "route " + or(oneLine(r.Verdict.Route.Name), "–")}
	if far := progress(r); far != "" {
		about = append(about, far)
	}
	if r.By.Email != "" {
		about = append(about, "as "+oneLine(r.By.Email))
	}
	if r.State == access.Pending {
		about = append(about, "waits for: "+waiting(r))
		if when := r.Verdict.Route.ApproveWhen; when != "" {
			about = append(about, "takes approvals only where "+cut(oneLine(when), maxHeadline))
		}
	}
	return contextOf(append([]*slack.TextBlockObject{plain(strings.Join(about, " · "), maxText)}, silence(r)...)...)
}
