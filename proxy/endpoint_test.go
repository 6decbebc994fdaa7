package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sesame/proxy"
	"sesame/proxy/calls"
)

// endpoint serves AWS under the name of ours, and returns the configuration of a
// client that was given it as AWS_ENDPOINT_URL.
func (r *rig) endpoint() aws.Config {
	r.Helper()
	c, _ := r.endpointUntil()
	return c
}

func (r *rig) endpointUntil() (c aws.Config, stop func()) {
	r.Helper()
	r.address, stop = r.serving(proxy.NewEndpoint(r.proxy, r.authority, endpointName).Run)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.authority.PEM())
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true, ExpectContinueTimeout: time.Second,
		// As the wildcard in DNS has it.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, r.address)
		},
	}
	r.Cleanup(t.CloseIdleConnections)
	return aws.Config{
		Region: region, HTTPClient: &http.Client{Transport: t}, RetryMaxAttempts: 1, BaseEndpoint: aws.String("https://" + endpointName + ":8444"),
		Credentials: credentials.NewStaticCredentialsProvider(r.key.ID, r.key.Secret, r.key.Token),
	}, stop
}

// TestClientsOfTheEndpoint has the SDK's own clients call an endpoint of ours,
// and AWS get what it would have got without.
func TestClientsOfTheEndpoint(t *testing.T) {
	r := newRig(t, "")
	c, ctx := r.endpoint(), t.Context()
	if who, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil); err != nil || !strings.HasSuffix(aws.ToString(who.Arn), "alice@example.com+g-0123456789") {
		t.Fatalf("%+v, %v", who, err)
	}
	if _, err := dynamodb.NewFromConfig(c).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("orders")}); err != nil {
		t.Error(err)
	}
	if out, err := sqs.NewFromConfig(c).ListQueues(ctx, nil); err != nil || len(out.QueueUrls) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	objects(t, c)
	hosts := map[string]bool{}
	for _, got := range r.aws.received() {
		hosts[got.host] = true
	}
	for _, want := range []string{"dynamodb.us-east-1.amazonaws.com", "sqs.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "bucket.s3.us-east-1.amazonaws.com"} {
		if !hosts[want] {
			t.Errorf("%s was not called: %v", want, hosts)
		}
	}
	for _, e := range r.entries() {
		if e.Kind == calls.Refused || e.Service == "" {
			t.Errorf("%+v", e)
		}
	}
}

// TestARegionOfItsOwn holds that a service with one region is called there, and
// recorded there, whichever region the client has.
func TestARegionOfItsOwn(t *testing.T) {
	r := newRig(t, `{"rules":[]}`)
	c := r.endpoint()
	c.Region = "eu-west-1"
	r.aws.answers(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<ListUsersResponse><ListUsersResult><Users/></ListUsersResult></ListUsersResponse>`)
	})
	if _, err := iam.NewFromConfig(c).ListUsers(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	got := r.aws.received()[0]
	if got.host != "iam.amazonaws.com" || !strings.Contains(got.header.Get("Authorization"), "/us-east-1/iam/") {
		t.Errorf("%s: %s", got.host, got.header.Get("Authorization"))
	}
	if all := r.entries(); all[0].Region != "us-east-1" {
		t.Errorf("recorded in %s", all[0].Region)
	}
}

// call has the endpoint answer a request without a network.
func (r *rig) call(req *http.Request) *httptest.ResponseRecorder {
	r.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.Fatal(err)
	}
	in := httptest.NewRequest(req.Method, req.URL.RequestURI(), bytes.NewReader(body))
	in.Header, in.Host, in.RemoteAddr = req.Header.Clone(), req.URL.Host, home
	w := httptest.NewRecorder()
	r.proxy.ServeEndpoint(w, in, endpointName)
	return w
}

// to is a message to an endpoint of ours.
func to(lead, path, service string) message {
	return message{method: "GET", url: "https://" + lead + endpointName + path, service: service}
}

// TestTheEndpointLeadsNowhereElse holds that what a client writes before our
// name, or after, never becomes a host that is not one of AWS, nor another
// thing of S3 than the client means.
func TestTheEndpointLeadsNowhereElse(t *testing.T) {
	r := newRig(t, "")
	for name, c := range map[string]struct {
		message
		want string
	}{
		"another name":    {message{method: "GET", url: "https://dynamodb.us-east-1.amazonaws.com/", service: "dynamodb"}, "have AWS_ENDPOINT_URL name it"},
		"the end of ours": {message{method: "GET", url: "https://x" + endpointName + "/", service: "s3"}, "have AWS_ENDPOINT_URL name it"},
		"more than ours":  {message{method: "GET", url: "https://" + endpointName + ".example.com/", service: "s3"}, "have AWS_ENDPOINT_URL name it"},
		"signs":           {to("a_b.", "/", "s3"), "have AWS_ENDPOINT_URL name it"},
		"an account":      {to("111122223333.", "/v20180820/jobs", "s3"), "an account of S3 Control or a bucket"},
		"an access point": {to("data-111122223333.", "/key", "s3"), "an access point or a bucket"},
		"a directory":     {to("b--use1-az4--x-s3.", "/key", "s3"), "is a directory bucket"},
		"S3 Express":      {to("b--use1-az4--x-s3.", "/?session", "s3express"), "S3 Express has hosts of its own"},
		"a prefix":        {to("data-x.", "/", "servicediscovery"), "set AWS_DISABLE_HOST_PREFIX_INJECTION=true"},
		"an API":          {to("abc123.", "/prod", "execute-api"), "set AWS_DISABLE_HOST_PREFIX_INJECTION=true"},
		"no such service": {to("", "/", "no-such-service"), "knows no host of no-such-service in us-east-1"},
		"no such region":  {func() message { m := to("", "/", "sqs"); m.region = "elb.example"; return m }(), "knows no host of sqs in elb.example"},
		"a session": {message{
			method: "POST", url: "https://" + endpointName + "/", service: "ssm", body: `{"Target":"i-1"}`,
			header: map[string]string{"X-Amz-Target": "AmazonSSM.StartSession", "Content-Type": "application/x-amz-json-1.1"},
		}, "The stream of a session has a host of its own"},
		"one of two": {to("", "/", "sagemaker"), "cannot tell apart"},
		"S3 Control": {func() message {
			m := to("", "/v20180820/bucket/b", "s3")
			m.header = map[string]string{"X-Amz-Account-Id": "111122223333"}
			return m
		}(), "S3 Control has hosts of its own"},
	} {
		w := r.call(r.signed(c.message))
		if body := w.Body.String(); w.Code == http.StatusOK || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, w.Code, body)
		}
	}
	if got := r.aws.received(); len(got) > 0 {
		t.Errorf("%d calls reached AWS, the first at %s", len(got), got[0].host)
	}
}

// TestTheEndpointVerifiesItsOwnName holds that what was signed for another host
// is not taken here, nor the other way round.
func TestTheEndpointVerifiesItsOwnName(t *testing.T) {
	r := newRig(t, "")
	forged := r.signed(to("mine.", "/key", "s3"))
	forged.URL.Host = "yours." + endpointName
	if w := r.call(forged); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("a bucket that was not signed for: %d %s", w.Code, w.Body)
	}
	r.listen()
	res, err := r.client().Do(r.signed(to("", "/", "s3")))
	if err == nil {
		_ = res.Body.Close()
		t.Errorf("the interceptor took our own name for one of AWS: %s", res.Status)
	}
}

// TestTheEndpointRefusesNatively holds that clients show the sentence.
func TestTheEndpointRefusesNatively(t *testing.T) {
	r := newRig(t, `{"read_only":true}`)
	c, ctx := r.endpoint(), t.Context()
	for name, call := range map[string]func() error{
		"json": func() error {
			_, err := dynamodb.NewFromConfig(c).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("orders")})
			return err
		},
		"rest-xml": func() error {
			_, err := s3.NewFromConfig(c).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
			return err
		},
		"query": func() error {
			_, err := iam.NewFromConfig(c).DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("root")})
			return err
		},
	} {
		err := call()
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok || !strings.HasPrefix(api.ErrorCode(), "AccessDenied") || !strings.Contains(api.ErrorMessage(), "refused through Sesame") && !strings.Contains(api.ErrorMessage(), "read-only") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDrain ends each listener while a call is under way: the call is answered
// whole, and no other is taken.
func TestDrain(t *testing.T) {
	for name, begin := range map[string]func(*rig) (aws.Config, func()){
		"interceptor": func(r *rig) (aws.Config, func()) {
			stop := r.listen()
			return r.config(), stop
		},
		"endpoint": (*rig).endpointUntil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			c, stop := begin(r)
			came, goOn := make(chan struct{}), make(chan struct{})
			r.aws.answers(func(w http.ResponseWriter, _ *http.Request) {
				close(came)
				<-goOn
				_, _ = io.WriteString(w, `{"Count":7}`)
			})
			var wg sync.WaitGroup
			client := dynamodb.NewFromConfig(c)
			call := func() error {
				_, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("orders"), KeyConditionExpression: aws.String("a = b")})
				return err
			}
			wg.Go(func() {
				if err := call(); err != nil {
					t.Errorf("under way: %v", err)
				}
			})
			<-came
			stopped := make(chan struct{})
			wg.Go(func() { stop(); close(stopped) })
			for { // until nobody listens any more
				conn, err := net.Dial("tcp", r.address)
				if err != nil {
					break
				}
				_ = conn.Close()
			}
			select {
			case <-stopped:
				t.Error("the listener ended before the call did")
			default:
			}
			close(goOn)
			wg.Wait()
			if err := call(); err == nil {
				t.Error("a call was taken after the end")
			}
		})
	}
}
