package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sesame/proxy/client"
)

// A backedUp is what backup did.
type backedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

func newBackup(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "backup FILE", Short: "Write a snapshot of the running server's store", Args: exactly("a file"),
		Long: "Writes a snapshot of the running server's store to FILE, which must not exist\nyet. Check it with 'sesame audit verify --backup FILE'.\n\nThe record of calls and the recordings of sessions are files beside the store, and\nnot in it: copy the folders calls and recordings of the data directory as well.\nWithout the sealing key, which is elsewhere, nobody can read the recordings.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				size, err := server.Backup(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, backedUp{args[0], size})
				}
				_, err = fmt.Fprintf(c.out, "Wrote %d bytes to %s.\n", size, args[0])
				return err
			})
		},
	})
}
