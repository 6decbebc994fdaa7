package awstest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const s3Name = "s3"

// A Bucket is one of S3, with what is in it. Nothing is written to it but by
// AddBucket.
type Bucket struct {
	Name, Account, Region string
	Created               time.Time
	Objects               map[string]Object // by key
}

// An Object is what a bucket holds under a key.
type Object struct {
	Text    string
	Written time.Time
}

// AddBucket adds a bucket, or replaces the one with its name, which is one for
// all accounts.
func (w *World) AddBucket(b Bucket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.Objects = maps.Clone(b.Objects)
	w.buckets[b.Name] = b
	w.changedLocked()
}

func s3Codes() codes {
	return codes{
		invalid: "InvalidArgument", unknownOperation: "NotImplemented", throttled: "SlowDown", denied: "AccessDenied",
		conflict: "OperationAborted", internal: "InternalError", unavailable: "ServiceUnavailable",
		noKey: "InvalidAccessKeyId", expired: "ExpiredToken", missing: "AccessDenied",
		incomplete: "AuthorizationHeaderMalformed", mismatch: "SignatureDoesNotMatch",
	}
}

func s3Service() service {
	bucket, key := need("Bucket", text(3, 63, `[a-z0-9][a-z0-9.-]*[a-z0-9]`)), need("Key", text(1, 1024, ""))
	checksums := may("ChecksumMode", oneOf("ENABLED"))
	return service{name: s3Name, rest: true, codes: s3Codes(), about: aboutS3, operations: map[string]operation{
		"ListBuckets": {structure(may("Prefix", text(0, 0, "")), may("MaxBuckets", number(1, 10000))), listBuckets},
		"ListObjectsV2": {structure(bucket,
			may("Prefix", text(0, 1024, "")), may("Delimiter", text(0, 1, "")), may("EncodingType", oneOf("url")),
			may("MaxResults", number(1, 1000)), may("NextToken", text(1, 0, "")),
		), listObjects},
		"GetObject":  {structure(bucket, key, checksums), getObject},
		"HeadObject": {structure(bucket, key, checksums), getObject},
	}}
}

// aboutS3 is the bucket, or what it holds.
func aboutS3(r *request) []Resource {
	if r.text("Bucket") == "" {
		return nil
	}
	arn := "arn:aws:s3:::" + r.text("Bucket")
	if r.text("Key") != "" {
		arn += "/" + r.text("Key")
	}
	return []Resource{{ARN: arn}}
}

// inQuery are the parameters of S3 that stand in the query, by the names that
// lists have here.
var inQuery = map[string]string{
	"prefix": "Prefix", "delimiter": "Delimiter", "encoding-type": "EncodingType", "max-keys": "MaxResults",
	"continuation-token": "NextToken", "max-buckets": "MaxBuckets",
}

// readS3 finds out which operation of S3 a request is.
func (r *request) readS3(hr *http.Request) error {
	r.serve(func(s service) bool { return s.rest })
	if hr.Header.Get("Range") != "" {
		return r.notImplemented("a part of an object is not given out here")
	}
	bucket, key := bucketAndKey(hr)
	q, err := url.ParseQuery(hr.URL.RawQuery)
	if err != nil {
		return r.invalid("the query: %v", err)
	}
	version := q.Get("list-type")
	q.Del("list-type")
	q.Del("x-id") // by which SDKs tell themselves what they asked for
	switch {
	case hr.Method == http.MethodGet && bucket == "":
		r.call.Operation = "ListBuckets"
	case hr.Method == http.MethodGet && key == "" && version == "2":
		r.call.Operation = "ListObjectsV2"
	case hr.Method == http.MethodGet && key != "":
		r.call.Operation = "GetObject"
	case hr.Method == http.MethodHead && key != "":
		r.call.Operation = "HeadObject"
	default:
		return r.notImplemented(hr.Method + " " + hr.URL.Path + " is not implemented here")
	}
	r.in = doc{}
	for name, text := range map[string]string{"Bucket": bucket, "Key": key, "ChecksumMode": hr.Header.Get("X-Amz-Checksum-Mode")} {
		if text != "" {
			r.in[name] = text
		}
	}
	for name, values := range q {
		r.in[parameter(name)] = number64(name, values[0])
	}
	return nil
}

func (r *request) notImplemented(message string) *apiError {
	return &apiError{code: r.service.codes.unknownOperation, status: http.StatusNotImplemented, message: message}
}

// parameter is what a parameter of the query is called in an input; one that
// nobody knows keeps its name, by which the input is refused.
func parameter(name string) string {
	if known, ok := inQuery[name]; ok {
		return known
	}
	return name
}

func number64(name, value string) any {
	if strings.HasPrefix(name, "max-") {
		return json.Number(value)
	}
	return value
}

// bucketAndKey are what a request names, the bucket in its host or in its path.
func bucketAndKey(hr *http.Request) (bucket, key string) {
	host, _, err := net.SplitHostPort(hr.Host)
	if err != nil {
		host = hr.Host
	}
	path := strings.TrimPrefix(hr.URL.Path, "/")
	if name, _, ok := strings.Cut(host, ".s3."); ok {
		return name, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func listBuckets(r *request) (doc, error) {
	var all []any
	for _, name := range sortedKeys(r.w.buckets) {
		b := r.w.buckets[name]
		if b.Account == r.call.Caller.Account && strings.HasPrefix(name, r.text("Prefix")) {
			all = append(all, doc{"Name": name, "CreationDate": stamp(b.Created), "BucketRegion": b.Region})
		}
	}
	return doc{"Owner": doc{"ID": r.call.Caller.Account}, "Buckets": all}, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// bucket returns the one that the input names, where the caller may see it.
func (r *request) bucket() (Bucket, error) {
	b, known := r.w.buckets[r.text("Bucket")]
	switch {
	case !known:
		return b, &apiError{code: "NoSuchBucket", status: http.StatusNotFound, message: "The specified bucket does not exist"}
	case b.Account != r.call.Caller.Account:
		return b, &apiError{code: r.service.codes.denied, status: http.StatusForbidden, message: "Access Denied"}
	case b.Region != r.call.Region:
		return b, &apiError{code: "PermanentRedirect", status: http.StatusMovedPermanently, message: "The bucket is in " + b.Region, more: doc{bucketRegion: b.Region}}
	}
	return b, nil
}

// bucketRegion is the header that says where a bucket is.
const bucketRegion = "X-Amz-Bucket-Region"

// listObjects lists the keys that begin with the prefix, those alike up to the
// delimiter as one.
func listObjects(r *request) (doc, error) {
	b, err := r.bucket()
	if err != nil {
		return nil, err
	}
	prefix, delimiter := r.text("Prefix"), r.text("Delimiter")
	var rows []row
	for key, o := range b.Objects {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if folder, _, ok := strings.Cut(rest, delimiter); ok && delimiter != "" {
			common := row{prefix + folder + delimiter, doc{"Prefix": r.encoded(prefix + folder + delimiter)}}
			if !slices.ContainsFunc(rows, func(r row) bool { return r.key == common.key }) {
				rows = append(rows, common)
			}
			continue
		}
		rows = append(rows, row{key, doc{"Key": r.encoded(key), "LastModified": stamp(o.Written), "ETag": o.tag(), "Size": len(o.Text), "StorageClass": "STANDARD"}})
	}
	return r.page("Contents", rows)
}

// encoded is a key as the caller wants it.
func (r *request) encoded(key string) string {
	if r.text("EncodingType") == "" {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

// tag is what S3 calls the content of an object by.
func (o Object) tag() string {
	sum := md5.Sum([]byte(o.Text)) // S3's choice, and no secret
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func getObject(r *request) (doc, error) {
	b, err := r.bucket()
	if err != nil {
		return nil, err
	}
	o, ok := b.Objects[r.text("Key")]
	if !ok {
		return nil, &apiError{code: "NoSuchKey", status: http.StatusNotFound, message: "The specified key does not exist."}
	}
	return doc{"object": o}, nil
}

// writeS3 writes the answer or the refusal as S3 does.
func writeS3(rw http.ResponseWriter, r *request, out doc, e *apiError) {
	h := rw.Header()
	h.Set("X-Amz-Request-Id", r.call.RequestID)
	h.Set("Content-Type", "application/xml")
	if e != nil {
		if at, ok := e.more[bucketRegion].(string); ok {
			h.Set(bucketRegion, at)
		}
		var b strings.Builder
		element(&b, "Error", doc{"Code": e.code, "Message": e.message, "RequestId": r.call.RequestID})
		rw.WriteHeader(e.status)
		fmt.Fprint(rw, xml.Header, &b)
		return
	}
	if o, ok := out["object"].(Object); ok {
		h.Set("Content-Type", "binary/octet-stream")
		h.Set("Content-Length", strconv.Itoa(len(o.Text)))
		h.Set("ETag", o.tag())
		h.Set("Last-Modified", o.Written.UTC().Format(http.TimeFormat))
		h.Set("Accept-Ranges", "bytes")
		fmt.Fprint(rw, o.Text) // of which net/http sends nothing to who asked for the head
		return
	}
	name := map[string]string{"ListBuckets": "ListAllMyBucketsResult", "ListObjectsV2": "ListBucketResult"}[r.call.Operation]
	fmt.Fprintf(rw, `%s<%s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</%[2]s>`, xml.Header, name, r.listing(out))
}

// listing is the inside of a list, in which what would be one list elsewhere is
// several elements.
func (r *request) listing(out doc) string {
	var b strings.Builder
	if r.call.Operation == "ListBuckets" {
		element(&b, "Owner", out["Owner"])
		buckets, _ := out["Buckets"].([]any)
		elements(&b, "Bucket", "Buckets", buckets)
		return b.String()
	}
	token, more := out["NextToken"]
	all, _ := out["Contents"].([]any)
	for _, member := range []struct {
		name  string
		value any
	}{{"Name", r.text("Bucket")}, {"Prefix", r.encoded(r.text("Prefix"))}, {"Delimiter", r.text("Delimiter")}, {"KeyCount", len(all)}, {"IsTruncated", more}, {"MaxKeys", r.pageSize()}} {
		element(&b, member.name, member.value)
	}
	if r.text("EncodingType") != "" {
		element(&b, "EncodingType", r.text("EncodingType"))
	}
	if more {
		element(&b, "NextContinuationToken", token)
	}
	for _, one := range all {
		name := "Contents"
		if d, _ := one.(doc); d["Key"] == nil {
			name = "CommonPrefixes"
		}
		element(&b, name, one)
	}
	return b.String()
}
