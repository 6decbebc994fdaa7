package blocks

import (
	"slices"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// extended returns from when to when c moved the end of its grant, and whether
// it did.
func extended(c Case) (from, to time.Time, ok bool) {
	to = c.Grant.EndsAt
	for _, x := range slices.Backward(c.Grant.Extensions) {
		from = to.Add(-x.By)
		if x.Request == c.Request.ID {
			return from, to, true
		}
		to = from
	}
	return time.Time{}, time.Time{}, false
}

// extensions say by how much a grant lasts longer than it did at first.
func extensions(g access.Grant) []phrase {
	var all []phrase
	for _, x := range g.Extensions {
		all = append(all, saying("Extended by ", access.Spoken(x.By), " · ", x.At))
	}
	return all
}

// longer says to the requester how their extension stands.
func longer(c Case) phrase {
	r, g := c.Request, c.Grant
	target := strong(r.Target.Name)
	asked := saying("Your request to keep ", target, " for ", strong(access.Spoken(r.Duration)), " longer ")
	switch stage(c) {
	case "pending":
		return saying("You asked to keep ", target, " for ", strong(access.Spoken(r.Duration)), " longer – ", why(r))
	case "extended":
		_, to, _ := extended(c)
		return saying("Your access to ", target, " was extended by ", strong(access.Spoken(r.Duration)), ": it ends ", to, ".")
	case "denied":
		return saying(asked, "was denied.", asBefore(g))
	case "withdrawn":
		return saying("You withdrew your request to keep ", target, " longer.", asBefore(g))
	case "lapsed":
		return saying(asked, "was not decided in time, which means no.", asBefore(g))
	default:
		return saying(asked, "is approved.")
	}
}

// asBefore says when access ends that was not extended.
func asBefore(g access.Grant) phrase {
	if g.State != access.Open {
		return nil
	}
	return saying(" Your access ends ", g.EndsAt, ", as before.")
}

// extendButton opens the form for more time. It is nil where there is none to
// be had.
func extendButton(c Case) *slack.ButtonBlockElement {
	if len(c.Longer) == 0 || c.Grant.State != access.Open {
		return nil
	}
	return button(ActionExtend, "Extend…", Value(c))
}

// An ExtendForm is the modal that asks for more time.
type ExtendForm struct {
	Case     Case          // of the grant, with Longer
	Duration time.Duration // preselected, if among those
	Reason   string
	// Alert is what is wrong with the form as a whole.
	Alert string
}

// View returns the modal.
func (f ExtendForm) View() slack.ModalViewRequest {
	v := modal("Extend access", "Send Request", CallbackExtend)
	v.PrivateMetadata = Value(f.Case)
	if f.Alert != "" {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, alert(slack.AlertLevelError, f.Alert))
	}
	p := saying(strong(f.Case.Request.Target.Name), " ends ", f.Case.Grant.EndsAt, ". More time goes through the rules like a new request; what you have stays until then.")
	v.Blocks.BlockSet = append(v.Blocks.BlockSet, paragraphs(p))
	form := Form{Durations: f.Case.Longer, Duration: f.Duration, Reason: f.Reason}
	if len(form.Durations) > 0 {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, form.durationInput())
	}
	v.Blocks.BlockSet = append(v.Blocks.BlockSet, form.reasonInput())
	return v
}

// Errors returns what to answer to a submission with problems, by block.
func (f ExtendForm) Errors(problems map[string]string) map[string]string {
	inputs := map[string]bool{blockDuration: len(f.Case.Longer) > 0, blockReason: true}
	return errorsAt(inputs, blockReason, problems)
}
