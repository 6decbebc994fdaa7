package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newLogins(c *console) *cobra.Command {
	return group("logins", "Show and end who is signed in", newLoginsList(c), newLoginsRevoke(c))
}

func newLoginsList(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "list", Short: "List who is signed in from a terminal", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error {
				all, err := server.Logins(cmd.Context())
				if err != nil {
					return err
				}
				return c.showLogins(all, "Nobody is signed in.")
			})
		},
	})
}

func newLoginsRevoke(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "revoke LOGIN|USER", Short: "End a login, or all of one Slack user", Args: exactly("a login, or the id of a Slack user"),
		Long: "Ends a login, or every login of a Slack user, as the person whom sesame.yaml\nrecords for you under operators, who must be an admin or its holder.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				ended, err := server.RevokeLogins(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return c.showEndedLogins(ended)
			})
		},
	})
}

func (c *console) showEndedLogins(ended api.Logins) error {
	if c.json {
		return printJSON(c.out, ended)
	}
	for _, l := range ended.Logins {
		fmt.Fprintln(c.out, printable(fmt.Sprintf("The login of %s on %s (%s) has ended.", l.Name, l.Host, l.ID)))
	}
	return nil
}

func (c *console) showLogins(all api.Logins, none string) error {
	if c.json {
		return printJSON(c.out, all)
	}
	if len(all.Logins) == 0 {
		_, err := fmt.Fprintln(c.out, none)
		return err
	}
	rows := make([][]cell, len(all.Logins))
	for i, l := range all.Logins {
		rows[i] = cells(l.ID, l.Name, l.User, l.Host, l.From, c.when(l.At), c.when(l.Until))
	}
	c.table([]string{"LOGIN", "NAME", "USER", "COMPUTER", "FROM", "SINCE", "UNTIL"}, rows)
	return nil
}
