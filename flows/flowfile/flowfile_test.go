package flowfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/golden"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const corpus = "../../testdata/flows"

func load(t testing.TB, names ...string) *flowfile.Set {
	t.Helper()
	s, err := flowfile.Load(os.DirFS(corpus), names...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBrokenFiles holds every problem of each broken file, with its place.
func TestBrokenFiles(t *testing.T) {
	files, err := filepath.Glob(corpus + "/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			s, err := flowfile.Load(os.DirFS(filepath.Dir(name)), filepath.Base(name))
			problems, ok := errors.AsType[flowfile.Problems](err)
			if s != nil || !ok {
				t.Fatalf("got a set or another error: %v", err)
			}
			golden.Equal(t, strings.TrimSuffix(name, ".yaml")+".problems", problems.Error()+"\n")
		})
	}
}

func TestTargetsOfExample(t *testing.T) {
	s := load(t, "ec2.yaml")
	got, ok := s.Target("ec2-frontend")
	want := access.Target{
		Name: "ec2-frontend", Label: "EC2 front end (shell)", Flow: "ec2", Strategy: "sso", Way: flowfile.WaySSO,
		Tags:     map[string]string{"env": "prod", "tier": "frontend"},
		Overhang: time.Hour,
		Params: map[string]string{
			flowfile.ParamRegion: "us-east-1", flowfile.ParamInstanceARN: "arn:aws:sso:::instance/ssoins-1234567890abcdef",
			flowfile.ParamAccount: "222222222222", flowfile.ParamPermissionSet: "EC2FrontendShell",
			flowfile.ParamRoleARN: "arn:aws:iam::111111111111:role/SesameServer", flowfile.ParamExternalID: "${file:external-id}",
		},
	}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if n := len(s.Targets()); n != 2 {
		t.Errorf("%d targets, want 2", n)
	}
	if _, ok := s.Target("ec2"); ok {
		t.Error("found a target that is not there")
	}
}

func TestFlowOfExample(t *testing.T) {
	s := load(t, "ec2.yaml")
	got, _ := s.Flow("ec2-frontend-staging")
	want := &flowfile.Flow{
		Name: "ec2", Label: "EC2 shell access", Targets: []string{"ec2-frontend", "ec2-frontend-staging"},
		Durations: []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour}, Default: time.Hour,
		Fields: []flowfile.Field{
			{Name: "ticket", Label: "Ticket", Type: policies.String, Pattern: `^[A-Z]+-\d+$`, Hint: "like INC-42", Required: true},
			{Name: "kind", Label: "Kind of work", Type: policies.Select, Options: []string{"incident", "maintenance", "debugging"}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(flowfile.Flow{}, "Rules", "Zone"), cmpopts.IgnoreUnexported(flowfile.Field{})); diff != "" {
		t.Error(diff)
	}
	if got.Zone.String() != "Europe/Berlin" {
		t.Errorf("zone %s", got.Zone)
	}
}

func TestNamesOfExample(t *testing.T) {
	s := load(t, "ec2.yaml")
	g, _ := s.Group("security")
	want := flowfile.Group{Name: "security", Source: flowfile.GroupMembers, Members: []string{"security-lead@example.com", "security-deputy@example.com"}}
	if diff := cmp.Diff(want, g); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]access.Channel{{Name: "access", ID: "C0123ABCD"}, {Name: "security", ID: "C0456EFGH"}}, s.Channels()); diff != "" {
		t.Error(diff)
	}
	if len(s.Groups()) != 4 || len(s.Strategies()) != 1 || len(s.Warnings()) != 0 {
		t.Error(s.Groups(), s.Strategies(), s.Warnings())
	}
}

// ask asks for a target of the example at a time.
func ask(t *testing.T, s *flowfile.Set, target, at string, fields map[string]string) access.Verdict {
	t.Helper()
	flow, ok := s.Flow(target)
	if !ok {
		t.Fatalf("no flow for %s", target)
	}
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	in := policies.Input{Now: now, Zone: flow.Zone, Facts: policies.Facts{}}
	for _, f := range flow.Rules.Needs() {
		in.Facts[f] = true
	}
	in.Request = access.Request{By: access.Person{ID: "p-1", Email: "alice@example.com"}, Duration: 2 * time.Hour, Reason: "disk full", Fields: fields}
	in.Request.Target, _ = s.Target(target)
	return flow.Rules.Evaluate(in)
}

func TestVerdictsOfExample(t *testing.T) {
	s := load(t, "ec2.yaml")
	ticket := map[string]string{"ticket": "INC-42"}
	v := ask(t, s, "ec2-frontend", "2026-11-18T10:00:00Z", ticket)
	want := access.Route{
		Name: "leads", Pos: v.Route.Pos, LapseAfter: 24 * time.Hour,
		Needs:  []access.Need{{Count: 1, Groups: []string{"frontend-leads"}, People: []string{"cto@example.com"}}},
		Notify: []access.Channel{{Name: "access", ID: "C0123ABCD"}},
	}
	if diff := cmp.Diff(want, v.Route); diff != "" || !v.Allow || v.Revision != s.Revision() || len(v.Warnings) != 1 {
		t.Errorf("%s\n%+v", diff, v)
	}
	if v := ask(t, s, "ec2-frontend", "2026-11-20T16:30:00Z", ticket); v.Allow || v.Reasons[0].Rule != "friday-freeze" || v.Reasons[0].Pos != "ec2.yaml:54:16" {
		t.Errorf("over the weekend: %+v", v)
	}
	if v := ask(t, s, "ec2-frontend-staging", "2026-11-20T16:30:00Z", ticket); !v.Allow || !v.Route.Self {
		t.Errorf("staging: %+v", v)
	}
	ticket["kind"] = "maintenance"
	if v := ask(t, s, "ec2-frontend", "2026-11-18T10:00:00Z", ticket); v.Route.Needs[0].Count != 2 {
		t.Errorf("maintenance: %+v", v)
	}
}

func TestFoldersAreRead(t *testing.T) {
	all := load(t, ".")
	if len(all.Targets()) != 4 {
		t.Errorf("%d targets in the folder, want 4", len(all.Targets()))
	}
	named := load(t, "startup.yaml", "ec2.yaml", "ec2.yaml")
	if all.Revision() != named.Revision() {
		t.Error("the same files have two revisions")
	}
	opened, err := flowfile.Abilities{}.Open(corpus)
	if err != nil || opened.Revision() != all.Revision() {
		t.Errorf("Open: %v", err)
	}
	if one := load(t, "ec2.yaml"); one.Revision() == all.Revision() {
		t.Error("different files have one revision")
	}
}

func TestMissingFilesAreNotProblems(t *testing.T) {
	_, err := flowfile.Load(os.DirFS(corpus), "absent.yaml")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err = flowfile.Load(fstest.MapFS{"d/x_test.yaml": {Data: []byte("who: me")}}, "d")
	if err == nil || err.Error() != "read flow files: there is no *.yaml file in d" {
		t.Errorf("a folder without flow files: %v", err)
	}
}

func TestFilesAreOneSet(t *testing.T) {
	ec2, err := os.ReadFile(corpus + "/ec2.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = flowfile.Load(fstest.MapFS{"a.yaml": {Data: ec2}, "b.yaml": {Data: ec2}, "c.yaml": {Data: []byte("version: 1\ntimezone: UTC\n")}}, ".")
	for _, want := range []string{
		"b.yaml:7:3: group engineering is defined twice (first at a.yaml:7:3)",
		"b.yaml:41:3: flow ec2 is defined twice (first at a.yaml:41:3)",
		"c.yaml:2:11: another file says that the time zone is Europe/Berlin",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no problem %q in\n%v", want, err)
		}
	}
}

func TestUnusedNamesAreWarnings(t *testing.T) {
	data, err := os.ReadFile(corpus + "/startup.yaml")
	if err != nil {
		t.Fatal(err)
	}
	unused := strings.NewReplacer("groups: [founders]", "users: [ada@example.com, grace@example.com]", ", {group: founders}", "").Replace(string(data))
	s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(unused)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Warnings().Error(); got != "f.yaml:7:3: group founders is not used" {
		t.Errorf("warnings: %s", got)
	}
}

func TestResolvedIsACopy(t *testing.T) {
	s := load(t, "ec2.yaml")
	r := s.WithResolved(map[string]flowfile.Resolved{
		"ec2-frontend": {Params: map[string]string{flowfile.ParamPermissionSetARN: "arn:aws:sso:::permissionSet/x/y"}, Overhang: 4 * time.Hour},
		"not-there":    {},
	})
	got, _ := r.Target("ec2-frontend")
	if got.Params[flowfile.ParamPermissionSetARN] == "" || got.Params[flowfile.ParamRegion] == "" || got.Overhang != 4*time.Hour {
		t.Errorf("resolved: %+v", got)
	}
	before, _ := s.Target("ec2-frontend")
	if before.Params[flowfile.ParamPermissionSetARN] != "" || before.Overhang != time.Hour {
		t.Errorf("the set that was resolved changed: %+v", before)
	}
	if r.Revision() != s.Revision() || len(r.Targets()) != len(s.Targets()) {
		t.Error("looking up changed the revision, or added a target")
	}
}

func TestFieldParse(t *testing.T) {
	three, five := 3, 5
	ticket := flowfile.Field{Label: "Ticket", Type: policies.String, Pattern: `^[A-Z]+-\d+$`, MaxLength: 10, Required: true}
	hinted := ticket
	hinted.Hint = "like INC-42"
	size := flowfile.Field{Label: "Size", Type: policies.Int, Min: &three, Max: &five}
	sure := flowfile.Field{Label: "Sure", Type: policies.Bool}
	where := flowfile.Field{Label: "Where", Type: policies.Select, Options: []string{"north", "south"}}
	for _, c := range []struct {
		field               flowfile.Field
		text, want, problem string
	}{
		{ticket, " INC-42 ", "INC-42", ""},
		{ticket, " ", "", "Ticket is required."},
		{ticket, "inc", "", "Ticket does not look right: ask an admin what it should look like."},
		{hinted, "inc", "", "Ticket does not look right: it is to be like INC-42."},
		{ticket, "INC-4200000", "", "Ticket can have 10 characters, and this has 11."},
		{ticket, "INC-\u202e42", "", "Ticket cannot have line breaks or invisible characters."},
		{ticket, "INC\n-42", "", "Ticket cannot have line breaks or invisible characters."},
		{size, "", "", ""},
		{size, "+4", "4", ""},
		{size, "4.5", "", "Size must be a whole number, such as 3."},
		{size, "99999999999999999999", "", "Size must be a whole number, such as 3."},
		{size, "2", "", "Size must be at least 3."},
		{size, "6", "", "Size must be at most 5."},
		{sure, "YES", "true", ""},
		{sure, "off", "false", ""},
		{sure, "maybe", "", "Sure must be yes or no."},
		{where, "North", "north", ""},
		{where, "noth", "", "Where cannot be that: did you mean north?"},
		{where, "up", "", "Where must be one of north, south."},
	} {
		got, problem := c.field.Parse(c.text)
		if got != c.want || problem != c.problem {
			t.Errorf("%s %q: %q, %q; want %q, %q", c.field.Label, c.text, got, problem, c.want, c.problem)
		}
	}
}

func TestFieldMatches(t *testing.T) {
	ticket := flowfile.Field{Label: "Ticket", Type: policies.String, Pattern: `^[A-Z]+-\d+$`}
	free := flowfile.Field{Label: "Note", Type: policies.String}
	if !ticket.Matches("INC-42") || ticket.Matches("disk") || free.Matches("disk") {
		t.Error("a word fills a field only by its pattern")
	}
}

func TestFilesThatWouldTakeForEver(t *testing.T) {
	for _, part := range []string{"[", "{a: ", "a: [", "- [", "[\n", "- ", "? ", "&a ", "!a ", "a:\n", "- a:\n"} {
		_, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(strings.Repeat(part, 50_000))}}, "f.yaml")
		if problems, ok := errors.AsType[flowfile.Problems](err); !ok || len(problems) != 1 {
			t.Errorf("%q many times: %d problems", part, len(problems))
		}
	}
	if _, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: make([]byte, 5<<20)}}, "f.yaml"); err == nil {
		t.Error("5 MiB are read")
	}
}

// FuzzLoad reads any file: nothing panics, a set comes without an error, and
// every problem has a place in the file.
func FuzzLoad(f *testing.F) {
	files, err := fs.Glob(os.DirFS(corpus), "*.yaml")
	broken, err2 := fs.Glob(os.DirFS(corpus), "*/*.yaml")
	if err != nil || err2 != nil {
		f.Fatal(err, err2)
	}
	for _, name := range slices.Concat(files, broken) {
		data, err := os.ReadFile(path.Join(corpus, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{routesBase, "", "a", "? a\n: b", "a: !!binary x", "<<: {a: b}", "{{{{", "- - - - -", "a: |\n", "a: >\n b\n\n c", "flows: {a: {who: |\n}}", "\t", "%YAML 1.2\n---\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: data}}, "f.yaml")
		if (s == nil) == (err == nil) {
			t.Fatalf("a set and an error, or neither: %v", err)
		}
		problems, _ := errors.AsType[flowfile.Problems](err)
		if err != nil && len(problems) == 0 {
			t.Fatalf("an error without problems: %v", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Col < 1 || p.Message == "" {
				t.Errorf("a problem out of place: %v", p)
			}
		}
		if s != nil {
			answered(t, s)
		}
	})
}

// answered asks a set about all that it has: nothing panics, and glass is broken
// by its own routes alone.
func answered(t *testing.T, s *flowfile.Set) {
	for _, target := range s.Targets() {
		flow, _ := s.Flow(target.Name)
		for _, glass := range []bool{false, true} {
			in := policies.Input{Zone: flow.Zone, Facts: policies.Facts{}}
			in.Request = access.Request{Target: target, Duration: s.DefaultDuration(target.Name), BreakGlass: glass}
			for _, f := range flow.Rules.Needs() {
				if in.Facts[f] = true; f.Kind != policies.FactGroup {
					in.Facts[f] = 0
				}
			}
			route := flow.Rules.Evaluate(in).Route
			if route.Name != "" && glass != (route.Glass != nil) || glass && route.Auto {
				t.Errorf("%s: broken glass %t, and the route is %+v", target.Name, glass, route)
			}
		}
		if _, ok := s.Settings(flow.Name); !ok {
			t.Errorf("flow %s has no settings", flow.Name)
		}
	}
}

// large is a file of 1,000 targets in 200 flows, with rules a flow.
func large(rules int) fstest.MapFS {
	var b strings.Builder
	b.WriteString("version: 1\ntimezone: Europe/Berlin\ngroups: {engineering: {slack: S012ABCDEF}}\n")
	b.WriteString("strategies: {sso: {type: aws_sso, region: us-east-1, instance_arn: \"arn:aws:sso:::instance/ssoins-1234567890abcdef\"}}\ntargets:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  target-%d:\n    label: Target %d\n    strategy: sso\n    account: \"%012d\"\n    permission_set: Shell\n    tags: {env: prod, owner: team-%d}\n", i, i, i, i%50)
	}
	b.WriteString("flows:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  flow-%d:\n    targets: [target-%d, target-%d, target-%d, target-%d, target-%d]\n", i, i*5, i*5+1, i*5+2, i*5+3, i*5+4)
		b.WriteString("    duration: {choices: [30m, 1h, 2h], default: 1h}\n    who: in_group(\"engineering\", requester)\n    guardrails:\n")
		for j := range rules {
			fmt.Fprintf(&b, "      - name: rule-%d\n        deny: target.tags.env == \"dev\" and request.duration > duration(\"1h\") and window.overlaps(\"Fri 18:00\", \"Mon 07:00\")\n        message: No.\n", j)
		}
		b.WriteString("    routes:\n      - {name: leads, approvers: {groups: [engineering]}}\n")
	}
	return fstest.MapFS{"large.yaml": {Data: []byte(b.String())}}
}

func BenchmarkLoad(b *testing.B) {
	for _, rules := range []int{1, 20} {
		fsys := large(rules)
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := flowfile.Load(fsys, "large.yaml"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
