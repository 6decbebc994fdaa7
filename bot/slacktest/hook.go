package slacktest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	hookLife = 30 * time.Minute
	hookUses = 5
)

// A hook is a response_url: a way to answer where something was done, for a
// while and a few times.
type hook struct {
	channel, user string
	message       *Message // that was acted on; nil for a command
	at            time.Time
	uses          int
}

func (t *team) newHook(h *hook) string {
	id := t.token()
	h.at = t.now
	t.hooks[id] = h
	return t.base + "/response/" + id
}

func (w *Workspace) serveHook(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if w.interfere(rw, r, "response_url") {
		return
	}
	w.change(func(t *team) {
		if err == nil {
			err = t.answerHook(r.PathValue("hook"), body)
		}
		failed := ""
		if err != nil {
			failed = err.Error()
		}
		t.calls = append(t.calls, Call{
			Method: "response_url", Args: args{"body": string(body)}, At: t.now, Status: hookStatus(err), Error: failed,
		})
	})
	if err == nil {
		_, _ = io.WriteString(rw, "ok")
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(hookStatus(err))
	out, _ := json.Marshal(map[string]any{"ok": false, "error": err.Error()}) // two plain values
	_, _ = rw.Write(out)
}

func hookStatus(err error) int {
	var r *refusal
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &r) && (r.code == "used_url" || r.code == "expired_url"):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func (t *team) answerHook(id string, body []byte) error {
	h := t.hooks[id]
	switch {
	case h == nil || t.now.Sub(h.at) > hookLife:
		return refuse("expired_url")
	case h.uses >= hookUses:
		return refuse("used_url")
	}
	h.uses++
	_, err := t.respond(h, body)
	return err
}

// hookFields is what an answer may carry.
var hookFields = []string{
	"text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts", "mrkdwn", "metadata",
	"attachments", "unfurl_links", "unfurl_media",
}

// respond does what an answer to a command or a click says.
func (t *team) respond(h *hook, body []byte) (*Message, error) {
	a, err := t.hookArgs(body)
	if err != nil {
		return nil, err
	}
	if a.truth("delete_original") && h.message != nil {
		t.erase(h.message)
		return h.message, nil
	}
	said, err := t.content(a, maxPost)
	if err != nil {
		return nil, err
	}
	if said.nothing() {
		return nil, refuse("no_text")
	}
	if a.truth("replace_original") && h.message != nil {
		said.setBlock = true // a replacement without blocks leaves none of the old
		t.rewrite(h.message, said)
		return h.message, nil
	}
	m := &Message{
		Channel: h.channel, Author: t.bot, Fallback: said.text, Blocks: said.blocks, ThreadTS: a.str("thread_ts"),
	}
	switch a.str("response_type") {
	case "in_channel":
		t.append(t.channels[h.channel], m)
	case "", "ephemeral":
		t.whisper(h.user, m)
	default:
		return nil, refuse("invalid_payload")
	}
	return m, nil
}

func (t *team) hookArgs(body []byte) (args, error) {
	a := args{}
	if json.Unmarshal(body, &a) != nil {
		return nil, refuse("invalid_payload")
	}
	for name, v := range a {
		if !slices.Contains(hookFields, name) && !empty(v) {
			t.violate("response: field %q is unknown or not supported here", name)
		}
	}
	if a["blocks"] == nil {
		delete(a, "blocks")
	}
	return a, nil
}

// erase removes a message from wherever it is.
func (t *team) erase(m *Message) {
	gone := func(other *Message) bool { return other == m }
	if m.For != "" {
		t.ephemerals[m.For] = slices.DeleteFunc(slices.Clone(t.ephemerals[m.For]), gone)
		return
	}
	c := t.channels[m.Channel]
	c.messages = slices.DeleteFunc(slices.Clone(c.messages), gone)
}

// empty reports whether a client that prints every field meant nothing by one.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, inner := range v {
			if !empty(inner) {
				return false
			}
		}
		return true
	}
	return false
}
