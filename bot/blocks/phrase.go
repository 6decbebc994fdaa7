package blocks

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// A span is a piece of a sentence: text, a moment or a person.
type span struct {
	text string
	bold bool
	at   time.Time
	user string // Slack's id; text is the name then
}

// A phrase is a sentence that can be drawn as rich text, and as the fallback
// in Slack's markup.
type phrase []span

// saying returns a phrase of our own words, strings, and of spans.
func saying(parts ...any) phrase {
	var p phrase
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			p = append(p, span{text: v})
		case span:
			p = append(p, v)
		case phrase:
			p = append(p, v...)
		case time.Time:
			p = append(p, span{at: v})
		default:
			panic(fmt.Sprintf("blocks: a phrase has no %T", part))
		}
	}
	return p
}

// typed is text that somebody typed, or that came with the flow files.
func typed(s string) span { return span{text: or(cut(oneLine(s), maxName), "–")} }

func strong(s string) span {
	t := typed(s)
	t.bold = true
	return t
}

var slackID = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)

// person shows who somebody is by their account, which cannot be mistaken,
// rather than by a name that they chose.
func person(p access.Person) span {
	s := span{text: or(cut(oneLine(p.Name), maxName), "somebody")}
	if slackID.MatchString(p.Account.User) {
		s.user = p.Account.User
	}
	return s
}

const dateFormat = "{date_short_pretty} at {time}"

func dateFallback(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// date returns Slack's token for t: each reader sees their own time zone.
func date(t time.Time) string {
	return fmt.Sprintf("<!date^%d^%s|%s>", t.Unix(), dateFormat, dateFallback(t))
}

func (p phrase) rich() []slack.RichTextSectionElement {
	var all []slack.RichTextSectionElement
	for _, s := range p {
		var style *slack.RichTextSectionTextStyle
		if s.bold {
			style = &slack.RichTextSectionTextStyle{Bold: true}
		}
		switch {
		case !s.at.IsZero():
			fallback := dateFallback(s.at)
			all = append(all, slack.NewRichTextSectionDateElement(s.at.Unix(), dateFormat, nil, &fallback))
		case s.text == "": // which Slack refuses
		case s.user != "":
			all = append(all, slack.NewRichTextSectionUserElement(s.user, style))
		default:
			all = append(all, slack.NewRichTextSectionTextElement(s.text, style))
		}
	}
	return all
}

// fallback returns p in Slack's markup. People are named, as a notification
// shows no mentions.
func (p phrase) fallback() string {
	var b strings.Builder
	for _, s := range p {
		if !s.at.IsZero() {
			b.WriteString(date(s.at))
		} else {
			b.WriteString(escape(s.text))
		}
	}
	return b.String()
}

func line(parts ...any) *slack.RichTextSection {
	return slack.NewRichTextSection(saying(parts...).rich()...)
}

// quote shows what somebody typed, whole.
func quote(s string) *slack.RichTextQuote {
	text := slack.NewRichTextSectionTextElement(or(cut(paragraph(s), maxReason), "–"), nil)
	return &slack.RichTextQuote{Type: slack.RTEQuote, Elements: []slack.RichTextSectionElement{text}}
}

// copyable shows text that is to be copied as it is.
func copyable(s string) *slack.RichTextPreformatted {
	text := slack.NewRichTextSectionTextElement(or(cut(visible(s), maxText), "–"), nil)
	return &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{text}}
}

func list(items ...phrase) *slack.RichTextList {
	l := slack.NewRichTextList(slack.RTEListBullet, 0)
	for _, p := range items {
		l.Elements = append(l.Elements, slack.NewRichTextSection(p.rich()...))
	}
	return l
}

func rich(parts ...slack.RichTextElement) *slack.RichTextBlock {
	return slack.NewRichTextBlock("", parts...)
}

// paragraphs returns sentences as rich text, each on a line of its own.
func paragraphs(sentences ...phrase) *slack.RichTextBlock {
	var all phrase
	for i, p := range sentences {
		if i > 0 {
			all = append(all, span{text: "\n"})
		}
		all = append(all, p...)
	}
	return rich(slack.NewRichTextSection(all.rich()...))
}

// plain is text in which nothing is markup, and no colons make pictures.
func plain(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, or(cut(s, limit), "–"), false, false)
}

// authored is our own markup. Nothing that somebody typed may be in it.
func authored(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, cut(s, limit), false, true)
}

func contextOf(parts ...*slack.TextBlockObject) *slack.ContextBlock {
	var elements []slack.MixedElement
	for _, p := range parts {
		elements = append(elements, p)
	}
	return slack.NewContextBlock("", elements...)
}

func button(action, label, value string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, plain(label, maxButton))
}
