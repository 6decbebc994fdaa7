package policies

import (
	"fmt"
	"time"
)

// A moment is a time of a week on the wall clock.
type moment struct {
	day          time.Weekday
	hour, minute int
}

// parseMoment reads "Fri 18:00".
func parseMoment(s string) (moment, error) {
	t, err := time.Parse("Mon 15:04", s)
	if err != nil || len(s) != len("Mon 15:04") {
		return moment{}, fmt.Errorf("%q is not a time of the week such as \"Fri 18:00\"", s)
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String()[:3] == s[:3] {
			return moment{day, t.Hour(), t.Minute()}, nil
		}
	}
	return moment{}, fmt.Errorf("%q does not begin with a day such as \"Fri\"", s)
}

// A weekly is a stretch of each week, from one moment to the next time that it
// is the other.
type weekly struct{ from, to moment }

func parseWeekly(from, to string) (weekly, error) {
	a, err := parseMoment(from)
	if err != nil {
		return weekly{}, err
	}
	b, err := parseMoment(to)
	if err != nil {
		return weekly{}, err
	}
	if a == b {
		return weekly{}, fmt.Errorf("from %q to %q is no time at all", from, to)
	}
	return weekly{a, b}, nil
}

// days is how many midnights lie between the beginning and the end.
func (w weekly) days() int {
	d := int(w.to.day-w.from.day+7) % 7
	if d == 0 && (w.to.hour < w.from.hour || w.to.hour == w.from.hour && w.to.minute < w.from.minute) {
		return 7
	}
	return d
}

// overlaps reports whether any part of the time from (included) to (excluded)
// lies in the stretch of some week, by the clocks of zone.
func (w weekly) overlaps(from, to time.Time, zone *time.Location) bool {
	if !from.Before(to) {
		return false
	}
	if to.Sub(from) >= 8*24*time.Hour {
		return true
	}
	y, m, d := from.In(zone).Date()
	// Dates are counted in UTC, where each has 24 hours.
	date := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for day := -8; day <= 9; day++ {
		first := date.AddDate(0, 0, day)
		if first.Weekday() != w.from.day {
			continue
		}
		begin := wall(first, w.from, zone, false)
		end := wall(first.AddDate(0, 0, w.days()), w.to, zone, true)
		// A stretch that the clocks skip is no time at all.
		if begin.Before(end) && begin.Before(to) && from.Before(end) {
			return true
		}
	}
	return false
}

// wall returns when the clocks of zone show m on date. A time that is skipped
// when clocks go forward is the moment of the change; of one that comes twice
// when they go back, last says which.
func wall(date time.Time, m moment, zone *time.Location, last bool) time.Time {
	y, mon, d := date.Date()
	t := time.Date(y, mon, d, m.hour, m.minute, 0, 0, zone)
	begin, end := t.ZoneBounds()
	if t.Hour() != m.hour || t.Minute() != m.minute {
		if shown := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC); shown.After(time.Date(y, mon, d, m.hour, m.minute, 0, 0, time.UTC)) {
			return begin
		}
		return end
	}
	if last && !end.IsZero() {
		if again := t.Add(shift(end)); !again.Before(end) {
			return again
		}
	}
	if !last && !begin.IsZero() {
		if before := t.Add(-shift(begin)); before.Before(begin) {
			return before
		}
	}
	return t
}

// shift returns how far clocks go back at the change of zone at t; negative
// when they go forward.
func shift(t time.Time) time.Duration {
	_, before := t.Add(-time.Second).Zone()
	_, after := t.Zone()
	return time.Duration(before-after) * time.Second
}
