package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

// An exited says with which code a command ended that sesame stayed for.
type exited int

func (e exited) Error() string { return fmt.Sprintf("the command ended with %d", int(e)) }

// attend runs a command beside a stand that gives it keys, and ends as it does.
// Unlike run, it stays: the keys are good for a quarter of an hour, and somebody
// has to make the next.
func (c *console) attend(ctx context.Context, t tool, own runOptions, path string, args []string) error {
	k, server, err := c.keyTo(ctx, api.KeyAsking{Target: own.target})
	if err != nil {
		return err
	}
	env, err := c.environmentOf(k, server, own, t.direct)
	if err != nil {
		return err
	}
	if err := c.addPlugin(&env); err != nil {
		return err
	}
	// What interrupts the command interrupts sesame too, and is the command's.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	stand, err := client.OpenStand(c.clock, func(ctx context.Context) (api.Key, error) {
		next, _, err := c.keyTo(ctx, api.KeyAsking{Target: k.Target})
		return next, err
	})
	if err != nil {
		stop()
		return err
	}
	var group errgroup.Group
	group.Go(func() error { return stand.Serve(serving) })
	cmd := &exec.Cmd{Path: path, Args: args, Env: env.fetching(stand).over(os.Environ()), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err = see(cmd)
	stop()
	return errors.Join(err, group.Wait())
}

// see runs a command to its end, and passes on what is sent to sesame alone. The
// terminal sends its own signals to both.
func see(cmd *exec.Cmd) error {
	signals, ended := make(chan os.Signal, 8), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return notStarted(cmd.Path, err)
	}
	var relay sync.WaitGroup
	relay.Go(func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGTERM || s == syscall.SIGHUP {
					_ = cmd.Process.Signal(s) // which may have ended
				}
			case <-ended:
				return
			}
		}
	})
	err := cmd.Wait()
	close(ended)
	relay.Wait()
	return endOf(err)
}

// endOf is how a command ended, as shells have it: 128 and the signal, for one
// that was ended by a signal.
func endOf(err error) error {
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exited(128 + int(status.Signal()))
	}
	return exited(failed.ExitCode())
}

// keyVariables are those that hold a key.
var keyVariables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// fetching returns e for a command that fetches its keys from a stand. Clients
// prefer keys that stand anywhere else, so that there are none: neither in the
// environment nor in the files of the AWS CLI.
func (e environment) fetching(s *client.Stand) environment {
	set := slices.DeleteFunc(slices.Clone(e.set), func(v variable) bool { return slices.Contains(keyVariables, v.name) })
	return environment{
		unset: slices.Concat(e.unset, keyVariables, []string{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}),
		set: append(set,
			variable{"AWS_CONTAINER_CREDENTIALS_FULL_URI", s.URL()}, variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", string(s.Token())},
			variable{"AWS_CONFIG_FILE", os.DevNull}, variable{"AWS_SHARED_CREDENTIALS_FILE", os.DevNull}),
	}
}
