package slacktest

import (
	"context"
	"maps"
	"slices"
	"time"

	"sesame/flows/clock"
)

// An event is one Events API event before it is put into envelopes.
type event map[string]any

// retries is how long Slack waits before each further attempt.
var retries = []time.Duration{0, time.Minute, 5 * time.Minute}

// raise queues an event, if the app subscribed to it.
func (t *team) raise(kind string, fields map[string]any) {
	if !slices.Contains(t.cfg.Events, kind) {
		return
	}
	inner := maps.Clone(fields)
	inner["type"] = kind
	inner["event_ts"] = stamp(t.now)
	t.events = append(t.events, event{
		"type": "event_callback", "token": "", "team_id": t.id, "api_app_id": t.app, "event": inner,
		"event_id": t.newID("Ev"), "event_time": t.now.Unix(), "is_ext_shared_channel": false,
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": t.id, "user_id": t.bot, "is_bot": true, "is_enterprise_install": false,
		}},
	})
}

// deliverEvent delivers e until it is acknowledged or Slack gives up.
func (w *Workspace) deliverEvent(ctx context.Context, e event) {
	o := outgoing{kind: "events_api", payload: e}
	for {
		if w.takeTwin() {
			w.twin(ctx, o, e)
		}
		ack, outcome := w.send(ctx, o)
		if outcome == Acked || o.attempt == len(retries) {
			return
		}
		if clock.Wait(ctx, w.cfg.Clock, ack.At.Add(retries[o.attempt])) != nil {
			return
		}
		o.attempt++
		o.reason = "timeout"
	}
}

// twin delivers the same event once more under another event id.
func (w *Workspace) twin(ctx context.Context, o outgoing, e event) {
	other := maps.Clone(e)
	w.change(func(t *team) { other["event_id"] = t.newID("Ev") })
	o.payload = other
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.wg.Go(func() { w.send(ctx, o) })
	}
}
