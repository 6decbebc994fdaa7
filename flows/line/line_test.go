package line_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/golden"
	"sesame/flows/line"
)

func pattern(name, label, re string, required bool) line.Field {
	return line.Field{Name: name, Label: label, Required: required, Match: regexp.MustCompile(re).MatchString}
}

// known is a vocabulary with a flow that asks for a ticket, one that asks for
// nothing, one with two fields that look alike, and one without a default.
func known() line.Vocabulary {
	ticket := pattern("ticket", "Ticket", `^[A-Z]+-\d+$`, true)
	return line.Vocabulary{
		{Name: "ec2-frontend", Default: time.Hour, Longer: 30 * time.Minute, Fields: []line.Field{ticket, {Name: "urgent"}}},
		{Name: "ec2-backend", Default: time.Hour, Fields: []line.Field{ticket}},
		{Name: "billing", Default: 30 * time.Minute},
		{Name: "vault", Fields: []line.Field{
			pattern("change", "Change", `^[A-Z]+-\d+$`, true),
			pattern("incident", "", `^INC-\d+$`, false),
		}},
	}
}

func asked(target string, d time.Duration, said, reason string) line.Line {
	return line.Line{Verb: line.Request, Target: target, Duration: d, Said: said, Reason: reason}
}

func ticket(l line.Line, value string) line.Line {
	l.Fields = map[string]string{"ticket": value}
	return l
}

func missing(l line.Line, what ...string) line.Line {
	l.Missing = what
	return l
}

func TestCompleteLines(t *testing.T) {
	full := ticket(asked("ec2-frontend", time.Hour, "1h", "disk full"), "INC-42")
	said := func(d time.Duration, said string) line.Line {
		l := full
		l.Duration, l.Said = d, said
		return l
	}
	for text, want := range map[string]line.Line{
		"ec2-frontend 1h INC-42 disk full":                full,
		"1h ec2-frontend INC-42 disk full":                full,
		"INC-42 ec2-frontend 1h disk full":                full,
		"ec2-frontend INC-42 disk full 1h":                full,
		"ec2-frontend disk full INC-42 1h":                full,
		"ec2-frontend 1h disk full INC-42":                full,
		"ec2-frontend INC-42 disk full for 1h.":           said(time.Hour, "1h."),
		"for 1h to ec2-frontend because INC-42 disk full": ticket(asked("ec2-frontend", time.Hour, "1h", "INC-42 disk full"), "INC-42"),
		"EC2-Frontend, 1h, INC-42: disk full":             ticket(asked("ec2-frontend", time.Hour, "1h,", "disk full"), "INC-42"),
		"`ec2-frontend` 1h - INC-42 – disk full":          full,
		"ec2-frontend for 90m INC-42 because disk full":   said(90*time.Minute, "90m"),
		"ec2-frontend 90 minutes INC-42 disk full":        said(90*time.Minute, "90 minutes"),
		"2 hours ec2-frontend INC-42 disk full":           said(2*time.Hour, "2 hours"),
		"ec2-frontend 1h30m INC-42 disk full":             said(90*time.Minute, "1h30m"),
		"ec2-frontend 1 hour 30 min INC-42 disk full":     said(90*time.Minute, "1 hour 30 min"),
		"ec2-frontend 1.5h INC-42 disk full":              said(90*time.Minute, "1.5h"),
		"ec2-frontend 1,5h INC-42 disk full":              said(90*time.Minute, "1,5h"),
		"ec2-frontend 1D INC-42 disk full":                said(24*time.Hour, "1D"),
		"ec2-frontend INC-42 disk full":                   said(time.Hour, ""),
		"ec2-frontend 1h as INC-42 says disk full":        ticket(asked("ec2-frontend", time.Hour, "1h", "as INC-42 says disk full"), "INC-42"),
		"ec2-frontend 1h INC-42 follows INC-41":           ticket(asked("ec2-frontend", time.Hour, "1h", "follows INC-41"), "INC-42"),
		"ec2-frontend 1h INC-42 down for 2h":              ticket(asked("ec2-frontend", time.Hour, "1h", "down for 2h"), "INC-42"),
		"billing 1h because of   an\n\ninvoice":           asked("billing", time.Hour, "1h", "an\n\ninvoice"),
		"billing the 2h job hangs":                        asked("billing", 30*time.Minute, "", "the 2h job hangs"),
		"billing 1h because 2h of invoices":               asked("billing", time.Hour, "1h", "2h of invoices"),
		"billing 3 disks, 10am, 2nd try":                  asked("billing", 30*time.Minute, "", "3 disks, 10am, 2nd try"),
		"INC-42 billing 1h broken":                        asked("billing", time.Hour, "1h", "INC-42 broken"),
		"billing look at ec2-frontend":                    asked("billing", 30*time.Minute, "", "look at ec2-frontend"),
		"billing see <@U1|bob> in <https://x.test/a|a b>": asked("billing", 30*time.Minute, "", "see <@U1|bob> in <https://x.test/a|a b>"),
		"billing <!channel> now":                          asked("billing", 30*time.Minute, "", "<!channel> now"),
		"bill\u200bing 1h a\u202eb\x00c\u2066d 👩\u200d💻":  asked("billing", time.Hour, "1h", "ab cd 👩\u200d💻"),
		"billing 1h dis\xffk":                             asked("billing", time.Hour, "1h", "dis\uFFFDk"),
	} {
		got := line.Parse(text, known())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
		if !got.Complete() {
			t.Errorf("Parse(%q) is not complete", text)
		}
	}
}

func TestLinesThatExtend(t *testing.T) {
	extend := func(target string, d time.Duration, said, reason string) line.Line {
		return line.Line{Verb: line.Extend, Target: target, Duration: d, Said: said, Reason: reason}
	}
	for text, want := range map[string]line.Line{
		"extend ec2-frontend 1h still copying":      extend("ec2-frontend", time.Hour, "1h", "still copying"),
		"extend ec2-frontend still copying INC-42":  extend("ec2-frontend", 30*time.Minute, "", "still copying INC-42"),
		"Extend for 1h because INC-42 is not over":  extend("", time.Hour, "1h", "INC-42 is not over"),
		"extend still copying":                      extend("", 0, "", "still copying"),
		"extend":                                    missing(extend("", 0, "", ""), line.Reason),
		"extend 1h":                                 missing(extend("", time.Hour, "1h", ""), line.Reason),
		"extend billing":                            missing(extend("billing", 0, "", ""), line.Duration, line.Reason),
		"extend G-0123456789 1h because":            missing(line.Line{Verb: line.Extend, Subject: "g-0123456789", Duration: time.Hour, Said: "1h"}, line.Reason),
		"extend ec2-frontend by 1h to look further": extend("ec2-frontend", 30*time.Minute, "", "by 1h to look further"),
	} {
		got := line.Parse(text, known())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
		if complete := len(want.Missing) == 0; got.Complete() != complete {
			t.Errorf("Parse(%q).Complete() = %v", text, got.Complete())
		}
	}
	got := line.Parse("extend ec2-frontned 1h still copying", known())
	if got.Complete() || len(got.Problems) != 1 || got.Problems[0].About != line.Target || got.Reason != "still copying" {
		t.Errorf("a target that is nearly one reads as %+v", got)
	}
}

func TestLinesThatBreakTheGlass(t *testing.T) {
	for text, want := range map[string]line.Line{
		"break-glass ec2-frontend INC-42 all is down": {Target: "ec2-frontend", Duration: time.Hour, Incident: "INC-42", Reason: "all is down", Fields: map[string]string{"ticket": "INC-42"}},
		"break-glass billing 2h INC-7: invoices":      {Target: "billing", Duration: 2 * time.Hour, Said: "2h", Incident: "INC-7", Reason: "invoices"},
		"BREAK-GLASS billing #1234 well-known 3-way":  {Target: "billing", Duration: 30 * time.Minute, Incident: "#1234", Reason: "well-known 3-way"},
		"break-glass billing":                         {Target: "billing", Duration: 30 * time.Minute, Missing: []string{line.Reason}},
		"break-glass":                                 {Missing: []string{line.Target}},
	} {
		want.Verb = line.Glass
		got := line.Parse(text, known())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
		if got.Complete() {
			t.Errorf("Parse(%q) would be submitted without its form", text)
		}
	}
}

func TestIncompleteLines(t *testing.T) {
	for text, want := range map[string]line.Line{
		"":                     {},
		" \t\u200b\n":          {},
		"list":                 {Verb: line.List},
		"LIST ec2  prod":       {Verb: line.List, Subject: "ec2  prod"},
		"help":                 {Verb: line.Help},
		"--help me":            {Verb: line.Help, Subject: "me"},
		"login `BCDF-GHJK`":    {Verb: line.Login, Subject: "`BCDF-GHJK`"},
		"Login bcdf ghjk":      {Verb: line.Login, Subject: "bcdf ghjk"},
		"login":                {Verb: line.Login},
		"logout":               {Verb: line.Logout},
		"end":                  {Verb: line.End},
		"End `ec2-frontend`":   {Verb: line.End, Subject: "ec2-frontend"},
		"end g-0123456789 all": {Verb: line.End, Subject: "g-0123456789", Reason: "all"},
		"ec2-frontend":         missing(asked("ec2-frontend", time.Hour, "", ""), line.Reason, "ticket"),
		"ec2-frontend INC-42":  missing(ticket(asked("ec2-frontend", time.Hour, "", ""), "INC-42"), line.Reason),
		"ec2-frontend 2h disk": missing(asked("ec2-frontend", 2*time.Hour, "2h", "disk"), "ticket"),
		"ec2-frontend inc-42x": missing(asked("ec2-frontend", time.Hour, "", "inc-42x"), "ticket"),
		"billing 1h because":   missing(asked("billing", time.Hour, "1h", ""), line.Reason),
		"vault broken":         missing(asked("vault", 0, "", "broken"), line.Duration, "change"),
		"2 hours":              missing(asked("", 2*time.Hour, "2 hours", ""), line.Target, line.Reason),
	} {
		got := line.Parse(text, known())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
		if got.Complete() {
			t.Errorf("Parse(%q) is complete", text)
		}
	}
}

// TestSentences keeps every sentence that the grammar can answer with.
func TestSentences(t *testing.T) {
	var b strings.Builder
	for _, text := range []string{
		"ec2-frontnd 1h INC-42 disk full",
		"ec2 1h",
		"frontend 1h",
		"please give me billing for 1h",
		"ec2-frontnd 1h because billing is down",
		"zzz 1h",
		"INC-42 1h disk full",
		strings.Repeat("x", 300),
		"1h 2h",
		"billing 1h1h broken",
		"billing 30m1h broken",
		"billing 0m broken",
		"billing 0h0m broken",
		"billing -1h broken",
		"billing −1h broken",
		"billing 1y broken",
		"billing 8760h broken",
		"billing 1 year broken",
		"billing 99999999999999999999999h broken",
		"billing " + strings.Repeat("9", 400) + "h broken",
		"billing 1h 2h broken",
		"billing 1h for 1h broken",
		"billing broken for 0m",
		"vault 1h INC-42 broken",
	} {
		got := line.Parse(text, known())
		if got.Complete() || len(got.Problems) == 0 {
			t.Errorf("Parse(%.40q) = %+v, want a problem", text, got)
		}
		b.WriteString(shortened(text) + "\n")
		for _, p := range got.Problems {
			b.WriteString("\t" + string(p.Code) + ", " + p.About + ": " + p.Refusal().Text + "\n")
		}
	}
	golden.Equal(t, "testdata/sentences.golden", b.String())
}

func shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func TestUnknownTargetKeepsTheRest(t *testing.T) {
	got := line.Parse("ec2-frontnd 1h INC-42 disk full", known())
	if got.Target != "" || got.Duration != time.Hour || got.Reason != "INC-42 disk full" {
		t.Errorf("Parse = %+v, want duration and reason without a target", got)
	}
	if want := []string{"ec2-frontend"}; !cmp.Equal(got.Problems[0].Near, want) {
		t.Errorf("Near = %q, want %q", got.Problems[0].Near, want)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"ec2-frontend", "ec2-frontend-ro", "ec2-backend", "ec2-batch", "billing", "db"}
	for word, want := range map[string][]string{
		"ec2-frontned":               {"ec2-frontend", "ec2-frontend-ro"},
		"EC2-frontend":               {"ec2-frontend", "ec2-frontend-ro"},
		"ec2":                        {"ec2-backend", "ec2-batch", "ec2-frontend"},
		"frontend":                   {"ec2-frontend", "ec2-frontend-ro"},
		"biling":                     {"billing"},
		"bd":                         {"db"},
		"x":                          nil,
		"":                           nil,
		"\xff\xfe":                   nil,
		strings.Repeat("ec2-", 5000): nil,
	} {
		if got := line.Nearest(word, names); !cmp.Equal(got, want) {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
	if got := line.Nearest("ec2", nil); got != nil {
		t.Errorf("Nearest among nothing = %q", got)
	}
}

// FuzzParse checks that no line loses a word, and that what is complete is
// usable.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"ec2-frontend 1h INC-42 disk full", "for 1h on billing because of x", "1h 2h 3h", "end x y",
		"INC-42 billing - 1 hour 30 min", "vault INC-1 CHG-2", "-1h 0m 1y1h", "``` , 1h 1h", "\u202e\x00 list", "because because of for",
		"extend ec2-frontend 1h still", "extend g-0123456789 x", "break-glass billing INC-1 down", "break-glass INC-1 INC-1 INC-1",
	} {
		f.Add(seed)
	}
	glue := map[string]bool{"": true, "for": true, "on": true, "to": true, "of": true, "because": true, "-": true, "–": true, "—": true}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return // looking for every word in every other is what takes long
		}
		got := line.Parse(text, known())
		kept := []string{strings.ToLower(got.Target), string(got.Verb), "--help -h", got.Said, got.Reason, got.Subject, got.Incident}
		for _, v := range got.Fields {
			kept = append(kept, v)
		}
		for _, p := range got.Problems {
			kept = append(kept, p.Word)
		}
		all := strings.ToLower(strings.Join(kept, "\n"))
		for _, w := range line.Words(text) {
			core := strings.ToLower(w)
			if !glue[core] && !strings.Contains(all, core) {
				t.Errorf("Parse(%q) lost %q: %+v", text, w, got)
			}
		}
		if got.Complete() && got.Verb == line.Request && (got.Duration <= 0 || got.Duration > line.Longest || got.Reason == "" || got.Target == "") {
			t.Errorf("Parse(%q) is complete as %+v", text, got)
		}
	})
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]struct {
		is   time.Duration
		says string
	}{
		"90m": {90 * time.Minute, ""}, "1h30m": {90 * time.Minute, ""}, "2 hours": {2 * time.Hour, ""}, " 1d ": {24 * time.Hour, ""},
		"1h30": {0, "is no duration"}, "": {0, "is no duration"}, "1h please": {0, "is no duration"}, "0": {0, "is no duration"},
		"0h": {0, "is no time at all"}, "-1h": {0, "is less than no time"}, "31d": {0, "is longer than the 30 days"}, "1h1h": {0, "twice"},
	} {
		if d, problem := line.ParseDuration(text); d != want.is || !strings.Contains(problem, want.says) || problem == "" != (want.says == "") {
			t.Errorf("%q: %v, %q, want %v and %q", text, d, problem, want.is, want.says)
		}
	}
}
