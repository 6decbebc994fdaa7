package blockkit

import (
	"regexp"
	"strings"
)

// Mentions returns whom blocks would notify: user ids, user group ids and
// "channel", "here" or "everyone". Plain text notifies nobody, whatever it
// looks like.
func Mentions(blocks []any) []string {
	var all []string
	for _, b := range blocks {
		all = append(all, mentions(b)...)
	}
	return all
}

func mentions(v any) []string {
	switch v := v.(type) {
	case []any:
		return Mentions(v)
	case map[string]any:
		return mentionsOf(v)
	}
	return nil
}

func mentionsOf(obj map[string]any) []string {
	switch str1(obj, "type") {
	case "mrkdwn":
		return MentionsInMrkdwn(str1(obj, "text"), obj["verbatim"] == true)
	case "markdown":
		return MentionsInMrkdwn(str1(obj, "text"), false)
	case "user":
		return []string{str1(obj, "user_id")}
	case "usergroup":
		return []string{str1(obj, "usergroup_id")}
	case "broadcast":
		return []string{str1(obj, "range")}
	}
	var all []string
	for _, name := range sorted(obj) {
		all = append(all, mentions(obj[name])...)
	}
	return all
}

var (
	mention = regexp.MustCompile(`<(@[A-Z0-9]+|!subteam\^[A-Z0-9]+|!channel|!here|!everyone)(\|[^<>]*)?>`)
	bare    = regexp.MustCompile(`(^|[^\w<!])@(channel|here|everyone)\b`)
)

// MentionsInMrkdwn returns whom text in Slack's markup would notify. Unless it
// is verbatim, Slack's client also parses a bare @channel.
func MentionsInMrkdwn(s string, verbatim bool) []string {
	var all []string
	for _, m := range mention.FindAllStringSubmatch(s, -1) {
		all = append(all, strings.TrimPrefix(strings.TrimLeft(m[1], "@!"), "subteam^"))
	}
	if verbatim {
		return all
	}
	for _, m := range bare.FindAllStringSubmatch(s, -1) {
		all = append(all, m[2])
	}
	return all
}
