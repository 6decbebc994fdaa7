// Command sesame opens a door in AWS for one person, for a while, because
// someone said yes in Slack, and closes it again without fail.
//
// It promises that each command's exit code means one thing, told in its help;
// that what a command prints with --json stays as it is; and that nothing
// secret is taken from a flag, where others could see it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if asPlugin(os.Args[0]) {
		err = plugin(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		report(os.Stderr, err)
	} else {
		err = run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	stop()
	os.Exit(exitCode(err))
}
