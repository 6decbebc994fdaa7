package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newStatus(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "status [REQUEST]", Short: "Show how the running server is, or how you are with one", Args: atMost("a request"),
		Long: "Where there is a sesame.yaml, or --config names one, shows how the server on this\nmachine is. Elsewhere, or for a request, shows what sesame mine does.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || c.onlySignedIn() {
				return c.mine(cmd.Context(), args)
			}
			return c.call(func(server *client.Client) error {
				s, err := server.Status(cmd.Context())
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, s)
				}
				c.showStatus(s)
				return nil
			})
		},
	})
}

// onlySignedIn reports whether somebody is signed in here, and no server is
// configured.
func (c *console) onlySignedIn() bool {
	if _, err := os.Stat(c.config); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := c.readLogin()
	return err == nil
}

func (c *console) showStatus(s api.Status) {
	opens := cell{"opens and ends access", green}
	if s.ClosingOnly != "" {
		opens = cell{"only ends access: " + printable(s.ClosingOnly), red}
	}
	slack := state(s.Slack.State)
	if s.Slack.Reason != "" {
		slack.text += " (" + printable(s.Slack.Reason) + ")"
	}
	backlog := cell{count(s.Backlog, "grant"), plain}
	if s.Backlog > 0 {
		backlog.color = red
	}
	c.facts(
		[]cell{{text: "server"}, opens},
		fact("version", s.Version),
		fact("started", c.when(s.Started)),
		fact("rules", s.Revision),
		[]cell{{text: "not in force"}, {printable(s.Unused), red}},
		fact("aws", s.Identity),
		[]cell{{text: "slack"}, slack},
		fact("commands at", s.API),
		fact("aws served at", s.Proxy),
		[]cell{{text: "aws not served"}, {printable(s.ProxyWaits), red}},
		fact("waiting", count(s.Pending, "request")),
		fact("live", count(s.Live, "grant")),
		[]cell{{text: "late to close"}, backlog},
		fact("to be told", count(s.Outbox, "notice")),
	)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
