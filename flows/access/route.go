package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Route says who decides, who is told, and what happens when nobody answers.
// The zero Route lets nobody decide.
type Route struct {
	Name string `json:"name"`
	Pos  string `json:"pos"`
	// Auto approves without a person; Needs is empty then.
	Auto bool `json:"auto,omitempty"`
	// Self lets the requester decide on their own request.
	Self bool `json:"self,omitempty"`
	// Needs must all be met, those of an earlier stage first.
	Needs []Need `json:"needs,omitempty"`
	// ApproveWhen is the rule that must hold for an approver at the click, as
	// it is written; empty asks nothing.
	ApproveWhen string `json:"approve_when,omitempty"`
	// InChat takes approvals in the chat alone, and none by command.
	InChat bool `json:"in_chat,omitempty"`
	// Notify are the channels that get the request, and Tell are people who
	// do; being told gives no authority.
	Notify []Channel `json:"notify,omitempty"`
	Tell   Audience  `json:"tell,omitzero"`
	// Silence is what to do when nobody has decided, in the order of In.
	Silence []Escalation `json:"silence,omitempty"`
	// LapseAfter ends the request when nobody decided.
	LapseAfter time.Duration `json:"lapse_after"`
	// Glass makes this a break-glass route; nil for any other. Skipped are
	// those who would have decided otherwise, and Reviewers who may review in
	// their place; without Reviewers those who were skipped may.
	Glass     *Glass `json:"glass,omitempty"`
	Skipped   []Need `json:"skipped,omitempty"`
	Reviewers []Need `json:"reviewers,omitempty"`
}

// A Need is met when Count different people, each named or in one of the
// groups, have approved.
type Need struct {
	Count  int      `json:"count"`
	Groups []string `json:"groups,omitempty"` // names in the flow files, of on-call schedules too
	People []string `json:"people,omitempty"` // e-mail addresses of linked people, lower case
	// Stage orders needs: those of a stage are asked once all earlier stages
	// are complete.
	Stage int `json:"stage,omitempty"`
	// Choice makes needs of one stage alternatives: of those with the same
	// number, other than 0, one that is met is enough.
	Choice int `json:"choice,omitempty"`
}

// An Audience are people who are told something.
type Audience struct {
	Groups []string `json:"groups,omitempty"` // as in Need
	People []string `json:"people,omitempty"`
}

// An Escalation is what is done once nobody has decided for a while.
type Escalation struct {
	In     time.Duration `json:"in"` // since the request was asked
	Notify []Channel     `json:"notify,omitempty"`
	Tell   Audience      `json:"tell,omitzero"`
	// Needs take the place of the route's; empty leaves them.
	Needs []Need `json:"needs,omitempty"`
	// Deny ends the request.
	Deny bool `json:"deny,omitempty"`
}

// A Glass is what a break-glass route asks of those who use it.
type Glass struct {
	Announce     Channel       `json:"announce"` // where it is said at once
	ReviewWithin time.Duration `json:"review_within"`
	// Budget is how often one person may use the flow's break-glass routes in
	// any time of BudgetPer; 0 sets no limit.
	Budget    int           `json:"budget,omitempty"`
	BudgetPer time.Duration `json:"budget_per,omitempty"`
	// CoolDown is how long one person waits between two uses.
	CoolDown time.Duration `json:"cool_down,omitempty"`
}

// After returns r as it is once nobody has decided for so long.
func (r Route) After(silence time.Duration) Route {
	for _, step := range r.Silence {
		if step.In > silence {
			break
		}
		r.Notify = union(r.Notify, step.Notify)
		r.Tell = Audience{union(r.Tell.Groups, step.Tell.Groups), union(r.Tell.People, step.Tell.People)}
		if len(step.Needs) > 0 {
			r.Needs = step.Needs
		}
	}
	return r
}

// union returns a with what b has besides, and leaves both alone.
func union[T comparable](a, b []T) []T {
	all := slices.Clip(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// eligible reports whether s may count towards n.
func (n Need) eligible(s Standing) bool {
	named := s.Person.Email != "" && slices.Contains(n.People, s.Person.Email)
	return named || slices.ContainsFunc(n.Groups, func(g string) bool { return s.Groups[g] })
}

// MayDecide reports whether the route names s, in whatever stage, leaving aside
// whose request it is. Self names the requester alone, so Authorize knows of it
// and this does not.
func (r Route) MayDecide(s Standing) bool { return names(r.Needs, s) }

// MayReview reports whether s may review what r let somebody do, leaving aside
// who that was.
func (r Route) MayReview(s Standing) bool { return names(r.reviewing(), s) }

func (r Route) reviewing() []Need {
	if len(r.Reviewers) > 0 {
		return r.Reviewers
	}
	return r.Skipped
}

func names(needs []Need, s Standing) bool {
	return slices.ContainsFunc(needs, func(n Need) bool { return n.eligible(s) })
}

// Groups returns the names of all groups that bear on who may decide or review,
// each once.
func (r Route) Groups() []string {
	var all []string
	for _, needs := range [][]Need{r.Needs, r.Skipped, r.Reviewers} {
		for _, n := range needs {
			all = union(all, n.Groups)
		}
	}
	return all
}

// Deciders names who may decide, for a sentence.
func (r Route) Deciders() string {
	switch {
	case len(r.Needs) == 0 && r.Self:
		return "the person who asked"
	case len(r.Needs) == 0:
		return "the approvers of its route"
	}
	return Spell(r.Needs)
}

func (r Route) reviewers() string {
	if needs := r.reviewing(); len(needs) > 0 {
		return Spell(needs) + " or an admin"
	}
	return "an admin"
}

// Spell names who needs are for, for a sentence: alternatives with "or", what
// is needed besides with "and", and the next stage with "then".
func Spell(needs []Need) string {
	var b strings.Builder
	for i, n := range needs {
		switch {
		case i == 0:
		case n.Stage != needs[i-1].Stage:
			b.WriteString(", then ")
		case n.Choice != 0 && n.Choice == needs[i-1].Choice:
			b.WriteString(" or ")
		default:
			b.WriteString(" and ")
		}
		b.WriteString(n.String())
	}
	return b.String()
}

// String names who can meet the need: "2 of frontend-leads, bob@example.com".
func (n Need) String() string {
	who := strings.Join(append(slices.Clone(n.Groups), n.People...), ", ")
	if n.Count > 1 {
		return fmt.Sprintf("%d of %s", n.Count, who)
	}
	return who
}
