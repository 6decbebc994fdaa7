package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Spoken returns d as a person says it: "1 hour 30 minutes".
func Spoken(d time.Duration) string {
	if d <= 0 || d%time.Minute != 0 {
		return d.String()
	}
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.unit); n == 1 {
			parts = append(parts, "1 "+u.name)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, u.name))
		}
		d %= u.unit
	}
	return strings.Join(parts, " ")
}

func spokenList(ds []time.Duration) string {
	var all []string
	for _, d := range ds {
		all = append(all, Spoken(d))
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// joined returns the problems as one text, in the order of their names.
func joined(problems map[string]string) string {
	var names []string
	for name := range problems {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		all = append(all, problems[name])
	}
	return strings.Join(all, " ")
}
