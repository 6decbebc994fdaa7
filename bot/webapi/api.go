package webapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/clock"
)

// The methods that are used.
const (
	authTest          = "auth.test"
	chatPostMessage   = "chat.postMessage"
	chatUpdate        = "chat.update"
	conversationsOpen = "conversations.open"
	conversationsInfo = "conversations.info"
	usersInfo         = "users.info"
	usersByEmail      = "users.lookupByEmail"
	usergroupsList    = "usergroups.list"
	usergroupsUsers   = "usergroups.users.list"
	viewsOpen         = "views.open"
	viewsUpdate       = "views.update"
	viewsPublish      = "views.publish"
	responseURL       = "response_url"
)

// patience is how long a call may take unless the client says otherwise.
const patience = 10 * time.Second

// Config says how to reach Slack.
type Config struct {
	// Token is the bot token (xoxb-...). Required.
	Token string
	// URL is the root of the Web API. Default https://slack.com/api/.
	URL string
	// HTTP makes the calls. Its timeout applies, 10 s if it has none.
	// Default: a client of its own.
	HTTP *http.Client
	// Clock paces the calls. Default: the machine's.
	Clock clock.Clock
	// Unpaced makes calls at once, however many: for a stand-in that has no
	// limits.
	Unpaced bool
}

// An API calls Slack as one bot. Its methods are safe for concurrent use.
type API struct {
	client *slack.Client
	http   *http.Client
	root   *url.URL
	clock  clock.Clock
	pace   pacer
	scopes atomic.Value // string, as Slack last said
}

// New returns an API. It calls nothing yet.
func New(c Config) (*API, error) {
	if c.URL == "" {
		c.URL = slack.APIURL
	}
	root, err := url.Parse(strings.TrimSuffix(c.URL, "/") + "/")
	if err != nil || root.Host == "" {
		return nil, fmt.Errorf("slack api url %q: not an absolute url", c.URL)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	a := &API{http: bounded(c.HTTP), root: root, clock: c.Clock, pace: pacer{lines: map[string]*line{}, off: c.Unpaced}}
	a.client = slack.New(c.Token, slack.OptionAPIURL(root.String()), slack.OptionHTTPClient(a.http),
		slack.OptionOnResponseHeaders(func(_ string, h http.Header) {
			if s := h.Get("X-OAuth-Scopes"); s != "" {
				a.scopes.Store(s)
			}
		}))
	return a, nil
}

// bounded returns a client like c that gives up, and that hands no token to
// whom an answer points.
func bounded(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	if own.Timeout == 0 {
		own.Timeout = patience
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// call waits for a turn, makes a call, and says what its error means.
func call[T any](ctx context.Context, a *API, method string, do func(context.Context) (T, error)) (T, error) {
	at := a.pace.take(a.clock.Now(), a.turn(method))
	for ok := false; !ok; {
		err := clock.Wait(ctx, a.clock, at)
		if err = errors.Join(err, ctx.Err()); err != nil {
			var zero T
			return zero, notSent(method, err)
		}
		ok, at = a.pace.admit(a.clock.Now(), a.turn(method))
	}
	return made(ctx, a, method, do)
}

func (a *API) turn(method string) turn { return turn{method, perMinute(method)} }

// made makes a call whose turn has come.
func made[T any](ctx context.Context, a *API, method string, do func(context.Context) (T, error)) (T, error) {
	v, err := do(ctx)
	if err == nil {
		return v, nil
	}
	err = classify(method, err)
	if after := a.after(err); after > 0 {
		a.pace.hold(a.clock.Now().Add(after), a.turn(method))
	}
	return v, err
}

// defaultHold is how long a method rests after a 429 that names no time.
const defaultHold = 5 * time.Second

// after returns how long Slack wants nobody to call, zero if it did not say
// that it was called too often.
func (a *API) after(err error) time.Duration {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Outcome != NotDone || !strings.Contains(e.Code, "limited") {
		return 0
	}
	if e.After <= 0 {
		e.After = defaultHold
	}
	return e.After
}

// An Identity is who the bot token belongs to.
type Identity struct {
	Team, Enterprise string
	User, Bot        string
	Scopes           []string
}

// Workspace returns the id that accounts of this workspace carry.
func (i Identity) Workspace() string {
	if i.Enterprise != "" {
		return i.Enterprise
	}
	return i.Team
}

// Identity asks Slack who we are and what we may.
func (a *API) Identity(ctx context.Context) (Identity, error) {
	r, err := call(ctx, a, authTest, a.client.AuthTestContext)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Team: r.TeamID, Enterprise: r.EnterpriseID, User: r.UserID, Bot: r.BotID}
	if s, ok := a.scopes.Load().(string); ok {
		for scope := range strings.SplitSeq(s, ",") {
			id.Scopes = append(id.Scopes, strings.TrimSpace(scope))
		}
	}
	return id, nil
}
