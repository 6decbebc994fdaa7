package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"sesame/bot/blocks"
	"sesame/bot/outbox"
	"sesame/bot/socket"
	"sesame/bot/webapi"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// An answer is what to say to the person behind a delivery. The zero answer
// says nothing, because what happened shows by itself.
type answer struct {
	// message is shown where they are, to them alone.
	message blocks.Message
	// letter is for when that is not possible any more; empty if there is
	// nothing worth a message of its own.
	letter string
	// replaces says that the answer takes the place of what was pressed, if
	// that is theirs alone.
	replaces bool
}

func (a answer) empty() bool { return a.message.Text == "" && a.letter == "" }

// sentence is an answer of one sentence.
func sentence(text string) answer { return answer{message: blocks.Refused(text), letter: text} }

// refusal is the one place where an error becomes what a person reads.
func (b *Bot) refusal(err error) answer {
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		b.Log.Info().Err(err).Str("code", string(r.Code)).Msg("refused")
		return sentence(r.Text)
	}
	id := "e-" + strings.ToLower(rand.Text()[:8])
	b.Log.Error().Err(err).Str("incident", id).Msg("something went wrong")
	return sentence("Something went wrong here, and it is not your doing: try again in a minute, and give an admin the number " + id + " if it goes on.")
}

// conclude answers a delivery and forgets it.
func (b *Bot) conclude(ctx context.Context, t task, a answer) {
	if b.respond(ctx, t, a) {
		b.forget(ctx, t)
		return
	}
	if ctx.Err() != nil {
		return // the next start answers
	}
	batch := ledger.NewBatch(b.now()).Ending()
	if t.version != 0 {
		batch.Delete(t.Key(), t.version)
	}
	if user := t.payload.account().User; a.letter != "" && user != "" {
		outbox.Letter(batch, string(t.ID), user, a.letter)
	}
	if _, err := batch.Commit(ctx, b.Store); err != nil && !errors.Is(err, access.ErrConflict) {
		b.Log.Warn().Err(err).Str("envelope", t.Envelope).Msg("write an answer")
	}
}

// respond answers where the person is, and reports whether that worked.
func (b *Bot) respond(ctx context.Context, t task, a answer) bool {
	p := t.payload
	if p.ResponseURL == "" || a.message.Text == "" || b.now().Sub(t.At) >= webapi.ResponseLife {
		return false
	}
	err := b.API.Respond(ctx, p.ResponseURL, webapi.Message(a.message), a.replaces && p.Container.Ephemeral)
	if err != nil {
		b.Log.Warn().Err(err).Str("envelope", t.Envelope).Msg("answer by message instead")
	}
	return err == nil
}

// tell answers something that was not stored.
func (b *Bot) tell(ctx context.Context, p payload, a answer) {
	t := task{Delivery: Delivery{At: b.now(), ID: access.NewRequestID()}, payload: p}
	b.conclude(ctx, t, a)
}

// ack acknowledges e. An acknowledgement that does not arrive is Slack's to
// repeat or the person's.
func (b *Bot) ack(e socket.Envelope, answer any) {
	if err := e.Ack(answer); err != nil {
		b.Log.Warn().Err(err).Str("envelope", e.ID).Msg("acknowledge")
	}
}

// notStored is what people are told whose decision could not be recorded.
const notStored = "Sesame could not record what you sent, so nothing was done: try again in a minute, and tell an admin if it goes on."

// turnAway acknowledges a delivery that could not be stored, and says so.
func (b *Bot) turnAway(e socket.Envelope, p payload) {
	switch {
	case p.Type == payloadSubmit:
		b.ack(e, formErrors(map[string]string{flows.FieldReason: notStored}))
	case e.Type == typeCommand:
		b.ack(e, commandAnswer(blocks.Refused(notStored)))
	default:
		b.ack(e, nil)
		b.answers.do(func(ctx context.Context) { b.tell(ctx, p, sentence(notStored)) })
	}
}

// commandAnswer is an acknowledgement that says something to whoever typed a
// command, and to nobody else.
func commandAnswer(m blocks.Message) any {
	return struct {
		Type   string `json:"response_type"`
		Text   string `json:"text"`
		Blocks any    `json:"blocks,omitempty"`
	}{"ephemeral", m.Text, m.Blocks}
}

// formErrors is an acknowledgement that keeps a form open, with sentences
// below its inputs.
func formErrors(errs map[string]string) any {
	return struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
	}{"errors", errs}
}

// formInstead is an acknowledgement that puts another view in the place of the
// one that was submitted.
func formInstead(view any) any {
	return struct {
		Action string `json:"response_action"`
		View   any    `json:"view"`
	}{"update", view}
}
