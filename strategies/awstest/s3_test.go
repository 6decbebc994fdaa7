package awstest_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sesame/strategies/awstest"
)

func (r *rig) s3() *s3.Client {
	return s3.NewFromConfig(r.config(r.key), func(o *s3.Options) { o.UsePathStyle = true })
}

func TestBuckets(t *testing.T) {
	r := newRig(t)
	objects := map[string]awstest.Object{
		"2026/11/a log.txt": {Text: "disk full\n", Written: noon}, "2026/11/b.log": {Text: "b", Written: noon},
		"2026/12/c.log": {Text: "c", Written: noon}, "README": {Text: "logs", Written: noon},
	}
	r.w.AddBucket(awstest.Bucket{Name: "logs-front", Account: management, Region: "us-east-1", Created: noon, Objects: objects})
	r.w.AddBucket(awstest.Bucket{Name: "elsewhere", Account: management, Region: "eu-west-1", Created: noon})
	r.w.AddBucket(awstest.Bucket{Name: "anothers", Account: payments, Region: "us-east-1", Created: noon})
	client := r.s3()
	all := must(client.ListBuckets(r.ctx(), &s3.ListBucketsInput{}))(t)
	if len(all.Buckets) != 2 || *all.Buckets[1].Name != "logs-front" || !all.Buckets[1].CreationDate.Equal(noon) {
		t.Errorf("buckets %+v, want the account's own", all.Buckets)
	}
	top := must(client.ListObjectsV2(r.ctx(), &s3.ListObjectsV2Input{Bucket: ptr("logs-front"), Delimiter: ptr("/")}))(t)
	if len(top.CommonPrefixes) != 1 || *top.CommonPrefixes[0].Prefix != "2026/" || len(top.Contents) != 1 || *top.Contents[0].Key != "README" || *top.IsTruncated {
		t.Errorf("at the top: %+v", top)
	}
	var keys []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: ptr("logs-front"), Prefix: ptr("2026/"), MaxKeys: ptr(int32(2))})
	for pages.HasMorePages() {
		for _, o := range must(pages.NextPage(r.ctx()))(t).Contents {
			keys = append(keys, *o.Key)
		}
	}
	if got := strings.Join(keys, "|"); got != "2026/11/a log.txt|2026/11/b.log|2026/12/c.log" {
		t.Errorf("keys %s", got)
	}
	out := must(client.GetObject(r.ctx(), &s3.GetObjectInput{Bucket: ptr("logs-front"), Key: ptr("2026/11/a log.txt")}))(t)
	defer out.Body.Close()
	if text := must(io.ReadAll(out.Body))(t); string(text) != "disk full\n" || *out.ETag != `"6ab1fa856aa49dd1e1359b242c3f6932"` {
		t.Errorf("%q, %s", text, *out.ETag)
	}
	head := must(client.HeadObject(r.ctx(), &s3.HeadObjectInput{Bucket: ptr("logs-front"), Key: ptr("README")}))(t)
	if *head.ContentLength != 4 || !head.LastModified.Equal(noon) {
		t.Errorf("%+v", head)
	}
	get := func(bucket, key string) error {
		_, err := client.GetObject(r.ctx(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
	wantCode(t, get("anothers", "x"), "AccessDenied")
	wantCode(t, get("no-such-one", "x"), "NoSuchBucket")
	wantCode(t, get("logs-front", "x"), "NoSuchKey")
	moved := get("elsewhere", "x")
	wantCode(t, moved, "PermanentRedirect")
	var answer *smithyhttp.ResponseError
	if !errors.As(moved, &answer) || answer.Response.Header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
		t.Errorf("nobody is told where the bucket is: %v", moved)
	}
	_, err := client.GetObject(r.ctx(), &s3.GetObjectInput{Bucket: ptr("logs-front"), Key: ptr("README"), Range: ptr("bytes=0-1")})
	wantCode(t, err, "NotImplemented")
	_, err = client.GetBucketAcl(r.ctx(), &s3.GetBucketAclInput{Bucket: ptr("logs-front")})
	wantCode(t, err, "NotImplemented")
	_, err = client.ListObjectsV2(r.ctx(), &s3.ListObjectsV2Input{Bucket: ptr("logs-front"), StartAfter: ptr("a")})
	wantCode(t, err, "InvalidArgument")
	_, err = client.HeadObject(r.ctx(), &s3.HeadObjectInput{Bucket: ptr("logs-front"), Key: ptr("x")})
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "NotFound" {
		t.Errorf("the head of what is not there: %v", err)
	}
	stranger := r.config(awstest.Key{ID: r.key.ID, Secret: "wrong"})
	_, err = s3.NewFromConfig(stranger, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(r.ctx(), nil)
	wantCode(t, err, "SignatureDoesNotMatch")
	if aws.ToString(top.Name) != "logs-front" {
		t.Errorf("the list is of %v", top.Name)
	}
}
