package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"sesame/bot/blocks"
	"sesame/flows/flowfile"
)

func readStarter(t *testing.T, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(starter, "starter/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A manifest is the part of Slack's app manifest that Sesame needs.
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
	if s := m.Features.Shortcuts; len(s) != 2 || s[0].Type != "global" || s[0].Callback == "" || s[1].Type != "global" || s[1].Callback != blocks.ShortcutGlass {
		t.Errorf("shortcuts: %+v, want two global ones, to ask and to break the glass", s)
	}
	want := []string{"commands", "chat:write", "im:write", "users:read", "users:read.email", "usergroups:read", "channels:read", "groups:read", "team:read"}
	if diff := cmp.Diff(want, m.OAuth.Scopes.Bot); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(m.OAuth.Scopes.Bot, func(s string) bool { return strings.Contains(s, "history") }) {
		t.Error("the app asks to read messages")
	}
}

// slackTakes is what Slack's published schema (github.com/slackapi/manifest-schema,
// schemas/manifest.schema.1.0.0.json) says of each value in our manifest, as a
// pattern of its JSON. A key without a row is one that nobody looked up there.
var slackTakes = map[string]string{
	"_metadata.major_version":                          `1`,
	"display_information.name":                         `".{1,35}"`,
	"display_information.description":                  `".{1,140}"`,
	"display_information.background_color":             `"#([0-9a-fA-F]{3}){1,2}"`,
	"features.app_home.home_tab_enabled":               `true|false`,
	"features.app_home.messages_tab_enabled":           `true|false`,
	"features.app_home.messages_tab_read_only_enabled": `true|false`,
	"features.bot_user.display_name":                   `".{1,80}"`,
	"features.bot_user.always_online":                  `true|false`,
	"features.shortcuts[].name":                        `".{1,24}"`,
	"features.shortcuts[].type":                        `"message"|"global"`,
	"features.shortcuts[].callback_id":                 `".{1,255}"`,
	"features.shortcuts[].description":                 `".{1,150}"`,
	"features.slash_commands[].command":                `"/.{1,31}"`,
	"features.slash_commands[].description":            `".{1,1000}.{0,1000}"`,
	"features.slash_commands[].usage_hint":             `".{1,1000}"`,
	"features.slash_commands[].should_escape":          `true|false`,
	"oauth_config.scopes.bot[]":                        `".{0,50}"`,
	"settings.event_subscriptions.bot_events[]":        `".{0,50}"`,
	"settings.interactivity.is_enabled":                `true|false`,
	"settings.org_deploy_enabled":                      `true|false`,
	"settings.socket_mode_enabled":                     `true|false`,
	"settings.token_rotation_enabled":                  `true|false`,
}

func TestTheManifestKeepsToSlacksSchema(t *testing.T) {
	var m any
	if err := yaml.Unmarshal(readStarter(t, "slack-manifest.yaml"), &m); err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	flatten(t, "", m, values)
	for path, found := range values {
		takes, ok := slackTakes[path]
		if !ok {
			t.Errorf("%s: not looked up in Slack's schema", path)
		}
		for _, v := range found {
			if !regexp.MustCompile(`^(` + takes + `)$`).MatchString(v) {
				t.Errorf("%s: %s is not %s", path, v, takes)
			}
		}
	}
	// The schema wants most of these, and Sesame each of them.
	for path := range slackTakes {
		if len(values[path]) == 0 {
			t.Errorf("%s: missing", path)
		}
	}
	events := values["settings.event_subscriptions.bot_events[]"]
	if unique := slices.Compact(slices.Sorted(slices.Values(events))); len(unique) != len(events) {
		t.Errorf("bot_events: one is there twice: %v", events)
	}
}

// flatten adds to values the JSON of every value in v, by where it stands.
func flatten(t *testing.T, path string, v any, values map[string][]string) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flatten(t, strings.TrimPrefix(path+"."+key, "."), inner, values)
		}
	case []any:
		for _, inner := range v {
			flatten(t, path+"[]", inner, values)
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		values[path] = append(values[path], string(text))
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

// TestTheFlowFileOfTheReadme has the file that people see first be one that
// nothing is wrong with.
func TestTheFlowFileOfTheReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	file, _, _ := strings.Cut(after, "```\n")
	set, err := flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"flows.yaml": {Data: []byte(file)}}, "flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Targets()) != 1 || len(set.Warnings()) != 0 {
		t.Errorf("%d targets, and warned of %v", len(set.Targets()), set.Warnings())
	}
}
