package flowtest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sesame/flows/flowfile"
	"sesame/policies"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// A File is a test file.
type File struct {
	Name string `yaml:"-"`
	// Flows are the flow files and folders that are tested, as one set,
	// relative to the test file. Optional, default the folder of the test file.
	Flows []string `yaml:"flows"`
	// At is when everything is asked, as in 2026-11-20T18:30:00Z. Required,
	// here or in each test: the outcome must not hang on the day.
	At    string `yaml:"at"`
	World `yaml:",inline"`
	Tests []Case `yaml:"tests"` // Required
}

// A Case is one test: what is asked, and what is expected.
type Case struct {
	Line     int               `yaml:"-"`
	Name     string            `yaml:"name"`     // Required
	As       string            `yaml:"as"`       // e-mail address. Required
	Target   string            `yaml:"target"`   // Required
	Duration string            `yaml:"duration"` // as in 1h30m. Optional, default the flow's
	Reason   string            `yaml:"reason"`   // Optional
	Fields   map[string]string `yaml:"fields"`   // Optional
	At       string            `yaml:"at"`       // Optional, default the file's
	// Extension asks for a grant to last longer. Ends is when it would end
	// otherwise, default when it is asked. Optional.
	Extension bool   `yaml:"extension"`
	Ends      string `yaml:"ends"`
	// BreakGlass breaks the glass, for Incident. Optional.
	BreakGlass bool             `yaml:"break_glass"`
	Incident   string           `yaml:"incident"`
	World      `yaml:",inline"` // Optional, added to the file's
	Expect     Expect           `yaml:"expect"` // Required
}

// An Expect is what a test expects. What it leaves out is not looked at.
type Expect struct {
	Verdict string `yaml:"verdict"` // allow or refuse. Required
	Route   string `yaml:"route"`
	// Visible says whether the target is shown to the person.
	Visible *bool `yaml:"visible"`
	// Approvers are all of those who may approve, among the people whom the
	// facts and the flow files name.
	Approvers []string `yaml:"approvers"`
	// Message is part of what the person is told.
	Message string `yaml:"message"`
	// Rules are the names of all rules that refuse.
	Rules []string `yaml:"rules"`
	// Warnings are the names of all guardrails that warn.
	Warnings []string `yaml:"warnings"`
	// Stages are, for each stage, all of those who may approve in it.
	Stages [][]string `yaml:"stages"`
	// Notify are the names of all channels that are told, and Told the
	// addresses of all people who are, besides the approvers.
	Notify []string `yaml:"notify"`
	Told   []string `yaml:"told"`
	// After is everything that happens when nobody decides, to the end.
	After []ExpectStep `yaml:"after"`
	// Announce is the channel where broken glass is announced, Skipped are all
	// who would have decided otherwise, and Reviewers all who may review it.
	Announce  string   `yaml:"announce"`
	Skipped   []string `yaml:"skipped"`
	Reviewers []string `yaml:"reviewers"`
}

// An ExpectStep is what is to happen when nobody decides for a while.
type ExpectStep struct {
	In string `yaml:"in"` // as in 30m. Required
	// Approvers are all of those who may approve from then on, if others may.
	Approvers []string `yaml:"approvers"`
	// Notify and Told are those who are told besides.
	Notify []string `yaml:"notify"`
	Told   []string `yaml:"told"`
	Deny   bool     `yaml:"deny"`
	Lapse  bool     `yaml:"lapse"`
}

// UnmarshalYAML implements yaml.NodeUnmarshaler, to know the line of a test.
func (c *Case) UnmarshalYAML(n ast.Node) error {
	type plain Case
	if err := yaml.NodeToValue(n, (*plain)(c), yaml.Strict()); err != nil {
		return err
	}
	c.Line = n.GetToken().Position.Line
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		c.Line = m.Values[0].Key.GetToken().Position.Line
	}
	return nil
}

// testSuffix ends the name of a test file.
const testSuffix = "_test.yaml"

// Find returns the test files among paths: those in the folders, those that
// stand beside the flow files, and those that are named.
func Find(paths ...string) ([]string, error) {
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			in, err := filepath.Glob(filepath.Join(path, "*"+testSuffix))
			if err != nil {
				return nil, err
			}
			found = append(found, in...)
		case strings.HasSuffix(path, testSuffix):
			found = append(found, path)
		default:
			beside := strings.TrimSuffix(path, filepath.Ext(path)) + testSuffix
			if _, err := os.Stat(beside); err != nil {
				return nil, fmt.Errorf("there are no tests beside %s: %w", path, err)
			}
			found = append(found, beside)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no *%s in %s", testSuffix, strings.Join(paths, ", "))
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Read reads a test file.
func Read(name string) (File, error) {
	f := File{Name: name}
	if err := decodeFile(name, &f); err != nil {
		return f, err
	}
	if len(f.Flows) == 0 {
		f.Flows = []string{"."}
	}
	for i, path := range f.Flows {
		f.Flows[i] = filepath.Join(filepath.Dir(name), path)
	}
	return f, f.check()
}

// check returns everything that tests lack.
func (f File) check() error {
	var errs []error
	if len(f.Tests) == 0 {
		errs = append(errs, fmt.Errorf("%s: there are no tests", f.Name))
	}
	for _, c := range f.Tests {
		lacks := map[string]string{"name": c.Name, "as": c.As, "target": c.Target, "expect.verdict": c.Expect.Verdict, "at": c.At + f.At}
		for _, key := range slices.Sorted(maps.Keys(lacks)) {
			if lacks[key] == "" {
				errs = append(errs, fmt.Errorf("%s:%d: the test has no %s", f.Name, c.Line, key))
			}
		}
		if v := c.Expect.Verdict; v != "" && v != allow && v != refuse {
			errs = append(errs, fmt.Errorf("%s:%d: the verdict to expect is %s or %s, not %q", f.Name, c.Line, allow, refuse, v))
		}
	}
	return errors.Join(errs...)
}

// The verdicts that a test expects.
const (
	allow  = "allow"
	refuse = "refuse"
)

// question returns what a test asks.
func (c Case) question(f File) (Question, error) {
	q := Question{
		As: c.As, Target: c.Target, Reason: c.Reason, Fields: c.Fields,
		Extension: c.Extension, BreakGlass: c.BreakGlass, Incident: c.Incident,
	}
	at := c.At
	if at == "" {
		at = f.At
	}
	var err error
	if q.At, err = time.Parse(time.RFC3339, at); err != nil {
		return q, fmt.Errorf("at: %q is not a time such as 2026-11-20T18:30:00Z", at)
	}
	if c.Ends != "" {
		if q.Ends, err = time.Parse(time.RFC3339, c.Ends); err != nil {
			return q, fmt.Errorf("ends: %q is not a time such as 2026-11-20T18:30:00Z", c.Ends)
		}
	}
	if c.Duration != "" {
		q.Duration, err = policies.ParseDuration(c.Duration)
	}
	return q, err
}

// ask asks what a test asks.
func (c Case) ask(f File, set *flowfile.Set) (Answer, error) {
	q, err := c.question(f)
	if err != nil {
		return Answer{}, err
	}
	world := f.World.with(c.World)
	if err := world.Check(set); err != nil {
		return Answer{}, err
	}
	return world.Ask(set, q)
}
