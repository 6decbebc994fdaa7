//go:build unix

package main

import "syscall"

// become runs a program in place of this one.
func become(path string, args, env []string) error {
	return notStarted(path, syscall.Exec(path, args, env))
}
