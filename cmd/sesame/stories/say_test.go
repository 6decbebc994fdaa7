package stories_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/bot"
	"sesame/bot/blocks"
	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/scenario"
)

// errNoButton says that nobody can do this in Slack.
var errNoButton = errors.New("nobody was shown such a button")

// settles is how long what somebody did may keep the server busy.
const settles = 3 * time.Minute

// Say implements scenario.Rig.
func (w *world) Say(ctx context.Context, a scenario.Act) (string, error) {
	if err := w.reachable(); err != nil {
		return "", err
	}
	do, err := w.deed(ctx, a)
	if err != nil {
		return "", err
	}
	before := w.seenBy(a.Who)
	reply, err := w.do(ctx, do)
	if err == nil && slices.Contains([]string{"break", "review"}, a.Verb) {
		w.awaitNews(a.Who, before)
	}
	if form, values, ok := w.form(a); ok && err == nil {
		reply, err = w.do(ctx, func(ctx context.Context) (slacktest.Reply, error) {
			return w.slack.As(userID(a.Who)).Submit(ctx, form.ID, values)
		})
	}
	if err != nil {
		return "", err
	}
	if slices.Contains([]string{"ask", "extend", "break"}, a.Verb) {
		// Nobody reads the store over another act: the server may have died of it.
		asked := len(w.asked)
		if err := w.noteAsked(ctx); err != nil {
			return "", err
		}
		if len(w.asked) == asked && reply.Message == nil && !w.outage.down {
			w.awaitNews(a.Who, before)
		}
	}
	w.look()
	return w.shown(ctx, a.Who, reply, before)
}

// A deed is what somebody does at the keyboard.
type deed func(context.Context) (slacktest.Reply, error)

// deed returns what a stands for in Slack.
func (w *world) deed(ctx context.Context, a scenario.Act) (deed, error) {
	who := w.slack.As(userID(a.Who))
	switch a.Verb {
	case "ask":
		return types(who, "/access "+a.Text), nil
	case "break":
		return types(who, "/access break-glass "+a.Text), nil
	}
	id, err := w.nth(a.Request)
	if err != nil {
		return nil, err
	}
	switch a.Verb {
	case "withdraw":
		return w.withdraws(ctx, a.Who, id)
	case "end":
		return w.ends(a.Who, id), nil
	case "extend":
		return types(who, "/access extend "+string(id.Grant())+" "+a.Text), nil
	case "review":
		return w.reviews(who, id)
	}
	m, err := w.decidable(id)
	if err != nil {
		return nil, err
	}
	action := map[string]string{"approve": blocks.ActionApprove, "deny": blocks.ActionDeny}[a.Verb]
	return presses(who, m, action), nil
}

func types(who slacktest.Actor, line string) deed {
	return func(ctx context.Context) (slacktest.Reply, error) { return who.Command(ctx, channelAccess, line) }
}

func presses(who slacktest.Actor, m slacktest.Message, action string) deed {
	return func(ctx context.Context) (slacktest.Reply, error) { return who.ClickOld(ctx, m, action) }
}

// do does it, lets time pass until Slack has an answer or gave up, and then
// until the server is done with it.
func (w *world) do(ctx context.Context, d deed) (slacktest.Reply, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reply slacktest.Reply
	var person errgroup.Group
	done := make(chan struct{})
	person.Go(func() (err error) {
		defer close(done)
		reply, err = d(ctx)
		return err
	})
	waited := w.pace.await("slack answers", settles, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if waited != nil {
		cancel()
	}
	if err := errors.Join(waited, person.Wait()); err != nil {
		return reply, err
	}
	return reply, w.pace.await("the server is done with what was said", settles, w.settled)
}

// settled reports whether the server has dealt with everything that it
// received.
func (w *world) settled() bool {
	if w.server.over() {
		return true
	}
	page, err := w.store().List(w.t.Context(), access.Query{Index: bot.IndexInbox, Limit: 1})
	return err == nil && len(page.Records) == 0
}

// reachable waits until what people do reaches the server.
func (w *world) reachable() error {
	w.outage.partly(w.slack)
	return w.pace.await("slack has a connection", settles, func() bool {
		return w.server.over() || w.listens()
	})
}

// noteAsked numbers the request that was asked for just now, if one was.
func (w *world) noteAsked(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return access.Each(ctx, w.store(), access.Query{Index: access.IndexRequests}, func(rec access.Record) error {
		if id := access.RequestID(rec.Key.ID); !slices.Contains(w.asked, id) {
			w.asked = append(w.asked, id)
		}
		return nil
	})
}

// decidable returns the message about a request with the buttons that decide,
// or as it was when it had them: what a slow hand clicks.
func (w *world) decidable(id access.RequestID) (slacktest.Message, error) {
	err := w.pace.await("there is a message about "+string(id), settles, func() bool {
		_, ok := w.messageAbout(id)
		return ok
	})
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	if m, ok := w.buttons[id]; ok {
		return m, err
	}
	return slacktest.Message{}, errors.Join(err, fmt.Errorf("request %s: %w", id, errNoButton))
}

// look remembers every message as it is now, if it has buttons that decide.
func (w *world) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.asked {
		if m, ok := w.messageAbout(id); ok && strings.Contains(m.Text(), "[Approve Request]") {
			w.buttons[id] = m
		}
		if m, ok := w.announced(id); ok {
			w.buttons[id] = m
		}
	}
}

// messageAbout returns the message in a channel that a request is decided at.
func (w *world) messageAbout(id access.RequestID) (slacktest.Message, bool) {
	for _, m := range w.slack.Messages(channelAccess) {
		if strings.Contains(m.Text(), string(id)+" ") {
			return m, true
		}
	}
	return slacktest.Message{}, false
}

// withdraws presses Withdraw, which the requester alone sees. Anybody else
// forges it: the button of another message, on one that they see.
func (w *world) withdraws(ctx context.Context, name string, id access.RequestID) (deed, error) {
	r, _, err := access.Load[access.Request](ctx, w.store(), access.Request{ID: id}.Key())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(w.slack.Ephemerals(r.By.Account.User), func(m slacktest.Message) bool {
		return strings.Contains(m.Text(), string(id)) && strings.Contains(m.Text(), "[Withdraw]")
	})
	if i < 0 {
		return nil, fmt.Errorf("withdraw %s: %w", id, errNoButton)
	}
	m := w.slack.Ephemerals(r.By.Account.User)[i]
	if r.By.Account.User != userID(name) {
		on, err := w.decidable(id)
		if err != nil {
			return nil, err
		}
		m.Channel, m.TS = on.Channel, on.TS
	}
	return presses(w.slack.As(userID(name)), m, blocks.ActionWithdraw), nil
}

// ends presses End Access where it is offered, and else types the command.
func (w *world) ends(name string, id access.RequestID) deed {
	who := w.slack.As(userID(name))
	for _, m := range slices.Backward(w.slack.Messages(userID(name))) {
		if strings.Contains(m.Text(), string(id)) && strings.Contains(m.Text(), "[End Access]") {
			return presses(who, m, blocks.ActionEnd)
		}
	}
	return types(who, "/access end "+string(id.Grant()))
}

// A sight is what somebody had before them.
type sight struct{ alone, direct, views []string }

// seenBy returns what somebody has before them, by what tells it apart.
func (w *world) seenBy(name string) sight {
	var s sight
	for _, m := range w.slack.Ephemerals(userID(name)) {
		s.alone = append(s.alone, m.TS+m.Text())
	}
	for _, m := range w.slack.Messages(userID(name)) {
		s.direct = append(s.direct, m.TS)
	}
	for _, v := range w.slack.Views(userID(name)) {
		s.views = append(s.views, v.ID)
	}
	return s
}

// awaitNews waits until somebody has something before them that was not there:
// what is only shown, such as a list, the server may still be looking for.
func (w *world) awaitNews(name string, before sight) {
	// Where nothing comes, the story says so.
	_ = w.pace.await("somebody is answered", settles, func() bool {
		return w.server.over() || !reflect.DeepEqual(before, w.seenBy(name))
	})
}

// shown returns what somebody sees that was not there before, and closes the
// form that it may have come in. Nothing new is "done".
func (w *world) shown(ctx context.Context, name string, r slacktest.Reply, before sight) (string, error) {
	texts := []string{r.Error}
	for _, text := range r.Errors {
		texts = append(texts, text)
	}
	if r.Message != nil {
		texts = append(texts, r.Message.Text())
	}
	for _, m := range w.slack.Ephemerals(userID(name)) {
		if !slices.Contains(before.alone, m.TS+m.Text()) {
			texts = append(texts, m.Text())
		}
	}
	for _, m := range w.slack.Messages(userID(name)) {
		if !slices.Contains(before.direct, m.TS) {
			texts = append(texts, m.Text())
		}
	}
	for _, v := range w.slack.Views(userID(name)) {
		if slices.Contains(before.views, v.ID) {
			continue
		}
		texts = append(texts, v.Text())
		_, err := w.do(ctx, func(ctx context.Context) (slacktest.Reply, error) {
			return w.slack.As(userID(name)).CloseView(ctx, v.ID)
		})
		if err != nil {
			return "", err
		}
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	if len(texts) == 0 {
		return "done", nil
	}
	return strings.Join(texts, "\n"), nil
}
