package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/creack/pty"

	"sesame/proxy/ssm"
	"sesame/strategies/awstest/agent"
)

// RealShell returns what awstest.Config.Program takes to run /bin/sh in place
// of the toy, or says in a sentence why it cannot be had here. Each shell has a
// terminal, a user, process and mount namespace of its own, and an empty folder
// that is removed after it. It sees the files that whoever runs the demo sees.
func RealShell(ctx context.Context) (func(agent.Shell) agent.Program, error) {
	return shellAt(ctx, "/bin/sh")
}

func shellAt(ctx context.Context, path string) (func(agent.Shell) agent.Program, error) {
	try := exec.CommandContext(ctx, path, "-c", ":")
	try.SysProcAttr = apart()
	if err := try.Run(); err != nil {
		return nil, fmt.Errorf("there is no real shell here, since it takes %s and Linux user namespaces, and the first one ended with %q: run sesame demo without --real-shell, which has a toy", path, err)
	}
	return func(toy agent.Shell) agent.Program { return realShell{path: path, host: toy.Host} }, nil
}

// apart has a process begin in namespaces of its own, as the user that it is
// outside.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
}

// A realShell is the first process of its namespace, so that the kernel ends
// with it whatever it has started.
type realShell struct{ path, host string }

// exitNone is the exit code of a shell that did not begin.
const exitNone = 126

// Run implements agent.Program.
func (s realShell) Run(ctx context.Context, t agent.Terminal) int {
	code, err := s.run(ctx, t)
	if err != nil {
		fmt.Fprintf(t.Err, "The shell could not be run: %v.\r\n", err)
		return exitNone
	}
	return code
}

func (s realShell) run(ctx context.Context, t agent.Terminal) (code int, err error) {
	dir, err := os.MkdirTemp("", "sesame-shell-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, end := context.WithCancel(ctx)
	defer end()
	cmd := exec.CommandContext(ctx, s.path, "-i")
	cmd.Dir = dir
	// Nothing of the demo's own environment is the shell's.
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TERM=xterm-256color", "LANG=C.UTF-8", "HOME=" + dir, "PWD=" + dir, "PS1=" + s.host + "$ "}
	attr := apart()
	attr.Setsid, attr.Setctty = true, true
	tty, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 24, Cols: 80}, attr)
	if err != nil {
		return 0, err
	}
	var typing sync.WaitGroup
	typing.Go(func() {
		defer end()
		carry(ctx, t.In, tty)
	})
	_, _ = io.Copy(t.Out, tty) // it fails when the shell is over, or its session
	end()
	_ = cmd.Wait() // how it ended is in its state
	_ = tty.Close()
	typing.Wait()
	return cmd.ProcessState.ExitCode(), nil
}

// carry has a terminal take what is typed until there is no more.
func carry(ctx context.Context, from <-chan agent.Input, tty *os.File) {
	for {
		select {
		case in, ok := <-from:
			if !ok || take(tty, in) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func take(tty *os.File, in agent.Input) error {
	if in.Data == nil {
		return resize(tty, in.Size)
	}
	_, err := tty.Write(in.Data)
	return err
}

func resize(tty *os.File, s ssm.Size) error {
	return pty.Setsize(tty, &pty.Winsize{Rows: uint16(s.Rows), Cols: uint16(s.Cols)})
}
