package main

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func readStarter(t *testing.T, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(starter, "starter/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A manifest is the part of Slack's app manifest that Sesame needs. Slack's
// published schema (slackapi/manifest-schema, version 1) refuses unknown keys,
// as the strict decoding of this one does.
type manifest struct {
	Metadata struct {
		Major int `yaml:"major_version"`
	} `yaml:"_metadata"`
	Display struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Color       string `yaml:"background_color"`
	} `yaml:"display_information"`
	Features struct {
		Home struct {
			Home     bool `yaml:"home_tab_enabled"`
			Messages bool `yaml:"messages_tab_enabled"`
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
		Bot struct {
			Name   string `yaml:"display_name"`
			Online bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		Shortcuts []struct {
			Name        string `yaml:"name"`
			Type        string `yaml:"type"`
			Callback    string `yaml:"callback_id"`
			Description string `yaml:"description"`
		} `yaml:"shortcuts"`
		Commands []struct {
			Command     string `yaml:"command"`
			Description string `yaml:"description"`
			Hint        string `yaml:"usage_hint"`
			Escape      bool   `yaml:"should_escape"`
		} `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			Enabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		OrgDeploy     bool `yaml:"org_deploy_enabled"`
		SocketMode    bool `yaml:"socket_mode_enabled"`
		TokenRotation bool `yaml:"token_rotation_enabled"`
	} `yaml:"settings"`
}

func TestTheManifestIsWhatSlackTakes(t *testing.T) {
	var m manifest
	d := yaml.NewDecoder(strings.NewReader(string(readStarter(t, "slack-manifest.yaml"))), yaml.Strict())
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if !m.Features.Home.Home || !m.Features.Home.Messages || !m.Features.Home.ReadOnly {
		t.Error("app_home: the home and messages tabs must be on, or direct messages fail")
	}
	if !m.Settings.SocketMode || !m.Settings.Interactivity.Enabled || m.Settings.TokenRotation || m.Settings.OrgDeploy {
		t.Errorf("settings: %+v", m.Settings)
	}
	if len(m.Features.Commands) != 1 || m.Features.Commands[0].Command != "/access" || !m.Features.Commands[0].Escape {
		t.Errorf("slash_commands: %+v, want /access, escaped", m.Features.Commands)
	}
	if len(m.Features.Shortcuts) != 1 || m.Features.Shortcuts[0].Type != "global" || m.Features.Shortcuts[0].Callback == "" {
		t.Errorf("shortcuts: %+v, want one global shortcut", m.Features.Shortcuts)
	}
	want := []string{"commands", "chat:write", "im:write", "users:read", "users:read.email", "usergroups:read", "channels:read", "groups:read", "team:read"}
	if diff := cmp.Diff(want, m.OAuth.Scopes.Bot); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(m.OAuth.Scopes.Bot, func(s string) bool { return strings.Contains(s, "history") }) {
		t.Error("the app asks to read messages")
	}
}

func TestTheManifestKeepsSlacksLimits(t *testing.T) {
	var m manifest
	if err := yaml.Unmarshal(readStarter(t, "slack-manifest.yaml"), &m); err != nil {
		t.Fatal(err)
	}
	command, shortcut := m.Features.Commands[0], m.Features.Shortcuts[0]
	for _, l := range []struct {
		what, text string
		max        int
	}{
		{"name", m.Display.Name, 35},
		{"description", m.Display.Description, 140},
		{"bot name", m.Features.Bot.Name, 80},
		{"command", command.Command, 32},
		{"command description", command.Description, 2000},
		{"usage hint", command.Hint, 1000},
		{"shortcut name", shortcut.Name, 24},
		{"shortcut description", shortcut.Description, 150},
	} {
		if len(l.text) == 0 || len(l.text) > l.max {
			t.Errorf("%s is %d characters long, want 1 to %d", l.what, len(l.text), l.max)
		}
	}
	if !regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString(m.Display.Color) {
		t.Errorf("background_color %q", m.Display.Color)
	}
}

// A policy is the part of an IAM policy that Sesame needs.
type policy struct {
	Version   string
	Statement []struct {
		Sid      string
		Effect   string
		Action   any
		Resource any
	}
}

func readPolicy(t *testing.T) policy {
	t.Helper()
	var p policy
	d := json.NewDecoder(strings.NewReader(string(readStarter(t, "iam-policy.json"))))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// allows reports whether some statement names an action.
func (p policy) allows(action string) bool {
	for _, s := range p.Statement {
		if slices.Contains(list(s.Action), action) {
			return true
		}
	}
	return false
}

// TestThePolicyIsNarrow holds the server's role to its targets: what changes
// something names what it changes.
func TestThePolicyIsNarrow(t *testing.T) {
	policy := readPolicy(t)
	reads := regexp.MustCompile(`^[a-z-]+:(Describe|List|Get|IsMemberIn)[A-Za-z]+$`)
	for _, s := range policy.Statement {
		for _, action := range list(s.Action) {
			switch {
			case reads.MatchString(action):
			case action == "sso:CreateAccountAssignment" || action == "sso:DeleteAccountAssignment":
				for _, r := range list(s.Resource) {
					if strings.Contains(r, "*") {
						t.Errorf("%s: %s on %s, want a single resource", s.Sid, action, r)
					}
				}
			default:
				t.Errorf("%s: %s is neither a read nor an assignment", s.Sid, action)
			}
		}
	}
}

// list returns what IAM lets be a string or a list of them.
func list(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	for _, s := range v.([]any) {
		all = append(all, s.(string))
	}
	return all
}
