package slacktest

import (
	"time"

	"sesame/flows/clock"
)

// Config sets up a Workspace. The zero Config is strict and runs on the
// machine's clock.
type Config struct {
	// Clock is where all time comes from. Default: the machine's.
	Clock clock.Clock
	// Seed makes ids and the choice of connections repeatable.
	Seed uint64

	// Scopes are those of the bot token. Default: what Sesame's manifest asks.
	Scopes []string
	// Events are those that the app subscribed to. Default: what Sesame's
	// manifest asks.
	Events []string
	// Commands are the app's slash commands. Default: /access.
	Commands []string
	// Shortcuts are the callback ids of the app's global shortcuts. Default:
	// request_access and break_glass.
	Shortcuts []string

	// FreePlan is a workspace without user groups.
	FreePlan bool
	// NoHomeTab and NoMessagesTab switch off the tabs of the app's home.
	NoHomeTab, NoMessagesTab bool
	// NoEscape delivers slash command text as typed, as an app does whose
	// manifest lacks should_escape.
	NoEscape bool

	// NoRateLimits answers any number of calls: for load tests.
	NoRateLimits bool
	// PostBurst is how many messages a channel takes at once before the one a
	// second applies. Default: 1.
	PostBurst int
	// PageSize caps the pages of lists, whatever limit is asked. Default: 100.
	PageSize int
	// PingEvery is how often the server pings. Default: 10 seconds.
	PingEvery time.Duration
	// ConnectionLife is how long a connection lives until Slack asks for a new
	// one. Default: 18,060 seconds.
	ConnectionLife time.Duration
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	// Slack's time does not go back when the clock of who asks it does.
	c.Clock = clock.NeverBack(c.Clock, c.Clock.Now())
	if c.Scopes == nil {
		c.Scopes = []string{
			"commands", "chat:write", "im:write", "users:read", "users:read.email", "usergroups:read",
			"channels:read", "groups:read", "team:read",
		}
	}
	if c.Events == nil {
		c.Events = []string{
			"app_home_opened", "user_change", "subteam_updated", "subteam_members_changed", "app_uninstalled",
			"tokens_revoked",
		}
	}
	if c.Commands == nil {
		c.Commands = []string{"/access"}
	}
	if c.Shortcuts == nil {
		c.Shortcuts = []string{"request_access", "break_glass"}
	}
	c.PostBurst = orDefault(c.PostBurst, 1)
	c.PageSize = orDefault(c.PageSize, 100)
	c.PingEvery = orDefault(c.PingEvery, 10*time.Second)
	c.ConnectionLife = orDefault(c.ConnectionLife, 18060*time.Second)
	return c
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
