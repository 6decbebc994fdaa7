//go:build unix

package load_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/access"
)

// serveFile names the environment variable that makes the test program a
// server, on the configuration file that it holds. A process of its own has
// only its own memory to collect, and not all that the stand-ins keep.
const serveFile = "SESAME_LOAD_SERVE"

// serving is what a server logs once it is ready.
const serving = "serving"

func TestMain(m *testing.M) {
	if file := os.Getenv(serveFile); file != "" {
		if err := serveHere(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveHere is sesame serve for stand-ins that have no limits. At its end it
// prints when which request was committed last.
func serveHere(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	secrets, err := c.ReadSecrets(os.LookupEnv)
	if err != nil {
		return err
	}
	log := zerolog.New(os.Stderr).Level(zerolog.InfoLevel)
	seen := &commits{at: map[access.RequestID]time.Time{}}
	return errors.Join(server.Run(ctx, server.Options{
		Config: c, Secrets: secrets, Log: log, Unpaced: true,
		Ready:   func() { log.Info().Msg(serving) },
		Between: func(s access.Store) access.Store { s.Watch(ctx, seen.note); return s },
	}), json.NewEncoder(os.Stdout).Encode(seen.all()))
}

// commits are when each request was committed last.
type commits struct {
	mu sync.Mutex // guards at
	at map[access.RequestID]time.Time
}

func (c *commits) note(keys []access.Key) {
	now := machine.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if k.Kind == access.KindRequest {
			c.at[access.RequestID(k.ID)] = now
		}
	}
}

func (c *commits) all() map[access.RequestID]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.at)
}

// A process is a server.
type process struct {
	cmd     *exec.Cmd
	began   time.Time
	ready   time.Time // once launch has returned
	out     strings.Builder
	reading errgroup.Group
	log     string // once it has ended
}

// launch starts a server, and returns once it is ready and Slack has its
// connections.
func (w *world) launch(cmd *exec.Cmd) *process {
	w.Helper()
	p := &process{cmd: cmd}
	cmd.Stdout = &p.out
	log, err := cmd.StderrPipe()
	w.must(err)
	p.began = machine.Now()
	w.must(cmd.Start())
	ready := make(chan bool, 1)
	p.reading.Go(func() error {
		defer close(ready)
		return p.read(log, ready)
	})
	if !<-ready {
		w.Fatalf("the server did not start: %v", p.stop())
	}
	p.ready = machine.Now()
	w.must(w.slack.Await(w.Context(), func() bool { return len(w.slack.Connections()) == 2 }))
	return p
}

// read reads the log to its end.
func (p *process) read(log io.Reader, ready chan<- bool) error {
	for r := bufio.NewReader(log); ; {
		line, err := r.ReadString('\n')
		p.log += line
		if strings.Contains(line, serving) {
			ready <- true
		}
		if p.log = p.log[max(0, len(p.log)-4000):]; err != nil {
			return nil // it has ended
		}
	}
}

// stop ends the server, and says what went wrong with it.
func (p *process) stop() error {
	// One that has ended already cannot be told to.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	err := errors.Join(p.reading.Wait(), p.cmd.Wait())
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.log)
	}
	return nil
}

// used is how much time of processors the server took.
func (p *process) used() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// serve starts the server that the load is for.
func (w *world) serve() *process {
	w.Helper()
	program, err := os.Executable()
	w.must(err)
	cmd := exec.CommandContext(w.Context(), program)
	cmd.Env = append(w.environment(), serveFile+"="+w.file)
	return w.launch(cmd)
}

// environment is what a server gets: the tokens of the stand-ins, and nothing
// of whoever runs the benchmark.
func (w *world) environment() []string {
	return []string{
		"HOME=" + w.dir, "TMPDIR=" + w.dir, "AWS_ACCESS_KEY_ID=" + w.key.ID, "AWS_SECRET_ACCESS_KEY=" + w.key.Secret,
		"SLACK_APP_TOKEN=" + w.slack.AppToken(), "SLACK_BOT_TOKEN=" + w.slack.BotToken(),
	}
}

// build builds the program itself.
func (w *world) build() string {
	w.Helper()
	program := filepath.Join(w.dir, "sesame")
	if out, err := exec.Command("go", "build", "-o", program, "sesame/cmd/sesame").CombinedOutput(); err != nil {
		w.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
