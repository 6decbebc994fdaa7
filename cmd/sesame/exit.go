package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// The exit codes.
const (
	exitDone       = 0
	exitFound      = 1
	exitMisuse     = 2
	exitConfig     = 3
	exitNotRunning = 4
	exitRefused    = 5
	exitChanged    = 6
	exitSignedOut  = 7
	exitNotGiven   = 8
	exitWaiting    = 9
	exitNoAccess   = 10
	exitNotRun     = 126
	exitNoCommand  = 127
	exitStopped    = 130
)

// exitTable is what the help says about the exit codes.
var exitTable = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitFound, "a check found something, or the command could not be carried out"},
	{exitMisuse, "the command line was not understood"},
	{exitConfig, "sesame.yaml, or a secret that it refers to, cannot be used"},
	{exitNotRunning, "the server is not running or not reached, or its socket is another user's"},
	{exitRefused, "the server refused"},
	{exitChanged, "flows replay --fail-on-change found what would, or might, fare otherwise"},
	{exitSignedOut, "you are not signed in, or not any more"},
	{exitNotGiven, "access that was waited for will not come: it was not given, or not opened"},
	{exitWaiting, "access that was waited for is not there yet, and --timeout is over"},
	{exitNoAccess, "you hold no access that gives a key to AWS, or several and named none"},
	{exitNotRun, "the command to run could not be started, or would give nothing of use"},
	{exitNoCommand, "the command to run is not there; of one that runs, the exit code is its own"},
	{exitStopped, "interrupted"},
}

// exitCode is the only place where an error becomes an exit code.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		return exitStopped
	case errors.Is(err, errChanged):
		return exitChanged
	case errors.Is(err, client.ErrNotRunning), errors.Is(err, client.ErrNotYours), errors.Is(err, client.ErrUnreachable):
		return exitNotRunning
	case errors.Is(err, errStillWaiting):
		return exitWaiting
	}
	if _, ok := errors.AsType[*notGiven](err); ok {
		return exitNotGiven
	}
	if e, ok := errors.AsType[exited](err); ok {
		return int(e)
	}
	if n, ok := errors.AsType[*notRun](err); ok {
		return n.code
	}
	if e, ok := errors.AsType[*commandEnded](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*misuse](err); ok {
		return exitMisuse
	}
	if _, ok := errors.AsType[*unusable](err); ok {
		return exitConfig
	}
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		if r.Code == api.CodeSignedOut || r.Code == api.CodeSignature {
			return exitSignedOut
		}
		if r.Code == api.CodeNoAccess || r.Code == api.CodeSeveral {
			return exitNoAccess
		}
		return exitRefused
	}
	return exitFound
}

// An unusable is a configuration that nothing can be started with.
type unusable struct{ err error }

func (u *unusable) Error() string { return u.err.Error() }
func (u *unusable) Unwrap() error { return u.err }

// errFound: what was found has been printed already, on standard output.
var errFound = errors.New("found something")

// errChanged: what would be otherwise has been printed already.
var errChanged = errors.New("something would be otherwise")

// report prints what is wrong for the person at the terminal.
func report(w io.Writer, err error) {
	if _, ended := errors.AsType[*commandEnded](err); err == nil || ended || errors.Is(err, errFound) || errors.Is(err, errChanged) {
		return
	}
	if _, ok := errors.AsType[exited](err); ok || errors.Is(err, context.Canceled) {
		return // the command has said what there is to say, or somebody wanted it to end
	}
	if ps, ok := errors.AsType[config.Problems](err); ok {
		fmt.Fprintln(w, ps)
		return
	}
	if ps, ok := errors.AsType[flowfile.Problems](err); ok {
		fmt.Fprintln(w, ps)
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "sesame: %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
	if hint := hint(err); hint != "" {
		fmt.Fprintln(w, hint)
	}
}

// A hinted error has a next step that depends on the command.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// hint returns the next step, where there is one.
func hint(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	if m, ok := errors.AsType[*misuse](err); ok {
		return fmt.Sprintf("Run '%s --help' for how it is used.", m.help)
	}
	switch {
	case errors.Is(err, client.ErrNotRunning):
		return "Start it with 'sesame serve', or name the configuration that it runs with: --config FILE."
	case errors.Is(err, client.ErrNotYours):
		return "Run the command as the user whom the server runs as."
	case errors.Is(err, client.ErrUnreachable):
		return "See whether this computer reaches it otherwise, by VPN perhaps, or sign in where it is now with 'sesame login --server https://…'."
	}
	return ""
}
