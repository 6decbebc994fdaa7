package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
)

// glassRoute is a route by which Alice may break the glass.
const glassRoute = `{name: emergency, when: 'requester.email == "alice@example.com"', self_approve: true, announce: access, review_within: 24h}, `

// TestASinkIsEnoughToBreakTheGlass breaks the glass while Slack takes no
// messages: access opens as soon as a sink has acknowledged that.
func TestASinkIsEnoughToBreakTheGlass(t *testing.T) {
	r, _ := newStory(t)
	r.writeFlows(strings.Replace(flowsYAML, "routes: [", "routes: ["+glassRoute, 1))
	kinds := make(chan string, 100)
	siem := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var m struct{ Kind string }
		body, _ := io.ReadAll(q.Body)
		if json.Unmarshal(body, &m) != nil || q.Header.Get("Authorization") != "Bearer siem-token" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		kinds <- m.Kind
	}))
	t.Cleanup(siem.Close)
	r.options.Config.Sinks = []config.Sink{{Name: "siem", URL: siem.URL, Timeout: time.Second}}
	r.options.Secrets.Sinks = []config.Secret{config.NewSecret("siem-token")}
	r.connected(r.start())
	alice := r.slack.As(r.alice)
	if _, err := alice.Command(t.Context(), r.channel, "/access break-glass ec2-frontend INC-7 disk full"); err != nil {
		t.Fatal(err)
	}
	if err := r.slack.Await(t.Context(), func() bool {
		return len(r.slack.Views(r.alice)) > 0 && strings.Contains(r.slack.Views(r.alice)[0].Text(), "to confirm")
	}); err != nil {
		t.Fatal(err)
	}
	r.slack.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "chat.postMessage", Times: 1 << 20})
	reply, err := alice.Submit(t.Context(), r.slack.Views(r.alice)[0].ID, slacktest.Values{"confirm": {"ec2-frontend"}})
	if err != nil || len(reply.Errors) > 0 {
		t.Fatalf("%+v, %v", reply, err)
	}
	r.assignments(1)
	told := map[string]bool{}
	for !told["break_glass"] || !told["checkpoint"] {
		told[<-kinds] = true
	}
	if strings.Contains(r.log.String(), "siem-token") {
		t.Error("the log has the token")
	}
}
