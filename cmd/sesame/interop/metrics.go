//go:build unix

package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/smithy-go/encoding/cbor"
)

// metricsRegion is where metrics are that are spoken of in CBOR. moto does not
// know that protocol, so that this one host has a stand-in of ours: strict about
// the form, and with two operations.
const (
	metricsRegion = "us-west-2"
	metricsHost   = "monitoring." + metricsRegion + ".amazonaws.com"
	metricsPath   = "/service/GraniteServiceVersion20100801/operation/"
)

// metrics remembers the names that it was given, in order.
type metrics struct {
	mu    sync.Mutex // guards what follows
	names []string
}

// ServeHTTP implements http.Handler.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := m.answer(r)
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = cbor.Map{"__type": cbor.String("SerializationException"), "message": cbor.String(err.Error())}
	}
	_, _ = w.Write(cbor.Encode(out)) // the client sees what is missing
}

func (m *metrics) answer(r *http.Request) (cbor.Map, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || err != nil || kind != "application/cbor" || r.Host != metricsHost {
		return nil, fmt.Errorf("%s %s at %s is no RPC in CBOR", r.Method, kind, r.Host)
	}
	body, err := plain(r)
	if err != nil {
		return nil, err
	}
	in, err := cbor.Decode(body)
	asked, ok := in.(cbor.Map)
	if err != nil || !ok {
		return nil, fmt.Errorf("%d bytes are no map in CBOR: %v", len(body), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.URL.Path {
	case metricsPath + "PutMetricData":
		return m.putLocked(asked)
	case metricsPath + "ListMetrics":
		return m.listLocked(asked)
	}
	return nil, fmt.Errorf("no operation %s", r.URL.Path)
}

// plain is the body as it was before it was compressed.
func plain(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	return io.ReadAll(body)
}

func (m *metrics) putLocked(asked cbor.Map) (cbor.Map, error) {
	data, ok := asked["MetricData"].(cbor.List)
	if !ok {
		return nil, fmt.Errorf("no data in %v", asked)
	}
	for _, d := range data {
		datum, _ := d.(cbor.Map)
		name, ok := datum["MetricName"].(cbor.String)
		if !ok {
			return nil, fmt.Errorf("no name in %v", d)
		}
		m.names = append(m.names, string(name))
	}
	return cbor.Map{}, nil
}

func (m *metrics) listLocked(asked cbor.Map) (cbor.Map, error) {
	space, ok := asked["Namespace"].(cbor.String)
	if !ok {
		return nil, fmt.Errorf("no namespace in %v", asked)
	}
	found := cbor.List{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(m.names))) {
		found = append(found, cbor.Map{"Namespace": space, "MetricName": cbor.String(name)})
	}
	return cbor.Map{"Metrics": found}, nil
}
