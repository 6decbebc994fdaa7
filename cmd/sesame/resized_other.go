//go:build !unix

package main

import "os"

// resized does nothing where the system does not say: the size stays that of
// the beginning.
func resized(chan<- os.Signal) (stop func()) { return func() {} }
