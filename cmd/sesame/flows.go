package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sesame/flows/flowfile"
)

func newFlows(c *console) *cobra.Command {
	return group("flows", "Check flow files", newFlowsCheck(c))
}

// A checked is what a check of flow files showed.
type checked struct {
	OK       bool      `json:"ok"`
	Revision string    `json:"revision,omitempty"`
	Targets  int       `json:"targets"`
	Problems []problem `json:"problems"`
	// Warnings are what is probably not meant. They fail nothing.
	Warnings []problem `json:"warnings"`
}

// A problem is one thing wrong, with its place.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func newFlowsCheck(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "check PATH...", Short: "Check flow files, or folders of them, as one set",
		Long: "Prints everything that is wrong at once, as file:line:col: message, and exits 1\nif there is anything. Needs no network.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("a flow file or folder")(cmd, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return c.checkFlows(args) },
	})
}

func (c *console) checkFlows(paths []string) error {
	set, err := flowfile.Open(paths...)
	found, wrong := errors.AsType[flowfile.Problems](err)
	if err != nil && !wrong {
		return err
	}
	report := checked{OK: !wrong, Problems: views(found), Warnings: []problem{}}
	if !wrong {
		report.Revision, report.Targets, report.Warnings = set.Revision(), len(set.Targets()), views(set.Warnings())
	}
	if err := c.showCheck(report); err != nil {
		return err
	}
	if wrong {
		return errFound
	}
	return nil
}

func views(ps flowfile.Problems) []problem {
	all := make([]problem, len(ps))
	for i, p := range ps {
		all[i] = problem(p)
	}
	return all
}

func (c *console) showCheck(report checked) error {
	if c.json {
		return printJSON(c.out, report)
	}
	for _, p := range report.Problems {
		fmt.Fprintln(c.out, flowfile.Problem(p))
	}
	for _, w := range report.Warnings {
		w.Message = "warning: " + w.Message
		fmt.Fprintln(c.out, flowfile.Problem(w))
	}
	if report.OK {
		fmt.Fprintf(c.out, "%s, no problems: revision %s\n", count(report.Targets, "target"), report.Revision)
	}
	return nil
}
