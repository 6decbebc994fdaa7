package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A notGiven says that access which was waited for will not come.
type notGiven struct{ text string }

func (n *notGiven) Error() string { return n.text }

// errStillWaiting: nobody decided, or nothing opened, within the time that was
// given.
var errStillWaiting = errors.New("still waiting")

func newEnsure(c *console) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "ensure TARGET [DURATION]", Short: "Have access to a target: use what is open, or ask and wait", Args: targetAnd("a duration"),
		Long: "Has access to a target: where you hold it already it says so, where you have asked\nfor it already it waits, and else it asks and waits. Done again, it asks for\nnothing twice.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := o.asking(args)
			if err != nil {
				return err
			}
			a.Sole = true
			return c.asMe(func(server *client.Remote) error {
				return c.ask(cmd.Context(), server, a, waitOptions{wait: true, timeout: o.timeout})
			})
		},
	}
	o.addFlags(cmd)
	o.addTimeout(cmd)
	return c.jsonFlag(cmd)
}

// await waits until the access of a request is open and shows it, or says why
// it will not be. Whoever has enough of it is told that the request stands.
func (c *console) await(ctx context.Context, server *client.Remote, id string, timeout time.Duration) error {
	err := c.follow(ctx, server, id, timeout)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(c.err, "sesame: the request stands: 'sesame mine %s' shows how, 'sesame withdraw %s' takes it back\n", id, id)
	}
	return err
}

// follow tells how a request fares, until it is done with.
func (c *console) follow(ctx context.Context, server *client.Remote, id string, timeout time.Duration) error {
	began, said := c.clock.Now(), ""
	for pace := (patience{}); ; {
		v, err := server.Case(ctx, id)
		stage := "The server cannot be reached: trying on."
		switch {
		case err == nil:
			var done bool
			if done, stage, err = progressOf(v); done || err != nil {
				return errors.Join(c.answerCase(v), err)
			}
		case unable(err):
			stage = err.Error()
		case !errors.Is(err, client.ErrUnreachable):
			return err
		}
		if stage != said {
			c.progress("%s", stage)
			said = stage
		}
		if timeout > 0 && c.clock.Now().Sub(began) >= timeout {
			return fmt.Errorf("%w after %s, and the request stands: 'sesame mine %s' shows how, 'sesame withdraw %s' takes it back", errStillWaiting, timeout, id, id)
		}
		if err := pace.wait(ctx, c.clock); err != nil {
			return err
		}
	}
}

// unable reports whether an error says that the server cannot say at present.
func unable(err error) bool {
	r, ok := errors.AsType[*access.Refusal](err)
	return ok && r.Code == access.RefusedUnable
}

// progressOf reports whether what was asked for is there, or else what is
// waited for, or why it will not come.
func progressOf(v api.Case) (done bool, stage string, err error) {
	r, g := v.Request, v.Grant
	switch access.RequestState(r.State) {
	case access.Pending:
		return false, "Waiting for " + v.Waits + " to decide.", nil
	case access.Denied:
		last := r.Decisions[len(r.Decisions)-1]
		return false, "", &notGiven{strings.TrimSuffix(fmt.Sprintf("%s denied the request: %s", last.Name, last.Reason), ": ")}
	case access.Withdrawn:
		return false, "", &notGiven{"the request was withdrawn"}
	case access.Lapsed:
		return false, "", &notGiven{"nobody decided in time, which means no: ask again"}
	}
	if r.Extends {
		return true, "", nil
	}
	switch {
	case g == nil || g.State == string(access.Opening):
		return false, "Approved: the access is being opened.", nil
	case g.State == string(access.Open):
		return true, "", nil
	case g.End != nil && g.End.Cause == string(access.EndedFailed):
		return false, "", &notGiven{strings.TrimSuffix("the access could not be opened: "+g.End.Detail, ": ")}
	default:
		return false, "", &notGiven{"the access is over already: ask again"}
	}
}

// progress tells somebody at a terminal what goes on.
func (c *console) progress(format string, args ...any) {
	if f, ok := c.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(f, printable(fmt.Sprintf(format, args...)))
	}
}
