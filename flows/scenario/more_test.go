package scenario_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/scenario"
)

// A board is what was posted about requests.
type board struct {
	trail    map[access.RequestID][]string
	channels map[access.RequestID][]string
}

func newBoard() board {
	return board{map[access.RequestID][]string{}, map[access.RequestID][]string{}}
}

// post posts what a notice about r says.
func (b board) post(n access.Notice, r access.Request) {
	switch n.Kind {
	case access.NoticeChanged:
		b.trail[r.ID] = append(b.trail[r.ID], n.Text)
	case access.NoticeAsked:
		for _, c := range r.Verdict.Route.Notify {
			b.put(r.ID, c)
		}
	case access.NoticeAnnounce:
		b.put(r.ID, r.Verdict.Route.Glass.Announce)
	}
}

func (b board) put(id access.RequestID, c access.Channel) {
	if !slices.Contains(b.channels[id], c.Name) {
		b.channels[id] = append(b.channels[id], c.Name)
	}
}

// says returns what there is to be seen of it, and whether it is on the board.
func (b board) says(of string, id access.RequestID) (string, bool) {
	switch of {
	case "trail":
		return strings.Join(b.trail[id], "\n"), true
	case "channels":
		return strings.Join(b.channels[id], " "), true
	}
	return "", false
}

// takeNote has the other service take note of what Slack does not.
func (w *world) takeNote(ctx context.Context, n access.Notice) error {
	if !w.sink {
		return nil
	}
	return w.desk.Announced(ctx, n.Request, "sink")
}

// words are what is done about a request with words of one's own.
func (w *world) words(ctx context.Context, a scenario.Act) (string, error) {
	if a.Verb == "break" {
		return w.breakGlass(ctx, a)
	}
	id, err := w.nth(a.Request)
	if err != nil {
		return "", err
	}
	if a.Verb == "extend" {
		return w.extend(ctx, a, id)
	}
	_, err = w.desk.Review(ctx, flows.Say{From: w.people.Account(a.Who), Request: id, Reason: a.Text, Source: access.FromForm})
	w.drain(ctx)
	return shown(err)
}

// extend asks to have a grant last longer: "30m why".
func (w *world) extend(ctx context.Context, a scenario.Act, id access.RequestID) (string, error) {
	by, why, _ := strings.Cut(a.Text, " ")
	d, err := time.ParseDuration(by)
	if err != nil {
		return "", err
	}
	return w.draft(ctx, flows.Draft{From: w.people.Account(a.Who), Extends: id.Grant(), Duration: d, Reason: why})
}

// breakGlass opens something by oneself: "ec2-frontend 1h INC-7 why".
func (w *world) breakGlass(ctx context.Context, a scenario.Act) (string, error) {
	words := strings.SplitN(a.Text, " ", 4)
	if len(words) < 4 {
		return "", fmt.Errorf("%q is no target, duration, incident and reason", a.Text)
	}
	d, err := time.ParseDuration(words[1])
	if err != nil {
		return "", err
	}
	return w.draft(ctx, flows.Draft{
		From: w.people.Account(a.Who), Target: words[0], Duration: d, BreakGlass: true, Incident: words[2], Reason: words[3],
	})
}

// flowOf names the flow of a target.
func (w *world) flowOf(target string) string {
	t, _ := w.rules.Load().Target(target)
	return t.Flow
}

func (w *world) draft(ctx context.Context, draft flows.Draft) (string, error) {
	draft.ID, draft.Source = access.NewRequestID(), access.FromForm
	_, err := w.desk.Ask(ctx, draft)
	if err == nil {
		w.mu.Lock()
		w.asked = append(w.asked, draft.ID)
		w.mu.Unlock()
	}
	w.drain(ctx)
	return shown(err)
}
