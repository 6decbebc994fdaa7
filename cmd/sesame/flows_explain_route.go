package main

import (
	"fmt"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowtest"
)

// An explainedRoute is who would have to do with a request, and what happens
// to it when they do nothing.
type explainedRoute struct {
	// Stages are who could approve in each stage, of those who are known.
	Stages      [][]string       `json:"stages"`
	Tell        *access.Audience `json:"tell,omitempty"`
	Told        []string         `json:"told,omitempty"` // of those who are known
	ApproveWhen string           `json:"approve_when,omitempty"`
	Fits        []explainedFit   `json:"fits,omitempty"`
	// Silence are sentences, and Steps say the same for programs.
	Silence []string        `json:"silence"`
	Steps   []explainedStep `json:"steps,omitempty"`
	// Glass, Skipped and Reviewers are of break-glass only.
	Glass     *access.Glass `json:"glass,omitempty"`
	Passing   string        `json:"passing_over,omitempty"` // who would decide otherwise
	Skipped   []string      `json:"skipped,omitempty"`      // of those who are known
	Reviewing string        `json:"reviewing,omitempty"`
	Reviewers []string      `json:"reviewers,omitempty"` // of those who are known
}

// An explainedFit says whether approve_when holds for somebody.
type explainedFit struct {
	Approver string        `json:"approver"`
	Fits     bool          `json:"fits"`
	Why      string        `json:"why,omitempty"`
	Rule     explainedRule `json:"rule"`
}

// An explainedStep is what happens when nobody decides for a while.
type explainedStep struct {
	In       string           `json:"in"`
	Notify   []access.Channel `json:"notify,omitempty"`
	Told     []string         `json:"told,omitempty"`
	Deciding string           `json:"deciding,omitempty"` // from then on
	Deciders []string         `json:"deciders,omitempty"`
	Deny     bool             `json:"deny,omitempty"`
	Lapse    bool             `json:"lapse,omitempty"`
}

func routeOf(a flowtest.Answer) explainedRoute {
	route := a.Request.Verdict.Route
	e := explainedRoute{
		Stages: append([][]string{}, a.Stages...), Told: a.Told, ApproveWhen: route.ApproveWhen,
		Silence: append([]string{}, a.Silence()...), Glass: route.Glass, Skipped: a.Skipped, Reviewers: a.Reviewers,
	}
	if len(route.Tell.Groups)+len(route.Tell.People) > 0 {
		e.Tell = &route.Tell
	}
	for _, f := range a.Fits {
		e.Fits = append(e.Fits, explainedFit{f.Email, f.Fits, f.Why, ruleOf(f.Rule)})
	}
	for _, s := range a.Steps {
		e.Steps = append(e.Steps, explainedStep{s.In.String(), s.Channels, s.Told, s.Deciding, s.Deciders, s.Deny, s.Lapse})
	}
	if route.Glass != nil {
		e.Passing, e.Reviewing = access.Spell(route.Skipped), "admins"
		reviewers := route.Reviewers
		if len(reviewers) == 0 {
			reviewers = route.Skipped
		}
		if len(reviewers) > 0 {
			e.Reviewing = access.Spell(reviewers) + ", or admins"
		}
	}
	return e
}

// lines are the facts of the route, for people.
func (e explained) lines() [][]cell {
	var lines [][]cell
	if len(e.Stages) > 1 {
		var stages []string
		for i, who := range e.Stages {
			stages = append(stages, fmt.Sprintf("%d: %s", i+1, listed(who)))
		}
		lines = append(lines, several("in stages", stages)...)
	}
	lines = append(lines, fact("approval counts", e.counts()), fact("told", strings.Join(e.audience(), ", ")))
	if e.Glass != nil {
		lines = append(lines,
			fact("announced", "in #"+e.Glass.Announce.Name+", at once"),
			fact("passed over", known(e.Passing, e.Skipped)),
			fact("reviewed", fmt.Sprintf("within %s, by %s", access.Spoken(e.Glass.ReviewWithin), known(e.Reviewing, e.Reviewers))),
			fact("budget", e.budget()),
		)
	}
	return append(lines, several("on silence", e.Silence)...)
}

// audience names who is told.
func (e explained) audience() []string {
	var told []string
	for _, channel := range e.Notify {
		told = append(told, "#"+channel.Name)
	}
	if e.Tell == nil {
		return told
	}
	return append(append(told, e.Tell.Groups...), e.Tell.People...)
}

func (e explained) counts() string {
	if e.ApproveWhen == "" {
		return ""
	}
	return "when " + e.ApproveWhen
}

// budget says how often one person may break the glass.
func (e explained) budget() string {
	var all []string
	if e.Glass.Budget > 0 {
		all = append(all, fmt.Sprintf("%d in %s for each person", e.Glass.Budget, access.Spoken(e.Glass.BudgetPer)))
	}
	if e.Glass.CoolDown > 0 {
		all = append(all, access.Spoken(e.Glass.CoolDown)+" between two")
	}
	if e.Usage != nil && e.Glass.Budget > 0 {
		all[0] += fmt.Sprintf(" (%d used)", e.Usage.Glass)
	}
	return strings.Join(all, ", ")
}

// known adds to a description the addresses of those who are known.
func known(who string, people []string) string {
	if len(people) == 0 {
		return who
	}
	return fmt.Sprintf("%s (of those known %s)", who, strings.Join(people, ", "))
}

func listed(people []string) string {
	if len(people) == 0 {
		return "nobody who is known"
	}
	return strings.Join(people, ", ")
}

// showFits prints approve_when for each of those who might approve.
func (c *console) showFits(e explained) {
	for _, f := range e.Fits {
		fmt.Fprintln(c.out)
		fmt.Fprintln(c.out, printable("approver "+f.Approver))
		c.showRule(f.Rule)
	}
}
