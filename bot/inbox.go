package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sesame/bot/socket"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// IndexInbox lists what was received and is not dealt with, by time.
const IndexInbox = "inbox"

// A kind says what a delivery asks for.
type kind string

// The deliveries that carry a decision.
const (
	kindAsk  kind = "ask"  // a complete command
	kindEnd  kind = "end"  // a command that ends access
	kindForm kind = "form" // a submitted request form
	kindDeny kind = "deny" // a submitted reason for a denial
	kindPush kind = "push" // a button that decides, withdraws or ends

	kindExtend kind = "extend" // a complete command for more time
	kindLonger kind = "longer" // a submitted form for more time
	kindGlass  kind = "glass"  // a submitted form that breaks the glass
	kindReview kind = "review" // what somebody found who reviewed that
)

// A Delivery is something that Slack delivered, as it was received.
type Delivery struct {
	// ID is made from what makes the delivery the one that it is, however
	// often Slack sends it: the view and its user, or the trigger of a click.
	ID       access.RequestID `json:"id"`
	Kind     kind             `json:"kind"`
	Envelope string           `json:"envelope"`
	Payload  json.RawMessage  `json:"payload"`
	At       time.Time        `json:"at"`
}

// Key is where the delivery is stored.
func (d Delivery) Key() access.Key { return access.Key{Kind: access.KindInbox, ID: string(d.ID)} }

// Index lists the delivery until it is dealt with.
func (d Delivery) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexInbox, Value: access.TimeKey(d.At)}}
}

// ends reports whether the delivery ends access, which nothing may hold up.
func (d Delivery) ends(p payload) bool {
	return d.Kind == kindEnd || d.Kind == kindPush && p.action().kind() == actionEnd
}

// delivery returns e as what is stored, under the id of source.
func (b *Bot) delivery(e socket.Envelope, k kind, p payload, source string) Delivery {
	who := p.account()
	return Delivery{
		ID:   access.RequestIDFrom(fmt.Sprintf("%s\x00%s\x00%s", k, who, source)),
		Kind: k, Envelope: e.ID, Payload: e.Payload, At: b.now(),
	}
}

// A task is a delivery in hand.
type task struct {
	Delivery
	version access.Version // of its record; 0 if it could not be stored
	payload payload
	// replayed says that it may have been dealt with already.
	replayed bool
}

// receive stores a delivery, acknowledges it, and has it dealt with. A
// delivery that is stored already, or was in hand a short while ago, is
// acknowledged and nothing else.
func (b *Bot) receive(ctx context.Context, e socket.Envelope, d Delivery, p payload) {
	if b.recent.has(d.ID, d.At) {
		b.ack(e, nil)
		return
	}
	v, err := b.keep(ctx, d, d.ends(p))
	switch {
	case errors.Is(err, access.ErrConflict):
		b.ack(e, nil)
		return
	case err != nil && !d.ends(p):
		b.Log.Error().Err(err).Str("envelope", e.ID).Msg("a delivery could not be stored, and is refused")
		b.turnAway(e, p)
		return
	case err != nil:
		// An end waits for no record.
		b.Log.Error().Err(err).Str("envelope", e.ID).Msg("an end could not be stored, and proceeds")
	}
	b.ack(e, nil)
	t := task{Delivery: d, version: v, payload: p}
	if b.recent.has(d.ID, d.At) {
		// Its twin was dealt with, and forgotten, between our look and now.
		b.forget(ctx, t)
		return
	}
	if !b.crewOf(d.Kind).do(func(ctx context.Context) { b.deal(ctx, t) }) && v == 0 {
		b.deal(ctx, t)
	}
}

func (b *Bot) keep(ctx context.Context, d Delivery, ends bool) (access.Version, error) {
	batch := ledger.NewBatch(d.At)
	if ends {
		batch.Ending()
	}
	batch.Put(d, 0)
	return batch.Commit(ctx, b.Store)
}

// deal does what a delivery asks for, answers, and forgets it. When it is told
// to stop it leaves the delivery for the next start.
func (b *Bot) deal(ctx context.Context, t task) {
	if !b.recent.claim(t.ID, b.now()) {
		return // it came at the start, and was found in the inbox as well
	}
	said, err := b.act(ctx, t)
	if ctx.Err() != nil {
		return
	}
	if err != nil && t.echo(err) {
		said, err = answer{}, nil
	}
	if err != nil {
		said = b.refusal(err)
	}
	if said.empty() {
		b.forget(ctx, t)
		return
	}
	// An answer takes as long as Slack does, and nobody waits for it.
	b.answers.do(func(ctx context.Context) { b.conclude(ctx, t, said) })
}

// act is the one place that turns a delivery into a verb.
func (b *Bot) act(ctx context.Context, t task) (answer, error) {
	switch t.Kind {
	case kindAsk:
		return b.askLine(ctx, t)
	case kindForm:
		return b.askForm(ctx, t)
	case kindEnd:
		return b.endLine(ctx, t)
	case kindDeny:
		return b.denyForm(ctx, t)
	case kindPush:
		return b.push(ctx, t)
	case kindExtend:
		return b.extendLine(ctx, t)
	case kindLonger:
		return b.extendForm(ctx, t)
	case kindGlass:
		return b.breakGlass(ctx, t)
	case kindReview:
		return b.reviewForm(ctx, t)
	default:
		return answer{}, fmt.Errorf("delivery %s is of an unknown kind %q", t.ID, t.Kind)
	}
}

// echo reports whether err only says that a delivery which may have been dealt
// with before the program died was.
func (t task) echo(err error) bool {
	r, ok := errors.AsType[*access.Refusal](err)
	return t.replayed && ok && (r.Code == access.RefusedDecided || r.Code == access.RefusedTwice)
}

// forget deletes a delivery that is dealt with. If that fails it is dealt with
// again at the next start, which changes nothing.
func (b *Bot) forget(ctx context.Context, t task) {
	if t.version == 0 {
		return
	}
	batch := ledger.NewBatch(b.now()).Ending() // it makes room
	batch.Delete(t.Key(), t.version)
	if _, err := batch.Commit(ctx, b.Store); err != nil {
		b.Log.Warn().Err(err).Str("envelope", t.Envelope).Msg("forget a delivery")
	}
}

// Replay deals with what was received and not dealt with, the oldest first.
// Run does it first of all.
func (b *Bot) Replay(ctx context.Context) error {
	n := 0
	err := access.Each(ctx, b.Store, access.Query{Index: IndexInbox}, func(rec access.Record) error {
		d, err := access.Decode[Delivery](rec)
		if err != nil {
			return fmt.Errorf("read the inbox: %w", err)
		}
		p, err := decode(d.Payload)
		if err != nil {
			return fmt.Errorf("read delivery %s of the inbox: %w", d.ID, err)
		}
		t := task{Delivery: d, version: rec.Version, payload: p, replayed: true}
		if b.crewOf(d.Kind).do(func(ctx context.Context) { b.deal(ctx, t) }) {
			n++
		}
		return nil
	})
	if n > 0 {
		b.Log.Info().Int("deliveries", n).Msg("dealing with what was received before the start")
	}
	return err
}
