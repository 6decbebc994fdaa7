package server_test

import (
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

// newStory returns a rig whose time passes, in which Alice may ask and Bob may
// decide, and AWS is quick.
func newStory(t *testing.T) (r *rig, bob string) {
	t.Helper()
	r = newRig(t)
	r.clock = clock.Running(noon)
	r.startSlack()
	r.startAWS()
	r.aws.Tune(func(s *awstest.Settings) { s.Latency = -1 })
	r.moveTo()
	bob = r.slack.AddUser(slacktest.User{Name: "bob", Email: "bob@example.com"})
	r.slack.Invite(r.channel, bob)
	for _, name := range []string{"alice", "bob"} {
		if _, err := r.aws.AddUser(awstest.User{UserName: name, Email: name + "@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	r.options.Keeper = keeper.Limits{PollEvery: time.Millisecond, ConfirmGap: time.Millisecond}
	return r, bob
}

// opened has Alice ask and Bob approve, and returns the grant once AWS holds
// what it needs.
func (r *rig) opened(c *client.Client, bob string) (grant string) {
	r.Helper()
	r.connected(c)
	if _, err := r.slack.As(r.alice).Command(r.Context(), r.channel, "/access ec2-frontend 1h disk full"); err != nil {
		r.Fatal(err)
	}
	asked := r.message(r.channel, "disk full")
	if _, err := r.slack.As(bob).Click(r.Context(), asked.Control("approve")); err != nil {
		r.Fatal(err)
	}
	r.assignments(1)
	r.message(r.alice, "aws sso login")
	page, err := c.Grants(r.Context(), client.Listing{Open: true})
	if err != nil || len(page.Grants) != 1 {
		r.Fatalf("grants %+v, %v, want one that is live", page, err)
	}
	return page.Grants[0].ID
}

// TestAccessIsOpenedAndEndedThroughEverything is one story through all that
// the server puts together; testdata/scenarios tells the others.
func TestAccessIsOpenedAndEndedThroughEverything(t *testing.T) {
	r, bob := newStory(t)
	c := r.start()
	grant := r.opened(c, bob)
	r.clock.Advance(61 * time.Minute)
	r.assignments(0)
	closed := r.closed(c, grant)
	if closed.End.Cause != "due" || closed.Receipt == nil || closed.Receipt.RemovedAt.IsZero() {
		t.Errorf("the grant ended as %+v with receipt %+v, want due, and proven", closed.End, closed.Receipt)
	}
	if proof, err := c.Verify(t.Context(), ""); err != nil || proof.Broken != "" {
		t.Errorf("the record afterwards: %+v, %v", proof, err)
	}
}

// TestEndingNeedsNobodysYes starts a server again while Slack and AWS refuse
// it and the flow files are broken: it waits for AWS alone.
func TestEndingNeedsNobodysYes(t *testing.T) {
	r, bob := newStory(t)
	grant := r.opened(r.start(), bob)
	r.stop()
	r.slack.RevokeToken(r.slack.BotToken())
	r.writeFlows("version: 1\nflows: {}\n")
	clear := r.aws.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "GetCallerIdentity", Times: -1})

	c := r.start()
	s, err := c.Status(t.Context())
	if err != nil || s.ClosingOnly == "" || s.Live != 1 || !strings.Contains(r.log.String(), "there is access to end") {
		t.Fatalf("status %+v, %v, want closing only with one live grant\n%s", s, err, r.log)
	}
	clear()
	for g, err := c.Grant(t.Context(), grant); g.State != "closed"; g, err = c.Grant(t.Context(), grant) {
		if err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(time.Minute)
	}
	if left := r.aws.Assignments(); len(left) > 0 {
		t.Errorf("AWS still holds %v", left)
	}
}

// moveTo points the server at the stand-ins as they are now.
func (r *rig) moveTo() {
	c := &r.options.Config
	c.Slack.APIURL, c.Slack.Workspace = r.slack.APIURL(), r.slack.TeamID()
	c.AWS.Endpoint = r.aws.URL()
	c.AdminChannel = r.slack.AddChannel(slacktest.Channel{Name: "sesame-admin", Members: []string{r.slack.BotUser()}})
	r.options.Clock = r.clock
	r.useKey(management)
	r.writeFlows(flowsYAML)
}

// connected blocks until the server listens to Slack.
func (r *rig) connected(c *client.Client) {
	r.Helper()
	err := r.log.until(r.Context(), func() bool {
		s, err := c.Status(r.Context())
		return err == nil && s.Slack.State == "connected"
	})
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
}

// message blocks until a channel shows text.
func (r *rig) message(channel, text string) slacktest.Message {
	r.Helper()
	m, err := r.slack.AwaitMessage(r.Context(), channel, func(m slacktest.Message) bool { return strings.Contains(m.Text(), text) })
	if err != nil {
		r.Fatalf("no message with %q: %v\n%s", text, err, r.log)
	}
	return m
}

// closed blocks until a grant is, which is told in Slack.
func (r *rig) closed(c *client.Client, id string) (g api.Grant) {
	r.Helper()
	err := r.slack.Await(r.Context(), func() bool {
		var err error
		g, err = c.Grant(r.Context(), id)
		return err == nil && g.State == "closed"
	})
	if err != nil {
		r.Fatalf("grant %s is %s: %v", id, g.State, err)
	}
	return g
}

// assignments blocks until AWS holds n of them.
func (r *rig) assignments(n int) {
	r.Helper()
	for {
		changed := r.aws.Changed()
		if len(r.aws.Assignments()) == n {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			r.Fatalf("AWS holds %v, want %d", r.aws.Assignments(), n)
		}
	}
}
