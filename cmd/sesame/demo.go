package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/demo"
)

func newDemo(c *console) *cobra.Command {
	var tour, realShell bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Try everything, with nothing real around it", Args: exactly(),
		Long: "Runs the server between stand-ins for Slack and AWS, all on this machine, and\nprints the address of a page to try it with. Nothing real is reached, and nothing\nis kept. With --tour it plays a story without a browser instead, checks each step,\nand fails at the first that is not as told.\n\nThe shells of its machines are toys. With --real-shell they are /bin/sh, on Linux:\nin namespaces of their own and an empty folder, but with your files in sight.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tour {
				return demo.Tour(cmd.Context(), c.out)
			}
			var cfg demo.Config
			if realShell {
				var err error
				if cfg.AWS.Program, err = demo.RealShell(cmd.Context()); err != nil {
					return err
				}
			}
			return c.demo(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&tour, "tour", false, "play a story and check it, without a browser")
	cmd.Flags().BoolVar(&realShell, "real-shell", false, "have machines run /bin/sh, and no toy (Linux)")
	return apart(cmd, "tour", "real-shell", "the tour plays against the toy shells and knows what they answer")
}

const demoRuns = `The demo runs, and everything in it is simulated. Open

    %s

in a browser on this machine: whoever has this address can act as anybody.
In another terminal you are Alice, signed in, after

    %s

and then

%s
Press Ctrl-C to end it; nothing is kept.
`

// setup has a shell find this program, and the login of a folder.
func setup(program, home string) string {
	quoted := func(s string) string { return "'" + shells["bash"].quote.Replace(s) + "'" }
	find := "sesame() { " + quoted(program) + ` "$@"; }; `
	if filepath.Base(program) == "sesame" {
		find = "export PATH=" + quoted(filepath.Dir(program)) + `:"$PATH"; `
	}
	return find + "export " + homeEnv + "=" + quoted(home)
}

// seat signs Alice in at this machine, and returns what has a shell be hers.
func (c *console) seat(ctx context.Context, stage *demo.Stage) (string, error) {
	t, err := stage.SignIn(ctx, demo.Alice, "")
	if err != nil {
		return "", err
	}
	defer t.Close()
	own := *c
	own.home = filepath.Join(filepath.Dir(stage.ConfigFile()), "alice")
	err = own.writeLogin(loginFile{Server: t.Server, Login: t.Login, Name: t.Signed.Name, Until: t.Signed.Until, Key: seed(t.Key.Seed())})
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	return setup(program, own.home), err
}

// demo runs the page until ctx ends.
func (c *console) demo(ctx context.Context, cfg demo.Config) error {
	group, running := errgroup.WithContext(ctx)
	stage, err := demo.NewStage(running, cfg)
	if err != nil {
		return err
	}
	first, err := c.seat(running, stage)
	if err != nil {
		return errors.Join(err, stage.Close())
	}
	page, err := demo.OpenPage(stage, first)
	if err != nil {
		return errors.Join(err, stage.Close())
	}
	var lines strings.Builder
	for _, l := range stage.Commands() {
		fmt.Fprintf(&lines, "    # %s\n    %s\n", l.What, l.Line)
	}
	if cfg.AWS.Program != nil {
		fmt.Fprintln(c.out, "The shells of its machines are real: they see your files, and what you type there is done.")
	}
	fmt.Fprintf(c.out, demoRuns, page.URL(), first, &lines)
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
