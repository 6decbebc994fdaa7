package main

import (
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// limited says how much one may have of what a flow gives. The server counts
// it when somebody asks; an explanation has nothing to count.
func limited(l flowfile.Limits) []string {
	limits := []string{}
	say := func(is bool, text string, values ...any) {
		if is {
			limits = append(limits, fmt.Sprintf(text, values...))
		}
	}
	say(l.PerDay > 0, "%s a day for each person", access.Spoken(l.PerDay))
	say(l.CoolDown > 0, "%s after access to the target ended", access.Spoken(l.CoolDown))
	say(l.PerPerson > 0, "%s at once for each person", count(l.PerPerson, "grant"))
	say(l.PerTarget > 0, "%s at once for each target", count(l.PerTarget, "grant"))
	return limits
}
