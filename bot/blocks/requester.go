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
		m.Blocks = append(m.Blocks, connecting(c)...)
	default:
		m.Blocks = append(m.Blocks, outcome(c, now)...)
	}
	if b := ownButtons(c); b != nil {
		m.Blocks = append(m.Blocks, b)
	}
	about := []*slack.TextBlockObject{plain(string(c.Request.ID)+" · "+or(oneLine(c.Request.Target.Label), oneLine(c.Request.Target.Name)), maxText)}
	m.Blocks = append(m.Blocks, contextOf(append(about, lapse(c.Request)...)...))
	return m
}

// news says to the requester, in a sentence, how things stand and what is
// next.
func news(c Case) []slack.Block {
	r, g := c.Request, c.Grant
	target := strong(r.Target.Name)
	again := saying(" Ask again with /access ", typed(r.Target.Name), ".")
	var p phrase
	switch stage(c) {
	case "pending":
		p = saying("You asked for ", target, " for ", strong(access.Spoken(r.Duration)), " – ", why(r))
	case "denied":
		p = saying("Your request for ", target, " was denied. Talk to who denied it before you ask again.")
	case "withdrawn":
		p = saying("You withdrew your request for ", target, ".")
	case "lapsed":
		p = saying("Nobody decided on your request for ", target, " in time, which means no.", again)
	case "granted":
		p = saying("You have ", target, " until ", g.EndsAt, ".")
	case "failed":
		p = saying("Your access to ", target, " could not be opened.", again)
	case "ending":
		p = withConditions(saying("Your access to ", target, " is ending."), c)
	case "ended":
		p = saying("Your access to ", target, " has ended.", again)
	default:
		p = saying("Your request for ", target, " is approved. Access is being opened; you hear when it is there.")
		p = withConditions(p, c)
	}
	return []slack.Block{rich(slack.NewRichTextSection(p.rich()...))}
}

// sent shows what was asked for, whole, and who decides.
func sent(c Case) []slack.Block {
	var parts []slack.RichTextElement
	if whole := paragraph(c.Request.Reason); whole != why(c.Request).text {
		parts = append(parts, quote(whole))
	}
	waits := saying("Waiting for ", span{text: deciders(c.Request.Verdict.Route)}, ".")
	parts = append(parts, slack.NewRichTextSection(append(waits, span{text: conditions(c)}).rich()...))
	all := []slack.Block{rich(parts...)}
	if extra := extras(c); extra != nil {
		all = append(all, extra)
	}
	return append(all, outcome(c, time.Time{})...)
}

// connecting shows how to get in, and what comes with it.
func connecting(c Case) []slack.Block {
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
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{rich(parts...)}
}

// conditions says what holds for the access: the overhang and the recording.
func conditions(c Case) string {
	var all string
	if d := c.Request.Target.Overhang; d > 0 {
		all += " Credentials issued before the end may work up to " + access.Spoken(d) + " longer."
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
func ownButtons(c Case) *slack.ActionBlock {
	switch stage(c) {
	case "pending":
		return slack.NewActionBlock(buttonsID("own", c), button(ActionWithdraw, "Withdraw", Value(c)))
	case "granted":
		block := slack.NewActionBlock(buttonsID("own", c))
		for i, s := range c.Grant.Connect {
			if linkable(s.URL) && i < 5 {
				open := button(fmt.Sprintf("%s.%d", ActionOpenURL, i), or(oneLine(s.Label), "Open"), "")
				open.URL = s.URL
				block.Elements.ElementSet = append(block.Elements.ElementSet, open)
			}
		}
		block.Elements.ElementSet = append(block.Elements.ElementSet, endButton(c))
		return block
	case "approved":
		return slack.NewActionBlock(buttonsID("own", c), endButton(c))
	default:
		return nil
	}
}

func endButton(c Case) *slack.ButtonBlockElement {
	text := "Access to " + oneLine(c.Request.Target.Name) + " is removed now, before its time."
	if d := c.Request.Target.Overhang; d > 0 {
		text += " Credentials issued earlier may work up to " + access.Spoken(d) + " longer."
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
	p := saying("Your access to ", strong(c.Request.Target.Name), " ends in ", access.Spoken(max(left, time.Minute)), ", ", g.EndsAt, ". ",
		"If you need it for longer, ask again with /access ", typed(c.Request.Target.Name), ".")
	m := Message{Text: cut("Ends soon: "+headline(c).fallback()+"\n"+p.fallback(), maxFallback)}
	m.Blocks = []slack.Block{paragraphs(p)}
	if text := strings.TrimSpace(conditions(c)); text != "" {
		m.Blocks = append(m.Blocks, contextOf(plain(text, maxText)))
	}
	m.Blocks = append(m.Blocks, slack.NewActionBlock(buttonsID("own", c), endButton(c)))
	return m
}
