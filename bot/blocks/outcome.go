package blocks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// outcome draws what became of c so far, and the words of a denial.
func outcome(c Case, now time.Time) []slack.Block {
	sentences := became(c, now)
	if len(sentences) == 0 {
		return nil
	}
	block := paragraphs(sentences...)
	if d, ok := denial(c.Request); ok && d.Reason != "" {
		block.Elements = append(block.Elements, quote(d.Reason))
	}
	if found := c.Request.Review.Text; found != "" {
		block.Elements = append(block.Elements, quote(found))
	}
	return []slack.Block{block}
}

// became says what became of c, one sentence for each step.
func became(c Case, now time.Time) []phrase {
	var all []phrase
	r := c.Request
	for _, d := range r.Decisions {
		if d.Approve {
			all = append(all, approval(r, d))
		}
	}
	switch r.State {
	case access.Pending:
		if n := r.Missing(); len(all) > 0 && n > 0 {
			all = append(all, saying(fmt.Sprintf("%d more needed", n)))
		}
	case access.Denied:
		if d, ok := denial(r); ok {
			all = append(all, saying("Denied by ", strong(d.Name), " · ", d.At))
		}
	case access.Withdrawn:
		all = append(all, saying("Withdrawn by ", strong(r.By.Name), " · ", r.EndedAt))
	case access.Lapsed:
		all = append(all, saying("Lapsed · ", r.EndedAt, ": nobody decided in time"))
	case access.Approved:
		all = append(all, kept(c, now)...)
	}
	return append(all, review(r, now)...)
}

func approval(r access.Request, d access.Decision) phrase {
	if d.Source == access.FromRoute {
		return saying("Approved automatically by ", typed(d.Name), " · ", d.At)
	}
	p := saying("Approved by ", strong(d.Name))
	if d.By == r.By.ID {
		p = saying(p, ", who asked")
	}
	p = saying(p, " · ", d.At)
	switch {
	case d.Left:
		return saying(p, ", which does not count: they have left since")
	case r.State == access.Pending && !r.Counts(d):
		return saying(p, ", which no longer counts: the request or its route has changed since")
	}
	return p
}

func denial(r access.Request) (access.Decision, bool) {
	if n := len(r.Decisions); r.State == access.Denied && n > 0 {
		return r.Decisions[n-1], true
	}
	return access.Decision{}, false
}

// kept says what became of an approval: the grant, or the later end of one.
func kept(c Case, now time.Time) []phrase {
	if c.Request.Extends == "" {
		return append(held(c.Grant), receipt(c, now)...)
	}
	if from, to, ok := extended(c); ok {
		return []phrase{saying("Ends ", to, " instead of ", from)}
	}
	return nil
}

// held says where a grant stands.
func held(g access.Grant) []phrase {
	switch {
	case g.State == access.Opening:
		return []phrase{saying("Being opened, until ", g.OpenBy, " at the latest")}
	case g.State == access.Open:
		return append(extensions(g), saying("Open since ", g.OpenedAt, " · ends ", g.EndsAt))
	case g.End.Cause == access.EndedFailed:
		return []phrase{saying("Could not be opened · ", g.End.At, ": ", because(g.End))}
	case g.State == access.Closing || g.State == access.Closed:
		return []phrase{ending(g)}
	default:
		return nil
	}
}

func because(e access.End) span {
	return span{text: or(cut(oneLine(e.Detail), maxField), "the reason is in the server's log")}
}

// ending says when and why a grant ended, or that it is about to. What came
// late is said with when it was due.
func ending(g access.Grant) phrase {
	switch {
	case g.End.Cause != access.EndedDue:
		return endedEarly(g)
	case g.State == access.Closing && g.Overrun() > 0:
		return saying("Due ", g.EndsAt, ", access is being removed since ", g.End.At, ", ", late(g))
	case g.State == access.Closing:
		return saying("Due ", g.EndsAt, ", access is being removed")
	case g.Overrun() > 0:
		return saying("Due ", g.EndsAt, ", ended ", late(g), " · ", g.GoneAt())
	default:
		return saying("Ended on time · ", g.End.At)
	}
}

func endedEarly(g access.Grant) phrase {
	by := span{text: "Sesame"}
	if g.End.Name != "" {
		by = strong(g.End.Name)
	}
	p := saying("Ended early by ", by, " · ", g.End.At)
	if g.End.Detail != "" {
		p = saying(p, ": ", because(g.End))
	}
	if g.State == access.Closing {
		p = saying(p, " · access is being removed")
	}
	return p
}

// late says by how much a grant outlived its deadline.
func late(g access.Grant) string {
	return access.Spoken(g.Overrun().Truncate(time.Minute)) + " late"
}

// receipt says what is proven about a closed grant, and what is not.
func receipt(c Case, now time.Time) []phrase {
	g := c.Grant
	if g.State != access.Closed {
		return nil
	}
	var all []phrase
	for _, o := range g.Receipt.Objects {
		all = append(all, evidence(c, o))
		if where := o.Unasked(); where != "" {
			all = append(all, saying(span{text: cut(oneLine(where), maxField)}))
		}
		for _, said := range o.Sessions() {
			all = append(all, saying(span{text: cut(oneLine(said), maxField)}, " · ", o.ClearAt))
		}
	}
	if g.Overhang > 0 && !(g.OpenedAt.IsZero() && g.Receipt.DeadBy.IsZero()) {
		all = append(all, deadBy(c, now))
	}
	for _, counted := range g.Receipt.Calls.Sentences() {
		all = append(all, saying(span{text: cut(oneLine(counted), maxField)}))
	}
	if !c.Request.Target.Recorded {
		all = append(all, saying(direct))
	}
	return all
}

// evidence says what is proven about one object. The record has its key.
func evidence(c Case, o access.ObjectReceipt) phrase {
	name := saying(typed(or(c.Request.Target.Label, c.Request.Target.Name)), " – ", span{text: or(cut(oneLine(o.Called()), maxField), "–")})
	switch {
	case o.NeverMade:
		return saying("Never made: ", name)
	case o.Foreign:
		return saying("Was there before and is not Sesame's to remove: ", name)
	case len(o.KeptFor) > 0:
		return saying("Stays for ", access.Counted(len(o.KeptFor), "other grant"), ": ", name)
	case o.AbsentAt.IsZero():
		return saying("Not proven to be gone: ", name)
	}
	p := saying("Access removed · ", o.AbsentAt, ": ", name, " · absent in ", access.Counted(o.Reads, "fresh read"))
	if o.Operation != "" {
		p = saying(p, " · AWS operation ", typed(o.Operation))
	}
	return p
}

// deadBy states the overhang: access removed and sessions dead are two things.
func deadBy(c Case, now time.Time) phrase {
	g := c.Grant
	kept := slices.ContainsFunc(g.Receipt.Objects, func(o access.ObjectReceipt) bool { return len(o.KeptFor) > 0 })
	what := c.Request.Target.Outliving()
	switch dead := g.Receipt.DeadBy; {
	case dead.IsZero() && kept:
		return saying(strings.Fields(what)[0] + " may " + work(c) + " up to " + access.Spoken(g.Overhang) + " after the last of these grants has ended")
	case dead.IsZero():
		return saying(what + " earlier may " + work(c) + " up to " + access.Spoken(g.Overhang) + " longer")
	case now.Before(dead):
		return saying(what+" earlier may still "+work(c)+" until ", dead)
	default:
		return saying(what+" earlier have run out by ", dead)
	}
}

// work is what that does which may outlive a grant.
func work(c Case) string {
	looked := slices.ContainsFunc(c.Grant.Receipt.Objects, func(o access.ObjectReceipt) bool { return !o.ClearAt.IsZero() })
	switch {
	case c.Request.Target.Sessions:
		return "go on"
	case looked:
		return "work, and start sessions anew,"
	}
	return "work"
}
