//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	metric "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamo "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	goBucket = "go-bucket"
	// compressFrom is how large a body is that the SDK compresses, as it is
	// where the configuration says nothing.
	compressFrom = 10 << 10
	partSize     = 5 << 20
)

// A sdk is the Go SDK on a road.
type sdk struct {
	http   *http.Client
	s3     *s3.Client
	dynamo *dynamodb.Client
	sqs    *sqs.Client
	sts    *sts.Client
	cw     *cloudwatch.Client
	big    []byte
	stream int // MB
}

// A sdkStep is one call, or a few that belong together.
type sdkStep struct {
	name string
	run  func(context.Context) (any, error)
}

// goSDK takes its steps in this process.
func (o options) goSDK(ctx context.Context, r *road) ([]result, error) {
	path, err := r.work(bigFile, big)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cfg := r.config()
	s := &sdk{r.client(), s3.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg), sts.NewFromConfig(cfg), inMetricsRegion(cfg), data, o.stream}
	var all []result
	for _, step := range append(s.objects(), s.others()...) {
		if err := r.moto.seed(ctx); err != nil {
			return nil, err
		}
		got, err := step.run(ctx)
		text, unfit := json.Marshal(got)
		if unfit != nil {
			return nil, unfit
		}
		all = append(all, result{step.name, fmt.Sprintf("%s, %v", text, err)})
	}
	return all, nil
}

// inMetricsRegion speaks CBOR, as this SDK does with CloudWatch.
func inMetricsRegion(cfg aws.Config) *cloudwatch.Client {
	cfg.Region, cfg.RequestMinCompressSizeBytes = metricsRegion, compressFrom
	return cloudwatch.NewFromConfig(cfg)
}

func (s *sdk) objects() []sdkStep {
	return []sdkStep{
		{"s3 CreateBucket", func(ctx context.Context) (any, error) {
			return s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(goBucket)})
		}},
		{"s3 PutObject", func(ctx context.Context) (any, error) { return s.put(ctx, "a b/ü+~", bytes.NewReader(s.big[:1000])) }},
		{"s3 PutObject, a stream", func(ctx context.Context) (any, error) {
			return s.put(ctx, "stream", io.LimitReader(&repeated{s.big}, int64(s.stream)<<20))
		}},
		{"s3 parts", s.parts},
		{"s3 GetObject", func(ctx context.Context) (any, error) { return s.get(ctx, "a b/ü+~") }},
		{"s3 GetObject, the stream", func(ctx context.Context) (any, error) { return s.get(ctx, "stream") }},
		{"s3 GetObject, parts", func(ctx context.Context) (any, error) { return s.get(ctx, bigFile) }},
		{"s3 GetObject, presigned", s.presigned},
		{"s3 GetObject, none", func(ctx context.Context) (any, error) { return s.get(ctx, "none") }},
		{"s3 CopyObject", func(ctx context.Context) (any, error) {
			return s.s3.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(goBucket), Key: aws.String("copy"), CopySource: aws.String(goBucket + "/" + bigFile)})
		}},
		{"s3 ListObjectsV2", func(ctx context.Context) (any, error) {
			return s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(goBucket)})
		}},
		{"s3 DeleteObject", func(ctx context.Context) (any, error) {
			return s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(goBucket), Key: aws.String("copy")})
		}},
		{refusedStep + "s3 PutBucketPolicy", func(ctx context.Context) (any, error) {
			return s.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String(goBucket), Policy: aws.String("{}")})
		}},
	}
}

func (s *sdk) others() []sdkStep {
	id := map[string]dynamo.AttributeValue{"id": &dynamo.AttributeValueMemberS{Value: "ü"}}
	table, queue := aws.String("go"), aws.String("https://sqs.us-east-1.amazonaws.com/"+account+"/go")
	return []sdkStep{
		{"dynamodb CreateTable", func(ctx context.Context) (any, error) {
			return s.dynamo.CreateTable(ctx, &dynamodb.CreateTableInput{
				TableName: table, BillingMode: dynamo.BillingModePayPerRequest,
				AttributeDefinitions: []dynamo.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dynamo.ScalarAttributeTypeS}},
				KeySchema:            []dynamo.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dynamo.KeyTypeHash}},
			})
		}},
		{"dynamodb PutItem", func(ctx context.Context) (any, error) {
			return s.dynamo.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: id})
		}},
		{"dynamodb GetItem", func(ctx context.Context) (any, error) {
			return s.dynamo.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: id})
		}},
		{"dynamodb GetItem, no table", func(ctx context.Context) (any, error) {
			return s.dynamo.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("none"), Key: id})
		}},
		{"sqs CreateQueue", func(ctx context.Context) (any, error) {
			return s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: table})
		}},
		{"sqs SendMessage", func(ctx context.Context) (any, error) {
			return s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("<a>&ü")})
		}},
		{"sqs ReceiveMessage", func(ctx context.Context) (any, error) {
			return s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue})
		}},
		{"sts GetCallerIdentity", func(ctx context.Context) (any, error) {
			return s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		}},
		{"cloudwatch PutMetricData, in CBOR", func(ctx context.Context) (any, error) {
			return s.cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: table, MetricData: []metric.MetricDatum{{MetricName: aws.String("ü"), Value: aws.Float64(1.5)}}})
		}},
		{"cloudwatch PutMetricData, compressed", func(ctx context.Context) (any, error) {
			return s.cw.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: table, MetricData: slices.Repeat([]metric.MetricDatum{{MetricName: aws.String("m"), Value: aws.Float64(1.5)}}, 500)})
		}},
		{"cloudwatch ListMetrics, in CBOR", func(ctx context.Context) (any, error) {
			return s.cw.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: table})
		}},
		{"cloudwatch GetDashboard, in CBOR, not known", func(ctx context.Context) (any, error) {
			return s.cw.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: table})
		}},
		{refusedStep + "cloudwatch PutMetricStream, in CBOR", func(ctx context.Context) (any, error) {
			return s.cw.PutMetricStream(ctx, &cloudwatch.PutMetricStreamInput{
				Name: table, FirehoseArn: aws.String("arn:aws:firehose:us-west-2:" + account + ":deliverystream/go"),
				RoleArn: aws.String("arn:aws:iam::" + account + ":role/Other"), OutputFormat: metric.MetricStreamOutputFormatJson,
			})
		}},
		{refusedStep + "sts GetFederationToken", func(ctx context.Context) (any, error) {
			return s.sts.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
		}},
	}
}

func (s *sdk) put(ctx context.Context, key string, body io.Reader) (any, error) {
	return s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(goBucket), Key: aws.String(key), Body: body})
}

// get hashes an object as it comes.
func (s *sdk) get(ctx context.Context, key string) (any, error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(goBucket), Key: aws.String(key)})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, out.Body)
	return []any{n, hex.EncodeToString(hash.Sum(nil)), out.ETag, out.ContentType}, err
}

// presigned gets an object by a URL that is signed.
func (s *sdk) presigned(ctx context.Context) (any, error) {
	u, err := s3.NewPresignClient(s.s3).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(goBucket), Key: aws.String("a b/ü+~")})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, u.Method, u.URL, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	sum := sha256.Sum256(body)
	return []any{res.Status, len(body), hex.EncodeToString(sum[:])}, err
}

// parts uploads the big file in parts.
func (s *sdk) parts(ctx context.Context) (any, error) {
	bucket, key := aws.String(goBucket), aws.String(bigFile)
	begun, err := s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		return nil, err
	}
	var done []s3types.CompletedPart
	for at := 0; at < len(s.big); at += partSize {
		number := aws.Int32(int32(len(done) + 1))
		part, err := s.s3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: begun.UploadId, PartNumber: number, Body: bytes.NewReader(s.big[at:min(at+partSize, len(s.big))]),
		})
		if err != nil {
			return nil, err
		}
		done = append(done, s3types.CompletedPart{ETag: part.ETag, PartNumber: number})
	}
	return s.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: done},
	})
}

// A repeated reader never ends.
type repeated struct{ data []byte }

// Read implements io.Reader.
func (r *repeated) Read(p []byte) (int, error) { return copy(p, r.data), nil }
