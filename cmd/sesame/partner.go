package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/proxy/client"
)

func newPartner(c *console) *cobra.Command {
	return group("partner", "People of other companies: what they are sent, and how they ask", newPartnerKit(c), newPartnerTrust(c), newPartnerAsk(c), newPartnerShow(c))
}

func newPartnerKit(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "kit NAME", Short: "Print what to send to a partner", Args: exactly("a partner"),
		Long: "Prints what the people of a partner need: the policy of their own role, their\nprofiles of the AWS CLI with the external id, and the commands. The external id is\nmade the first time, and kept sealed: it is in no file.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				kit, err := server.Kit(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, kit)
				}
				for line := range strings.Lines(kit.Text) {
					fmt.Fprintln(c.out, printable(strings.TrimSuffix(line, "\n")))
				}
				return nil
			})
		},
	})
}

func newPartnerTrust(c *console) *cobra.Command {
	return &cobra.Command{
		Use: "trust NAME", Short: "Print the trust policy of the role that a partner's people assume", Args: exactly("a partner"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				kit, err := server.Kit(cmd.Context(), args[0])
				if err == nil {
					_, err = fmt.Fprint(c.out, kit.Trust)
				}
				return err
			})
		},
	}
}
