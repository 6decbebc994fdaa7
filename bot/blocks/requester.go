package blocks

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// ForRequester draws c for the person who asked: what was sent, with Withdraw,
// while it is pending; how to connect, with End Access, while it is open; and
// every outcome.
func ForRequester(c Case, now time.Time) Message {
	m := Message{Text: fallback(c, now), Blocks: news(c)}
	switch stage(c) {
	case "pending":
		m.Blocks = append(m.Blocks, sent(c)...)
	case "granted":
		m.Blocks = append(m.Blocks, connecting(c, now)...)
	default:
		m.Blocks = append(m.Blocks, outcome(c, now)...)
	}
	m.Blocks = append(m.Blocks, ownButtons(c)...)
	about := []*slack.TextBlockObject{plain(string(c.Request.ID)+" · "+or(oneLine(c.Request.Target.Label), oneLine(c.Request.Target.Name)), maxText)}
	m.Blocks = append(m.Blocks, contextOf(append(about, silence(c.Request)...)...))
	return m
}

// news says to the requester, in a sentence, how things stand and what is
// next.
func news(c Case) []slack.Block {
	p := longer(c)
	if c.Request.Extends == "" {
		p = stands(c)
	}
	return []slack.Block{rich(slack.NewRichTextSection(p.rich()...))}
}

// stands says to the requester how their access stands.
func stands(c Case) phrase {
	r, g := c.Request, c.Grant
	target := strong(r.Target.Name)
	again := saying(" Ask again with /access ", typed(r.Target.Name), ".")
	switch stage(c) {
	case "pending":
		return saying("You asked for ", target, " for ", strong(access.Spoken(r.Duration)), " – ", why(r))
	case "denied":
		return saying("Your request for ", target, " was denied. Talk to who denied it before you ask again.")
	case "withdrawn":
		return saying("You withdrew your request for ", target, ".")
	case "lapsed":
		return saying("Nobody decided on your request for ", target, " in time, which means no.", again)
	case "granted":
		return saying("You have ", target, " until ", g.EndsAt, ".")
	case "failed":
		return saying("Your access to ", target, " could not be opened.", again)
	case "ending":
		return withConditions(saying("Your access to ", target, " is ending."), c)
	case "ended":
		return saying("Your access to ", target, " has ended.", again)
	default:
		return withConditions(saying(beingOpened(r), " Access is being opened; you hear when it is there."), c)
	}
}

// beingOpened says why access is being opened.
func beingOpened(r access.Request) phrase {
	if r.BreakGlass {
		return saying("You broke the glass to ", strong(r.Target.Name), ", which opens as soon as somebody took note of it.")
	}
	return saying("Your request for ", strong(r.Target.Name), " is approved.")
}

// sent shows what was asked for, whole, and who decides.
func sent(c Case) []slack.Block {
	var parts []slack.RichTextElement
	if whole := paragraph(c.Request.Reason); whole != why(c.Request).text {
		parts = append(parts, quote(whole))
	}
	waits := saying("Waiting for ", span{text: waiting(c.Request)}, ".")
	parts = append(parts, slack.NewRichTextSection(append(waits, span{text: comes(c)}).rich()...))
	all := []slack.Block{rich(parts...)}
	if extra := extras(c); extra != nil {
		all = append(all, extra)
	}
	return append(all, outcome(c, time.Time{})...)
}

// comes says what comes with a request that is granted: nothing new for access
// that is there already.
func comes(c Case) string {
	if c.Request.Extends != "" {
		return ""
	}
	return conditions(c)
}

// connecting shows how to get in, and what comes with it.
func connecting(c Case, now time.Time) []slack.Block {
	var parts []slack.RichTextElement
	for _, s := range c.Grant.Connect {
		label := span{text: or(cut(oneLine(s.Label), maxField), "Connect"), bold: true}
		if s.Code != "" {
			parts = append(parts, slack.NewRichTextSection(phrase{label}.rich()...), copyable(s.Code))
		} else if s.URL != "" && !linkable(s.URL) {
			parts = append(parts, slack.NewRichTextSection(saying(label, ": ", typed(s.URL)).rich()...))
		}
	}
	if text := strings.TrimSpace(conditions(c)); text != "" {
		parts = append(parts, line(text))
	}
	for _, p := range append(extensions(c.Grant), review(c.Request, now)...) {
		parts = append(parts, slack.NewRichTextSection(p.rich()...))
	}
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{rich(parts...)}
}

// conditions says what holds for the access: the overhang and the recording.
func conditions(c Case) string {
	var all string
	if d := c.Request.Target.Overhang; d > 0 {
		all += " " + c.Request.Target.Outliving() + " before the end may " + work(c) + " up to " + access.Spoken(d) + " longer."
	}
	if !c.Request.Target.Recorded {
		all += " This target is " + direct + "."
	}
	return all
}

// withConditions adds what holds for the access on a line of its own.
func withConditions(p phrase, c Case) phrase {
	text := strings.TrimSpace(conditions(c))
	if text == "" {
		return p
	}
	return saying(p, "\n"+text)
}

func linkable(u string) bool { return strings.HasPrefix(u, "https://") && units(u) <= maxURL }

// ownButtons are what the requester can press: Withdraw, links, End Access.
func ownButtons(c Case) []slack.Block {
	switch stage(c) {
	case "pending":
		return rowOf("own", c, []slack.BlockElement{button(ActionWithdraw, "Withdraw", Value(c))})
	case "granted":
		var row []slack.BlockElement
		for i, s := range c.Grant.Connect {
			if linkable(s.URL) && i < 5 {
				open := button(fmt.Sprintf("%s.%d", ActionOpenURL, i), or(oneLine(s.Label), "Open"), "")
				open.URL = s.URL
				row = append(row, open)
			}
		}
		return rowOf("own", c, append(row, holderButtons(c)...))
	case "approved":
		return rowOf("own", c, holderButtons(c))
	default:
		// An extension is done with: what can be done with the access stands in
		// the message about that, which is redrawn as long as it changes.
		return nil
	}
}

// holderButtons are what one can do about access that one has: get more time,
// and end it.
func holderButtons(c Case) []slack.BlockElement {
	var all []slack.BlockElement
	if more := extendButton(c); more != nil {
		all = append(all, more)
	}
	if g := c.Grant.State; g == access.Opening || g == access.Open {
		all = append(all, endButton(c))
	}
	return all
}

// rowOf returns buttons in a row, or nothing without any: Slack refuses an
// empty row.
func rowOf(place string, c Case, buttons []slack.BlockElement) []slack.Block {
	if len(buttons) == 0 {
		return nil
	}
	return []slack.Block{slack.NewActionBlock(buttonsID(place, c), buttons...)}
}

func endButton(c Case) *slack.ButtonBlockElement {
	text := "Access to " + oneLine(c.Request.Target.Name) + " is removed now, before its time."
	if d := c.Request.Target.Overhang; d > 0 {
		text += " " + c.Request.Target.Outliving() + " earlier may " + work(c) + " up to " + access.Spoken(d) + " longer."
	}
	b := button(ActionEnd, "End Access", Value(c))
	b.Confirm = slack.NewConfirmationBlockObject(
		plain("End this access?", 100), plain(text, maxConfirm), plain("End Access", 30), plain("Keep It", 30),
	)
	return b
}

// Reminder draws that c's access ends soon.
func Reminder(c Case, now time.Time) Message {
	g := c.Grant
	left := g.EndsAt.Sub(now).Round(time.Minute)
	p := saying("Your access to ", strong(c.Request.Target.Name), " ends in ", access.Spoken(max(left, time.Minute)), ", ", g.EndsAt, ". ", moreTime(c))
	m := Message{Text: cut("Ends soon: "+headline(c).fallback()+"\n"+p.fallback(), maxFallback)}
	m.Blocks = []slack.Block{paragraphs(p)}
	if text := strings.TrimSpace(conditions(c)); text != "" {
		m.Blocks = append(m.Blocks, contextOf(plain(text, maxText)))
	}
	m.Blocks = append(m.Blocks, rowOf("own", c, holderButtons(c))...)
	return m
}

// moreTime says how to get more of it.
func moreTime(c Case) phrase {
	if extendButton(c) != nil {
		return saying("If you need it for longer, extend it.")
	}
	return saying("If you need it for longer, ask again with /access ", typed(c.Request.Target.Name), ".")
}
