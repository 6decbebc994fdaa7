// Calls of the SDK for Go for capture.py to record.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	if err != nil {
		panic(err)
	}
	bucket := aws.String("bucket")
	objects := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	// The answers are empty, and the errors that makes are of no interest.
	_, _ = sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	_, _ = dynamodb.NewFromConfig(c).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "é"}}})
	_, _ = lambda.NewFromConfig(c).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:111111111111:function:deploy")})
	_, _ = cloudwatch.NewFromConfig(c).ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/EC2")})
	_, _ = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("a b/../c//d+é"), Body: strings.NewReader("hello"), Metadata: map[string]string{"one": "two  three"}})
	_, _ = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: io.MultiReader(strings.NewReader("hello"))})
	_, _ = objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a/b c+!'()*")})
	_, _ = objects.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("k"), CopySource: aws.String("other/%C3%A9")})
	presign := s3.NewPresignClient(objects)
	if r, err := presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a b+é"), ExpectedBucketOwner: aws.String("111111111111")}); err == nil {
		fetch(r.Method, r.URL, "", r.SignedHeader)
	}
	if r, err := presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("hello"), ACL: "private"}); err == nil {
		fetch(r.Method, r.URL, "hello", r.SignedHeader)
	}
}

func fetch(method, url, body string, header http.Header) {
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(os.Getenv("AWS_CA_BUNDLE")); err == nil {
		pool.AppendCertsFromPEM(pem)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header = header
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
