// Interop drives real clients of AWS through the proxy, and shows that they get
// what they get without it:
//
//	client --HTTPS_PROXY--> tunnel, which ends TLS and does nothing else --> moto server
//	client --HTTPS_PROXY--> proxy.Interceptor, under a role of moto's STS --> moto server
//
// The clients are the AWS CLI and boto3, in the versions that requirements.txt
// locks, the SDK for JavaScript in those of package-lock.json, and the Go SDK in
// that of go.mod. Each road has an emulator to itself,
// moto server, which is no work of this project, and both emulators draw the
// same random numbers, so that even ids are to be equal; moments are left out
// of the comparison. Steps that begin with "refused" are those that the proxy
// is to refuse, in the client's own protocol.
//
//	make interop
//
// installs the clients and runs it. It is no test: go test finds
// nothing here, and whoever wants the answer has to ask. It ends with a table,
// and with 1 if there is a difference.
//
// What it does not show: signatures are not checked by moto, but by the tests
// of proxy, with credentials of strategies/awstest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var o options
	flag.StringVar(&o.bin, "bin", "bin/interop/bin", "the folder with python, aws and moto_server")
	flag.StringVar(&o.modules, "modules", "bin/interop/js/node_modules", "the packages of Node")
	flag.StringVar(&o.scripts, "scripts", "cmd/sesame/interop", "the folder with what clients in other languages do")
	flag.IntVar(&o.stream, "stream", 64, "how many MB the Go SDK streams")
	flag.Parse()
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

type options struct {
	bin, modules, scripts string
	stream                int
}

// A result is what a client got in one step.
type result struct{ step, got string }

// A client takes all its steps on a road.
type client struct {
	name string
	run  func(context.Context, *road) ([]result, error)
}

func (o options) clients() []client {
	return []client{{"awscli", o.awscli}, {"boto3", o.boto3}, {"JS SDK v3", o.js}, {"Go SDK v2", o.goSDK}}
}

func run(ctx context.Context, o options) (err error) {
	for _, p := range []*string{&o.bin, &o.modules, &o.scripts} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "interop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(ctx)
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		defer stop()
		return o.drive(ctx, dir, running)
	})
	return running.Wait()
}

// drive takes each client over both roads, which it has running serve.
func (o options) drive(ctx context.Context, dir string, running *errgroup.Group) error {
	direct, err := o.directRoad(ctx, filepath.Join(dir, "direct"), running)
	if err != nil {
		return err
	}
	through, err := o.sesameRoad(ctx, filepath.Join(dir, "sesame"), running)
	if err != nil {
		return err
	}
	var t table
	for _, c := range o.clients() {
		var with, without []result
		var both errgroup.Group
		both.Go(func() (err error) { without, err = c.run(ctx, direct); return err })
		both.Go(func() (err error) { with, err = c.run(ctx, through); return err })
		if err := both.Wait(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.add(c.name, without, with)
	}
	t.print(os.Stdout)
	return errors.Join(t.verdict(), through.recorded(os.Stdout))
}
