//go:build unix

// Interop drives real clients of AWS through the proxy, and shows that they get
// what they get without it:
//
//	client --HTTPS_PROXY--> tunnel, which ends TLS and does nothing else --> moto server
//	client --HTTPS_PROXY--> proxy.Interceptor, under a role of moto's STS --> moto server
//	client --AWS_ENDPOINT_URL--> proxy.Endpoint, under the same role -----> moto server
//
// The clients are the AWS CLI and boto3, in the versions that requirements.txt
// locks, the SDK for JavaScript in those of package-lock.json, and the Go SDK in
// that of go.mod. Each road has an emulator to itself,
// moto server, which is no work of this project, and all of them draw the
// same random numbers, so that even ids are to be equal; moments are left out
// of the comparison. Steps that begin with "refused" are those that the proxy
// is to refuse, in the client's own protocol. The AWS CLI and boto3 come once more
// with a service token in place of a proxy key. Each protocol of AWS has to be
// spoken on each road, one of them with a stand-in of ours, since moto does not
// know it. The clients are as they come; only DNS, which would lead
// the buckets before the name of the endpoint here, is stood in for.
//
//	make interop
//
// installs the clients and runs it. It is no test: go test finds
// nothing here, and whoever wants the answer has to ask. It ends with a table,
// and with 1 if there is a difference.
//
// Then it has the AWS CLI open sessions, with the Session Manager plugin, built
// from the versions that plugin/go.mod locks, and with sesame in its place:
//
//	CLI and plugin, on a terminal --HTTPS_PROXY--> proxy.Interceptor --> strategies/awstest
//
// and compares what each terminal got with the recording, byte for byte.
//
// Asked for uploads, it does nothing but tell how long they take, over TLS from end
// to end, to a stand-in for S3 that keeps nothing:
//
//	client -----------------------------------------------------> stand-in
//	client --HTTPS_PROXY------> proxy.Interceptor --------------> stand-in
//	client --AWS_ENDPOINT_URL-> proxy.Endpoint -----------------> stand-in
//
// What it does not show: signatures of calls are not checked by moto, but by the tests
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
	"strconv"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var o options
	flag.StringVar(&o.bin, "bin", "bin/interop/bin", "the folder with python, aws and moto_server")
	flag.StringVar(&o.modules, "modules", "bin/interop/js/node_modules", "the packages of Node")
	flag.StringVar(&o.scripts, "scripts", "cmd/sesame/interop", "the folder with what clients in other languages do")
	flag.StringVar(&o.sesame, "sesame", "bin/sesame", "sesame, which also runs in the plugin's place")
	flag.StringVar(&o.only, "only", "", "calls, sessions, uploads, or part of the name of a session: less than all")
	flag.IntVar(&o.stream, "stream", 64, "how many MB the Go SDK streams")
	flag.IntVar(&o.count, "count", 5_700_000, "what a session counts to, which makes 50 MB")
	flag.Parse()
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

type options struct {
	bin, modules, scripts, sesame string

	only          string
	stream, count int
}

// onlyUploads is what has uploads timed, and nothing else done.
const onlyUploads = "uploads"

// A result is what a client got in one step.
type result struct{ step, got string }

// A client takes all its steps on a road.
type client struct {
	name string
	run  func(context.Context, *road) ([]result, error)
}

func (o options) clients() []client {
	return []client{{"awscli", o.awscli}, {"boto3", o.boto3}, {"JS SDK v3", o.js}, {"Go SDK v2", o.goSDK}, {"awscli with a token", o.awscliByToken}, {"boto3 with a token", o.boto3ByToken}}
}

func run(ctx context.Context, o options) (err error) {
	for _, p := range []*string{&o.bin, &o.modules, &o.scripts, &o.sesame} {
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
		var err error
		if o.only == onlyUploads {
			return o.uploads(ctx, filepath.Join(dir, "uploads"), running)
		}
		if o.only == "" || o.only == "calls" {
			err = o.drive(ctx, filepath.Join(dir, "calls"), running)
		}
		if o.only != "calls" {
			err = errors.Join(err, o.sessions(ctx, filepath.Join(dir, "sessions"), running))
		}
		return err
	})
	return running.Wait()
}

// drive takes each client over all roads, which it has running serve.
func (o options) drive(ctx context.Context, dir string, running *errgroup.Group) error {
	roads := make([]*road, len(builders))
	for i, build := range builders {
		var err error
		if roads[i], err = build(o, ctx, filepath.Join(dir, strconv.Itoa(i)), running); err != nil {
			return err
		}
	}
	var t table
	for _, c := range o.clients() {
		got := make([][]result, len(roads))
		var all errgroup.Group
		for i, r := range roads {
			all.Go(func() (err error) { got[i], err = c.run(ctx, r); return err })
		}
		if err := all.Wait(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for i, r := range roads[1:] {
			t.add(c.name+" by "+r.name, got[0], got[i+1])
		}
	}
	t.print(os.Stdout)
	err := t.verdict()
	for _, r := range roads[1:] {
		err = errors.Join(err, r.recorded(os.Stdout), r.spoken.verdict(os.Stdout, r.name))
	}
	return err
}

// builders build the roads, first that without the proxy.
var builders = []func(options, context.Context, string, *errgroup.Group) (*road, error){
	options.directRoad, options.proxyRoad, options.endpointRoad,
}
