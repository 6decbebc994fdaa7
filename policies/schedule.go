package policies

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/robfig/cron/v3"
)

// maxWindow bounds how long a window of in_window lasts.
const maxWindow = 7 * 24 * time.Hour

// leapYear is a moment from which cron's search, which ends after five years,
// finds every date that there is.
var leapYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// ParseSchedule reads a schedule of five fields in the syntax of cron, as
// robfig/cron has it: minute, hour, day of the month, month, day of the week.
func ParseSchedule(text string) (cron.Schedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, fmt.Errorf("%q has a time zone, and rules tell the time in that of their flow", text)
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a schedule such as \"0 9 * * MON-FRI\": %v", text, err)
	}
	if schedule.Next(leapYear).IsZero() {
		return nil, fmt.Errorf("%q never comes", text)
	}
	return schedule, nil
}

// inWindow rewrites in_window("0 9 * * MON-FRI", "9h").
func (w *rewriter) inWindow(n ast.Node, args []ast.Node) ast.Node {
	text, ok1 := w.text(args[0], "the schedule")
	length, ok2 := w.text(args[1], "the length")
	if !ok1 || !ok2 {
		return n
	}
	schedule, err := ParseSchedule(text)
	if err != nil {
		return w.refuse(args[0], err.Error(), "")
	}
	d, err := ParseDuration(length)
	if err != nil || d <= 0 || d > maxWindow {
		return w.refuse(args[1], fmt.Sprintf("%q is not a length of at most %s", length, shortDuration(maxWindow)), `write it as "9h"`)
	}
	key := fmt.Sprintf("in_window(%q, %q)", text, length)
	w.slot(key, boolType, func(in *Input) any {
		return came(schedule, in.Now.Add(-d).In(in.Zone), in.Now.In(in.Zone))
	})
	return put(n, &ast.IdentifierNode{Value: key})
}

// came reports whether a schedule came after from and up to now, by the clocks
// of their zone. What these leave out when they go forward came all the same:
// or a freeze from half past two would not be, once a year.
func came(schedule cron.Schedule, from, now time.Time) bool {
	if !schedule.Next(from).After(now) {
		return true
	}
	_, before := from.Zone()
	_, after := now.Zone()
	return after > before && !Moment(schedule.Next(Shown(from)), now.Location()).After(now)
}

// Shown returns what the clocks show at t, as a moment of UTC, where they never
// change.
func Shown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// Moment returns the first moment at which the clocks of zone show what Shown
// would return. What they leave out is as long after they change as it would
// have been.
func Moment(shown time.Time, zone *time.Location) time.Time {
	t := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), shown.Nanosecond(), zone)
	if early := shown.Sub(Shown(t)); early > 0 {
		return t.Add(early)
	}
	for _, back := range []time.Duration{time.Hour, 30 * time.Minute} {
		if first := t.Add(-back); Shown(first).Equal(shown) {
			return first
		}
	}
	return t
}

// daysSince rewrites days_since("2026-01-31").
func (w *rewriter) daysSince(n ast.Node, args []ast.Node) ast.Node {
	text, ok := w.text(args[0], "the date")
	if !ok {
		return n
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return w.refuse(args[0], fmt.Sprintf("%q is not a date", text), `write it as "2026-01-31"`)
	}
	key := fmt.Sprintf("days_since(%q)", text)
	w.slot(key, reflect.TypeFor[int](), func(in *Input) any {
		y, m, d := in.Now.In(in.Zone).Date()
		// Dates are counted in UTC, where each has 24 hours.
		return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(date) / (24 * time.Hour))
	})
	return put(n, &ast.IdentifierNode{Value: key})
}
