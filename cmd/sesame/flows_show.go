package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sesame/flows/flowfile"
	"sesame/policies"
)

func newFlowsShow(c *console) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use: "show [FLOW or TARGET...]", Short: "Show what is in force, and where each value comes from",
		Long: "Prints every setting of flows and targets with its place: the file, the defaults,\nor built in. Without a name it shows all flows.",
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return c.showFlows(files, args) },
	}
	filesFlag(cmd, &files)
	return c.jsonFlag(cmd)
}

// filesFlag lets a command read other flow files than those in force.
func filesFlag(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVar(files, "files", nil, "a flow file or folder; may be repeated (default: what --config names)")
}

// A settings is a flow or target with what holds for it.
type settings struct {
	Name     string    `json:"name"`
	Settings []setting `json:"settings"`
}

// A setting is one value. From is a place in a file, or "built in".
type setting struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	From    string `json:"from"`
	Default bool   `json:"default,omitempty"` // stands under defaults
}

func (c *console) showFlows(files, names []string) error {
	set, err := c.flowSet(files)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = set.Flows()
	}
	all := []settings{}
	for _, name := range names {
		found, ok := set.Settings(name)
		if !ok {
			return unknownName(set, name)
		}
		all = append(all, settings{name, settingsOf(found)})
	}
	if c.json {
		return printJSON(c.out, all)
	}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		c.showSettings(s)
	}
	return nil
}

func unknownName(set *flowfile.Set, name string) error {
	known := set.Flows()
	for _, t := range set.Targets() {
		known = append(known, t.Name)
	}
	if near := policies.Nearest(name, slices.Values(known)); near != "" {
		return fmt.Errorf("there is no flow and no target %q: did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no flow and no target %q", name)
}

func settingsOf(found []flowfile.Setting) []setting {
	all := make([]setting, len(found))
	for i, s := range found {
		all[i] = setting{s.Path, s.Value, "built in", s.Default}
		if s.Pos != (policies.Position{}) {
			all[i].From = s.Pos.String()
		}
	}
	return all
}

func (c *console) showSettings(s settings) {
	rows := make([][]cell, len(s.Settings))
	for i, v := range s.Settings {
		from := v.From
		if v.Default {
			from += " (defaults)"
		}
		rows[i] = append(cells(v.Path, v.Value), cell{printable(from), dim})
	}
	c.table([]string{s.Name, "VALUE", "FROM"}, rows)
}
