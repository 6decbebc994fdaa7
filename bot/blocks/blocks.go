// Package blocks draws what Sesame knows as Slack's Block Kit: requests,
// grants, forms, lists and the app's home.
//
// It promises that
//   - the same value gives the same blocks: no clock, no I/O, no state;
//   - what Slack limits is cut to fit, between characters;
//   - text that somebody typed appears only in plain_text and rich_text, where
//     it can neither mention anybody nor pass for a link or for our own words,
//     and characters that hide or reorder text are made visible;
//   - every message has a fallback text whose first line says who wants what,
//     and why;
//   - a button carries a request's id and the digest of the terms that were
//     shown, and nothing that is taken for authority;
//   - a target that is not served through the proxy says so wherever it is
//     drawn, and so does an overhang that is not zero.
//
// It refuses to decide anything: who may see or press what is asked elsewhere,
// again, when it matters. Slack's limits are those of its Block Kit reference.
package blocks

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// The action ids of what people press. They stay the same for ever, so that
// old messages keep working.
const (
	ActionApprove  = "approve"
	ActionDeny     = "deny"
	ActionWithdraw = "withdraw"
	ActionEnd      = "end"
	ActionExtend   = "extend"  // opens the form for more time
	ActionGlass    = "glass"   // opens the form that breaks the glass
	ActionReview   = "review"  // opens the form for a review
	ActionSignIn   = "sign_in" // lets a terminal speak for whoever presses it
	ActionNotMe    = "not_me"  // turns it away
	ActionAsk      = "ask"     // opens the form; its value is a target's name, or empty
	ActionOpenURL  = "open"    // a link; there is nothing to do but to acknowledge
	ActionTarget   = "target"  // another target was chosen in the form
	ActionAnswer   = "answer"  // any other input of a form
	CallbackForm   = "request" // the request form was submitted
	CallbackDeny   = "deny"    // the reason for a denial was
	CallbackExtend = "extend"  // the form for more time was
	CallbackGlass  = "glass"   // the form that breaks the glass was
	CallbackReview = "review"  // what a reviewer found was

	// ShortcutGlass is the callback id of the shortcut that opens the form which
	// breaks the glass; any other opens the request form.
	ShortcutGlass = "break_glass"
)

// A Message is what chat.postMessage and chat.update take.
type Message struct {
	Text   string // the fallback, in Slack's markup with everything typed escaped
	Blocks []slack.Block
}

// A Case is a request with what became of it.
type Case struct {
	Request access.Request
	// Grant is what the request became, or the one that it extends; zero while
	// there is none.
	Grant access.Grant
	// Longer is by how much the grant can be extended by now, one at a time.
	Longer []time.Duration
	// Labels are those of the request's fields, by name; a name without one
	// stands for itself.
	Labels map[string]string
}

// Value returns what c's buttons carry: "id|digest".
func Value(c Case) string {
	return string(c.Request.ID) + "|" + string(c.Request.Terms().Digest())
}

// ParseValue returns the parts of a button's value. It reports false for a
// value that no button of ours carries.
func ParseValue(v string) (access.RequestID, access.Digest, bool) {
	id, digest, ok := strings.Cut(v, "|")
	ok = ok && strings.HasPrefix(id, "r-") && digest != "" && len(v) <= 100 && !strings.Contains(digest, "|")
	if !ok {
		return "", "", false
	}
	return access.RequestID(id), access.Digest(digest), true
}

// buttonsID changes with everything that a click depends on, so that a click
// on a stale message can be told. The place keeps apart what one view holds.
func buttonsID(place string, c Case) string {
	r := c.Request
	return cut(fmt.Sprintf("%s|%s|%s|%s|%d", place, r.ID, r.Terms().Digest(), stage(c), len(r.Decisions)), maxID)
}

// stage is where a case stands, as one word for a person.
func stage(c Case) string {
	g := c.Grant
	_, _, longer := extended(c)
	switch {
	case c.Request.State != access.Approved:
		return string(c.Request.State)
	case longer:
		return "extended"
	case c.Request.Extends != "":
		return "approved"
	case g.State == "":
		return "approved"
	case g.End.Cause == access.EndedFailed:
		return "failed"
	case g.State == access.Open:
		return "granted"
	case g.State == access.Closing:
		return "ending"
	case g.State == access.Closed:
		return "ended"
	default:
		return "approved"
	}
}
