package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/clock"
	"sesame/proxy"
)

func newServe(c *console) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the server", Args: exactly(),
		Long: "Runs the server until it is told to stop (SIGINT, SIGTERM). The flow files\nare read again when they have changed, on SIGHUP, and by 'sesame flows apply': all\nof them are put in force, or none.",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context()) },
	}
}

// watchEvery is how often the flow files are looked at. A change counts once two
// looks in a row have found it alike.
const watchEvery = 2 * time.Second

// stopIn is how long the server may take to stop: longer than the longest call
// that it waits for.
const stopIn = 45 * time.Second

func (c *console) serve(ctx context.Context) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(proxy.GCPercent)
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	o.Reload, o.Watch = reload, watchEvery
	o.Ready = func() { o.Log.Info().Str("socket", o.Config.Socket).Msg("serving") }
	return inTime(ctx, func(ctx context.Context) error { return server.Run(ctx, o) })
}

// options returns what the configuration says a server is made of.
func (c *console) options() (server.Options, error) {
	cfg, err := c.load()
	if err != nil {
		return server.Options{}, err
	}
	secrets, err := cfg.ReadSecrets(os.LookupEnv)
	if err != nil {
		return server.Options{}, &unusable{err}
	}
	return server.Options{Config: cfg, Secrets: secrets, Version: thisVersion().Version, Log: newLog(c.err, cfg.Log)}, nil
}

// inTime runs f, and once ctx has ended does not wait for it for ever: what is
// under way then is found again at the next start.
func inTime(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	var running errgroup.Group
	running.Go(func() error {
		done <- f(ctx)
		return nil
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := clock.System{}.Timer(clock.System{}.Now().Add(stopIn))
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("did not stop within %v: what was under way is looked at again at the next start", stopIn)
	}
}

func newLog(w io.Writer, o config.Log) zerolog.Logger {
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	if o.Format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
