package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newTargets(c *console) *cobra.Command {
	return group("targets", "Show what targets are about", newTargetsInstances(c))
}

func newTargetsInstances(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "instances TARGET", Short: "List the machines that a target matches now", Args: exactly("a target"),
		Long: "Lists the machines that have the tags of a target which you may ask for, with what\nEC2 and Session Manager say of them. What was found is shown again for half a\nminute; it is looked up anew when access to it is approved and when it opens.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				found, err := server.Instances(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return c.showInstances(found)
			})
		},
	})
}

func (c *console) showInstances(found api.Instances) error {
	if c.json {
		return printJSON(c.out, found)
	}
	if len(found.Instances) == 0 {
		_, err := fmt.Fprintf(c.out, "No machine has the tags of %s at the moment.\n", printable(found.Target))
		return err
	}
	rows := make([][]cell, len(found.Instances))
	for n, i := range found.Instances {
		rows[n] = cells(i.ID, i.Name, i.Region, i.State, cmp.Or(i.Ping, "unknown"), i.Trouble())
	}
	c.table([]string{"INSTANCE", "NAME", "REGION", "STATE", "AGENT", "BUT"}, rows)
	if found.More {
		fmt.Fprintln(c.out, "There are more.")
	}
	return nil
}
