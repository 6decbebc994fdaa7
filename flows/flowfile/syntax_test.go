package flowfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"sesame/flows/flowfile"
)

// sound is a file without a problem.
const sound = `version: 1
groups: {staff: {slack: S012ABCDEF}}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  billing: {label: Billing, strategy: sso, account: "222222222222", permission_set: Read, session: 1h, tags: {env: prod}}
flows:
  all:
    targets: [billing]
    duration: {choices: [1h]}
    who: 'true'
    routes:
      - name: staff
        approvers: {groups: [staff], count: 2}
`

// problemsOf returns what is wrong with a file, one problem a line.
func problemsOf(text string) string {
	_, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
	problems, _ := errors.AsType[flowfile.Problems](err)
	return problems.Error()
}

// TestMistakesInYAML holds what is said of what people get wrong before there
// is anything that flow files could say something about.
func TestMistakesInYAML(t *testing.T) {
	for what, c := range map[string]struct{ was, is, want string }{
		"a tab":                     {"    who:", "\twho:", "11:1: a tab stands here (indent with spaces)"},
		"a rule that needs quotes":  {"who: 'true'", `who: "staff" in requester.groups`, `11:18: something stands after the value (put all of a text that has quotes, ": " or " #" in it in quotes: 'requester.email == "x"')`},
		"a colon in a text":         {"who: 'true'", "who: true ? requester.name: x", `11:10: a ": " stands where there is a value already (put the text in quotes, or indent the key like the others; - is followed by a space)`},
		"a line out of line":        {"        approvers:", "       approvers:", "14:8: this does not belong to what is above it (indent it like what it belongs to)"},
		"a key without a colon":     {"    who: 'true'", "    who true", "11:5: a key has no value (write KEY: VALUE, with a space after the colon)"},
		"a character with meaning":  {"who: 'true'", "who: @true", "11:10: '@' is a reserved character (put the text in quotes)"},
		"text beside |":             {"who: 'true'", "who: | true", "11:10: a text after | or > begins on the next line (indent it there, or take out | or >)"},
		"a list without an end":     {"[staff]", "[staff}", "14:35: there is no , or ] here (what begins with [ ends with ], and , stands between its values)"},
		"a mapping without commas":  {"[staff], count", "[staff] count", "14:37: there is no , or } here (what begins with { ends with }, and , stands between its keys)"},
		"a backslash":               {"who: 'true'", `who: "\d"`, `11:12: found unknown escape character 'd' (within "…" a backslash is written as \\; within '…' as it is)`},
		"a byte of Latin-1":         {"label: Billing", "label: B\xfclling", "6:21: the byte 0xfc is not UTF-8 (save the file as UTF-8)"},
		"UTF-16":                    {"version", "\xff\xfev", "1:1: the byte 0xff is not UTF-8 (save the file as UTF-8)"},
		"text the other way around": {"label: Billing", `label: "Bil` + "\u202e" + `ling"`, "6:20: the text has the character U+202E in it, which cannot be seen (take it out)"},
		"the same, escaped":         {"label: Billing", `label: "Bil\u202eling"`, "6:20: the text has the character U+202E in it, which cannot be seen (take it out)"},
		"a bell":                    {"label: Billing", "label: Bil\aling", "6:20: the text has the character U+0007 in it, which cannot be seen (take it out)"},
		"a merged key":              {"label: Billing", "<<: {label: Billing}", "6:13: flow files are plain YAML, without anchors, aliases, tags and merged keys"},
		"a number in quotes":        {"count: 2", `count: "2"`, "14:45: count is to be a whole number (write 2, without quotes)"},
		"yes":                       {"approvers: {groups: [staff], count: 2}", "auto_approve: yes", "14:23: auto_approve is to be true or false, not a text (write true or false, without quotes)"},
	} {
		text := strings.Replace(sound, c.was, c.is, 1)
		if got, _, _ := strings.Cut(problemsOf(text), "\nf.yaml:13:9: nobody"); !strings.Contains(got, "f.yaml:"+c.want) {
			t.Errorf("%s: %s\nwant %s", what, got, c.want)
		}
	}
}

// TestFilesAsEditorsWriteThem reads what differs in nothing that people see.
func TestFilesAsEditorsWriteThem(t *testing.T) {
	for what, text := range map[string]string{
		"a byte order mark": "\ufeff" + sound,
		"CRLF":              strings.ReplaceAll(sound, "\n", "\r\n"),
		"a tab at the end":  strings.ReplaceAll(sound, "who: 'true'\n", "who: 'true'\t\n"),
		"letters":           strings.ReplaceAll(sound, "label: Billing", "label: Rechnungsprüfung 👩‍💻 (東京)"),
	} {
		if got := problemsOf(text); got != "" {
			t.Errorf("%s: %s", what, got)
		}
	}
	text := "\ufeff" + strings.ReplaceAll(strings.Replace(sound, "[staff]", "[stuff]", 1), "\n", "\r\n")
	if got := problemsOf(text); !strings.Contains(got, `f.yaml:14:30: unknown group "stuff"`) {
		t.Error(got)
	}
}

// TestFilesOfManyThings bounds what the parser, or whoever reads the files,
// would take long for.
func TestFilesOfManyThings(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	for want, text := range map[string]string{
		"f.yaml:10003:3: more than 10000 keys in one mapping (put some of them into other files, and include them)": "version: 1\nchannels:\n" + many(10_001, "  c%d: C01\n"),
		"there are 201 routes, more than 200": strings.Replace(sound, "    routes:\n", "    routes:\n"+many(200, "      - {name: r%d}\n"), 1),
		fmt.Sprintf("f.yaml:1:1: the file has %d bytes, more than 4194304 (put some of it into other files, and include them)", 5<<20): strings.Repeat("#", 5<<20),
	} {
		if got := problemsOf(text); !strings.Contains(got, want) {
			t.Errorf("%.200s\nwant %s", got, want)
		}
	}
	nested := "version: 1\nchannels:\n" + many(5500, "  c%d: C0123ABCD\n") + "groups:\n" + many(5500, "  g%d: {slack: S012ABCDEF}\n")
	if got := problemsOf(nested); strings.Contains(got, "more than") {
		t.Errorf("%.200s", got)
	}
}

// TestFilesBesideOneThatCannotBeRead says what is wrong with them by
// themselves, and not that they lack what nobody can read.
func TestFilesBesideOneThatCannotBeRead(t *testing.T) {
	_, err := flowfile.Load(fstest.MapFS{
		"a.yaml": {Data: []byte("version: 1\n\tgroups: {staff: {slack: S012ABCDEF}}\n")},
		"b.yaml": {Data: []byte("version: 1\nflows:\n  one: {targets: [site], labl: One, duration: {choices: [1]}, routes: [{name: a, approvers: {groups: [staff]}}]}\n")},
	}, ".")
	const want = "a.yaml:2:1: a tab stands here (indent with spaces)\n" +
		"b.yaml:3:26: unknown key \"labl\" in flow one (did you mean label?)\n" +
		"b.yaml:3:58: a choice of duration needs a unit (write 1m or 1h)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
