package main

import (
	"fmt"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// An explainedUsage is what is in use of the limits that a request is held to.
type explainedUsage struct {
	Day    string     `json:"day,omitempty"`   // granted today
	Ended  *time.Time `json:"ended,omitempty"` // since when a cool-down goes on
	Person int        `json:"person,omitempty"`
	Target int        `json:"target,omitempty"`
	Glass  int        `json:"glass,omitempty"`
}

func usageOf(u *flows.Usage) *explainedUsage {
	if u == nil {
		return nil
	}
	e := &explainedUsage{Person: u.Person, Target: u.Target, Glass: u.Glass}
	if u.Day > 0 {
		e.Day = u.Day.String()
	}
	if !u.Ended.IsZero() {
		e.Ended = &u.Ended
	}
	return e
}

// limited says how much one may have of what a flow gives, and how much of that
// is in use if the past is known.
func limited(f *flowfile.Flow, known *flows.Usage) []string {
	l, limits := f.Limits, []string{}
	say := func(is bool, most, used string) {
		if is && known != nil {
			most += ", " + used
		}
		if is {
			limits = append(limits, most)
		}
	}
	var u flows.Usage
	if known != nil {
		u = *known
	}
	ended, used := "none now", "none used up"
	if !u.Ended.IsZero() {
		ended = "now until " + u.Ended.Add(l.CoolDown).In(f.Zone).Format("2006-01-02 15:04 MST")
	}
	if u.Day > 0 {
		used = access.Spoken(u.Day) + " used up"
	}
	say(l.PerDay > 0, access.Spoken(l.PerDay)+" a day for each person", used)
	say(l.CoolDown > 0, "a pause of "+access.Spoken(l.CoolDown)+" after access to the target ended", ended)
	say(l.PerPerson > 0, count(l.PerPerson, "grant")+" at once for each person", fmt.Sprintf("%d there", u.Person))
	say(l.PerTarget > 0, count(l.PerTarget, "grant")+" at once for each target", fmt.Sprintf("%d there", u.Target))
	return limits
}
