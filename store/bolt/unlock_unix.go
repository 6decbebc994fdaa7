//go:build unix

package bolt

import "syscall"

// unlock lets others open the file behind fd.
func unlock(fd int) error { return syscall.Flock(fd, syscall.LOCK_UN) }
