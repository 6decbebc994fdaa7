package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sesame/flows/access"
)

// mostQuoted is how much is repeated of what somebody typed and Sesame does
// not know, in characters.
const mostQuoted = 60

// quoted returns what somebody typed for a sentence: in quotes, no longer than
// a name is, and with nothing hidden in it.
func quoted(s string) string {
	if runes := []rune(s); len(runes) > mostQuoted {
		s = string(runes[:mostQuoted]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// cleanReason returns a reason without the characters that could make it read
// differently from how it was typed, or what is wrong with it.
func cleanReason(s string) (reason, problem string) {
	reason = clean(s)
	if !strings.ContainsFunc(reason, unicode.IsGraphic) {
		return "", "Say why you need it: the approver and the auditor read the reason."
	}
	return reason, tooLong(reason)
}

// cleanFinding is cleanReason, for what a reviewer found.
func cleanFinding(s string) (finding, problem string) {
	finding = clean(s)
	if !strings.ContainsFunc(finding, unicode.IsGraphic) {
		return "", "Say what you found: the auditor reads the review."
	}
	return finding, tooLong(finding)
}

// maxIncident is the longest name of an incident that is taken, in bytes.
const maxIncident = 200

// cleanIncident is cleanReason, for what an incident is called.
func cleanIncident(s string) (incident, problem string) {
	incident = clean(s)
	switch {
	case !strings.ContainsFunc(incident, unicode.IsGraphic):
		return "", "Say which incident this is for, as in INC-42: break-glass is for incidents, and the reviewer looks it up."
	case len(incident) > maxIncident:
		return "", "The incident is too long: name it as in INC-42, and tell the story in the reason."
	}
	return incident, ""
}

// tooLong returns what is wrong with a reason that is too long.
func tooLong(reason string) string {
	if len(reason) <= MaxReason {
		return ""
	}
	over := utf8.RuneCountInString(reason) - utf8.RuneCountInString(strings.ToValidUTF8(reason[:MaxReason], ""))
	return fmt.Sprintf("The reason is %d characters too long: shorten it, and link to the rest.", over)
}

// clean returns s without what cannot be seen.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(visible, strings.ToValidUTF8(s, "\uFFFD")))
}

// visible drops control characters, and the marks that hide or reorder text.
// Joiners stay: emoji and some scripts cannot be written without them.
func visible(c rune) rune {
	switch {
	case c == '\n', c == '\t', c == '\u200c', c == '\u200d':
		return c
	case c == '\u2028', c == '\u2029':
		return '\n'
	case unicode.IsControl(c), unicode.Is(unicode.Cf, c):
		return -1
	}
	return c
}

func spokenList(ds []time.Duration) string {
	var all []string
	for _, d := range ds {
		all = append(all, access.Spoken(d))
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
