package demo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sesame/bot/slacktest"
	"sesame/strategies/awstest"
)

// The kinds of rows.
const (
	rowAWS      = "aws"      // a call to AWS
	rowSlack    = "slack"    // a call to Slack
	rowEnvelope = "envelope" // a delivery from Slack
)

// A row is one line of the log.
type row struct {
	Kind    string    `json:"kind"`
	N       int       `json:"n"` // among those of its kind
	At      time.Time `json:"at"`
	Name    string    `json:"name"`
	Outcome string    `json:"outcome"`
	OK      bool      `json:"ok"`
}

// maxRows is how many rows are shown at once.
const maxRows = 100

// log answers with the latest rows of the kinds that are asked for, the newest
// first, or, when a number is asked for as well, with all of one row.
func (p *Page) log(rw http.ResponseWriter, r *http.Request) {
	kinds, n := r.URL.Query()["kind"], r.URL.Query().Get("n")
	if n != "" {
		i, err := strconv.Atoi(n)
		whole, ok := p.stage.whole(r.URL.Query().Get("kind"), i)
		if err != nil || !ok {
			reply(rw, http.StatusNotFound, failure{"There is no such row."})
			return
		}
		reply(rw, http.StatusOK, whole)
		return
	}
	var rows []row
	for _, kind := range kinds {
		rows = append(rows, p.stage.rows(kind)...)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return b.At.Compare(a.At) })
	reply(rw, http.StatusOK, rows[:min(len(rows), maxRows)])
}

// rows are the rows of one kind, the newest first.
func (s *Stage) rows(kind string) []row {
	all := []row{}
	switch kind {
	case rowAWS:
		for i, c := range s.aws.Calls() {
			all = append(all, row{rowAWS, i, c.At, c.Operation, c.Outcome, c.Outcome == awstest.OK})
		}
	case rowSlack:
		for i, c := range s.slack.Calls() {
			outcome := c.Error
			if outcome == "" {
				outcome = "ok"
			}
			all = append(all, row{rowSlack, i, c.At, c.Method, outcome, c.Error == ""})
		}
	case rowEnvelope:
		for i, e := range s.slack.Envelopes() {
			all = append(all, row{rowEnvelope, i, e.Sent, envelopeName(e), string(e.Outcome), e.Outcome == slacktest.Acked})
		}
	}
	slices.Reverse(all)
	return all[:min(len(all), maxRows)]
}

// envelopeName says what an envelope is about, in the words of its payload.
func envelopeName(e slacktest.Envelope) string {
	var in struct {
		Type    string
		Command string
		Text    string
		Event   struct{ Type string }
		Actions []struct {
			Action string `json:"action_id"`
		}
		View struct {
			Callback string `json:"callback_id"`
		}
	}
	if json.Unmarshal(e.Payload, &in) != nil {
		return e.Type
	}
	switch {
	case in.Command != "":
		return in.Command + " " + in.Text
	case in.Event.Type != "":
		return "event " + in.Event.Type
	case len(in.Actions) > 0:
		return in.Type + " " + in.Actions[0].Action
	case in.View.Callback != "":
		return in.Type + " " + in.View.Callback
	}
	return in.Type
}

// whole is everything that is known of a row.
func (s *Stage) whole(kind string, n int) (any, bool) {
	switch kind {
	case rowAWS:
		return at(s.aws.Calls(), n)
	case rowSlack:
		return at(s.slack.Calls(), n)
	case rowEnvelope:
		return at(s.slack.Envelopes(), n)
	}
	return nil, false
}

func at[T any](all []T, n int) (any, bool) {
	if n < 0 || n >= len(all) {
		return nil, false
	}
	return all[n], true
}
