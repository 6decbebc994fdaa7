package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

const applyHelp = `Has the running server read its flow files again, check them as it does at its
start, and put all of them in force, or none. It prints what changes, or what is
wrong as file:line:col: message, and then exits 1 with everything as it was.

The files are those that the server's configuration names: PATH sends nothing, and
is only compared with that, so that nobody applies another folder than they think.`

func newFlowsApply(c *console) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "apply [PATH]", Short: "Have the running server put its flow files in force", Long: applyHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly("a path")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if err := meant(cfg, args); err != nil {
				return err
			}
			return c.call(func(s *client.Client) error {
				r, err := s.Reload(cmd.Context(), dryRun)
				if err != nil {
					return err
				}
				locateAll(&r)
				if err := c.showReloaded(r); err != nil || r.OK {
					return err
				}
				return errFound
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check, and say what would change, without changing it")
	return c.jsonFlag(cmd)
}

// meant refuses a path that is not the one that the server reads.
func meant(cfg config.Config, args []string) error {
	if len(args) == 0 {
		return nil
	}
	named, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	read, err := filepath.Abs(cfg.Flows)
	if err != nil {
		return err
	}
	if named != read {
		return &misuse{fmt.Errorf("the server reads %s, not %s: put the files there, or set flows in its configuration", read, named), "sesame flows apply"}
	}
	return nil
}

// locateAll gives what AWS and Slack said its place in the files.
func locateAll(r *api.Reloaded) {
	files := sources([]string{r.Path})
	for _, list := range [][]api.Problem{r.Problems, r.Warnings} {
		for i, p := range list {
			if p.Line == 0 {
				list[i] = api.Problem(locate(server.Findings{{Path: p.File, Message: p.Message}}, files)[0])
			}
		}
	}
}

func (c *console) showReloaded(r api.Reloaded) error {
	if c.json {
		return printJSON(c.out, r)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(c.out, problem(p))
	}
	for _, w := range r.Warnings {
		w.Message = "warning: " + w.Message
		fmt.Fprintln(c.out, problem(w))
	}
	c.showDifferences(r.Differences)
	_, err := fmt.Fprintln(c.out, c.paint(reloadedLine(r)))
	return err
}

var changeColors = map[string]color{"added": green, "removed": red, "changed": yellow}

func (c *console) showDifferences(all []api.Difference) {
	for _, d := range all {
		fmt.Fprintf(c.out, "%s %s %s\n", c.paint(cell{fmt.Sprintf("%-7s", d.Change), changeColors[d.Change]}), d.Kind, printable(d.Name))
		for _, s := range d.Settings {
			fmt.Fprintln(c.out, "          "+printable(s))
		}
	}
}

// reloadedLine says what became of a reload.
func reloadedLine(r api.Reloaded) cell {
	before := r.Before
	if before == "" {
		before = "none"
	}
	switch {
	case !r.OK && r.Before == "":
		return cell{"Nothing changed: there are still no flow files in force.", red}
	case !r.OK:
		return cell{fmt.Sprintf("Nothing changed: revision %s is still in force.", r.Before), red}
	case r.Before == r.After:
		return cell{fmt.Sprintf("The files are those in force already: revision %s.", r.After), plain}
	case r.DryRun:
		return cell{fmt.Sprintf("Would put revision %s in force in place of %s; nothing was changed.", r.After, before), yellow}
	}
	return cell{strings.TrimSpace(fmt.Sprintf("In force: revision %s, in place of %s.", r.After, before)), green}
}
