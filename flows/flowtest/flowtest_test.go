package flowtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/flows/flowfile"
	"sesame/flows/flowtest"

	"github.com/google/go-cmp/cmp"
)

const corpus = "../../testdata/flows"

// monday is a working day, when nothing is frozen.
var monday = time.Date(2026, 11, 16, 10, 0, 0, 0, time.UTC)

func open(t *testing.T, names ...string) *flowfile.Set {
	t.Helper()
	set, err := flowfile.Load(os.DirFS(corpus), names...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func world() flowtest.World {
	return flowtest.World{People: map[string]flowtest.Person{
		"alice@example.com": {Name: "Alice", Groups: []string{"engineering"}},
		"lead@example.com":  {Groups: []string{"engineering", "frontend-leads"}},
		"gone@example.com":  {Groups: []string{"engineering", "frontend-leads"}, Away: true},
	}}
}

func ask(t *testing.T, q flowtest.Question) flowtest.Answer {
	t.Helper()
	if q.At.IsZero() {
		q.At = monday
	}
	a, err := world().Ask(open(t, "ec2.yaml"), q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var ticket = map[string]string{"ticket": "INC-42"}

func TestDecidersAreThoseWhoMayApprove(t *testing.T) {
	for _, c := range []struct {
		what, as string
		want     []string
	}{
		{"the lead and whom the route names, and not who is gone", "alice@example.com", []string{"cto@example.com", "lead@example.com"}},
		{"nobody decides on their own request", "lead@example.com", []string{"cto@example.com"}},
	} {
		a := ask(t, flowtest.Question{As: c.as, Target: "ec2-frontend", Fields: ticket})
		if diff := cmp.Diff(c.want, a.Deciders); diff != "" || !a.Allow {
			t.Errorf("%s: allowed %t\n%s", c.what, a.Allow, diff)
		}
	}
	own := ask(t, flowtest.Question{As: "alice@example.com", Target: "ec2-frontend-staging", Fields: ticket})
	if diff := cmp.Diff([]string{"alice@example.com"}, own.Deciders); diff != "" || own.Deciding() != "Alice alone." {
		t.Errorf("self-approval: %s\n%s", own.Deciding(), diff)
	}
}

func TestWhoeverIsGoneCannotAsk(t *testing.T) {
	a := ask(t, flowtest.Question{As: "gone@example.com", Target: "ec2-frontend", Fields: ticket})
	if a.Allow || len(a.Sentences()) != 1 {
		t.Errorf("allowed %t: %q", a.Allow, a.Sentences())
	}
}

func TestWhatWasTypedIsLookedAtAsTheDeskDoes(t *testing.T) {
	a := ask(t, flowtest.Question{As: "alice@example.com", Target: "ec2-frontend", Duration: 5 * time.Hour, Fields: map[string]string{"ticket": "later", "color": "red"}})
	if a.Allow || a.Input == nil {
		t.Fatalf("taken: %+v", a)
	}
	for _, name := range []string{"duration", "ticket", "color"} {
		if a.Input.Fields[name] == "" {
			t.Errorf("nothing is said about %s: %v", name, a.Input.Fields)
		}
	}
}

func TestUnknownIsNoAnswer(t *testing.T) {
	a := ask(t, flowtest.Question{As: "stranger@example.com", Target: "ec2-frontend", Fields: ticket})
	if a.Allow || a.Request.Verdict.Facts["group engineering of requester"] != "unknown" {
		t.Errorf("allowed %t by %v", a.Allow, a.Request.Verdict.Facts)
	}
	if _, err := world().Ask(open(t, "ec2.yaml"), flowtest.Question{Target: "ec2"}); err == nil {
		t.Error("a target that is not there is explained")
	}
}

func TestFactsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "facts.yaml")
	for text, want := range map[string]string{
		"people: {Alice@Example.com: {groups: [security]}}":     "alice@example.com is said to be in the group \"security\", whose members stand in the flow files",
		"people: {a@example.com: {groups: [frontend-lead]}}":    "did you mean frontend-leads?",
		"people: {a@example.com: {team: x}}":                    "unknown field",
		"people: {a@example.com: {name: A}, a@example.com: {}}": "1:36:",
		"people: [": "1:",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := flowtest.ReadWorld(name)
		if err == nil {
			err = w.Check(open(t, "ec2.yaml"))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := flowtest.ReadWorld(filepath.Join(dir, "nowhere.yaml")); err == nil {
		t.Error("a file that is not there is read")
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := flowtest.ReadWorld(name); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

// TestNothingIsOddAboutTheExamples looks for what is probably not meant.
func TestNothingIsOddAboutTheExamples(t *testing.T) {
	for _, folder := range []string{corpus, corpus + "/bank", corpus + "/oncall"} {
		set, err := flowtest.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range set.Warnings() {
			t.Error(w)
		}
	}
}

// TestExamples runs the tests of the example files, which leave nothing out.
func TestExamples(t *testing.T) {
	folders := []string{corpus, corpus + "/bank", corpus + "/oncall"}
	for _, folder := range folders {
		names, err := flowtest.Find(folder)
		if err != nil {
			t.Fatal(err)
		}
		report := flowtest.Run(names)
		for _, s := range report.Suites {
			if s.Err != nil {
				t.Error(s.Err)
			}
			for _, r := range s.Results {
				if len(r.Failures) > 0 {
					t.Errorf("%s:%d: %s: %q", s.Name, r.Line, r.Name, r.Failures)
				}
			}
		}
		for _, g := range report.Coverage.Gaps {
			t.Errorf("%s: %s: %q was never %t", g.Pos, g.Rule, g.Text, g.Never)
		}
	}
}

func TestFileThatCannotBeATest(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f_test.yaml")
	for text, want := range map[string]string{
		"{}":                             "there are no tests",
		"tests: [{name: a}]":             ":1: the test has no as",
		"tests:\n\n  - as: a\n    at: x": ":3: the test has no expect.verdict",
		"tests: [{name: a, who: b}]":     `unknown field "who"`,
		"tests: [{name: a, as: b, target: c, at: d, expect: {verdict: maybe}}]": `is allow or refuse, not "maybe"`,
		"tests: [{name: a, expect: {verdict: allow, aprovers: []}}]":            `unknown field "aprovers"`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := flowtest.Read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := flowtest.Find(t.TempDir()); err == nil {
		t.Error("tests are found in an empty folder")
	}
}

func TestReviewSaysWhatNobodySaid(t *testing.T) {
	set := open(t, "ec2.yaml")
	may := func(all []flowtest.Access, err error) map[string]flowtest.May {
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]flowtest.May{}
		for _, a := range all {
			m[a.Person+" "+a.Target] = a.May
		}
		return m
	}
	q := flowtest.Question{Target: "ec2-frontend", Fields: ticket, At: monday}
	want := map[string]flowtest.May{
		"alice@example.com ec2-frontend": flowtest.Yes, "lead@example.com ec2-frontend": flowtest.Yes,
		"gone@example.com ec2-frontend":          flowtest.No,
		"security-lead@example.com ec2-frontend": flowtest.Unknown, "security-deputy@example.com ec2-frontend": flowtest.Unknown,
	}
	if diff := cmp.Diff(want, may(world().WhoCan(set, q))); diff != "" {
		t.Error(diff)
	}
	weekend := q
	weekend.At = monday.AddDate(0, 0, 5)
	for who, m := range may(world().WhoCan(set, weekend)) {
		if m != flowtest.No {
			t.Errorf("%s may over the weekend: %s", who, m)
		}
	}
	q.As = "alice@example.com"
	want = map[string]flowtest.May{"alice@example.com ec2-frontend": flowtest.Yes, "alice@example.com ec2-frontend-staging": flowtest.Yes}
	if diff := cmp.Diff(want, may(world().Can(set, q))); diff != "" {
		t.Error(diff)
	}
}
