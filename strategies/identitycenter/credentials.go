package identitycenter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// load finds credentials as c says, through the role chain, and refuses
// endpoints that are not AWS's.
func (c Config) load(ctx context.Context) (aws.Config, error) {
	if err := c.refuseEndpointVariables(os.Environ()); err != nil {
		return aws.Config{}, err
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(c.Region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	cfg, err := c.loadFrom(ctx, options)
	if err != nil {
		return aws.Config{}, fmt.Errorf("find AWS credentials: %w", err)
	}
	if err := c.refuseEndpointSettings(cfg); err != nil {
		return aws.Config{}, err
	}
	if c.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(c.Endpoint)
	}
	if c.Transport != nil {
		cfg.HTTPClient = &http.Client{Transport: c.Transport}
	}
	for _, r := range c.RoleChain {
		cfg.Credentials = aws.NewCredentialsCache(r.provider(cfg))
	}
	return cfg, nil
}

// loadFrom runs the SDK's chain, without the environment's keys if they are
// to be ignored. Credentials that are given are taken without it: whatever the
// environment and the shared configuration say, they do not matter then.
func (c Config) loadFrom(ctx context.Context, options []func(*config.LoadOptions) error) (aws.Config, error) {
	if c.Credentials != nil {
		return aws.Config{
			Region: c.Region, Credentials: c.Credentials, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		}, nil
	}
	tokenFile, role := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), os.Getenv("AWS_ROLE_ARN")
	switch {
	case !c.IgnoreEnvironmentKeys || c.Profile != "": // a profile that is asked for goes before the keys
		return config.LoadDefaultConfig(ctx, options...)
	case tokenFile != "" && role != "":
		cfg, err := c.withoutKeys(ctx, options)
		if err == nil {
			cfg.Credentials = aws.NewCredentialsCache(stscreds.NewWebIdentityRoleProvider(
				sts.NewFromConfig(cfg), role, stscreds.IdentityTokenFile(tokenFile),
				func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = defaultSession }))
		}
		return cfg, err
	default:
		return c.withoutKeys(ctx, options)
	}
}

// withoutKeys asks for a profile by name, which the SDK puts before the
// environment's keys. Where there is no such profile, an empty one stands in,
// so that the chain goes on to the container's or the machine's credentials.
func (c Config) withoutKeys(ctx context.Context, options []func(*config.LoadOptions) error) (aws.Config, error) {
	name := cmp.Or(os.Getenv("AWS_PROFILE"), "default")
	named := append(options, config.WithSharedConfigProfile(name))
	cfg, err := config.LoadDefaultConfig(ctx, named...)
	if _, missing := errors.AsType[config.SharedConfigProfileNotExistError](err); !missing || os.Getenv("AWS_PROFILE") != "" {
		return cfg, err
	}
	file, err := os.CreateTemp("", "sesame-aws-*")
	if err != nil {
		return aws.Config{}, err
	}
	defer os.Remove(file.Name())
	if _, err := fmt.Fprintln(file, "[default]"); err != nil {
		return aws.Config{}, err
	}
	if err := file.Close(); err != nil {
		return aws.Config{}, err
	}
	return config.LoadDefaultConfig(ctx, append(named, config.WithSharedConfigFiles([]string{file.Name()}), config.WithSharedCredentialsFiles([]string{}))...)
}

// provider assumes r with the credentials that cfg holds.
func (r Role) provider(cfg aws.Config) aws.CredentialsProvider {
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(r.SessionName, defaultSession)
		o.Duration = cmp.Or(r.Duration, maxChained)
		if r.ExternalID != "" {
			o.ExternalID = aws.String(r.ExternalID)
		}
	})
}

// refuseEndpointVariables refuses AWS_ENDPOINT_URL and its kin.
func (c Config) refuseEndpointVariables(environ []string) error {
	if c.AllowCustomEndpoints {
		return nil
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && (name == "AWS_ENDPOINT_URL" || strings.HasPrefix(name, "AWS_ENDPOINT_URL_")) {
			return fmt.Errorf("%s is set: whoever sets it receives signed requests and can fake success; unset it, or set allow_custom_endpoints: true for a test", name)
		}
	}
	return nil
}

// refuseEndpointSettings refuses the same in the shared configuration.
func (c Config) refuseEndpointSettings(cfg aws.Config) error {
	if c.AllowCustomEndpoints {
		return nil
	}
	for _, source := range cfg.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok && (shared.BaseEndpoint != "" || shared.ServicesSectionName != "") {
			return errors.New("the AWS profile sets endpoint_url or services: whoever sets them receives signed requests and can fake success; remove them, or set allow_custom_endpoints: true for a test")
		}
	}
	return nil
}
