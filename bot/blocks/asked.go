package blocks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// progress says how many approvals there are of those that are needed. It is
// empty where nobody is asked.
func progress(r access.Request) string {
	if len(r.Verdict.Route.Needs) == 0 {
		return ""
	}
	given := 0
	for _, d := range r.Decisions {
		if r.Counts(d) {
			given++
		}
	}
	return fmt.Sprintf("%d of %s", given, access.Counted(given+r.Missing(), "approval"))
}

// waiting says whom r still waits for: those of the stage that it is in, and
// then those of later ones.
func waiting(r access.Request) string {
	open := r.Outstanding()
	if len(open) == 0 {
		return cut(oneLine(r.Asked()), maxText/2)
	}
	for _, n := range r.Verdict.Route.Needs {
		if n.Stage > open[0].Stage {
			open = append(open, n)
		}
	}
	return cut(oneLine(access.Spell(open)), maxText/2)
}

// silence says what happens to r when nobody decides: the next step of its
// route, and its lapse. Slack runs the parts of a context together, so each
// begins with what divides it from the one before. What names somebody is
// plain text, and only the dates are markup.
func silence(r access.Request) []*slack.TextBlockObject {
	if r.State != access.Pending || r.LapsesAt.IsZero() {
		return nil
	}
	var all []*slack.TextBlockObject
	if step, ok := nextStep(r); ok {
		all = append(all, authored("· if nobody decides by "+date(r.AskedAt.Add(step.In))+",", maxText), plain(taken(step), maxText/2))
		if step.Deny {
			return all
		}
	}
	return append(all, authored("· lapses "+date(r.LapsesAt), maxText))
}

// nextStep returns the next thing that is done because nobody answers, if
// there is one before r lapses.
func nextStep(r access.Request) (access.Escalation, bool) {
	for _, step := range r.Verdict.Route.Silence {
		if step.In > r.SilentFor {
			return step, r.AskedAt.Add(step.In).Before(r.LapsesAt)
		}
	}
	return access.Escalation{}, false
}

// taken says what a step does.
func taken(step access.Escalation) string {
	var parts []string
	if len(step.Needs) > 0 {
		parts = append(parts, oneLine(access.Spell(step.Needs))+" may decide instead")
	}
	var told []string
	for _, c := range step.Notify {
		told = append(told, "#"+oneLine(c.Name))
	}
	told = append(told, audience(step.Tell)...)
	if len(told) > 0 {
		parts = append(parts, strings.Join(told, ", ")+" will hear of it")
	}
	if step.Deny {
		parts = append(parts, "it is denied")
	}
	if len(parts) == 0 {
		return "nothing changes"
	}
	return strings.Join(parts, ", and ")
}

// audience names who is told something.
func audience(a access.Audience) []string {
	var names []string
	for _, name := range slices.Concat(a.Groups, a.People) {
		names = append(names, oneLine(name))
	}
	return names
}
