package slacktest

import (
	"regexp"
	"slices"
	"strings"
)

func (t *team) hasCommand(command string) bool {
	return slices.Contains(t.cfg.Commands, command) && t.needs("commands") == nil
}

func (t *team) hasShortcut(callbackID string) bool {
	return slices.Contains(t.cfg.Shortcuts, callbackID) && t.needs("commands") == nil
}

var typedName = regexp.MustCompile(`(^|\s)([@#])(\w(?:[\w.-]*\w)?)`)

// escaped is typed text as Slack keeps it: names of people and channels become
// ids, and the three special characters entities. A name that means nobody
// stays as it was typed.
func (t *team) escaped(text string) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	return typedName.ReplaceAllStringFunc(text, func(s string) string {
		p := typedName.FindStringSubmatch(s)
		if id := t.named(p[2], p[3]); id != "" {
			return p[1] + "<" + id + ">"
		}
		return s
	})
}

// named finds whom a typed name means, in the form that stands between angle
// brackets.
func (t *team) named(mark, name string) string {
	if mark == "#" {
		for _, c := range t.channels {
			if c.Name == name && c.im == "" {
				return "#" + c.ID
			}
		}
		return ""
	}
	for _, id := range t.order {
		if t.people[id].Name == name {
			return "@" + id
		}
	}
	for _, id := range t.groupOrder {
		if t.groups[id].Handle == name {
			return "!subteam^" + id
		}
	}
	return ""
}
