package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/demo"
)

func newDemo(c *console) *cobra.Command {
	var tour bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Try everything, with nothing real around it", Args: exactly(),
		Long: "Runs the server between stand-ins for Slack and AWS, all on this machine, and\nprints the address of a page to try it with. Nothing real is reached, and nothing\nis kept. With --tour it plays a story without a browser instead, checks each step,\nand fails at the first that is not as told.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tour {
				return demo.Tour(cmd.Context(), c.out)
			}
			return c.demo(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&tour, "tour", false, "play a story and check it, without a browser")
	return cmd
}

const demoRuns = `The demo runs, and everything in it is simulated. Open

    %s

in a browser on this machine: whoever has this address can act as anybody.
The commands work too:

    sesame status --config %s

Press Ctrl-C to end it; nothing is kept.
`

// demo runs the page until ctx ends.
func (c *console) demo(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	stage, err := demo.NewStage(running, demo.Config{})
	if err != nil {
		return err
	}
	page, err := demo.OpenPage(stage)
	if err != nil {
		stage.Close()
		return err
	}
	fmt.Fprintf(c.out, demoRuns, page.URL(), stage.ConfigFile())
	group.Go(func() error { return page.Serve(running) })
	group.Go(func() error { return stage.Wait(running) })
	err = group.Wait()
	if closed := stage.Close(); err == nil {
		err = closed
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}
