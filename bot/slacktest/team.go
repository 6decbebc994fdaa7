package slacktest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A team is what Slack's servers know. It has no lock of its own: it is
// reached only through Workspace.change and Workspace.read, which hold one and
// set now.
type team struct {
	cfg Config
	rng *rand.Rand
	now time.Time

	id, domain, name   string
	app, bot, botID    string
	botToken, appToken string
	revoked            map[string]string // token to the error that it earns
	base               string            // URL of the server, without a slash
	socketModeOff      bool

	people     map[string]*User
	order      []string // user ids as they came
	channels   map[string]*channel
	rooms      []string          // channel ids as they came
	dms        map[string]string // user to direct message channel
	groups     map[string]*Group
	groupOrder []string
	names      *names // nil after a change of any name

	ephemerals map[string][]*Message // by the user who sees them
	stacks     map[string][]*view    // open modals by user, the topmost last
	homes      map[string]*view
	views      map[string]*view
	triggers   map[string]*trigger
	hooks      map[string]*hook
	tickets    map[string]time.Time
	limits     map[string][]time.Time
	paces      map[string][]time.Time
	suggested  map[string][]map[string]any // options that the app offered, by user and control

	events     []event
	calls      []Call
	violations []string
	lastTS     int64 // microseconds
}

func newTeam(cfg Config) *team {
	t := &team{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x5e5a3e)), now: cfg.Clock.Now(),
		name: "Example", domain: "example",
		revoked: map[string]string{}, people: map[string]*User{}, channels: map[string]*channel{},
		dms: map[string]string{}, groups: map[string]*Group{}, ephemerals: map[string][]*Message{},
		stacks: map[string][]*view{}, homes: map[string]*view{}, views: map[string]*view{},
		triggers: map[string]*trigger{}, hooks: map[string]*hook{}, tickets: map[string]time.Time{},
		limits: map[string][]time.Time{}, paces: map[string][]time.Time{}, suggested: map[string][]map[string]any{},
	}
	t.id, t.app, t.botID = t.newID("T"), t.newID("A"), t.newID("B")
	t.botToken = fmt.Sprintf("xoxb-%d-%s", t.rng.Uint32(), t.token())
	t.appToken = fmt.Sprintf("xapp-1-%s-%d-%s", t.app, t.rng.Uint32(), t.token())
	t.bot = t.addUser(User{Name: "sesame", RealName: "Sesame", Bot: true})
	return t
}

const idLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newID returns an id as opaque as Slack's: a letter that says what it is, and
// ten characters that say nothing.
func (t *team) newID(prefix string) string {
	var b strings.Builder
	b.WriteString(prefix + "0")
	for range 9 {
		b.WriteByte(idLetters[t.rng.IntN(len(idLetters))])
	}
	return b.String()
}

func (t *team) token() string {
	raw := make([]byte, 16)
	for i := range raw {
		raw[i] = byte(t.rng.Uint32())
	}
	return hex.EncodeToString(raw)
}

// newTS returns a timestamp that is later than every one before, as Slack's
// are unique in a channel.
func (t *team) newTS() string {
	at := max(t.now.UnixMicro(), t.lastTS+1)
	t.lastTS = at
	return fmt.Sprintf("%d.%06d", at/1e6, at%1e6)
}

func (t *team) violate(format string, args ...any) {
	t.violations = append(t.violations, fmt.Sprintf(format, args...))
}

func (t *team) takeEvents() []event {
	taken := t.events
	t.events = nil
	return taken
}
