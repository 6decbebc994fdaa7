//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy"
)

// What is uploaded, and how often by each client on each road. The roads take
// turns: whatever else the machine does falls on all of them.
const (
	uploadBucket = "uploads"
	uploadSize   = 100 << 20
	uploadTurns  = 7
)

// A heap is an S3 that forgets what it is given, but for how much it was. It
// knows how objects are put, whole or in parts, over TLS.
type heap struct {
	address string
	known   *tls.Config // for those who come to it
	bytes   atomic.Int64
}

// ServeHTTP implements http.Handler.
func (h *heap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if h.bytes.Add(n); err != nil {
		return
	}
	const tag = `"00000000000000000000000000000000"`
	w.Header().Set("ETag", tag)
	switch q := r.URL.Query(); {
	case r.Method == http.MethodPut:
	case r.Method == http.MethodPost && q.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>") // the client sees what is missing
	case r.Method == http.MethodPost && q.Has("uploadId"):
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><ETag>"+tag+"</ETag></CompleteMultipartUploadResult>")
	default:
		http.Error(w, "the heap knows no such call", http.StatusNotImplemented)
	}
}

// An upload is a way in which a client uploads the big file, and how long it
// takes in seconds.
type upload struct {
	name string
	run  func(context.Context, *road) (float64, error)
}

func (o options) ways() []upload {
	return []upload{
		{"awscli s3 cp, from its start to its end", o.cp},
		{"boto3 upload_file", func(ctx context.Context, r *road) (float64, error) { return o.python(ctx, r, "parts") }},
		{"boto3 put_object", func(ctx context.Context, r *road) (float64, error) { return o.python(ctx, r, "whole") }},
		{"JS SDK v3 Upload", func(ctx context.Context, r *road) (float64, error) { return o.node(ctx, r, "parts") }},
		{"JS SDK v3 putObject, hashed before it leaves", func(ctx context.Context, r *road) (float64, error) { return o.node(ctx, r, "whole") }},
		{"Go SDK v2 PutObject", put},
	}
}

func (o options) cp(ctx context.Context, r *road) (float64, error) {
	began := clock.System{}.Now()
	_, err := r.output(exec.CommandContext(ctx, filepath.Join(o.bin, "aws"), "s3", "cp", "--no-progress", bigFile, "s3://"+uploadBucket+"/parts"))
	return clock.System{}.Now().Sub(began).Seconds(), err
}

func (o options) python(ctx context.Context, r *road, how string) (float64, error) {
	return r.seconds(exec.CommandContext(ctx, filepath.Join(o.bin, "python"), filepath.Join(o.scripts, "uploads.py"), how, bigFile))
}

func (o options) node(ctx context.Context, r *road, how string) (float64, error) {
	cmd := exec.CommandContext(ctx, "node", filepath.Join(o.scripts, "uploads.cjs"), how, bigFile)
	cmd.Env = []string{"NODE_PATH=" + o.modules}
	return r.seconds(cmd)
}

// seconds runs what prints how many it took.
func (r *road) seconds(cmd *exec.Cmd) (float64, error) {
	out, err := r.output(cmd)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// put is the only one that shares its process with the proxy.
func put(ctx context.Context, r *road) (float64, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, bigFile))
	if err != nil {
		return 0, err
	}
	c := s3.NewFromConfig(r.config())
	object := func(key string, data []byte) *s3.PutObjectInput {
		return &s3.PutObjectInput{Bucket: aws.String(uploadBucket), Key: aws.String(key), Body: bytes.NewReader(data)}
	}
	if _, err := c.PutObject(ctx, object("first", nil)); err != nil {
		return 0, err
	}
	began := clock.System{}.Now()
	_, err = c.PutObject(ctx, object("whole", data))
	return clock.System{}.Now().Sub(began).Seconds(), err
}

// uploads tells how long uploads take, over TLS from end to end.
func (o options) uploads(ctx context.Context, dir string, running *errgroup.Group) error {
	roads := make([]*road, len(uploadRoads))
	for i, build := range uploadRoads {
		var err error
		if roads[i], err = build(o, ctx, filepath.Join(dir, strconv.Itoa(i)), running); err != nil {
			return err
		}
		if _, err := roads[i].work(bigFile, uploadSize); err != nil {
			return err
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "100 MB by")
	for _, r := range roads {
		fmt.Fprintf(out, "\t%s", r.name)
	}
	fmt.Fprintln(out)
	for _, u := range o.ways() {
		took, err := u.turns(ctx, roads)
		if err != nil {
			return fmt.Errorf("%s: %w", u.name, err)
		}
		fmt.Fprint(out, u.name)
		for _, seconds := range took {
			fmt.Fprintf(out, "\t%.0f ms, %.2f times", 1000*seconds, seconds/took[0])
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// turns returns the medians of what an upload takes on some roads.
func (u upload) turns(ctx context.Context, roads []*road) ([]float64, error) {
	took := make([][]float64, len(roads))
	for range uploadTurns {
		for i, r := range roads {
			before := r.heap.bytes.Load()
			seconds, err := u.run(ctx, r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			if n := r.heap.bytes.Load() - before; n < uploadSize {
				return nil, fmt.Errorf("%s: of %d bytes, %d arrived", r.name, uploadSize, n)
			}
			took[i] = append(took[i], seconds)
		}
	}
	var middle []float64
	for _, all := range took {
		slices.Sort(all)
		middle = append(middle, all[len(all)/2])
	}
	return middle, nil
}

// uploadRoads build the roads to a heap, first that without the proxy.
var uploadRoads = []func(options, context.Context, string, *errgroup.Group) (*road, error){
	options.heapRoad, options.proxyRoad, options.endpointRoad,
}

// heapRoad leads to a heap and nowhere else, with the credentials that the proxy
// would use.
func (o options) heapRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, error) {
	r, h, err := o.newRoad(ctx, dir, running)
	if err != nil {
		return nil, err
	}
	r.name, r.key, r.endpoint = "direct", h.role, r.heap.address
	return r, nil
}

// newHeap has running serve a heap under the name of the endpoint.
func newHeap(ctx context.Context, a *proxy.Authority, running *errgroup.Group) (*heap, error) {
	cert, err := a.Leaf(endpointName, "*."+endpointName)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	h := &heap{known: &tls.Config{RootCAs: roots, ServerName: endpointName, MinVersion: tls.VersionTLS12}}
	h.address, err = listen(running, func(l net.Listener) error {
		return serve(ctx, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}), h)
	})
	return h, err
}
