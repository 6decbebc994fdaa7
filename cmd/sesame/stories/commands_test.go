package stories_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"regexp"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/clock"
	"sesame/flows/scenario"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// glassWithSink has dave break the glass where a service besides Slack is told.
const glassWithSink = `Broken glass needs one place that takes note, and no Slack.
-- rules.yaml --
flows:
  all:
    label: Everything
    targets: [ec2-frontend, billing-readonly, sandbox]
    duration: {choices: [1h, 30m]}
    who: 'in_group("engineering", requester)'
    routes:
      - {name: break-glass, when: 'requester.email == "dave@example.com"', self_approve: true, announce: security, review_within: 24h}
      - {name: leads, approvers: {groups: [frontend-leads]}, notify: [access]}
-- story --
world a sink takes note
`

func TestBreakingGlassByCommandWhileSlackIsDown(t *testing.T) {
	s, err := scenario.Parse([]byte(glassWithSink))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	w.stop()
	w.options.Config.API.Listen = "127.0.0.1:0"
	w.start(&plug{})
	dave := w.signsIn("dave")
	w.outage.set(w.slack, true)
	w.ok(w.Pass(t.Context(), 5*time.Minute))

	ask := api.Asking{Target: "ec2-frontend", Duration: "1h", Reason: "the front end is down", BreakGlass: true, Incident: "INC-7"}
	var asked api.Case
	w.tells(func(ctx context.Context) (err error) {
		asked, err = dave.Ask(ctx, ask)
		return err
	})
	if asked.Request.State != "approved" {
		t.Fatalf("the request is %+v", asked.Request)
	}
	w.ok(w.Pass(t.Context(), 5*time.Minute))
	if has := w.has("dave"); has != "nothing" {
		t.Errorf("nobody took note, and dave has %s", has)
	}
	w.sink.Store(true)
	w.ok(w.pace.await("dave has the access", 10*time.Minute, func() bool { return w.has("dave") == "ec2-frontend" }))
	w.tells(func(ctx context.Context) error {
		_, err := dave.End(ctx, "g-"+asked.Request.ID[2:])
		return err
	})
	w.ok(w.pace.await("dave has nothing", 10*time.Minute, func() bool { return w.has("dave") == "nothing" }))
	w.outage.set(w.slack, false)
}

// tells has somebody at a terminal do something, and lets time pass meanwhile.
func (w *world) tells(what func(context.Context) error) {
	w.t.Helper()
	_, err := w.do(w.t.Context(), func(ctx context.Context) (slacktest.Reply, error) { return slacktest.Reply{}, what(ctx) })
	w.ok(err)
}

var answering = regexp.MustCompile(`"address":"([^"]+)"[^\n]*commands of engineers are answered`)

// signsIn signs in somebody at a terminal, with the code typed into Slack.
func (w *world) signsIn(name string) *client.Remote {
	w.t.Helper()
	w.ok(w.pace.await("commands are answered", settles, func() bool { return answering.MatchString(w.log.String()) }))
	c := client.RemoteConfig{
		Server: "http://" + answering.FindStringSubmatch(w.log.String())[1], Agent: "story", Clock: clock.System{},
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)),
	}
	terminal, err := client.NewRemote(c)
	w.ok(err)
	defer terminal.Close()
	begun, err := terminal.Begin(w.t.Context(), "laptop")
	w.ok(err)
	before := w.seenBy(name)
	who := w.slack.As(userID(name))
	_, err = w.do(w.t.Context(), types(who, "/access login "+begun.Code))
	w.ok(err)
	w.awaitNews(name, before)
	shown := w.slack.Ephemerals(userID(name))
	_, err = w.do(w.t.Context(), presses(who, shown[len(shown)-1], "sign_in"))
	w.ok(err)
	w.ok(w.pace.await(name+" is signed in", settles, func() bool {
		made, err := terminal.Outcome(w.t.Context(), begun.ID)
		w.ok(err)
		c.Login = made.ID
		return made.State == api.LoginConfirmed
	}))
	signed, err := client.NewRemote(c)
	w.ok(err)
	w.t.Cleanup(signed.Close)
	return signed
}
