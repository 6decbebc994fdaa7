package awsapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
)

// maxPlain is how large a body may be that is compressed, for it to be read.
const maxPlain = 1 << 20

// zipped reports whether the body is compressed as SDKs do with what may be
// large, such as metrics.
func (r *Request) zipped() bool {
	return len(r.Body) > 0 && slices.Equal(r.Header["Content-Encoding"], []string{"gzip"})
}

// plain is the body as the service reads it. What is compressed in more than one
// way of reading, or larger than anybody sends, is not told.
func (r *Request) plain() (body []byte, ok bool) {
	if !r.zipped() {
		return r.Body, !r.compressed()
	}
	rest := bytes.NewReader(r.Body)
	z, err := gzip.NewReader(rest)
	if err != nil {
		return nil, false
	}
	z.Multistream(false) // of several streams, some readers read the first alone
	body, err = io.ReadAll(io.LimitReader(z, maxPlain+1))
	if err != nil || len(body) > maxPlain || rest.Len() > 0 {
		return nil, false
	}
	return body, true
}
