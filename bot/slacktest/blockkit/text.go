package blockkit

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names tells how ids read. An id that it does not know reads as "".
type Names interface {
	UserName(id string) string
	ChannelName(id string) string
	GroupName(id string) string
	// Zone is where the reader's clock stands, for dates.
	Zone() *time.Location
}

// Text renders blocks as a person reads them: buttons in square brackets,
// links as [label](url), mentions by name, formatting marks left out.
func Text(blocks []any, n Names) string {
	r := renderer{n}
	var lines []string
	for _, v := range blocks {
		b, _ := v.(map[string]any)
		if line := r.block(b); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Mrkdwn renders text in Slack's own markup, as in a message without blocks.
func Mrkdwn(s string, n Names) string { return renderer{n}.mrkdwn(s) }

type renderer struct{ names Names }

func (r renderer) block(b map[string]any) string {
	switch str1(b, "type") {
	case "header", "alert":
		return r.text(b["text"])
	case "divider":
		return "---"
	case "section":
		return r.section(b)
	case "context":
		return r.row(b["elements"], " ")
	case "actions":
		return r.row(b["elements"], " ")
	case "input":
		return r.text(b["label"]) + ": " + r.element(b["element"])
	case "image":
		return "(" + str1(b, "alt_text") + ")"
	case "markdown":
		return str1(b, "text")
	case "rich_text":
		return r.rich(b)
	}
	return ""
}

func (r renderer) section(b map[string]any) string {
	var lines []string
	if b["text"] != nil {
		lines = append(lines, r.text(b["text"]))
	}
	for _, f := range within(b, "fields") {
		lines = append(lines, r.text(f))
	}
	if b["accessory"] != nil {
		lines = append(lines, r.element(b["accessory"]))
	}
	return strings.Join(lines, "\n")
}

func (r renderer) row(v any, between string) string {
	items, _ := v.([]any)
	var cells []string
	for _, item := range items {
		switch str1(item, "type") {
		case "plain_text", "mrkdwn":
			cells = append(cells, r.text(item))
		default:
			cells = append(cells, r.element(item))
		}
	}
	return strings.Join(cells, between)
}

func (r renderer) text(v any) string {
	if str1(v, "type") == "mrkdwn" {
		return r.mrkdwn(str1(v, "text"))
	}
	return str1(v, "text")
}

func (r renderer) element(v any) string {
	e, _ := v.(map[string]any)
	switch str1(e, "type") {
	case "button":
		return "[" + r.text(e["text"]) + "]"
	case "overflow":
		return "[… " + r.options(e, " | ") + "]"
	case "checkboxes", "radio_buttons":
		return "( " + r.options(e, " | ") + " )"
	case "image":
		return "(" + str1(e, "alt_text") + ")"
	}
	if initial, ok := e["initial_option"].(map[string]any); ok {
		return "[" + r.text(initial["text"]) + " ▾]"
	}
	if s := str1(e, "initial_value"); s != "" {
		return "[" + s + "]"
	}
	return "[" + r.text(e["placeholder"]) + "]"
}

func (r renderer) options(e map[string]any, between string) string {
	var names []string
	for _, o := range Options(e) {
		names = append(names, r.text(o["text"]))
	}
	return strings.Join(names, between)
}

func (r renderer) rich(v any) string {
	var lines []string
	for _, item := range within(v, "elements") {
		part := r.inline(item)
		switch str1(item, "type") {
		case "rich_text_quote":
			part = "> " + strings.ReplaceAll(part, "\n", "\n> ")
		case "rich_text_list":
			part = r.bullets(item)
		}
		lines = append(lines, strings.TrimSuffix(part, "\n"))
	}
	return strings.Join(lines, "\n")
}

func (r renderer) bullets(v any) string {
	var lines []string
	for i, item := range within(v, "elements") {
		mark := "• "
		if str1(v, "style") == "ordered" {
			mark = strconv.Itoa(i+1) + ". "
		}
		lines = append(lines, mark+r.inline(item))
	}
	return strings.Join(lines, "\n")
}

func (r renderer) inline(v any) string {
	var b strings.Builder
	for _, item := range within(v, "elements") {
		b.WriteString(r.leaf(item))
	}
	return b.String()
}

func (r renderer) leaf(v any) string {
	e, _ := v.(map[string]any)
	switch str1(e, "type") {
	case "text":
		return str1(e, "text")
	case "link":
		return linkText(str1(e, "text"), str1(e, "url"))
	case "emoji":
		return ":" + str1(e, "name") + ":"
	case "user":
		return r.user(str1(e, "user_id"))
	case "usergroup":
		return r.group(str1(e, "usergroup_id"))
	case "channel":
		return r.channel(str1(e, "channel_id"))
	case "broadcast":
		return "@" + str1(e, "range")
	case "date":
		at, _ := e["timestamp"].(float64)
		return r.date(int64(at), str1(e, "format"))
	}
	return ""
}

func linkText(label, url string) string {
	if label == "" || label == url {
		return url
	}
	return "[" + label + "](" + url + ")"
}

func (r renderer) user(id string) string    { return "@" + r.orID(id, Names.UserName) }
func (r renderer) group(id string) string   { return "@" + r.orID(id, Names.GroupName) }
func (r renderer) channel(id string) string { return "#" + r.orID(id, Names.ChannelName) }

func (r renderer) orID(id string, name func(Names, string) string) string {
	if r.names != nil {
		if s := name(r.names, id); s != "" {
			return s
		}
	}
	return id
}

var (
	angle  = regexp.MustCompile(`<([^<>]*)>`)
	strong = regexp.MustCompile("(^|[\\s(\"])([*_~`])([^\\s*_~`](?:[^*_~`\n]*[^\\s*_~`])?)([*_~`])")
)

func (r renderer) mrkdwn(s string) string {
	s = strong.ReplaceAllStringFunc(s, func(m string) string {
		p := strong.FindStringSubmatch(m)
		if p[2] != p[4] {
			return m
		}
		return p[1] + p[3]
	})
	s = angle.ReplaceAllStringFunc(s, func(m string) string { return r.angle(m[1 : len(m)-1]) })
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// angle renders what stands between angle brackets: a mention, a date or a
// link.
func (r renderer) angle(s string) string {
	body, label, _ := strings.Cut(s, "|")
	switch {
	case strings.HasPrefix(body, "@"):
		return r.user(body[1:])
	case strings.HasPrefix(body, "#"):
		return r.channel(body[1:])
	case strings.HasPrefix(body, "!subteam^"):
		return r.group(strings.TrimPrefix(body, "!subteam^"))
	case strings.HasPrefix(body, "!date^"):
		parts := strings.Split(body, "^")
		at, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || len(parts) < 3 {
			return label
		}
		return r.date(at, parts[2])
	case strings.HasPrefix(body, "!"):
		return "@" + body[1:]
	}
	return linkText(label, body)
}

// date fills the placeholders of Slack's date formatting in the reader's zone.
func (r renderer) date(at int64, format string) string {
	zone := time.UTC
	if r.names != nil {
		zone = r.names.Zone()
	}
	t := time.Unix(at, 0).In(zone)
	day := t.Format("January 2, 2006")
	return strings.NewReplacer(
		"{date_num}", t.Format("2006-01-02"), "{date}", day, "{date_pretty}", day,
		"{date_slash}", t.Format("01/02/2006"), "{date_long}", t.Format("Monday, January 2, 2006"),
		"{date_long_pretty}", t.Format("Monday, January 2, 2006"), "{date_short}", t.Format("Jan 2, 2006"),
		"{date_short_pretty}", t.Format("Jan 2, 2006"), "{time}", t.Format("15:04"),
		"{time_secs}", t.Format("15:04:05"), "{ago}", fmt.Sprintf("at %s", t.Format("15:04")),
		"{day_divider_pretty}", day,
	).Replace(format)
}
