package blocks

import (
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// review says what becomes of broken glass afterwards. It is nothing for a
// request that needs no review.
func review(r access.Request, now time.Time) []phrase {
	v := r.Review
	switch {
	case v.DueAt.IsZero():
		return nil
	case !v.At.IsZero():
		return []phrase{saying("Reviewed by ", strong(v.Name), " · ", v.At)}
	case v.Overdue || v.Late(now):
		return []phrase{saying(strong("Review overdue"), " since ", v.DueAt, ": it wants ", span{text: reviewers(r)})}
	default:
		return []phrase{saying("To be reviewed before ", v.DueAt, " by ", span{text: reviewers(r)})}
	}
}

// reviewers names who may review r: any one of them.
func reviewers(r access.Request) string {
	needs := r.Verdict.Route.Reviewers
	if len(needs) == 0 {
		needs = r.Verdict.Route.Skipped
	}
	var names []string
	for _, n := range needs {
		names = append(names, audience(access.Audience{Groups: n.Groups, People: n.People})...)
	}
	if len(names) == 0 {
		return "an admin"
	}
	slices.Sort(names)
	return cut(strings.Join(slices.Compact(names), ", "), maxHeadline) + " or an admin"
}

// Announcement draws c for everybody who should know that somebody broke the
// glass: who, what, why and until when, and the names of those who would have
// decided otherwise, whom it notifies only where each is told directly.
func Announcement(c Case, skipped []string, now time.Time) Message {
	r := c.Request
	m := Message{Text: cut("Break-glass: "+fallback(c, now), maxFallback)}
	m.Blocks = append(m.Blocks, heading("Break-glass"))
	m.Blocks = append(m.Blocks, asking(c)...)
	m.Blocks = append(m.Blocks, slack.NewSectionBlock(nil, facts(c, now), nil), extras(c), rich(list(leftOut(r, skipped)...)))
	m.Blocks = append(m.Blocks, outcome(c, now)...)
	if r.Review.Open() {
		press := button(ActionReview, "Review…", Value(c))
		m.Blocks = append(m.Blocks, slack.NewActionBlock(buttonsID("review", c), press))
	}
	m.Blocks = append(m.Blocks, contextOf(plain(noted(r), maxText)))
	return m
}

// leftOut names who was not asked, as the rules have it, and by name as far as
// that is known.
func leftOut(r access.Request, names []string) []phrase {
	who := "nobody: no other route of the flow asks anybody"
	if needs := r.Verdict.Route.Skipped; len(needs) > 0 {
		who = cut(oneLine(access.Spell(needs)), maxField)
	}
	all := []phrase{saying(strong("Was not asked"), ": ", span{text: who})}
	if len(names) == 0 {
		return all
	}
	var said []string
	for _, n := range names {
		said = append(said, or(cut(oneLine(n), maxName), "–"))
	}
	return append(all, saying(strong("Those are"), ": ", span{text: cut(strings.Join(said, ", "), maxField)}))
}

// noted says which rules let it happen, and who took note.
func noted(r access.Request) string {
	about := []string{string(r.ID), "route " + or(oneLine(r.Verdict.Route.Name), "–")}
	if r.By.Email != "" {
		about = append(about, "as "+oneLine(r.By.Email))
	}
	for _, a := range r.Announcements {
		about = append(about, "noted by "+oneLine(a.Where))
	}
	return strings.Join(about, " · ")
}

// A GlassForm is the modal by which somebody gives themselves access.
type GlassForm struct {
	Form
	Incident string
	// Announced is where it will be said, Skipped who will not be asked, and
	// ReviewWithin when somebody else has to have looked at it. What is not
	// known yet is left out.
	Announced    string
	Skipped      string
	ReviewWithin time.Duration
}

// View returns the modal. Slack gives titles and submits no color, so what is
// dangerous stands in an alert, above everything.
func (f GlassForm) View() slack.ModalViewRequest {
	v := modal("Break glass", "Break Glass", CallbackGlass)
	add := func(blocks ...slack.Block) { v.Blocks.BlockSet = append(v.Blocks.BlockSet, blocks...) }
	if f.Alert != "" {
		add(alert(slack.AlertLevelError, f.Alert))
	}
	add(alert(slack.AlertLevelWarning, f.warning()), f.targetInput())
	if f.Target.Name == "" {
		add(f.incidentInput(), f.reasonInput())
		return v
	}
	add(contextOf(plain(f.comesWith(), maxText)))
	if len(f.Durations) > 0 {
		add(f.durationInput())
	}
	add(f.incidentInput(), f.reasonInput())
	for _, field := range f.Fields {
		add(field.input(f.Values[field.Name]))
	}
	add(f.confirmInput())
	return v
}

// warning says what breaking the glass means, as far as it is known.
func (f GlassForm) warning() string {
	text := "You give yourself this access, and answer for it."
	if f.Announced != "" {
		text += " It is announced at once in #" + oneLine(f.Announced) + ", with your reason."
	} else {
		text += " It is announced at once, with your reason."
	}
	if f.Skipped != "" {
		text += " Not asked, and told of it: " + oneLine(f.Skipped) + "."
	}
	if f.ReviewWithin > 0 {
		return text + " Somebody else has to review it within " + access.Spoken(f.ReviewWithin) + "; while that is overdue, you cannot do it again."
	}
	return text + " Somebody else has to review it afterwards."
}

func (f GlassForm) incidentInput() *slack.InputBlock {
	e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
	e.MaxLength, e.InitialValue = maxHeadline, cut(visible(f.Incident), maxHeadline)
	return slack.NewInputBlock(blockIncident, plain("Incident", maxLabel), plain("The id under which the incident is tracked.", maxHint), e)
}

// confirmInput has the target's name typed once more, which no slip of a
// finger does.
func (f GlassForm) confirmInput() *slack.InputBlock {
	e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
	e.MaxLength = maxInput
	label := plain("Type "+oneLine(f.Target.Name)+" to confirm", maxLabel)
	return slack.NewInputBlock(blockConfirm, label, nil, e)
}

// Errors returns what to answer to a submission with problems, by block.
func (f GlassForm) Errors(problems map[string]string) map[string]string {
	inputs := f.inputs()
	inputs[blockIncident], inputs[blockConfirm] = true, f.Target.Name != ""
	return errorsAt(inputs, blockTarget, problems)
}

// ReviewForm returns the modal that asks what was found in looking at c.
func ReviewForm(c Case) slack.ModalViewRequest {
	v := modal("Review break-glass", "File Review", CallbackReview)
	v.PrivateMetadata = Value(c)
	e := slack.NewPlainTextInputBlockElement(nil, ActionAnswer)
	e.Multiline, e.MaxLength = true, reasonLength
	hint := plain("Was it needed, and was what was done what it was for? The auditor reads it.", maxHint)
	in := slack.NewInputBlock(blockReason, plain("What you found", maxLabel), hint, e)
	v.Blocks.BlockSet = append(asking(c), in)
	return v
}
