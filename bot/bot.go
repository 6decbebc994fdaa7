package bot

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sesame/bot/blocks"
	"sesame/bot/outbox"
	"sesame/bot/socket"
	"sesame/bot/webapi"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/login"
	"sesame/policies"
)

// People say who somebody is. They are flows.People, and forget what they
// remember about an account when Slack says that it changed.
type People interface {
	Identify(ctx context.Context, a access.Account) (access.Person, error)
	Known(ctx context.Context, a access.Account) (access.Person, error)
	Standing(ctx context.Context, p access.Person, groups []flowfile.Group) (access.Standing, error)
	Invalidate(a access.Account)
}

// Memory has the facts that rules read, for what people are shown.
type Memory interface {
	// AtHand returns what is remembered, and asks nobody.
	AtHand(about policies.About, groups []flowfile.Group, needs []policies.Fact) policies.Facts
	// Gather asks, and has it remembered.
	Gather(ctx context.Context, about policies.About, groups []flowfile.Group, needs []policies.Fact) (policies.Facts, error)
}

// Config is what a Bot works with. All of it is required.
type Config struct {
	Desk   *flows.Desk
	Store  access.Store
	API    *webapi.API
	Outbox *outbox.Outbox
	People People
	Memory Memory
	// Logins are those who speak for themselves from a terminal.
	Logins *login.Logins
	// Rules returns the rules in force, nil when there are none.
	Rules func() *flowfile.Set
	// Find finds the machines of targets that are about some. Optional.
	Find flows.Finder
	// Workspace is the id that accounts of our workspace carry.
	Workspace string
	Clock     clock.Clock
	Log       zerolog.Logger
}

// How many deliveries are in hand at once. Decisions and requests have crews
// of their own, so that neither waits for the other. They are large, since most
// of those in hand wait for Slack or AWS to say who somebody is, and the store
// makes one write of those that commit at once; answers wait for Slack too. What
// needs an answer within three seconds must not wait at all.
const (
	deciding  = 64
	asking    = 64
	answering = 512
	showing   = 64
	mostShown = 256 // waiting to be shown; more would come too late
)

// A Bot handles what Slack delivers. Its methods are safe for concurrent use.
type Bot struct {
	Config
	recent    recent
	decisions crew // clicks that decide, and ends
	requests  crew
	answers   crew
	shows     crew // forms, lists and homes, which nobody misses after a crash
}

// New returns a Bot. It handles deliveries from the start, and deals with what
// it stored once it runs.
func New(c Config) *Bot {
	return &Bot{
		Config:    c,
		decisions: crew{limit: deciding},
		requests:  crew{limit: asking},
		answers:   crew{limit: answering, early: true},
		shows:     crew{limit: showing, capacity: mostShown, early: true},
	}
}

func (b *Bot) crews() []*crew { return []*crew{&b.decisions, &b.requests, &b.answers, &b.shows} }

func (b *Bot) crewOf(k kind) *crew {
	switch k {
	case kindAsk, kindForm, kindExtend, kindLonger, kindGlass:
		return &b.requests
	}
	return &b.decisions
}

// Run deals with what was received before, and then with what is, until ctx
// ends. It returns once everything in hand was put down: dealt with, or left
// in the inbox for the next start.
func (b *Bot) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, c := range b.crews() {
		c.open(ctx, &wg)
	}
	err := b.Replay(ctx)
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = nil // what was not replayed is there at the next start
	}
	for _, c := range b.crews() {
		c.close()
	}
	wg.Wait()
	return err
}

// Handle handles one delivery: it stores what carries a decision, acknowledges,
// and returns. It is the handler of a socket.Client.
func (b *Bot) Handle(ctx context.Context, e socket.Envelope) {
	p, err := decode(e.Payload)
	if err != nil {
		b.Log.Error().Err(err).Str("envelope", e.ID).Msg("a delivery cannot be read, and is dropped")
		b.ack(e, nil)
		return
	}
	b.Log.Debug().Str("envelope", e.ID).Str("type", or(p.Type, e.Type)).Int("retry", e.RetryAttempt).Str("action", p.action().ActionTS).Msg("received")
	switch {
	case e.Type == typeCommand:
		b.command(ctx, e, p)
	case e.Type == typeEvents:
		b.event(ctx, p)
		b.ack(e, nil)
	case e.Type != typeActive:
		b.ack(e, nil)
	case p.Type == payloadClick:
		b.click(ctx, e, p)
	case p.Type == payloadSubmit:
		b.submit(ctx, e, p)
	case p.Type == payloadSuggest:
		b.suggest(ctx, e, p)
	case p.Type == payloadHotkey:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error {
			if p.CallbackID == blocks.ShortcutGlass {
				return b.openGlass(ctx, p, blocks.Answers{}, "")
			}
			return b.openForm(ctx, p, blocks.Answers{}, "")
		})
	default:
		b.ack(e, nil)
	}
}

// show has something shown to the person behind p, or tells them why not.
func (b *Bot) show(p payload, how func(context.Context) error) {
	taken := b.shows.do(func(ctx context.Context) {
		if err := how(ctx); err != nil && ctx.Err() == nil {
			b.tell(ctx, p, b.refusal(err))
		}
	})
	if !taken {
		b.Log.Warn().Str("type", p.Type).Msg("too much to show at once; dropped")
	}
}

// remembered returns the person that an account was linked to, without asking
// anybody.
func (b *Bot) remembered(ctx context.Context, a access.Account) (access.Person, bool) {
	who, err := b.People.Known(ctx, a)
	return who, err == nil && a.Workspace == b.Workspace
}

// known refuses whoever Sesame does not know. What people merely see may rest
// on a link that was made before, so that this rarely needs Slack.
func (b *Bot) known(ctx context.Context, a access.Account) (access.Person, error) {
	if who, ok := b.remembered(ctx, a); ok {
		return who, nil
	}
	return b.People.Identify(ctx, a)
}

// caseOf returns the request and its grant, for drawing.
func (b *Bot) caseOf(ctx context.Context, id access.RequestID) (blocks.Case, error) {
	r, _, err := access.Load[access.Request](ctx, b.Store, access.Request{ID: id}.Key())
	if err != nil {
		return blocks.Case{}, err
	}
	return b.caseFor(ctx, r)
}

func (b *Bot) caseFor(ctx context.Context, r access.Request) (blocks.Case, error) {
	about := r.ID.Grant()
	if r.Extends != "" {
		about = r.Extends
	}
	g, _, err := access.LoadOrNew[access.Grant](ctx, b.Store, access.Grant{ID: about}.Key())
	return blocks.Case{Request: r, Grant: g, Longer: Longer(b.Rules(), g), Labels: b.Labels(r.Target.Name)}, err
}

// Labels returns what the fields of a target's form are called, by name.
func (b *Bot) Labels(target string) map[string]string { return Labels(b.Rules(), target) }

// Labels returns what the fields of a target's form are called, by name. A nil
// set has no names for them.
func Labels(rules *flowfile.Set, target string) map[string]string {
	if rules == nil {
		return nil
	}
	f, ok := rules.Flow(target)
	if !ok {
		return nil
	}
	labels := map[string]string{}
	for _, field := range f.Fields {
		labels[field.Name] = field.Label
	}
	return labels
}

// now is the time of the one operation that reads it.
func (b *Bot) now() time.Time { return b.Clock.Now() }
