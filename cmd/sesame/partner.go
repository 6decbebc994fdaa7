package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newPartner(c *console) *cobra.Command {
	return group("partner", "People of other companies: what they are sent, and how they ask", newPartnerKit(c), newPartnerTrust(c), newPartnerRotate(c), newPartnerAsk(c), newPartnerShow(c))
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
				return c.printText(kit.Text)
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

func newPartnerRotate(c *console) *cobra.Command {
	var w api.Rotation
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "Give a partner a new external id", Args: exactly("a partner"),
		Long: "Makes a new external id for a partner, as the person whom sesame.yaml records for\nyou under operators, who must be an admin, and prints what to do with it. For a\nwhile the roles of its people take both, so that nobody is locked out; --finish ends\nthat. Sesame changes no role: it says which trust policy to give it, and looks at it\nuntil the former one is refused.",
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Partner = args[0]
			if w.Finish && (w.Leaked || w.Within != 0) {
				return &misuse{errors.New("--finish makes no new external id, so that --leaked and --within mean nothing beside it: leave them out"), "sesame partner rotate"}
			}
			return c.call(func(server *client.Client) error {
				done, err := server.RotateExternalID(cmd.Context(), w)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, done)
				}
				return c.printText(done.Text)
			})
		},
	}
	cmd.Flags().BoolVar(&w.Leaked, "leaked", false, "the one before leaked: from now on the new one alone is to be taken")
	cmd.Flags().DurationVar(&w.Within, "within", 0, "by when the one before is to be over; 168h if left out")
	cmd.Flags().BoolVar(&w.Finish, "finish", false, "make none, and have the former ones taken no more")
	return c.jsonFlag(cmd)
}

// printText prints what the server wrote for people.
func (c *console) printText(text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(c.out, printable(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}
