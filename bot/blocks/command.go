package blocks

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// maxListed is how many entries of a list are shown.
const maxListed = 40

// An Entry is a target in a list, with what may be asked for.
type Entry struct {
	Target    access.Target
	Durations []time.Duration
	// Glass says that it can be had by breaking the glass, and Longer that
	// access to it can be extended.
	Glass, Longer bool
}

// List answers /access list: the targets that one may ask for.
func List(entries []Entry) Message {
	if len(entries) == 0 {
		return says("There is no target that you can ask for. Ask an admin which flow should let you.")
	}
	var items []phrase
	for _, e := range entries[:min(len(entries), maxListed)] {
		items = append(items, entry(e))
	}
	if more := len(entries) - maxListed; more > 0 {
		items = append(items, saying(fmt.Sprintf("and %d more: /access opens a form that finds them", more)))
	}
	first := saying("You can ask for ", access.Counted(len(entries), "target"), ", with /access TARGET DURATION REASON:")
	return Message{Text: first.fallback(), Blocks: []slack.Block{rich(slack.NewRichTextSection(first.rich()...), list(items...))}}
}

// Overview answers /access list: what one may ask for, holds, and waits for.
func Overview(entries []Entry, held, pending []Case) Message {
	m := List(entries)
	if len(held) > 0 {
		m.Blocks = append(m.Blocks, part("Your access", held, "", owned)...)
	}
	if len(pending) > 0 {
		m.Blocks = append(m.Blocks, part("Your requests", pending, "", asked)...)
	}
	return m
}

func entry(e Entry) phrase {
	p := saying(strong(e.Target.Name))
	if e.Target.Label != "" && e.Target.Label != e.Target.Name {
		p = saying(p, " – ", typed(e.Target.Label))
	}
	var ds []string
	for _, d := range e.Durations {
		ds = append(ds, access.Spoken(d))
	}
	if len(ds) > 0 {
		p = saying(p, " · ", typed(strings.Join(ds, ", ")))
	}
	if e.Longer {
		p = saying(p, " · can be extended")
	}
	if e.Glass {
		p = saying(p, " · has break-glass for emergencies")
	}
	if e.Target.Overhang > 0 {
		p = saying(p, " · overhang up to "+access.Spoken(e.Target.Overhang))
	}
	if !e.Target.Recorded {
		p = saying(p, " · "+direct)
	}
	return p
}

const helpText = "*/access* opens a form.\n" +
	"*/access TARGET DURATION REASON* asks at once, for example `/access ec2-frontend 1h INC-42 disk full`.\n" +
	"*/access list* shows what you can ask for.\n" +
	"*/access extend* asks for more time, for example `/access extend ec2-frontend 30m still copying`.\n" +
	"*/access end* ends access that you hold.\n" +
	"*/access break-glass TARGET* gives you access at once in an emergency, where the rules name you for that. It is announced, and reviewed.\n" +
	"*/access login CODE* signs in a terminal, with the code that `sesame login` shows there; */access logout* signs you out everywhere.\n" +
	"*/access help* shows this."

// Help answers /access help. It has the button that breaks glass where there is
// any.
func Help(glass bool) Message {
	return Message{
		Text: "Sesame gives you access in AWS for a while, once somebody approved it.\n" + helpText,
		Blocks: []slack.Block{
			slack.NewSectionBlock(authored("Sesame gives you access in AWS for a while, once somebody approved it.", maxText), nil, nil),
			slack.NewSectionBlock(authored(helpText, maxText), nil, nil),
			askButtons(glass),
		},
	}
}

// Refused draws a refusal: one sentence that says what, why and what next.
func Refused(text string) Message { return says(text) }

// says is a message of one text, which may quote what somebody typed.
func says(text string) Message {
	p := phrase{{text: or(cut(paragraph(text), maxText), "–")}}
	return Message{Text: cut(p.fallback(), maxFallback), Blocks: []slack.Block{paragraphs(p)}}
}

// Unknown answers a command whose target does not exist, with the nearest
// names as buttons that open the form.
func Unknown(typedName string, nearest []string) Message {
	text := fmt.Sprintf("There is no target %q.", cut(oneLine(typedName), maxName))
	if len(nearest) == 0 {
		return says(text + " /access list shows what you can ask for.")
	}
	m := says(text + " Did you mean one of these? /access list shows all.")
	row := slack.NewActionBlock("")
	for i, name := range nearest[:min(len(nearest), 5)] {
		action := fmt.Sprintf("%s.%d", ActionAsk, i)
		row.Elements.ElementSet = append(row.Elements.ElementSet, button(action, oneLine(name), cut(name, maxValue)))
	}
	m.Blocks = append(m.Blocks, row)
	return m
}

// Grants answers /access end, and extend, when they do not say of what: what
// one holds, each with what one can do about it.
func Grants(held []Case) Message {
	if len(held) == 0 {
		return says("You hold no access at the moment, so there is nothing to end or extend.")
	}
	m := Message{Text: "You hold access: choose what it is about."}
	for _, c := range held[:min(len(held), maxHome)] {
		m.Blocks = append(m.Blocks, owned(c)...)
	}
	return m
}

// Alarm draws what needs a person, or does not need one any more, for the admin
// channel.
func Alarm(n access.Notice) Message {
	heading := "Sesame needs a person"
	if n.Kind == access.NoticeRelief {
		heading = "Repaired"
	}
	first := saying(strong(heading), " · ", n.At)
	what := phrase{{text: or(cut(paragraph(n.Text), maxText), "–")}}
	m := Message{
		Text:   cut(heading+": "+what.fallback(), maxFallback),
		Blocks: []slack.Block{paragraphs(first, what)},
	}
	if n.Request != "" {
		m.Blocks = append(m.Blocks, contextOf(plain(string(n.Request), maxText)))
	}
	return m
}

// Trail draws one line of a request's thread: what happened, who did it, and
// when, which Slack's own time of a message is not while it could not be told.
func Trail(n access.Notice) Message {
	if n.At.IsZero() {
		return says(n.Text)
	}
	p := saying(span{text: or(cut(strings.TrimSuffix(paragraph(n.Text), "."), maxText), "–")}, " · ", n.At)
	return Message{Text: cut(p.fallback(), maxFallback), Blocks: []slack.Block{paragraphs(p)}}
}
