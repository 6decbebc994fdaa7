//go:build !linux

package demo

import (
	"context"
	"errors"

	"sesame/strategies/awstest/agent"
)

// RealShell says in a sentence that a real shell cannot be had here.
func RealShell(context.Context) (func(agent.Shell) agent.Program, error) {
	return nil, errors.New("there is no real shell here, since it takes the namespaces of Linux: run sesame demo without --real-shell, which has a toy")
}
