package bot_test

import (
	"testing"

	"sesame/bot"
)

func TestWhatWasTypedAfterACommand(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"ec2-frontend 1h":       "ec2-frontend 1h",
		"a &amp; b &lt;c&gt;":   "a & b <c>",
		"&amp;lt;":              "&lt;",
		"for <@U1|bob> please":  "for @bob please",
		"for <@U1>":             "for @U1",
		"in <#C1|access>":       "in #access",
		"<!subteam^S1|@leads>":  "@leads",
		"<!subteam^S1>":         "@S1",
		"<!channel>":            "@channel",
		"<https://a.example|b>": "https://a.example",
		"<mailto:a@b.c|a@b.c>":  "mailto:a@b.c",
		"unclosed <@U1":         "unclosed @U1",
		"<>":                    "",
		"a > b":                 "a > b",
	} {
		if got := bot.Typed(in); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func FuzzTyped(f *testing.F) {
	for _, s := range []string{"", "<", ">", "<@U1|", "<!subteam^|@>", "&amp;&lt;", "a<b<c>d>e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := bot.Typed(s); len(got) > len(s)+1 {
			t.Errorf("%q grew to %q", s, got)
		}
	})
}
