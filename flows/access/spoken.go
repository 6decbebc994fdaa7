package access

import (
	"fmt"
	"strings"
	"time"
)

// Spoken returns d as a person says it: "1 hour 30 minutes". What is not
// a positive number of minutes nobody chose, and is written as Go does.
func Spoken(d time.Duration) string {
	if d <= 0 || d%time.Minute != 0 {
		return d.String()
	}
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.unit); n > 0 {
			parts = append(parts, Counted(n, u.name))
		}
		d %= u.unit
	}
	return strings.Join(parts, " ")
}

// Counted returns how many there are of something: "1 day", "2 days".
func Counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
