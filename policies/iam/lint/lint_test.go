package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"sesame/flows/golden"
	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// TestRules checks the documents of each archive. An archive is about one
// matter: documents that are wrong and documents that are nearly so, each
// followed by its findings. A line of the comment says where they are:
//
//	options: trust account=111111111111 place=managed
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("archives: %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { archive(t, name) })
	}
}

func archive(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	told := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if f.Name == "findings" {
			continue
		}
		found := lint.Check(f.Name, f.Data, options(string(a.Comment)))
		told.Files = append(told.Files, f, txtar.File{Name: "findings", Data: []byte(lines(found))})
	}
	golden.Equal(t, name, string(txtar.Format(told)))
}

func options(comment string) lint.Options {
	var o lint.Options
	for line := range strings.Lines(comment) {
		rest, ok := strings.CutPrefix(line, "options:")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(rest) {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "account":
				o.Account = value
			case "place":
				o.Place = value
			default:
				o.Kind = iam.Kind(name)
			}
		}
	}
	return o
}

func lines(found iam.Problems) string {
	if len(found) == 0 {
		return "none\n"
	}
	return found.Error() + "\n"
}

// TestPublishedPolicies: what is wrong with policies that were published, and
// nothing else. Their other mistakes are not in a policy: sessions longer than
// the grants, commands put together from text, a role that has another name
// than the one that is trusted (policies/iam has that one).
func TestPublishedPolicies(t *testing.T) {
	const dir = "../../../testdata/iam/published"
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("policies: %v, %v", files, err)
	}
	var got strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		fmt.Fprintf(&got, "-- %s --\n%s", base, lines(lint.Check(base, text, lint.Options{})))
	}
	golden.Equal(t, filepath.Join(dir, "findings.golden"), got.String())
}

func TestSizes(t *testing.T) {
	policy := func(n int) []byte {
		return fmt.Appendf(nil, `{"Statement": {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*", "Sid": %q}}`, strings.Repeat("x", n))
	}
	for _, c := range []struct {
		place, called string
		most          int
	}{
		{"", "managed", 6144}, {"session", "session", 2048}, {"permission-set", "permission-set", 10240}, {"scp", "scp", 5120},
	} {
		base, _ := lint.Size(policy(0), c.called)
		if found := lint.Check("p", policy(c.most-base), lint.Options{Place: c.place}); len(found) > 0 {
			t.Errorf("%s: %v", c.called, found)
		}
		want := fmt.Sprintf("p:1:1: the document has %d characters: a %s policy may have %d (AWS refuses it there)", c.most+1, c.called, c.most)
		if found := lint.Check("p", policy(c.most-base+1), lint.Options{Place: c.place}); found.Error() != want {
			t.Errorf("%s: %v, want %s", c.called, found, want)
		}
	}
	padded := append(policy(10), strings.Repeat(" ", 33000)...)
	if found := lint.Check("p", padded, lint.Options{Place: "permission-set"}); len(found) != 1 || !strings.Contains(found[0].Message, "bytes") {
		t.Errorf("a document of blanks: %v", found)
	}
}

// FuzzCheck looks for documents that panic, that are judged differently the
// second time, or whose findings stand nowhere.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["ssm:Start*", "ssm:X", ":"], "Resource": "arn:aws:ssm::${a", "Condition": {"StringLikeIfExists": {"ssm:resourceTag/ x": "${b:c"}}}}`,
		`{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:${:}"}, "Action": "sts:AssumeRole", "Condition": {"ForAllValues:StringEquals": {"": "${}"}}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := lint.Check("p", []byte(text), lint.Options{})
		for _, p := range found {
			if p.At.Line < 1 || p.At.Col < 1 || p.Message == "" {
				t.Errorf("finding %+v", p)
			}
		}
		if diff := cmp.Diff(lines(found), lines(lint.Check("p", []byte(text), lint.Options{}))); diff != "" {
			t.Errorf("checked twice:\n%s", diff)
		}
	})
}

// BenchmarkCheckThousand checks a thousand documents of twenty statements, each
// document with a misspelt action and two stray blanks.
func BenchmarkCheckThousand(b *testing.B) {
	var statements []string
	for n := range 20 {
		statements = append(statements, fmt.Sprintf(`{"Sid": "S%d", "Effect": "Allow", "Action": ["ssm:StartSession", "ec2:Describe*"],
			"Resource": ["arn:aws:ec2:*:*:instance/*", "arn:aws:ssm:*:*:managed-instance/*"], "Condition": {"StringEquals": {
			"ssm:resourceTag/AppGroup": "${aws:PrincipalTag/AppGroup%d}", "ssm:resourceTag/AppId": "x"}, "DateLessThan": {"aws:CurrentTime": "2026-03-02"}}}`, n, n))
	}
	wrong := strings.NewReplacer("StartSession", "StratSession", "AppId", "AppId ", "AppGroup", "AppGroup ")
	statements[19] = wrong.Replace(statements[19])
	text := []byte(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`)
	for b.Loop() {
		for range 1000 {
			if len(lint.Check("p", text, lint.Options{})) == 0 {
				b.Fatal("nothing found")
			}
		}
	}
}
