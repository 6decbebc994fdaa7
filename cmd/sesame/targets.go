package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newTargets(c *console) *cobra.Command {
	return group("targets", "Show what you can ask for", newTargetsList(c), newTargetsInstances(c))
}

func newTargetsList(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "list", Short: "List the targets that you can ask for", Args: exactly(),
		Long: "Lists the targets that you can ask for: for how long, and what\nis to be said with --field; what may be left out stands in brackets.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.asMe(func(server *client.Remote) error {
				offered, err := server.Targets(cmd.Context())
				if err != nil {
					return err
				}
				return c.showOffers(offered)
			})
		},
	})
}

func (c *console) showOffers(offered api.Targets) error {
	if c.json {
		return printJSON(c.out, offered)
	}
	if len(offered.Targets) == 0 {
		_, err := fmt.Fprintln(c.out, "There is no target that you can ask for: ask an admin which flow should let you.")
		return err
	}
	rows := make([][]cell, len(offered.Targets))
	for n, t := range offered.Targets {
		var durations, fields []string
		for _, d := range t.Durations {
			durations = append(durations, spoken(d))
		}
		for _, f := range t.Fields {
			fields = append(fields, asField(f))
		}
		rows[n] = cells(t.Name, t.Label, strings.Join(durations, ", "), strings.Join(fields, " "))
	}
	c.table([]string{"TARGET", "LABEL", "FOR", "FIELDS"}, rows)
	return nil
}

// asField is how a field is to be said: "ticket=… (like INC-42)", and in brackets
// what may be left out.
func asField(f api.OfferField) string {
	value := "…"
	switch {
	case len(f.Options) > 0:
		value = strings.Join(f.Options, "|")
	case f.Hint != "":
		value += " (" + f.Hint + ")"
	}
	if f.Required {
		return f.Name + "=" + value
	}
	return "[" + f.Name + "=" + value + "]"
}

func newTargetsInstances(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "instances TARGET", Short: "List the machines that a target matches now", Args: exactly("a target"),
		Long: "Lists the machines that have the tags of a target which you may ask for, with what\nEC2 and Session Manager say of them. What was found is shown again for half a\nminute; it is looked up anew when access to it is approved and when it opens.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				found, err := server.Instances(cmd.Context(), args[0])
				if refused, ok := errors.AsType[*access.Refusal](err); ok && refused.Code == access.RefusedUnknown {
					return near(cmd.Context(), server, args[0], refused)
				} else if err != nil {
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
