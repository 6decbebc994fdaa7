package server_test

import (
	"strings"
	"testing"
	"time"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

// TestTheProxyComesWithKMS starts while KMS gives nobody the sealing key. What was
// granted ends, other access opens, and AWS is served once KMS answers.
func TestTheProxyComesWithKMS(t *testing.T) {
	s := newServed(t)
	s.aws.AddKMSKey(awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: management, Region: "eu-central-1"})
	s.options.Config.Proxy.SealingKey = config.KMS + "arn:aws:kms:eu-central-1:" + management + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	before := s.grantIn(access.Open)
	s.stop()

	answers := s.aws.Fault(awstest.Fault{Operation: "Decrypt", Kind: awstest.Deny, Times: -1})
	c = s.start()
	s.connected(c)
	s.message(s.options.Config.AdminChannel, "Sesame serves no AWS yet")
	if st, err := c.Status(t.Context()); err != nil || !strings.Contains(st.ProxyWaits, "AccessDenied") || st.Proxy != "" || st.ClosingOnly != "" {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := c.RotateKey(t.Context()); err == nil || !strings.Contains(err.Error(), "serves no AWS yet") {
		t.Errorf("a key that is not there was changed: %v", err)
	}
	s.clock.Advance(61 * time.Minute)
	s.closed(c, string(before.ID))
	s.ask("billing")
	s.assignments(1)
	s.ask("ec2-frontend")
	if err := s.log.await(t.Context(), `"set back"`); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	s.grantIn(access.Opening)

	answers()
	s.clock.Advance(2 * time.Minute)
	s.message(s.options.Config.AdminChannel, "Sesame serves AWS again.")
	if st, err := c.Status(t.Context()); err != nil || st.ProxyWaits != "" || st.Proxy == "" {
		t.Errorf("%+v, %v", st, err)
	}
	s.clock.Advance(2 * time.Minute) // past what the Keeper waits for
	open := func() bool {
		g, err := c.Grants(t.Context(), client.Listing{Open: true})
		return err == nil && len(g.Grants) == 2 && g.Grants[0].State == "open" && g.Grants[1].State == "open"
	}
	if err := s.slack.Await(t.Context(), open); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
}
