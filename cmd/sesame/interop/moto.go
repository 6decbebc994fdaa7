//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
)

// An emulator is a moto server of ours, or what is taken for AWS in its place.
type emulator struct {
	url    string
	server aws.Credentials // the server's; moto takes any
	calls  string          // what the target says of calls, as JSON; moto's says nothing
}

// key is what the server signs with.
func (e *emulator) key() aws.Credentials {
	if e.server.AccessKeyID == "" {
		return aws.Credentials{AccessKeyID: "server", SecretAccessKey: "secret"}
	}
	return e.server
}

// startMoto has running keep a moto server until ctx ends.
func startMoto(ctx context.Context, bin string, running *errgroup.Group) (*emulator, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	cmd.Env = []string{"PATH=" + bin, "MOTO_EC2_LOAD_DEFAULT_AMIS=false", "PYTHONUNBUFFERED=1"}
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: make interop makes the environment", err)
	}
	e := &emulator{}
	lines := bufio.NewReader(said)
	err = e.listen(lines)
	running.Go(func() error {
		_, _ = io.Copy(io.Discard, lines) // its log of requests
		if err := cmd.Wait(); ctx.Err() == nil {
			return fmt.Errorf("moto server ended: %v", err)
		}
		return nil
	})
	return e, err
}

// listen reads on until the server says where it is.
func (e *emulator) listen(lines *bufio.Reader) error {
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if _, at, ok := strings.Cut(line, "Running on "); ok {
			e.url = strings.TrimSpace(at)
			return nil
		}
		if err != nil {
			return fmt.Errorf("moto server did not start: %v: %s", err, said.String())
		}
	}
}

func (e *emulator) address() string { return strings.TrimPrefix(e.url, "http://") }

// seed has the random numbers begin anew.
func (e *emulator) seed(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/moto-api/seed?a=1", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New("moto server takes no seed: " + res.Status)
	}
	return nil
}
