package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newWaiting(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "waiting", Short: "List what waits for your decision", Args: exactly(),
		Long: "Lists the requests that you could approve now, the longest waiting first. What you\nshould know before you decide is in sesame approve, which shows it and asks.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.asMe(func(server *client.Remote) error {
				w, err := server.Waiting(cmd.Context())
				if err != nil {
					return err
				}
				return c.showWaiting(w)
			})
		},
	})
}

func (c *console) showWaiting(w api.Waiting) error {
	if c.json {
		return printJSON(c.out, w)
	}
	if len(w.Requests) == 0 {
		_, err := fmt.Fprintln(c.out, "Nothing waits for your decision.")
		return err
	}
	rows := make([][]cell, len(w.Requests))
	for i, r := range w.Requests {
		rows[i] = cells(r.ID, r.By.Name, r.Target, spoken(r.Duration)+longer(r), c.when(r.AskedAt), c.when(r.LapsesAt), short(r.Reason))
	}
	c.table([]string{"REQUEST", "BY", "TARGET", "FOR", "ASKED", "LAPSES", "REASON"}, rows)
	_, err := fmt.Fprintln(c.out, "\nsesame approve REQUEST, or sesame deny REQUEST.")
	return err
}
