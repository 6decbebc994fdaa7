package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

func newPolicy(c *console) *cobra.Command {
	return group("policy", "Write, check and try IAM policies, offline", newPolicyGenerate(c), newPolicyLint(c), newPolicyCan(c))
}

// standardInput is what stands for it among the names of files.
const standardInput = "-"

// readDocument reads a file, or standard input.
func readDocument(cmd *cobra.Command, name string) ([]byte, error) {
	if name == standardInput {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// atLeast refuses fewer arguments than one.
func atLeast(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exactly(what)(cmd, args)
		}
		return nil
	}
}

// A linted is what a check of policies showed.
type linted struct {
	OK       bool      `json:"ok"`
	Policies int       `json:"policies"`
	Findings []finding `json:"findings"`
}

// A finding is one thing wrong with a policy, with its place.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
	Why     string `json:"why,omitempty"`
}

func findings(ps iam.Problems) []finding {
	all := make([]finding, len(ps))
	for i, p := range ps {
		all[i] = finding{p.At.File, p.At.Line, p.At.Col, p.Message, p.Why}
	}
	return all
}

func newPolicyLint(c *console) *cobra.Command {
	var o lint.Options
	var kind string
	cmd := &cobra.Command{
		Use: "lint FILE...", Short: "Find what is wrong with policies although IAM takes them", Args: atLeast("a policy file"),
		Long: "Prints everything that is wrong at once, as file:line:col: message (why), and\nexits 1 if there is anything. - is standard input. Needs no network: what AWS has\nof actions, resource types and condition keys comes with the program.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Kind = iam.Kind(kind)
			if err := checkLintFlags(o); err != nil {
				return err
			}
			report := linted{Policies: len(args), Findings: []finding{}}
			for _, name := range args {
				text, err := readDocument(cmd, name)
				if err != nil {
					return err
				}
				report.Findings = append(report.Findings, findings(lint.Check(name, text, o))...)
			}
			report.OK = len(report.Findings) == 0
			return c.showLint(report)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "identity-based, resource-based or trust; what it looks like if left out")
	cmd.Flags().StringVar(&o.Account, "account", "", "the account of the role of a trust policy")
	cmd.Flags().StringVar(&o.Place, "place", "", "where it will be, for its size: "+strings.Join(lint.Places(), ", "))
	return c.jsonFlag(cmd)
}

func checkLintFlags(o lint.Options) error {
	if err := oneOf("--kind", string(o.Kind), string(iam.IdentityBased), string(iam.ResourceBased), string(iam.Trust)); err != nil {
		return &misuse{err, "sesame policy lint"}
	}
	if err := oneOf("--place", o.Place, lint.Places()...); err != nil {
		return &misuse{err, "sesame policy lint"}
	}
	return nil
}

// oneOf refuses what is not among names; nothing is.
func oneOf(flag, value string, names ...string) error {
	if value == "" {
		return nil
	}
	for _, n := range names {
		if n == value {
			return nil
		}
	}
	return fmt.Errorf("%s %q: it is one of %s", flag, value, strings.Join(names, ", "))
}

func (c *console) showLint(report linted) error {
	if c.json {
		if err := printJSON(c.out, report); err != nil {
			return err
		}
	} else {
		for _, f := range report.Findings {
			p := iam.Problem{At: iam.Position{File: f.File, Line: f.Line, Col: f.Col}, Message: f.Message, Why: f.Why}
			fmt.Fprintln(c.out, printable(p.String()))
		}
		if report.OK {
			fmt.Fprintf(c.out, "%s, no findings\n", policyCount(report.Policies))
		}
	}
	if !report.OK {
		return errFound
	}
	return nil
}

func policyCount(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return fmt.Sprintf("%d policies", n)
}

// compilePolicy reads and compiles a file as one of a kind; without a kind, as
// what it looks like. What is wrong with it is printed.
func (c *console) compilePolicy(cmd *cobra.Command, name string, kind iam.Kind) (*iam.Policy, iam.Kind, error) {
	text, err := readDocument(cmd, name)
	if err != nil {
		return nil, "", err
	}
	d, err := iam.Parse(name, text)
	if err != nil {
		return nil, "", c.wrongPolicy(err)
	}
	if kind == "" {
		kind = d.Kind()
	}
	p, err := iam.Compile(d, kind)
	if err != nil {
		return nil, "", c.wrongPolicy(err)
	}
	return p, kind, nil
}

func (c *console) wrongPolicy(err error) error {
	problems, ok := errors.AsType[iam.Problems](err)
	if !ok {
		return err
	}
	return c.showLint(linted{Findings: findings(problems)})
}
