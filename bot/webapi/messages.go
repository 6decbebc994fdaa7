package webapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// A Message is what to show: blocks, and the text that stands for them in
// notifications and screen readers.
type Message struct {
	Text   string
	Blocks []slack.Block
}

func (m Message) options() []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
}

// A Place is where a message stands. Thread is empty unless it is to stand,
// or stands, under another one.
type Place struct {
	Channel, TS, Thread string
}

// An Act is a call whose caller knows better things to do than to wait for
// its turn: it takes a place in line (Turn), comes back then, and goes ahead
// once it is admitted (Admit).
type Act struct{ turns []turn }

// Posting is the act of Post to a channel.
func Posting(channel string) Act {
	return Act{[]turn{{chatPostMessage, perMinute(chatPostMessage)}, inChannel(channel)}}
}

// Updating is the act of Update.
func Updating() Act { return Act{[]turn{{chatUpdate, perMinute(chatUpdate)}}} }

// Opening is the act of OpenDM.
func Opening() Act { return Act{[]turn{{conversationsOpen, perMinute(conversationsOpen)}}} }

// Turn takes a place in line for an act and returns when it is.
func (a *API) Turn(act Act) time.Time { return a.pace.take(a.clock.Now(), act.turns...) }

// Admit reports whether an act may be done now, which counts as having done
// it, and otherwise when to ask again.
func (a *API) Admit(act Act) (ok bool, again time.Time) {
	return a.pace.admit(a.clock.Now(), act.turns...)
}

func inChannel(id string) turn {
	return turn{chatPostMessage + " " + id, pace{gap: perChannel, burst: 1}}
}

// Post posts m to the channel of p, once. It has been admitted.
func (a *API) Post(ctx context.Context, p Place, m Message) (Place, error) {
	opts := m.options()
	if p.Thread != "" {
		opts = append(opts, slack.MsgOptionTS(p.Thread))
	}
	channel, ts, err := a.client.PostMessageContext(ctx, p.Channel, opts...)
	if err != nil {
		err = classify(chatPostMessage, err)
		if after := a.after(err); after > 0 {
			// Slack does not say whether it means the channel or us all; it is
			// nearly always the channel, and the others find out by themselves.
			a.pace.hold(a.clock.Now().Add(after), inChannel(p.Channel))
		}
		return Place{}, err
	}
	return Place{Channel: channel, TS: ts, Thread: p.Thread}, nil
}

// Update makes the message at p show m. It has been admitted.
func (a *API) Update(ctx context.Context, p Place, m Message) error {
	_, err := made(ctx, a, chatUpdate, func(ctx context.Context) (string, error) {
		_, _, _, err := a.client.UpdateMessageContext(ctx, p.Channel, p.TS,
			slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...))
		return "", err
	})
	return err
}

// OpenDM returns the conversation with a user. It has been admitted.
func (a *API) OpenDM(ctx context.Context, user string) (string, error) {
	return made(ctx, a, conversationsOpen, func(ctx context.Context) (string, error) {
		c, _, _, err := a.client.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
		if err != nil {
			return "", err
		}
		return c.ID, nil
	})
}

// ResponseLife is for how long a response URL takes answers.
const ResponseLife = 30 * time.Minute

// Respond answers somebody, visible to them alone, through the response URL
// that came with what they did. The answer takes the place of the ephemeral
// message that they pressed a button of, if replace is set.
func (a *API) Respond(ctx context.Context, to string, m Message, replace bool) error {
	if err := a.isSlack(to); err != nil {
		return notSent(responseURL, err)
	}
	msg := &slack.WebhookMessage{Text: m.Text, ResponseType: slack.ResponseTypeEphemeral, ReplaceOriginal: replace}
	if len(m.Blocks) > 0 {
		msg.Blocks = &slack.Blocks{BlockSet: m.Blocks}
	}
	err := slack.PostWebhookCustomHTTPContext(ctx, to, a.http, msg)
	if err != nil {
		return classify(responseURL, withoutURL(err))
	}
	return nil
}

// isSlack refuses an address that is neither Slack's nor the host that we
// were told to call: what it came in could have been stored for a while.
func (a *API) isSlack(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("not an absolute url")
	}
	if u.Host == a.root.Host && u.Scheme == a.root.Scheme {
		return nil
	}
	if u.Scheme == "https" && strings.HasSuffix(u.Hostname(), ".slack.com") {
		return nil
	}
	return fmt.Errorf("host %q is not slack's", u.Hostname())
}

// withoutURL returns err without the address, which is a secret for as long
// as it takes answers.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
