package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/flowfile"
)

func newFlows(c *console) *cobra.Command {
	return group("flows", "Check flow files, and say what they do",
		newFlowsCheck(c), newFlowsExplain(c), newFlowsTest(c), newFlowsReplay(c), newFlowsApply(c), newFlowsShow(c),
		newFlowsWhoCan(c), newFlowsCan(c), newFlowsSchema(c),
	)
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

// String returns "file:line:col: message (hint)". What has no place in a file
// has the key of sesame.yaml that it is about.
func (p problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return flowfile.Problem(p).String()
}

func newFlowsCheck(c *console) *cobra.Command {
	var online bool
	cmd := &cobra.Command{
		Use: "check PATH...", Short: "Check flow files, or folders of them, as one set",
		Long: "Prints everything that is wrong at once, as file:line:col: message, and exits 1\nif there is anything. Warns of what keeps a server from opening anything: no\nIdentity Center instance, or what the server of --config is not set up for. Needs\nno network, unless --online has AWS and Slack asked as well, as serve does:\npermission sets, accounts, channels and groups.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("a flow file or folder")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := c.checkFlows(cmd.Context(), args, online)
			if err != nil {
				return err
			}
			if err := c.showCheck(report); err != nil {
				return err
			}
			if !report.OK {
				return errFound
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "ask AWS and Slack as well, with the credentials of --config")
	return c.jsonFlag(cmd)
}

// checkFlows checks flow files by themselves, and by what a server can do with
// them: one with the configuration, where there is one. Whoever asks AWS and
// Slack as well means that server.
func (c *console) checkFlows(ctx context.Context, paths []string, online bool) (checked, error) {
	set, err := flowfile.Abilities{Proxy: true}.Open(paths...)
	if found, wrong := errors.AsType[flowfile.Problems](err); wrong {
		return checked{Problems: views(found), Warnings: []problem{}}, nil
	}
	if err != nil {
		return checked{}, err
	}
	report := checked{
		OK: true, Revision: set.Revision(), Targets: len(set.Targets()),
		Problems: []problem{}, Warnings: views(set.Warnings()),
	}
	unable, err := c.unable(paths)
	if err != nil {
		return checked{}, err
	}
	if !online {
		report.Warnings = append(append(report.Warnings, unable...), locate(server.Lacking(set), sources(paths))...)
		return report, nil
	}
	report.OK, report.Problems = len(unable) == 0, append(report.Problems, unable...)
	return report, c.checkOnline(ctx, set, paths, &report)
}

// unable returns what a server with the configuration cannot do of what the flow
// files say, and so does not load them. Without one, nobody can say.
func (c *console) unable(paths []string) ([]problem, error) {
	cfg, err := config.Load(c.config)
	if err != nil {
		return nil, nil
	}
	_, err = server.Able(cfg).Open(paths...)
	if found, wrong := errors.AsType[flowfile.Problems](err); wrong {
		return views(found), nil
	}
	return nil, err
}

// checkOnline adds what AWS and Slack say to a report.
func (c *console) checkOnline(ctx context.Context, set *flowfile.Set, paths []string, report *checked) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	warnings, err := server.Check(ctx, o, set)
	found, wrong := errors.AsType[server.Findings](err)
	if err != nil && !wrong {
		return err
	}
	files := sources(paths)
	report.OK = report.OK && !wrong
	report.Problems = append(report.Problems, locate(found, files)...)
	report.Warnings = append(report.Warnings, locate(warnings, files)...)
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
		fmt.Fprintln(c.out, p)
	}
	for _, w := range report.Warnings {
		w.Message = "warning: " + w.Message
		fmt.Fprintln(c.out, w)
	}
	if report.OK {
		fmt.Fprintf(c.out, "%s, no problems: revision %s\n", count(report.Targets, "target"), report.Revision)
	}
	return nil
}
