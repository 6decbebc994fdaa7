package awsapi

import (
	"fmt"
	"strings"
)

// object classifies what goes to buckets and objects. The bucket is in the
// host or the first part of the path, and keys may look like anything, dot
// segments included, so the tree is not asked. ours is false for the control
// plane, whose paths are those of a REST service.
func (g *group) object(r Request, path, query string) (c Call, ours bool, err error) {
	if g.control(r, path) {
		return Call{}, false, nil
	}
	bucket := r.Endpoint.Lead
	if bucket == "" {
		bucket, path, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	} else {
		path = strings.TrimPrefix(path, "/")
	}
	if b := plain(bucket); b != bucket || b == "" && path != "" || b == "." || b == ".." {
		return Call{}, true, fmt.Errorf("%w: the bucket is not plain", ErrAmbiguous)
	}
	if bucket == "" && r.Signing == "s3express" && r.Method == "GET" {
		return g.call(r, g.directories, RestXML, ""), true, nil
	}
	c, err = g.at(g.objectLeaf(r, bucket, path), r, query)
	if err != nil || c.Known == nil {
		return c, true, err
	}
	if !c.Known.expects(query) {
		// S3 may know a subresource that the table does not.
		return Call{Service: c.Service, Protocol: c.Protocol}, true, nil
	}
	return c, true, nil
}

// control reports whether r goes to S3 Control, by its host or, without one,
// by the version that its paths begin with.
func (g *group) control(r Request, path string) bool {
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

func (g *group) objectLeaf(r Request, bucket, key string) *leaf {
	switch {
	case bucket == "":
		return g.routes.leaves[r.Method]
	case key == "":
		return g.routes.label.leaves[r.Method]
	}
	return g.routes.label.findGreedy(r.Method, key)
}

// expects reports whether every parameter of a query belongs to o, or to the
// signature.
func (o *Operation) expects(query string) bool {
	for query != "" {
		var part string
		part, query, _ = cut(query, '&')
		name, _, _ := cut(part, '=')
		if name = formPlain(name); !o.knows(name) {
			return false
		}
	}
	return true
}

func (o *Operation) knows(name string) bool {
	const amz = "x-amz-"
	if name == "" || name == "x-id" || len(name) > len(amz) && strings.EqualFold(name[:len(amz)], amz) {
		return true
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
