package callerproof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"sesame/flows/clock"
)

// The headers that a proof signs besides the host.
const (
	headerServer = "X-Sesame-Server"
	headerSaid   = "X-Sesame-Said"
)

// emptySum is the SHA-256 of no body.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Credentials finds those of a profile of this computer; an empty name is the
// chain that the AWS CLI follows.
func Credentials(ctx context.Context, profile string) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("find AWS credentials: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("find AWS credentials: the profile names no region")
	}
	return cfg, nil
}

// Make returns a proof of who has the credentials, for one server and for what
// is said to it.
func Make(ctx context.Context, cfg aws.Config, server, said string) (string, error) {
	keys, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("find AWS credentials: %w", err)
	}
	r, err := request(ctx, hostOf(cfg.Region), server, said)
	if err != nil {
		return "", err
	}
	q := url.Values{"Action": {action}, "Version": {version}, "X-Amz-Expires": {"300"}}
	r.URL.RawQuery = q.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, keys, r, emptySum, "sts", cfg.Region, clock.System{}.Now())
	return signed, err
}

// request is the call that a proof is of, without its query.
func request(ctx context.Context, host, server, said string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(said))
	r.Header.Set(headerServer, server)
	r.Header.Set(headerSaid, hex.EncodeToString(sum[:]))
	return r, nil
}

func hostOf(region string) string {
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	return "sts." + region + suffix
}
