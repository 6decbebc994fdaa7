package access

import (
	"fmt"
	"slices"
	"strings"
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
	// Receive is asked once more before AWS is called, about the holder.
	Receive Action = "receive"
)

// Authorize reports whether s may do action to r, as a *Refusal, or nil. It is
// the only function that decides this: it is called when asking, when clicking
// and when granting, whatever the request came in by. r carries the verdict of
// rules that were evaluated now.
//
// A decider is compared with the requester as a person, and by principal as
// well, so that neither a second account nor a second link helps.
func Authorize(action Action, s Standing, r Request) error {
	if !s.Active || s.Person.ID == "" || s.Person.Principal == "" {
		return &Refusal{Code: RefusedStranger, Text: "You cannot use Sesame: it needs an active, full member of this workspace who is linked to an AWS user. Ask an admin to link you."}
	}
	self := s.Person.ID == r.By.ID || s.Person.Principal == r.By.Principal
	switch action {
	case Ask, Receive:
		return mayHave(self, r)
	case Approve, Deny:
		return mayDecide(action, self, s, r)
	case Withdraw:
		if !self {
			return notYours("Only %s can withdraw this request; you can deny it if it is yours to decide.", r.By.Name)
		}
		return pending(r)
	case EndGrant:
		if !self && !s.Admin && !r.Verdict.Route.MayDecide(s) && !decidedBy(r, s.Person.ID) {
			return notYours("Only %s, who holds this access, its approvers and admins can end it.", r.By.Name)
		}
		return nil
	default:
		return notYours("Sesame does not know how to %q a request.", string(action))
	}
}

// mayHave refuses a request that the rules refuse, and anybody but the
// requester.
func mayHave(self bool, r Request) error {
	if !self {
		return notYours("Access can only be asked for by the person who will hold it.")
	}
	return allowed(r)
}

func mayDecide(action Action, self bool, s Standing, r Request) error {
	if err := pending(r); err != nil {
		return err
	}
	if self && !r.Verdict.Route.Self {
		return &Refusal{Code: RefusedSelf, Text: "You cannot decide on your own request: " + r.Verdict.Route.deciders() + " can."}
	}
	named := r.Verdict.Route.MayDecide(s)
	if self {
		named = true
	}
	if !named {
		return notYours("You cannot decide on this request: %s can.", r.Verdict.Route.deciders())
	}
	if action == Deny {
		// Saying no needs no permission of the rules.
		return nil
	}
	return allowed(r)
}

func allowed(r Request) error {
	if r.Verdict.Allow {
		return nil
	}
	text := "The rules do not allow this request."
	if len(r.Verdict.Reasons) > 0 {
		text = r.Verdict.Reasons[0].Text
	}
	return &Refusal{Code: RefusedRules, Text: text, Verdict: r.Verdict}
}

func pending(r Request) error {
	if r.State == Pending {
		return nil
	}
	text := fmt.Sprintf("This request is %s already.", r.State)
	if n := len(r.Decisions); n > 0 && (r.State == Approved || r.State == Denied) {
		text = fmt.Sprintf("This request was %s already, by %s.", r.State, r.Decisions[n-1].Name)
	}
	return &Refusal{Code: RefusedDecided, Text: text}
}

func decidedBy(r Request, p PersonID) bool {
	return slices.ContainsFunc(r.Decisions, func(d Decision) bool { return d.By == p })
}

func notYours(format string, args ...any) error {
	return &Refusal{Code: RefusedNotYours, Text: fmt.Sprintf(format, args...)}
}

// deciders names who may decide, for a sentence.
func (r Route) deciders() string {
	var names []string
	for _, n := range r.Needs {
		names = append(names, n.String())
	}
	if len(names) == 0 {
		return "the approvers of its route"
	}
	return strings.Join(names, " and ")
}

// String names who can meet the need: "2 of frontend-leads, bob@example.com".
func (n Need) String() string {
	who := strings.Join(append(slices.Clone(n.Groups), n.People...), ", ")
	if n.Count > 1 {
		return fmt.Sprintf("%d of %s", n.Count, who)
	}
	return who
}
