package line

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Longest is the longest duration that can be said at all. What a flow allows
// is less.
const Longest = 30 * 24 * time.Hour

// A span is a duration as it was typed: some parts, the larger before the
// smaller.
type span struct {
	negative bool
	parts    []part
}

// A part is "30m" or "2 hours".
type part struct {
	number float64
	unit   time.Duration
}

// ParseDuration returns the duration that all of a text says, as one says it in a
// line, or else the sentence that says why it cannot be used.
func ParseDuration(text string) (d time.Duration, problem string) {
	words := split(clean(text))
	s, n := readSpan(words)
	if n == 0 || n < len(words) {
		return 0, quote(text) + " is no duration: say it as in 30m or 1h30m."
	}
	return s.duration(text)
}

// readSpan reads a duration at the start of words, and returns how many of
// them it takes: none if there is no duration.
func readSpan(words []word) (span, int) {
	s, n := readPart(words)
	if n == 0 {
		return span{}, 0
	}
	for n < len(words) {
		next, m := readPart(words[n:])
		if m == 0 || next.negative || next.parts[0].unit >= s.parts[len(s.parts)-1].unit {
			break
		}
		s.parts = append(s.parts, next.parts...)
		n += m
	}
	return s, n
}

// readPart reads "1h30m", or a number and a unit in two words.
func readPart(words []word) (span, int) {
	if len(words) == 0 {
		return span{}, 0
	}
	text := strings.ToLower(words[0].core())
	s, rest := span{}, text
	if trimmed := strings.TrimLeft(text, "-−"); trimmed != text {
		s.negative, rest = true, trimmed
	}
	if number, after := number(rest); number != "" && after == "" && len(words) > 1 {
		if unit := unitOf(strings.ToLower(words[1].core())); unit > 0 {
			s.parts = []part{{float(number), unit}}
			return s, 2
		}
	}
	s.parts = parts(rest)
	if len(s.parts) == 0 {
		return span{}, 0
	}
	return s, 1
}

// parts splits "1h30m"; it returns nothing if any of it is something else.
func parts(text string) []part {
	var ps []part
	for text != "" {
		n, after := number(text)
		letters := len(after) - len(strings.TrimLeftFunc(after, unicode.IsLetter))
		unit := unitOf(after[:letters])
		if n == "" || unit == 0 {
			return nil
		}
		ps = append(ps, part{float(n), unit})
		text = after[letters:]
	}
	return ps
}

// number splits off the number that text starts with: "90", "1.5" or "1,5".
func number(text string) (number, after string) {
	after = strings.TrimLeft(text, "0123456789")
	whole := len(text) - len(after)
	if whole > 0 && len(after) > 1 && strings.Contains(".,", after[:1]) && after[1] >= '0' && after[1] <= '9' {
		after = strings.TrimLeft(after[1:], "0123456789")
	}
	if whole == 0 {
		return "", text
	}
	return text[:len(text)-len(after)], after
}

// float returns the value of a number. One that is out of range is infinite,
// which is too long like any other.
func float(number string) float64 {
	f, _ := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
	return f
}

func unitOf(name string) time.Duration {
	switch name {
	case "s", "sec", "secs", "second", "seconds":
		return time.Second
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour
	case "month", "months":
		return 30 * 24 * time.Hour
	case "y", "yr", "year", "years":
		return 365 * 24 * time.Hour
	}
	return 0
}

// duration returns how long s is, or the sentence that says why it cannot be
// used. said is how it was typed.
func (s span) duration(said string) (time.Duration, string) {
	said = quote(said)
	var total float64
	for i, p := range s.parts {
		if i > 0 && p.unit == s.parts[i-1].unit {
			return 0, said + " says the same unit twice, so it could mean two things: write it once, such as 1h30m."
		}
		if i > 0 && p.unit > s.parts[i-1].unit {
			return 0, said + " has a smaller unit before a larger one: write the larger one first, such as 1h30m."
		}
		total += p.number * float64(p.unit)
	}
	switch {
	case s.negative:
		return 0, said + " is less than no time: say how long you need it, such as 30m or 1h."
	case total > float64(Longest):
		return 0, fmt.Sprintf("%s is longer than the %d days that can be said here: ask for less, and again when it is over.", said, Longest/(24*time.Hour))
	case total < float64(time.Second):
		return 0, said + " is no time at all: say how long you need it, such as 30m or 1h."
	}
	return time.Duration(total).Round(time.Second), ""
}
