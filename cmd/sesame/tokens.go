package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newTokens(c *console) *cobra.Command {
	return group("tokens", "Make, show and end tokens for programs", newTokensCreate(c), newTokensList(c), newTokensRevoke(c))
}

func newTokensCreate(c *console) *cobra.Command {
	var asked api.TokenAsking
	cmd := &cobra.Command{
		Use: "create NAME --target TARGET… --from NETWORK…", Short: "Make a token for a program", Args: exactly("a name"),
		Long: "Makes a token with which a program calls AWS through the proxy where nobody is\nsigned in, and prints its secret, which is not shown again. It is yours: it works\nfor a target while you hold that target, and at no other time.",
		RunE: func(cmd *cobra.Command, args []string) error {
			asked.Name = args[0]
			return c.asMe(func(server *client.Remote) error {
				made, err := server.MakeToken(cmd.Context(), asked)
				if err != nil {
					return err
				}
				return c.showMadeToken(made)
			})
		},
	}
	cmd.Flags().StringArrayVar(&asked.Targets, "target", nil, "a target that it is for; may be repeated")
	cmd.Flags().StringArrayVar(&asked.From, "from", nil, "a network that it may be used from, as 10.0.0.0/8; may be repeated")
	cmd.Flags().StringVar(&asked.Lasts, "lasts", "", "for how long, in hours as 720h; at most 90 days (default 30 days)")
	return c.jsonFlag(cmd)
}

func (c *console) showMadeToken(t api.MadeToken) error {
	if c.json {
		return printJSON(c.out, t)
	}
	c.facts(
		fact("token", t.Name+" ("+t.ID+")"),
		fact("targets", strings.Join(t.Targets, ", ")),
		fact("from", strings.Join(t.From, ", ")),
		fact("until", c.when(t.Until)),
	)
	fmt.Fprintf(c.out, "\nIts secret is shown this once. In the environment of the program:\n\n    AWS_ACCESS_KEY_ID='%s'\n    AWS_SECRET_ACCESS_KEY=%s\n    HTTPS_PROXY=http://%s\n    AWS_CA_BUNDLE=FILE that holds what sesame ca prints\n", t.Keys[0], string(t.Secret), t.Proxy)
	if len(t.Keys) > 1 {
		fmt.Fprintln(c.out, "\nWhat stands after the # says which target is meant.")
	}
	_, err := fmt.Fprintf(c.out, "\nIt works while you hold %s, and at no other time.\n", strings.Join(t.Targets, " or "))
	return err
}

func newTokensList(c *console) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List your tokens", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.asMe(func(server *client.Remote) error {
				found, err := server.Tokens(cmd.Context(), all)
				if err != nil {
					return err
				}
				return c.showTokens(found, "No tokens.")
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "those of everybody, for admins")
	return c.jsonFlag(cmd)
}

func newTokensRevoke(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "revoke TOKEN|USER", Short: "End a token, or all of one Slack user", Args: exactly("a token, or the id of a Slack user"),
		Long: "Ends a token by its id, or one of yours by its name; for all tokens of somebody,\nname them by the id of their Slack user. The next call with it is refused. Tokens\nof others are for admins to end.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				ended, err := server.RevokeTokens(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return c.showEnded(ended)
			})
		},
	})
}

func (c *console) showEnded(ended api.Tokens) error {
	if c.json {
		return printJSON(c.out, ended)
	}
	for _, t := range ended.Tokens {
		fmt.Fprintln(c.out, printable(fmt.Sprintf("The token %s of %s (%s) has ended: the next call with it is refused.", t.Name, t.Owner, t.ID)))
	}
	return nil
}

func (c *console) showTokens(all api.Tokens, none string) error {
	if c.json {
		return printJSON(c.out, all)
	}
	if len(all.Tokens) == 0 {
		_, err := fmt.Fprintln(c.out, none)
		return err
	}
	rows := make([][]cell, len(all.Tokens))
	for i, t := range all.Tokens {
		until := c.when(t.Until)
		if t.State == api.TokenOver {
			until = "over since " + until
		}
		rows[i] = cells(t.Name, t.ID, t.Owner, strings.Join(t.Targets, ", "), strings.Join(t.From, ", "), c.when(t.At), until)
	}
	c.table([]string{"NAME", "TOKEN", "OWNER", "TARGETS", "FROM", "MADE", "UNTIL"}, rows)
	return nil
}
