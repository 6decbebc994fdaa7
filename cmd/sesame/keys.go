package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sesame/proxy/client"
)

func newKeys(c *console) *cobra.Command {
	return group("keys", "Change the key that secrets are sealed with", newKeysRotate(c))
}

func newKeysRotate(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "rotate", Short: "Seal secrets with a fresh key from now on", Args: exactly(),
		Long: "Has the running server make another sealing key, in the file or with the key of\nKMS that sesame.yaml names, and seal with it what grants need and what the proxy's\ncertificates are made with. The keys before it stay where they are, since\nrecordings and backups need them. Nobody who works notices.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error {
				done, err := server.RotateKey(cmd.Context())
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, done)
				}
				_, err = fmt.Fprintf(c.out, "Secrets are sealed with a fresh key, and %d that grants need were sealed anew: back the key up, and keep the ones before it.\n", done.Resealed)
				return err
			})
		},
	})
}
