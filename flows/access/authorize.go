package access

import (
	"cmp"
	"fmt"
	"slices"
)

// An Action is something that a person does to a request or its grant. The
// zero Action is refused.
type Action string

// The actions.
const (
	Ask      Action = "ask"
	Approve  Action = "approve"
	Deny     Action = "deny"
	Withdraw Action = "withdraw"
	EndGrant Action = "end"
	// Review is said after the fact, of access that somebody gave themselves.
	Review Action = "review"
	// Receive is asked once more before AWS is called, about the holder.
	Receive Action = "receive"
)

// Authorize reports whether s may do action to r, as a *Refusal, or nil. It is
// the only function that decides this: it is called when asking, when clicking
// and when granting, whatever the request came in by. r carries the verdict of
// rules that were evaluated now.
//
// A decider is compared with the requester as a person, never as an account.
func Authorize(action Action, s Standing, r Request) error {
	if !s.Active || s.Person.ID == "" || s.Person.Principal == "" {
		return &Refusal{Code: RefusedStranger, Text: "You cannot use Sesame, because it needs an active, full member of this workspace who is linked to an AWS user: ask an admin to link you."}
	}
	self := s.is(r.By)
	switch action {
	case Ask, Receive:
		return mayHave(self, r)
	case Approve, Deny:
		return mayDecide(action, self, s, r)
	case Withdraw:
		if !self {
			return notYours("You cannot withdraw this request, because it is %s's: deny it if it is yours to decide.", r.By.name())
		}
		return pending(r)
	case Review:
		return mayReview(self, s, r)
	case EndGrant:
		if !self && !s.Admin && !mayStop(s, r) {
			return notYours("You cannot end this access, because only %s, who holds it, its approvers and admins can: ask one of them.", r.By.name())
		}
		return nil
	default:
		return notYours("Sesame does not know how to %q a request: approve, deny or withdraw it.", string(action))
	}
}

// mayHave refuses a request that the rules refuse, and anybody but the
// requester.
func mayHave(self bool, r Request) error {
	if !self {
		return notYours("You cannot get this access, because only the person who asks for it can hold it: ask for it yourself.")
	}
	return allowed(r)
}

// mayDecide lets those decide whom the route names. Admins can deny besides:
// it takes away nothing that anybody has, and somebody must be able to when
// nobody knows who is in which group.
func mayDecide(action Action, self bool, s Standing, r Request) error {
	if err := pending(r); err != nil {
		return err
	}
	route := r.Verdict.Route
	if action == Deny && !self && s.Admin {
		return nil
	}
	switch {
	case route.Auto:
		return notYours("Nobody needs to decide on this request, because its route approves by itself by now: withdraw it and ask again.")
	case self && !route.Self:
		return &Refusal{Code: RefusedSelf, Text: "You cannot decide on your own request, because that is for " + route.Deciders() + ": wait for them, or withdraw it."}
	case !self && route.Name == "" && !r.Verdict.Allow:
		return routeless(action, r)
	case !self && !route.MayDecide(s):
		return notYours("You cannot decide on this request, because that is for %s: ask them.", route.Deciders())
	}
	if action == Deny {
		// Saying no needs no permission of the rules.
		return nil
	}
	return mayApprove(s, r)
}

// routeless says of a request that no route takes any more why that is, since
// whoever was asked to decide would look in vain for its approvers.
func routeless(action Action, r Request) error {
	if err := allowedStill(r); action == Approve && err != nil {
		return err
	}
	return notYours("You cannot deny this request, because the rules do not say by now who decides on it: ask an admin to deny it, or let it lapse.")
}

// mayApprove asks, of somebody whom the route names, what it asks besides.
func mayApprove(s Standing, r Request) error {
	route := r.Verdict.Route
	switch {
	case route.InChat && s.Via == FromCLI:
		return &Refusal{Code: RefusedElsewhere, Text: "You cannot approve this request by command, because its route takes approvals in Slack alone: use the button of its message."}
	case route.ApproveWhen != "" && !s.Fit && s.Unfit != "":
		return notYours("%s", s.Unfit)
	case route.ApproveWhen != "" && !s.Fit:
		return notYours("You cannot approve this request, because its route takes an approval only where %s, and for you that is not so now: leave it to somebody else.", route.ApproveWhen)
	case r.early(s):
		return notYours("You cannot approve this request yet, because %s decide first: you are told when it is your turn.", r.Asked())
	}
	return allowedStill(r)
}

// mayReview lets those review whom the route names, and admins, but never who
// used the access.
func mayReview(self bool, s Standing, r Request) error {
	switch {
	case r.Review.DueAt.IsZero():
		return &Refusal{Code: RefusedUnknown, Text: "There is nothing to review, because this access was decided on before it was given: reviews are for broken glass."}
	case !r.Review.At.IsZero():
		return &Refusal{Code: RefusedDecided, Text: "Nothing is left to review, because " + r.Review.Name + " did already: the message shows what they said."}
	case self:
		return &Refusal{Code: RefusedSelf, Text: "You cannot review your own use of break-glass, because somebody else has to look at it: ask " + r.Verdict.Route.reviewers() + "."}
	case !s.Admin && !r.Verdict.Route.MayReview(s):
		return notYours("You cannot review this access, because that is for %s: ask them.", r.Verdict.Route.reviewers())
	}
	return nil
}

// allowedStill is allowed, for somebody who is not the requester and comes
// later.
func allowedStill(r Request) error {
	refusal, ok := allowed(r).(*Refusal)
	if !ok {
		return nil
	}
	refusal.Text = "You cannot approve this request, because the rules refuse it by now: " + refusal.Text
	return refusal
}

func allowed(r Request) error {
	if r.BreakGlass != (r.Verdict.Route.Glass != nil) && r.Verdict.Allow {
		// The rules keep the two apart; who holds them together refuses.
		return &Refusal{Code: RefusedRules, Text: "The rules do not allow this request, because break-glass and ordinary requests have routes of their own: ask an admin.", Verdict: r.Verdict}
	}
	if r.Verdict.Allow {
		return nil
	}
	text := "The rules do not allow this request and do not say why: ask an admin."
	if len(r.Verdict.Reasons) > 0 {
		text = r.Verdict.Reasons[0].Text
	}
	return &Refusal{Code: RefusedRules, Text: text, Verdict: r.Verdict}
}

func pending(r Request) error {
	if r.State == Pending {
		return nil
	}
	how := string(r.State)
	if n := len(r.Decisions); n > 0 && (r.State == Approved || r.State == Denied) {
		how += " by " + r.Decisions[n-1].Name
	}
	return &Refusal{Code: RefusedDecided, Text: "Nothing is left to decide, because this request is " + how + " already: " + NextStands + "."}
}

// mayStop reports whether s may end what r gave, although it is not theirs: who
// could have decided on it, did, or looks at it afterwards.
func mayStop(s Standing, r Request) bool {
	return r.Verdict.Route.MayDecide(s) || r.Verdict.Route.MayReview(s) || decidedBy(r, s.Person.ID)
}

func decidedBy(r Request, p PersonID) bool {
	return slices.ContainsFunc(r.Decisions, func(d Decision) bool { return d.By == p })
}

func notYours(format string, args ...any) error {
	return &Refusal{Code: RefusedNotYours, Text: fmt.Sprintf(format, args...)}
}

// name returns what to call p in a sentence.
func (p Person) name() string { return cmp.Or(p.Name, "somebody else") }
