package config

import (
	"time"

	"github.com/goccy/go-yaml"
)

// A Config is what one server needs to know. The values of Default stand for
// every key that the file leaves out.
type Config struct {
	// DataDir is where the store lives, relative to the file. Optional,
	// default "data".
	DataDir string `yaml:"data_dir"`
	// Flows is a flow file, or a folder of them, relative to the file.
	// Optional, default "flows".
	Flows string `yaml:"flows"`
	// FlowSecrets is the folder of the secrets that flow files may refer to,
	// relative to the file. No others are in their reach. Optional, default
	// "flow-secrets".
	FlowSecrets string `yaml:"flow_secrets"`
	// Socket is where the commands reach a running server. Optional, default
	// "sesame.sock" in DataDir.
	Socket string `yaml:"socket"`

	Slack    Slack    `yaml:"slack"`
	AWS      AWS      `yaml:"aws"`
	Identity Identity `yaml:"identity"`
	Roles    Roles    `yaml:"roles"`
	// AdminChannel is the id of the channel that is told what needs a
	// person. Required.
	AdminChannel string `yaml:"admin_channel"`

	Limits Limits `yaml:"limits"`
	// Unsure says what becomes of an object in AWS of which a crash left
	// open whether Sesame made it: "remove", since it was not there just
	// before, or "report". Either is said out loud. Optional, default
	// "remove".
	Unsure Unsure `yaml:"unsure"`
	// Operators maps ids of users of this machine to ids of Slack users, so
	// that what they do by command is done by a person. Optional: without it
	// the commands show, and change nothing.
	Operators map[uint32]string `yaml:"operators"`

	// Sinks are told, besides Slack, when somebody breaks the glass, and get
	// the signed checkpoints of the record. Optional.
	Sinks []Sink `yaml:"sinks"`

	Log     Log     `yaml:"log"`
	Metrics Metrics `yaml:"metrics"`
	Proxy   Proxy   `yaml:"proxy"`
	API     API     `yaml:"api"`
	// Recordings are what is kept of terminal sessions through the proxy.
	Recordings Recordings `yaml:"recordings"`
	// AllowCustomEndpoints lets Slack and AWS be somewhere else than at Slack
	// and AWS. Whoever sets an endpoint receives signed requests and can fake
	// success, so this is for tests. Optional, default false.
	AllowCustomEndpoints bool `yaml:"allow_custom_endpoints"`
}

// Slack is how the workspace is reached.
type Slack struct {
	// Workspace is the id of the team, or of the enterprise where there is
	// one: T… or E…. Required.
	Workspace string `yaml:"workspace"`
	// AppToken refers to the app-level token, xapp-…. Required.
	AppToken Ref `yaml:"app_token"`
	// BotToken refers to the bot's token, xoxb-…. Required.
	BotToken Ref `yaml:"bot_token"`
	// APIURL replaces https://slack.com/api/. Only with
	// allow_custom_endpoints.
	APIURL string `yaml:"api_url"`
}

// AWS is where credentials come from and what they must turn out to be.
type AWS struct {
	// Account is the id of the account that the credentials must belong to.
	// Required, so that the wrong profile opens nothing.
	Account string `yaml:"account"`
	// Profile is a profile of the shared configuration. Optional: without it
	// the SDK's default chain is asked.
	Profile string `yaml:"profile"`
	// IgnoreEnvironmentKeys leaves access keys in the environment aside.
	// Optional, default false.
	IgnoreEnvironmentKeys bool `yaml:"ignore_environment_keys"`
	// RoleChain is assumed in order, starting from the credentials found.
	// Optional.
	RoleChain []Role `yaml:"role_chain"`
	// Endpoint replaces AWS's own. Only with allow_custom_endpoints.
	Endpoint string `yaml:"endpoint"`
}

// A Role is one link of a role chain.
type Role struct {
	// ARN names the role. Required.
	ARN string `yaml:"role_arn"`
	// ExternalID refers to the external id that the role's trust policy asks
	// for. Optional.
	ExternalID Ref `yaml:"external_id"`
	// SessionName is 2 to 64 characters long. Optional, default "sesame".
	SessionName string `yaml:"session_name"`
	// Duration is 15 minutes to an hour, which is AWS's limit for chained
	// roles. Optional, default 1h.
	Duration time.Duration `yaml:"duration"`
}

// Identity is how a Slack user becomes a user of Identity Center.
type Identity struct {
	// TrustEmail declares that the workspace enforces single sign-on, so that
	// nobody can choose their own e-mail address there. Optional, default
	// false: then only those in People are linked.
	TrustEmail bool `yaml:"trust_email"`
	// People maps ids of Slack users to ids of Identity Center users.
	// Optional.
	People map[string]string `yaml:"people"`
}

// Roles are the people with a part in running Sesame, each by the id of their
// Slack user or by their e-mail address.
type Roles struct {
	// Admins may end any grant. Required.
	Admins []string `yaml:"admins"`
	// Auditors may read the record where it is not enough to be on the
	// machine, as it is for the commands, and see what was shown in every
	// recorded session. Optional.
	Auditors []string `yaml:"auditors"`
	// Keystrokes may see what was typed in recorded sessions, for a reason that
	// they give each time. Optional, default nobody: auditors may not.
	Keystrokes []string `yaml:"keystrokes"`
}

// Limits are what Sesame takes of AWS's quotas, which others share.
type Limits struct {
	// CallsPerSecond is for the whole Identity Center instance, for which AWS
	// allows 20. Optional, default 10.
	CallsPerSecond float64 `yaml:"calls_per_second"`
	// Outstanding is how many assignment operations may be in progress, of
	// which AWS allows 10. Optional, default 8.
	Outstanding int `yaml:"outstanding"`
	// Workers is how many steps are carried out at once. Optional, default
	// 32.
	Workers int `yaml:"workers"`
}

// A Sink is a service that takes note over HTTP.
type Sink struct {
	// Name is what the record and people call it. Required.
	Name string `yaml:"name"`
	// URL takes POST requests: https, or with allow_custom_endpoints http on
	// this machine. Required.
	URL string `yaml:"url"`
	// Token refers to the bearer token that is sent along. Optional.
	Token Ref `yaml:"token"`
	// Timeout is for each try, 1s to 1m. Optional, default 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Unsure says what becomes of an object that may be Sesame's or not.
type Unsure string

// The values of Unsure.
const (
	UnsureReport Unsure = "report"
	UnsureRemove Unsure = "remove"
)

// Log is what the server writes to standard error.
type Log struct {
	// Level is debug, info, warn or error. Optional, default info.
	Level string `yaml:"level"`
	// Format is json or console. Optional, default json.
	Format string `yaml:"format"`
}

// Metrics is where Prometheus finds the server.
type Metrics struct {
	// Listen is a loopback address with a port. Optional: without it there
	// are no metrics.
	Listen string `yaml:"listen"`
}

// API is where the commands of engineers reach the server.
type API struct {
	// Listen is an address with a port. Optional: without it the commands of
	// engineers are not answered, and Slack is the only way.
	Listen string `yaml:"listen"`
	// Cert and Key are files of the certificate, with its chain, and of its
	// key, in PEM; renewed ones are taken up. Required, unless Listen is a
	// loopback address.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// Name is the name that people call the server by, such as
	// sesame.example.com. What the people of partners sign is for this name
	// alone. Optional: without it their commands are not answered.
	Name string `yaml:"name"`
	// LoginLasts is how long somebody is signed in, 10m to 168h. Optional,
	// default 12h.
	LoginLasts time.Duration `yaml:"login_lasts"`
}

// Proxy is where the holders of grants find AWS, for targets of the type
// aws_role.
type Proxy struct {
	// Listen is the address with a port that clients name as their
	// HTTPS_PROXY. Optional: without it there is no proxy, and flow files with
	// such targets cannot be used.
	Listen string `yaml:"listen"`
	// Address is the host and the port that clients are told to use, where that
	// is not Listen. Optional: a proxy that listens on every address of the
	// machine is told of as having the host of the API.
	Address string `yaml:"address"`
	// Endpoint is another way in, for clients that know of no HTTPS_PROXY.
	// Optional.
	Endpoint Endpoint `yaml:"endpoint"`
	// Tunnels are hosts outside AWS that the holders of open grants reach through
	// the proxy on port 443: names, or *.name for all below one. What passes is
	// not read; who, where to, when and how much is recorded. Optional: without
	// it, what is not AWS is refused.
	Tunnels []string `yaml:"tunnels"`
	// AnyAddress makes keys that can be used from anywhere. Else each is bound to
	// the address that it was asked for from, which whatever ends TLS before the
	// API, or lets the two be reached by different ways, makes another. Optional,
	// default false.
	AnyAddress bool `yaml:"any_address"`
	// SealingKey is the file with the key that the proxy's secrets are sealed
	// with, relative to the file. It is made when there is none, and must not
	// be in DataDir: a backup of the one is not to hold the other. Or it is
	// kms: and the ARN of a key of KMS, which wraps the key that seals; the
	// wrapped one is kept in DataDir. Required with Listen.
	SealingKey string `yaml:"sealing_key"`
	// FormerSealingKey is the SealingKey from before another took its place. It
	// opens what the other does not. Optional; what was sealed with it is sealed
	// anew at the start, but for recordings, which need it for as long as they
	// are kept.
	FormerSealingKey string `yaml:"former_sealing_key"`
	// RecordQuota is how many MiB the record of calls may take. No calls pass
	// once it is used up. Optional, default 1024.
	RecordQuota int64 `yaml:"record_quota"`
	// RecordFor is how long calls stay in the record. Optional, default
	// 2160h; 0 keeps them until somebody takes them away.
	RecordFor time.Duration `yaml:"record_for"`
}

// An Endpoint is where clients find AWS that are told so by AWS_ENDPOINT_URL.
type Endpoint struct {
	// Listen is the address with a port. Optional: without it there is no
	// endpoint, and every client needs HTTPS_PROXY.
	Listen string `yaml:"listen"`
	// Name is what clients are told to call. DNS has to lead it here, and with a
	// wildcard before it for buckets. Required with Listen. The certificate of
	// the proxy's authority is good for it, so that a new name makes a new one.
	Name string `yaml:"name"`
	// Port is the one that clients are told, where that is not Listen's.
	// Optional.
	Port int `yaml:"port"`
}

// Recordings are what is kept of terminal sessions, in the folder "recordings"
// of DataDir.
type Recordings struct {
	// Quota is how many MiB all recordings may take. No session begins once it
	// is nearly used up. Optional, default 10240.
	Quota int64 `yaml:"quota"`
	// Keep is how long recordings are kept after they ended; then their keys
	// are destroyed, and they are removed. Optional, default 2160h; 0 keeps
	// them.
	Keep time.Duration `yaml:"keep"`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		DataDir: "data",
		Flows:   "flows", FlowSecrets: "flow-secrets",
		Limits:     Limits{CallsPerSecond: 10, Outstanding: 8, Workers: 32},
		Unsure:     UnsureRemove,
		Log:        Log{Level: "info", Format: "json"},
		API:        API{LoginLasts: 12 * time.Hour},
		Proxy:      Proxy{RecordQuota: 1024, RecordFor: 90 * 24 * time.Hour},
		Recordings: Recordings{Quota: 10240, Keep: 90 * 24 * time.Hour},
	}
}

// The defaults of a Role, which no list of roles could carry.
const (
	DefaultSessionName  = "sesame"
	DefaultRoleDuration = time.Hour
)

// KMS begins a sealing key that is in KMS; its ARN follows.
const KMS = "kms:"

// DefaultSinkTimeout is that of a Sink, which no list of sinks could carry.
const DefaultSinkTimeout = 10 * time.Second

// UnmarshalYAML decodes a sink over its defaults.
func (s *Sink) UnmarshalYAML(decode func(any) error) error {
	type plain Sink
	p := plain{Timeout: DefaultSinkTimeout}
	if err := decode(&p); err != nil {
		return err
	}
	*s = Sink(p)
	return nil
}

// UnmarshalYAML decodes a role over its defaults.
func (r *Role) UnmarshalYAML(decode func(any) error) error {
	type plain Role
	p := plain{SessionName: DefaultSessionName, Duration: DefaultRoleDuration}
	if err := decode(&p); err != nil {
		return err
	}
	*r = Role(p)
	return nil
}

var (
	_ yaml.InterfaceUnmarshaler = (*Role)(nil)
	_ yaml.InterfaceUnmarshaler = (*Sink)(nil)
)
