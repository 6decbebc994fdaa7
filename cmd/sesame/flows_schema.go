package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sesame/flows/flowfile"
)

func newFlowsSchema(c *console) *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of flow files, for editors", Args: exactly(),
		Long: "Prints the JSON Schema of flow files. Put it beside them, and begin each with\n  # yaml-language-server: $schema=flows.schema.json",
		RunE: func(*cobra.Command, []string) error {
			if markdown {
				_, err := fmt.Fprint(c.out, flowfile.Page())
				return err
			}
			return printJSON(c.out, flowfile.Schema())
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print the reference of files and rules, for people")
	return cmd
}
