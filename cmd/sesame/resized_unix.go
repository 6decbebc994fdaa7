//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// resized has c told when the size of the terminal changes, until stop is
// called.
func resized(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGWINCH)
	return func() { signal.Stop(c) }
}
