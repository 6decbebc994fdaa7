package blocks

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"
)

// A SignIn is a terminal that asks to speak for whoever typed its code. What
// it says of itself anybody could say.
type SignIn struct {
	ID      string
	Address string // as the server saw it
	Host    string
	Agent   string
	Until   time.Time
}

// Message asks whoever typed the code whether it is theirs.
func (s SignIn) Message() Message {
	first := saying("A terminal asks to sign in as ", strong("you"), ", from ", typed(s.Address), ":")
	warning := saying("Confirm only if you ran sesame login yourself, just now, on that computer. Whoever signs in can ask, decide and end as you. This is good until ", s.Until, ".")
	row := slack.NewActionBlock("")
	yes, no := button(ActionSignIn, "Sign In", cut(s.ID, maxValue)), button(ActionNotMe, "Not Me", cut(s.ID, maxValue))
	yes.Style = slack.StylePrimary
	row.Elements.ElementSet = append(row.Elements.ElementSet, yes, no)
	return Message{
		Text: first.fallback(),
		Blocks: []slack.Block{
			rich(slack.NewRichTextSection(first.rich()...), list(
				saying("computer, as it calls itself: ", typed(s.Host)),
				saying("program, as it calls itself: ", typed(s.Agent)),
			)),
			paragraphs(warning), row,
		},
	}
}

// SignedIn says that a terminal is signed in, and until when.
func SignedIn(host string, until time.Time) Message {
	p := saying("You are signed in on ", typed(host), " until ", until, ". /access logout signs you out everywhere.")
	return Message{Text: p.fallback(), Blocks: []slack.Block{paragraphs(p)}}
}

// NotSignedIn says that a terminal was turned away.
func NotSignedIn() Message {
	return says("Nobody was signed in. If somebody sent you that code, tell an admin: it was to let them act as you.")
}

// SignedOut says how many terminals were signed out.
func SignedOut(n int) Message {
	switch n {
	case 0:
		return says("You were not signed in on any terminal, so there is nothing to end.")
	case 1:
		return says("You are signed out on the terminal that was signed in.")
	default:
		return says(fmt.Sprintf("You are signed out on all %d terminals that were signed in.", n))
	}
}
