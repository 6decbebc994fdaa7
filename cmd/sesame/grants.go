package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newGrants(c *console) *cobra.Command {
	return group("grants", "Show and end what is granted", newGrantsList(c), newGrantsShow(c), newGrantsEnd(c))
}

func newGrantsList(c *console) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use: "list", Short: "List grants, newest first", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error { return c.listGrants(cmd, server, o) })
		},
	}
	o.addFlags(cmd, "only those that are not closed")
	return c.jsonFlag(cmd)
}

func (c *console) listGrants(cmd *cobra.Command, server *client.Client, o listOptions) error {
	all := api.GrantPage{Grants: []api.Grant{}}
	err := o.pages(func(l client.Listing) (int, string, error) {
		page, err := server.Grants(cmd.Context(), l)
		all.Grants = append(all.Grants, page.Grants...)
		return len(page.Grants), page.Next, err
	})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, all)
	}
	if len(all.Grants) == 0 {
		fmt.Fprintln(c.out, "No grants.")
		return nil
	}
	rows := make([][]cell, len(all.Grants))
	for i, g := range all.Grants {
		row := cells(g.ID, "", g.Target, g.Holder.Name, c.when(g.OpenedAt), c.ending(g))
		row[1] = state(g.State)
		rows[i] = row
	}
	c.table([]string{"GRANT", "STATE", "TARGET", "HOLDER", "OPENED", "ENDS"}, rows)
	return nil
}

// ending returns when a grant ends or ended.
func (c *console) ending(g api.Grant) string {
	switch {
	case g.End != nil:
		return c.when(g.End.At)
	case !g.EndsAt.IsZero():
		return c.when(g.EndsAt)
	default:
		return "at the latest " + c.when(g.CloseBy)
	}
}

func newGrantsShow(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "show GRANT", Short: "Show a grant, with its receipt once it is closed", Args: exactly("a grant id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				g, err := server.Grant(cmd.Context(), args[0])
				return c.answerGrant(g, err)
			})
		},
	})
}

func newGrantsEnd(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "end GRANT", Short: "End a grant now", Args: exactly("a grant id"),
		Long: "Ends a grant before its time, as the person whom sesame.yaml records for you\nunder operators. Returns when the end is recorded; the Keeper does the rest.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				g, err := server.End(cmd.Context(), args[0])
				return c.answerGrant(g, err)
			})
		},
	})
}

func (c *console) answerGrant(g api.Grant, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, g)
	}
	c.showGrant(g)
	return nil
}

func (c *console) showGrant(g api.Grant) {
	facts := [][]cell{
		fact("grant", g.ID),
		{{text: "state"}, state(g.State)},
		fact("holder", named(g.Holder)),
		fact("target", g.Target),
		fact("for", spoken(g.Duration)),
		fact("granted", c.when(g.DecidedAt)),
		fact("opened", c.when(g.OpenedAt)),
	}
	if g.End == nil {
		facts = append(facts, fact("ends", c.ending(g)))
	} else {
		facts = append(facts, fact("ended", c.ending(g)), fact("due", c.missed(g)), fact("ended by", endedBy(*g.End)))
	}
	if g.Receipt != nil {
		facts = append(facts, c.receipt(*g.Receipt)...)
	} else if g.Overhang != "" {
		facts = append(facts, fact("overhang", "up to "+spoken(g.Overhang)+" after the end"))
	}
	c.facts(facts...)
}

// missed says when access was due to end that ended late, and by how much.
func (c *console) missed(g api.Grant) string {
	if g.End.Late == "" {
		return ""
	}
	return c.when(g.EndsAt) + ", " + spoken(g.End.Late) + " before it did"
}

func endedBy(e api.End) string {
	by := e.Name
	if by == "" {
		by = "Sesame"
	}
	text := fmt.Sprintf("%s (%s)", by, e.Cause)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func (c *console) receipt(r api.Receipt) [][]cell {
	facts := [][]cell{
		fact("access removed", c.when(r.RemovedAt)),
		fact("sessions dead by", c.when(r.DeadBy)),
	}
	if r.Calls != nil {
		for _, text := range r.Calls.Text {
			facts = append(facts, fact("calls", text))
		}
	}
	for _, o := range r.Objects {
		facts = append(facts, fact("proof", cmp.Or(o.Name, o.Object)+": "+proof(o)))
		if o.Unasked != "" {
			facts = append(facts, fact("not asked", o.Unasked))
		}
		for _, said := range o.Sessions {
			facts = append(facts, fact("sessions", said+" ("+c.when(o.ClearAt)+")"))
		}
	}
	return facts
}

func proof(o api.ObjectReceipt) string {
	switch {
	case o.Foreign:
		return "was there before, and is not Sesame's to remove"
	case o.NeverMade:
		return "was never made"
	case len(o.KeptFor) > 0:
		return "is kept for " + strings.Join(o.KeptFor, ", ")
	default:
		return fmt.Sprintf("read as absent %d times after removal %s", o.Reads, o.Operation)
	}
}
