package stories_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"sesame/bot/blocks"
	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/flows/scenario"
)

// rooms are the channels that the shared flow file names.
var rooms = map[string]string{"access": channelAccess, "security": channelSecurity}

// sinkTakesNote is how a story says that there is a service, besides Slack, that
// is told of broken glass.
const sinkTakesNote = "a sink takes note"

// furnishSink starts that service, if the story has it.
func (w *world) furnishSink(c *config.Config) {
	if !w.story.Says("world " + sinkTakesNote) {
		return
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if !w.sink.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	w.t.Cleanup(s.Close)
	c.Sinks = []config.Sink{{Name: "siem", URL: s.URL, Timeout: config.DefaultSinkTimeout}}
}

// trail returns what is said below the messages about a request.
func (w *world) trail(id access.RequestID) string {
	var said []string
	for _, room := range rooms {
		for _, m := range w.slack.Messages(room) {
			if !strings.Contains(m.Text(), string(id)+" ") {
				continue
			}
			for _, reply := range w.slack.Thread(room, m.TS) {
				said = append(said, reply.Text())
			}
		}
	}
	return strings.Join(said, "\n")
}

// channels returns the names of those that have a message about a request.
func (w *world) channels(id access.RequestID) string {
	var names []string
	for name, room := range rooms {
		for _, m := range w.slack.Messages(room) {
			if strings.Contains(m.Text(), string(id)+" ") {
				names = append(names, name)
				break
			}
		}
	}
	return strings.Join(names, " ")
}

// form returns the form that somebody has before them by what they did, and
// what they fill in: why they deny, what they found, or what they break.
func (w *world) form(a scenario.Act) (slacktest.View, slacktest.Values, bool) {
	target, _, _ := strings.Cut(a.Text, " ")
	values := map[string]slacktest.Values{
		blocks.CallbackDeny:   {"reason": {"not today"}},
		blocks.CallbackReview: {"reason": {a.Text}},
		blocks.CallbackGlass:  {"confirm": {target}},
	}
	for _, v := range w.slack.Views(userID(a.Who)) {
		if filled, ok := values[v.CallbackID]; ok {
			return v, filled, true
		}
	}
	return slacktest.View{}, nil, false
}

// reviews presses Review on what was announced, or on what it was when that was
// still to be done.
func (w *world) reviews(who slacktest.Actor, id access.RequestID) (deed, error) {
	err := w.pace.await("it is announced", settles, func() bool {
		w.look()
		w.mu.Lock()
		defer w.mu.Unlock()
		_, ok := w.buttons[id]
		return ok
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.buttons[id]
	if !ok {
		return nil, fmt.Errorf("review %s: %w", id, errNoButton)
	}
	return presses(who, m, blocks.ActionReview), err
}

// announced returns the announcement of a request, if it can be reviewed.
func (w *world) announced(id access.RequestID) (slacktest.Message, bool) {
	for _, m := range w.slack.Messages(channelSecurity) {
		if strings.Contains(m.Text(), string(id)+" ") && strings.Contains(m.Text(), "[Review") {
			return m, true
		}
	}
	return slacktest.Message{}, false
}
