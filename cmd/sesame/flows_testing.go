package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/flows/flowtest"
)

// A testOptions is what flows test is told.
type testOptions struct {
	verbose, gaps bool
	junit         string
}

func newFlowsTest(c *console) *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use: "test PATH...", Short: "Run the tests that stand beside flow files",
		Long: "Runs the tests in *_test.yaml files: those that are named, those in a folder that\nis named, and those beside a flow file that is named. Says which rules and which\noutcomes of their expressions were tried. What a test says under past: was asked for\nbefore, and counts against limits and budgets. Exits 1 if a test fails.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("a test file or folder")(cmd, args)
			}
			return c.testFlows(o, args)
		},
	}
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "list the tests that pass as well")
	cmd.Flags().BoolVar(&o.gaps, "gaps", false, "list the outcomes that no test brought up")
	cmd.Flags().StringVar(&o.junit, "junit", "", "write the outcome to a file, in the form of JUnit")
	return c.jsonFlag(cmd)
}

func (c *console) testFlows(o testOptions, paths []string) error {
	names, err := flowtest.Find(paths...)
	if err != nil {
		return err
	}
	report := flowtest.Run(names)
	if o.junit != "" {
		if err := writeJUnit(o.junit, report); err != nil {
			return fmt.Errorf("write the outcome: %w", err)
		}
	}
	if c.json {
		err = printJSON(c.out, testedOf(report))
	} else {
		c.showTests(o, report)
	}
	if err == nil && report.Failed() {
		return errFound
	}
	return err
}

func (c *console) showTests(o testOptions, report flowtest.Report) {
	for _, s := range report.Suites {
		c.showSuite(o, s)
	}
	sum := report.Coverage
	fmt.Fprintf(c.out, "covered: %d of %s were true, %d of %s came up\n",
		sum.RulesTrue, count(sum.Rules, "rule"), sum.OutcomesSeen, count(sum.Outcomes, "outcome"))
	if !o.gaps {
		return
	}
	for _, g := range sum.Gaps {
		fmt.Fprintf(c.out, "  %s: %s\n", g.Pos, gapText(g))
	}
}

func gapText(g flowtest.Gap) string {
	if g.Text == "" {
		return fmt.Sprintf("the route %s was never taken", g.Rule)
	}
	return fmt.Sprintf("%s: %s was never %t", g.Rule, g.Text, g.Never)
}

func (c *console) showSuite(o testOptions, s flowtest.Suite) {
	for _, r := range s.Results {
		switch {
		case len(r.Failures) > 0:
			fmt.Fprintf(c.out, "%s %s:%d: %s\n", c.paint(cell{"--- FAIL:", red}), s.Name, r.Line, printable(r.Name))
			for _, f := range r.Failures {
				fmt.Fprintf(c.out, "    %s\n", printable(f))
			}
		case o.verbose:
			fmt.Fprintf(c.out, "--- pass: %s:%d: %s\n", s.Name, r.Line, printable(r.Name))
		}
	}
	switch {
	case s.Err != nil:
		fmt.Fprintf(c.out, "%s  %s: cannot be run\n", c.paint(cell{"FAIL", red}), s.Name)
		for line := range strings.Lines(s.Err.Error()) {
			fmt.Fprintf(c.out, "    %s\n", printable(strings.TrimSuffix(line, "\n")))
		}
	case s.Failures() > 0:
		fmt.Fprintf(c.out, "%s  %s: %d of %s failed\n", c.paint(cell{"FAIL", red}), s.Name, s.Failures(), count(len(s.Results), "test"))
	default:
		fmt.Fprintf(c.out, "%s    %s: %s\n", c.paint(cell{"ok", green}), s.Name, count(len(s.Results), "test"))
	}
}

// A tested is the outcome of flows test, for programs.
type tested struct {
	OK       bool          `json:"ok"`
	Suites   []testedSuite `json:"suites"`
	Coverage testedCover   `json:"coverage"`
}

type testedSuite struct {
	Name  string       `json:"name"`
	Error string       `json:"error,omitempty"`
	Tests []testedCase `json:"tests"`
}

type testedCase struct {
	Name     string   `json:"name"`
	Line     int      `json:"line"`
	OK       bool     `json:"ok"`
	Failures []string `json:"failures,omitempty"`
}

type testedCover struct {
	Rules        int         `json:"rules"`
	RulesTrue    int         `json:"rules_true"`
	Outcomes     int         `json:"outcomes"`
	OutcomesSeen int         `json:"outcomes_seen"`
	Gaps         []testedGap `json:"gaps"`
}

type testedGap struct {
	At    string `json:"at"`
	Rule  string `json:"rule"`
	Text  string `json:"text,omitempty"`
	Never bool   `json:"never"`
}

func testedOf(r flowtest.Report) tested {
	sum := r.Coverage
	t := tested{OK: !r.Failed(), Suites: []testedSuite{}, Coverage: testedCover{sum.Rules, sum.RulesTrue, sum.Outcomes, sum.OutcomesSeen, []testedGap{}}}
	for _, s := range r.Suites {
		suite := testedSuite{Name: s.Name, Tests: []testedCase{}}
		if s.Err != nil {
			suite.Error = s.Err.Error()
		}
		for _, res := range s.Results {
			suite.Tests = append(suite.Tests, testedCase{res.Name, res.Line, len(res.Failures) == 0, res.Failures})
		}
		t.Suites = append(t.Suites, suite)
	}
	for _, g := range sum.Gaps {
		t.Coverage.Gaps = append(t.Coverage.Gaps, testedGap{g.Pos.String(), g.Rule, g.Text, g.Never})
	}
	return t
}
