//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// become runs a program, and ends as it does: here none takes another's place.
func become(path string, args, env []string) error {
	return see(&exec.Cmd{Path: path, Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}
