//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// become runs a program in place of this one.
func become(path string, args, env []string) error {
	err := syscall.Exec(path, args, env)
	return &notRun{exitNotRun, fmt.Sprintf("%s cannot be run: %v", path, err)}
}
