package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/flows/clock"
)

// A Config is how calls of AWS are made.
type Config struct {
	Region string
	// Credentials sign the calls. They are asked for each time, so that a
	// session which is resumed after hours has fresh ones. Required.
	Credentials aws.CredentialsProvider
	// Proxy leads to a host, or to none; TLS says whom to trust. Optional.
	Proxy func(*http.Request) (*url.URL, error)
	TLS   *tls.Config
	// Clock drives retries. Default clock.System.
	Clock clock.Clock
}

// An API makes calls of AWS.
type API struct {
	Config
	http *http.Client
}

// New returns what makes calls as c says.
func New(c Config) *API {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return &API{c, &http.Client{Transport: &http.Transport{Proxy: c.Proxy, TLSClientConfig: c.TLS}}}
}

// An Error is how AWS, or the proxy in its place, refuses a call.
type Error struct {
	Code, Message string
	Status        int // of HTTP
}

// passes reports whether the same call may succeed in a moment.
func (e *Error) passes() bool {
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests || strings.HasPrefix(e.Code, "Throttling")
}

// Error is what AWS says, as it stands.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Message
}

// maxAnswer is how long an answer may be.
const maxAnswer = 1 << 20

// An operation is one of the JSON protocol.
type operation struct{ service, prefix, name string }

func ofSSM(name string) operation { return operation{"ssm", "AmazonSSM", name} }

// host is where a service of the region is.
func (a *API) host(service string) string {
	host := service + "." + a.Region + ".amazonaws.com"
	if strings.HasPrefix(a.Region, "cn-") {
		host += ".cn"
	}
	return host
}

// call makes one call, and reads the answer into out.
func (a *API) call(ctx context.Context, op operation, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.host(op.service)+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", op.prefix+"."+op.name)
	// Two calls that say the same in the same second are to have two signatures:
	// whoever takes a call once would refuse the other.
	req.Header.Set("Amz-Sdk-Invocation-Id", newID())
	if err := a.sign(ctx, req, op.service, body); err != nil {
		return err
	}
	res, err := a.http.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", op.name, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", op.name, err)
	}
	if res.StatusCode != http.StatusOK {
		return refusalOf(res, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the answer to %s: it is no JSON", op.name) // it may hold a token
	}
	return nil
}

func (a *API) sign(ctx context.Context, req *http.Request, service string, body []byte) error {
	creds, err := a.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get a key: %w", err)
	}
	sum := sha256.Sum256(body)
	now := clock.System{}.Now() // signatures are of wall time
	return v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), service, a.Region, now)
}

// refusalOf reads an error of the JSON protocol, which names its members in
// either case.
func refusalOf(res *http.Response, answer []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &e) != nil || e.Type == "" {
		return &Error{Code: res.Status, Message: "AWS answers " + res.Status, Status: res.StatusCode}
	}
	return &Error{Code: e.Type[strings.LastIndex(e.Type, "#")+1:], Message: e.Message, Status: res.StatusCode}
}
