package blocks

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// maxHome is how many entries each part of the home shows, so that all of
// them stay under Slack's hundred blocks.
const maxHome = 10

// A Home is what one person sees in the app's tab. What is left out is only
// hidden: whether they may press something is asked when they do.
type Home struct {
	// Decide are the requests that wait for them; Hold is the access that they
	// have; Asked are their requests, latest first.
	Decide, Hold, Asked []Case
	// Review is broken glass that they may look at.
	Review []Case
	// Glass says that there is a target whose glass can be broken.
	Glass bool
	// Admin are sentences for admins; nobody else has any.
	Admin []string
	// Note is all there is for somebody who cannot use Sesame: it says why.
	Note string
}

// View returns the tab as of now.
func (h Home) View(now time.Time) slack.HomeTabViewRequest {
	v := slack.HomeTabViewRequest{Type: slack.VTHomeTab}
	add := func(blocks ...slack.Block) { v.Blocks.BlockSet = append(v.Blocks.BlockSet, blocks...) }
	if h.Note != "" {
		add(paragraphs(phrase{{text: cut(paragraph(h.Note), maxText)}}))
		return v
	}
	add(part("Waiting for you", h.Decide, "Nothing waits for your decision.", toDecide)...)
	if len(h.Review) > 0 {
		add(part("To be reviewed", h.Review, "", toReview)...)
	}
	add(part("Your access", h.Hold, "You hold no access. Ask for some with /access TARGET DURATION REASON.", owned)...)
	add(part("Your requests", h.Asked, "You have asked for nothing yet.", asked)...)
	add(askButtons(h.Glass))
	if len(h.Admin) > 0 {
		add(heading("For admins"), rich(list(sentences(h.Admin)...)))
	}
	add(contextOf(authored("Updated "+date(now), maxText)))
	return v
}

// askButtons open the forms.
func askButtons(glass bool) *slack.ActionBlock {
	ask := button(ActionAsk, "Request Access", "")
	ask.Style = slack.StylePrimary
	row := slack.NewActionBlock("ask", ask)
	if glass {
		breaks := button(ActionGlass, "Break Glass…", "")
		breaks.Style = slack.StyleDanger
		row.Elements.ElementSet = append(row.Elements.ElementSet, breaks)
	}
	return row
}

func heading(text string) *slack.HeaderBlock { return slack.NewHeaderBlock(plain(text, maxHeader)) }

// part is one part of the home: a heading, its cases, or what to say without.
func part(title string, cases []Case, empty string, draw func(Case) []slack.Block) []slack.Block {
	all := []slack.Block{heading(title)}
	if len(cases) == 0 {
		return append(all, paragraphs(saying(empty)))
	}
	for _, c := range cases[:min(len(cases), maxHome)] {
		all = append(all, draw(c)...)
	}
	if more := len(cases) - maxHome; more > 0 {
		all = append(all, contextOf(plain(fmt.Sprintf("and %d more", more), maxText)))
	}
	return all
}

func toDecide(c Case) []slack.Block {
	return []slack.Block{paragraphs(withConditions(headline(c), c)), decideButtons(c)}
}

// toReview is broken glass that wants a review.
func toReview(c Case) []slack.Block {
	due := saying(" · due ", c.Request.Review.DueAt)
	return []slack.Block{
		paragraphs(saying(headline(c), due)),
		slack.NewActionBlock(buttonsID("review", c), button(ActionReview, "Review…", Value(c))),
	}
}

// owned is access that somebody holds, with what they can do about it.
func owned(c Case) []slack.Block {
	g := c.Grant
	p := saying(strong(c.Request.Target.Name))
	switch g.State {
	case access.Open:
		p = saying(p, " until ", g.EndsAt)
	case access.Opening:
		p = saying(p, " is being opened, until ", g.OpenBy, " at the latest")
	default:
		return []slack.Block{paragraphs(saying(p, " is ending"))}
	}
	return append([]slack.Block{paragraphs(withConditions(p, c))}, rowOf("hold", c, holderButtons(c))...)
}

func asked(c Case) []slack.Block {
	r := c.Request
	long := " for " + access.Spoken(r.Duration)
	switch {
	case r.Extends != "":
		long += " longer"
	case r.BreakGlass:
		long += ", by breaking the glass"
	}
	p := saying(strong(r.Target.Name), long+" – ", why(r), " · "+stage(c)+" · ", r.AskedAt)
	if r.State != access.Pending {
		return []slack.Block{paragraphs(p)}
	}
	return []slack.Block{paragraphs(p), slack.NewActionBlock(buttonsID("own", c), button(ActionWithdraw, "Withdraw", Value(c)))}
}

func sentences(texts []string) []phrase {
	var all []phrase
	for _, t := range texts[:min(len(texts), maxListed)] {
		all = append(all, phrase{{text: or(cut(oneLine(t), maxField), "–")}})
	}
	return all
}
