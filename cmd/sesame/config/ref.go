package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Ref says where a secret is: ${env:NAME} or ${file:PATH}. The zero Ref
// refers to nothing.
type Ref string

var refForm = regexp.MustCompile(`^\$\{(env|file):([^{}]+)\}$`)

// parse returns the two parts of a reference.
func (r Ref) parse() (source, name string, ok bool) {
	m := refForm.FindStringSubmatch(string(r))
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// problem returns what is wrong with the form of r. It does not repeat what
// stands there: that may be the secret itself.
func (r Ref) problem() string {
	if _, _, ok := r.parse(); ok || r == "" {
		return ""
	}
	return "must say where the secret is, as ${env:NAME} or ${file:PATH}: the file that everybody reads is no place for it"
}

// Secrets are the values that a Config refers to.
type Secrets struct {
	AppToken    Secret
	BotToken    Secret
	ExternalIDs []Secret // in the order of the role chain
	Sinks       []Secret // tokens, in the order of the sinks
}

// A Lookup returns a variable of the environment, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// ReadSecrets fetches what c refers to, and says what is wrong with all of it
// at once. Files must be readable by their owner alone.
func (c Config) ReadSecrets(env Lookup) (Secrets, error) {
	var s Secrets
	var errs []error
	read := func(key string, r Ref) Secret {
		v, err := r.read(env)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return v
	}
	s.AppToken = read("slack.app_token", c.Slack.AppToken)
	s.BotToken = read("slack.bot_token", c.Slack.BotToken)
	for i, role := range c.AWS.RoleChain {
		s.ExternalIDs = append(s.ExternalIDs, read(fmt.Sprintf("aws.role_chain[%d].external_id", i), role.ExternalID))
	}
	for i, sink := range c.Sinks {
		s.Sinks = append(s.Sinks, read(fmt.Sprintf("sinks[%d].token", i), sink.Token))
	}
	if len(errs) == 0 {
		errs = append(errs, kindOfToken("slack.app_token", s.AppToken, appToken), kindOfToken("slack.bot_token", s.BotToken, botToken))
	}
	return s, errors.Join(errs...)
}

func (r Ref) read(env Lookup) (Secret, error) {
	if r == "" {
		return Secret{}, nil
	}
	source, name, ok := r.parse()
	if !ok {
		return Secret{}, errors.New(r.problem())
	}
	if source == "file" {
		return readPrivate(name)
	}
	value, ok := env(name)
	if !ok || strings.TrimSpace(value) == "" {
		return Secret{}, fmt.Errorf("the environment has no %s: set it, or refer to a file instead", name)
	}
	return NewSecret(strings.TrimSpace(value)), nil
}

// FlowSecret reads a secret that a flow file refers to, afresh: a file in
// FlowSecrets. Whoever writes flow files may not choose what else the server
// can read, and have it sent to a place of their choice.
func (c Config) FlowSecret(ref string) (Secret, error) {
	source, name, ok := Ref(ref).parse()
	if !ok || source != "file" || name != filepath.Base(name) || name == ".." || name == "." {
		return Secret{}, errors.New("flow files refer to secrets as ${file:NAME}, by the name of a file in flow_secrets")
	}
	return readPrivate(filepath.Join(c.FlowSecrets, name))
}

// maxSecret is longer than any token or external id.
const maxSecret = 16 << 10

// readPrivate returns the content of a file that nobody but its owner can
// read.
func readPrivate(path string) (Secret, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Secret{}, fmt.Errorf("there is no file %s: create it with mode 0600", path)
	} else if err != nil {
		return Secret{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, err
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return Secret{}, fmt.Errorf("%s can be read by others (mode %v): chmod 600 it, and replace the secret if it was seen", path, mode)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, err
	}
	if len(content) > maxSecret {
		return Secret{}, fmt.Errorf("%s is longer than any secret", path)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return Secret{}, fmt.Errorf("%s is empty", path)
	}
	return NewSecret(value), nil
}

// under returns r with a relative path taken from dir.
func (r Ref) under(dir string) Ref {
	if source, name, ok := r.parse(); ok && source == "file" && !filepath.IsAbs(name) {
		return Ref("${file:" + filepath.Join(dir, name) + "}")
	}
	return r
}

// A tokenKind is what a Slack token starts with, and what it is called.
type tokenKind struct{ prefix, name string }

var (
	appToken = tokenKind{"xapp-", "an app-level token"}
	botToken = tokenKind{"xoxb-", "a bot token"}
)

// otherTokens are what people paste by mistake.
var otherTokens = []tokenKind{
	appToken, botToken,
	{"xoxp-", "a user token"},
	{"xoxe", "a token that rotates"},
	{"xoxa-", "a token of an old workspace app"},
	{"xoxc-", "a token of a browser session"},
}

// kindOfToken returns what is wrong with the kind of a token. It names the
// kind that was given, and nothing else of it.
func kindOfToken(key string, s Secret, want tokenKind) error {
	if strings.HasPrefix(s.Reveal(), want.prefix) {
		return nil
	}
	for _, other := range otherTokens {
		if strings.HasPrefix(s.Reveal(), other.prefix) {
			return fmt.Errorf("%s: this is %s (%s…) where %s (%s…) is needed", key, other.name, other.prefix, want.name, want.prefix)
		}
	}
	return fmt.Errorf("%s: this is no Slack token: %s starts with %s", key, want.name, want.prefix)
}
