package identitycenter

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// Config says which instance, with whose credentials, and how fast.
type Config struct {
	// Region is where the instance is. Required.
	Region string
	// InstanceARN names the instance. Required.
	InstanceARN string
	// Account is the account that the credentials must belong to. Empty takes
	// any.
	Account string
	// Profile is a profile of the shared configuration; empty means the SDK's
	// default chain.
	Profile string
	// IgnoreEnvironmentKeys leaves access keys in the environment aside.
	IgnoreEnvironmentKeys bool
	// Credentials are taken instead of any that the machine has, whose shared
	// configuration is left aside as well. Optional, for stand-ins.
	Credentials aws.CredentialsProvider
	// RoleChain is assumed in order, starting from the credentials found.
	RoleChain []Role
	// Endpoint replaces AWS's own. Only with AllowCustomEndpoints.
	Endpoint string
	// Transport replaces the network. Only with AllowCustomEndpoints.
	Transport http.RoundTripper
	// AllowCustomEndpoints accepts Endpoint, Transport and AWS_ENDPOINT_URL.
	// For tests.
	AllowCustomEndpoints bool
	// CallsPerSecond is the rate for each API. Default 20; negative lifts the
	// limit.
	CallsPerSecond float64
	// Clock drives the limit and the polls. Required.
	Clock clock.Clock
	// OnCall is told of every call that ended. Optional; it must be quick.
	OnCall func(Call)
}

// A Role is one link of a role chain.
type Role struct {
	ARN string
	// ExternalID is what the trust policy asks for. Optional.
	ExternalID string
	// SessionName shows in CloudTrail. Default "sesame".
	SessionName string
	// Duration is 15 minutes to an hour, AWS's limit for chained roles.
	// Default 1 hour.
	Duration time.Duration
}

// A Call is one call that ended.
type Call struct {
	Service   string // the SDK's name: "SSO Admin", "identitystore"
	Operation string
	RequestID string // empty if AWS did not answer
	At        time.Time
	Took      time.Duration
	Code      string // AWS's error code; empty for success, or without an answer
	Class     access.Class
	Err       error
}

const (
	defaultRate    = 20
	maxChained     = time.Hour
	minSession     = 15 * time.Minute
	defaultSession = "sesame"
)

var (
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	instanceARN = regexp.MustCompile(`^arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}$`)
	accountID   = regexp.MustCompile(`^\d{12}$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// Validate reports everything wrong with c at once. It touches nothing.
func (c Config) Validate() error {
	var instance error
	if !instanceARN.MatchString(c.InstanceARN) {
		instance = fmt.Errorf("instance_arn: %q is not the ARN of an Identity Center instance", c.InstanceARN)
	}
	return errors.Join(c.reachable(), instance)
}

// reachable is Validate for clients that need no instance.
func (c Config) reachable() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!regionName.MatchString(c.Region), "region: %q is not the name of a region", c.Region)
	wrong(c.Account != "" && !accountID.MatchString(c.Account), "account: %q is not 12 digits", c.Account)
	wrong(c.Endpoint != "" && !c.AllowCustomEndpoints, "endpoint: only with allow_custom_endpoints: true")
	wrong(c.Transport != nil && !c.AllowCustomEndpoints, "transport: only with allow_custom_endpoints: true")
	wrong(c.Clock == nil, "clock: required")
	for i, r := range c.RoleChain {
		wrong(!roleARN.MatchString(r.ARN), "role_chain[%d].role_arn: %q is not the ARN of a role", i, r.ARN)
		wrong(r.SessionName != "" && !sessionName.MatchString(r.SessionName), "role_chain[%d].session_name: want 2 to 64 letters, digits and +=,.@-", i)
		wrong(r.Duration != 0 && (r.Duration < minSession || r.Duration > maxChained), "role_chain[%d].duration: %v is outside 15m to 1h", i, r.Duration)
	}
	return errors.Join(errs...)
}
