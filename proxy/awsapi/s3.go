package awsapi

import (
	"fmt"
	"strings"
)

// object finds what goes to buckets and objects. The bucket is in the host or
// the first part of the path, and keys may look like anything, dot segments
// included, so the tree is not asked.
func (g *group) object(r *Request, path string, query params) (f found, err error) {
	bucket, key := r.Endpoint.Lead, strings.TrimPrefix(path, "/")
	if bucket == "" {
		bucket, key, _ = cut(key, '/')
	}
	if b := plain(bucket); b != bucket || b == "" && key != "" || b == "." || b == ".." {
		return f, fmt.Errorf("%w: the bucket is not plain", ErrAmbiguous)
	}
	if bucket == "" && r.Signing == "s3express" && r.Method == "GET" {
		return g.restful(g.directories), nil
	}
	o, err := g.objectLeaf(r, bucket, key).choose(r, query)
	if o != nil && !o.expects(query) {
		o = nil // S3 may know a subresource that the table does not
	}
	return g.restful(o), err
}

// control reports whether r goes to S3 Control, by its host or, without one,
// by the version that its paths begin with.
func (g *group) control(r *Request, path string) bool {
	if r.Signing == "s3-object-lambda" && path == lambdaPath {
		return true
	}
	if r.Endpoint.known() {
		for _, s := range g.services {
			if s.Name == "s3" && r.Endpoint.mayBe(s) {
				return len(r.Endpoint.services) > 1 && strings.HasPrefix(path, controlPath)
			}
		}
		return true
	}
	return strings.HasPrefix(path, controlPath)
}

const (
	controlPath = "/v20180820/"
	lambdaPath  = "/WriteGetObjectResponse"
)

func (g *group) objectLeaf(r *Request, bucket, key string) *leaf {
	switch {
	case bucket == "":
		return g.routes.ending(r.Method)
	case key == "":
		return g.routes.label.ending(r.Method)
	}
	return g.routes.label.findGreedy(r.Method, key)
}

// expects reports whether every parameter of a query belongs to o, or to the
// signature.
func (o *Operation) expects(query params) bool {
	for i := range query {
		if !o.knows(query[i].name) {
			return false
		}
	}
	return true
}

func (o *Operation) knows(name string) bool {
	const amz = "x-amz-"
	if name == "" || name == "x-id" {
		return true
	}
	if name[0]|0x20 == amz[0] && len(name) > len(amz) && folded(amz, name[:len(amz)]) {
		return strings.IndexByte(name, ';') < 0 // behind which there may be another name
	}
	for _, q := range o.queries {
		if q == name {
			return true
		}
	}
	_, literal, _ := strings.Cut(o.uri, "?")
	for literal != "" {
		var part string
		part, literal, _ = cut(literal, '&')
		if n, _, _ := cut(part, '='); n == name {
			return true
		}
	}
	return false
}
