package policies_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/golden"
	"sesame/policies"

	"golang.org/x/tools/txtar"
)

// TestStories evaluates the policy of each story for each request in it. A
// story is a policy, then requests, each followed by its verdict:
//
//	-- policy --
//	zone Europe/Berlin
//	group engineering
//	target ec2-frontend env=prod
//	field ticket string required
//	who in_group("engineering", requester)
//	deny freeze window.overlaps("Fri 18:00", "Mon 07:00") -- Not over the weekend.
//	route leads true
//	-- friday evening --
//	alice asks ec2-frontend 1h at 2026-11-20T18:30:00Z because disk full
//	alice in engineering
//	ticket INC-42
//	-- verdict --
//	refused
//	...
//
// A policy that does not compile has a section "problems" instead.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("stories: %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { story(t, name) })
	}
}

func story(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	told := &txtar.Archive{Comment: a.Comment}
	spec, zone := readPolicy(t, string(a.Files[0].Data))
	told.Files = append(told.Files, a.Files[0])
	flow, problems := policies.Compile(spec)
	if len(problems) > 0 {
		told.Files = append(told.Files, txtar.File{Name: "problems", Data: []byte(problemText(problems))})
	}
	for _, f := range a.Files[1:] {
		if f.Name == "verdict" || f.Name == "problems" {
			continue
		}
		told.Files = append(told.Files, f)
		if flow == nil {
			continue
		}
		in := readRequest(t, spec, zone, string(f.Data))
		v := flow.Evaluate(in)
		if _, _, err := flow.Explain(in); err != nil {
			t.Error(err)
		}
		told.Files = append(told.Files, txtar.File{Name: "verdict", Data: []byte(verdictText(v))})
	}
	golden.Equal(t, name, string(txtar.Format(told)))
}

// readPolicy reads the section "policy".
func readPolicy(t *testing.T, text string) (policies.Spec, *time.Location) {
	spec := policies.Spec{Flow: "story", Revision: "rev", Fields: map[string]policies.Field{}}
	zone := time.UTC
	for i, line := range strings.Split(text, "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		name, tail, _ := strings.Cut(rest, " ")
		rule, message, _ := strings.Cut(tail, " -- ")
		at := func(text string) policies.Source {
			return policies.Source{Text: text, Pos: policies.Position{File: "policy", Line: i + 1, Col: 1 + strings.Index(line, text)}}
		}
		switch verb {
		case "", "#":
		case "zone":
			zone = location(t, name)
		case "group":
			spec.Groups = append(spec.Groups, name)
		case "schedule":
			spec.Schedules = append(spec.Schedules, name)
		case "field":
			words := strings.Fields(tail)
			f := policies.Field{Type: policies.FieldType(words[0]), Required: slices.Contains(words, "required")}
			if f.Type == policies.Select {
				f.Options = words[1:]
			}
			spec.Fields[name] = f
		case "target":
			spec.Targets = append(spec.Targets, policies.Target{Name: name, Pos: at(name).Pos, Tags: pairs(tail)})
		case "who":
			spec.Who = at(rest)
		case "deny", "warn", "require":
			spec.Guardrails = append(spec.Guardrails, policies.Guardrail{Name: name, Effect: policies.Effect(verb), Rule: at(rule), Message: at(message)})
		case "route":
			tag, when, from := strings.Cut(tail, " decides, when ")
			if !from {
				when = tail
			}
			route := policies.Route{When: at(when), Then: access.Route{
				Name: name, Pos: at(name).Pos.String(), Needs: []access.Need{{Count: 1, Groups: []string{name}}},
			}}
			if from {
				route.GroupsFrom = []policies.GroupFrom{{Tag: tag}}
			}
			spec.Routes = append(spec.Routes, route)
		default:
			t.Fatalf("policy:%d: %q", i+1, line)
		}
	}
	return spec, zone
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// pairs reads "a=b c=d".
func pairs(s string) map[string]string {
	m := map[string]string{}
	for _, word := range strings.Fields(s) {
		k, v, _ := strings.Cut(word, "=")
		m[k] = v
	}
	return m
}

// readRequest reads the section of a request.
func readRequest(t *testing.T, spec policies.Spec, zone *time.Location, text string) policies.Input {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	head, reason, _ := strings.Cut(lines[0], " because ")
	w := strings.Fields(head)
	if len(w) != 6 || w[1] != "asks" || w[4] != "at" {
		t.Fatalf("request: %q", lines[0])
	}
	in := policies.Input{Zone: zone, Facts: policies.Facts{}}
	in.Request.By = access.Person{ID: access.PersonID("p-" + w[0]), Name: w[0], Email: w[0] + "@example.com", Zone: "Europe/Berlin"}
	in.Request.Reason, in.Request.Source, in.Request.Fields = reason, access.FromCommand, map[string]string{}
	var err1, err2 error
	in.Request.Duration, err1 = time.ParseDuration(w[3])
	in.Now, err2 = time.Parse(time.RFC3339, w[5])
	if err1 != nil || err2 != nil {
		t.Fatalf("request: %q: %v, %v", lines[0], err1, err2)
	}
	in.Request.Target = access.Target{Name: w[2], Label: w[2], Strategy: "sso", Params: map[string]string{"account": "111111111111"}}
	for _, target := range spec.Targets {
		if target.Name == w[2] {
			in.Request.Target.Tags = target.Tags
		}
	}
	for _, g := range append(spec.Groups, spec.Schedules...) {
		in.Facts[policies.Fact{Kind: policies.FactGroup, Name: g, About: policies.Requester}] = false
	}
	for _, line := range lines[1:] {
		fact(in, w[0], line)
	}
	return in
}

// fact reads "alice in engineering", "engineering is not known" or "ticket INC-42".
func fact(in policies.Input, who, line string) {
	word, rest, _ := strings.Cut(line, " ")
	f := policies.Fact{Kind: policies.FactGroup, Name: strings.TrimPrefix(rest, "in "), About: policies.Requester}
	switch {
	case word == who:
		in.Facts[f] = true
	case rest == "is not known":
		f.Name = word
		delete(in.Facts, f)
	default:
		in.Request.Fields[word] = rest
	}
}

func verdictText(v access.Verdict) string {
	var b strings.Builder
	b.WriteString(map[bool]string{true: "allowed\n", false: "refused\n"}[v.Allow])
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "%s at %s: %s\n", r.Rule, r.Pos, r.Text)
	}
	for _, r := range v.Warnings {
		fmt.Fprintf(&b, "warning %s at %s: %s\n", r.Rule, r.Pos, r.Text)
	}
	for _, n := range v.Route.Needs {
		fmt.Fprintf(&b, "decides: %s\n", n)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Facts)) {
		fmt.Fprintf(&b, "fact: %s = %s\n", name, v.Facts[name])
	}
	return b.String()
}

func problemText(problems []policies.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s", p.Pos, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, " (%s)", p.Hint)
		}
		b.WriteString("\n")
	}
	return b.String()
}
