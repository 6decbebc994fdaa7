package demo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/cmd/sesame/demo"
	"sesame/flows/clock"
)

func newStage(t *testing.T, cfg demo.Config) *demo.Stage {
	t.Helper()
	s, err := demo.NewStage(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestWhatTheMachineHasIsLeftAside: a demo must neither use nor trip over the
// AWS configuration of whoever runs it.
func TestWhatTheMachineHasIsLeftAside(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("[profile\nendpoint_url = http://192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_PROFILE": "nowhere", "AWS_ACCESS_KEY_ID": "AKIAFROMTHEMACHINE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": broken, "AWS_SHARED_CREDENTIALS_FILE": broken,
	} {
		t.Setenv(name, value)
	}
	s := newStage(t, demo.Config{Clock: clock.Frozen(demo.Opening())})
	for _, c := range s.AWS().Calls() {
		if c.Caller.ARN != "arn:aws:iam::111111111111:user/sesame" {
			t.Errorf("%s was signed by %s", c.Operation, c.Caller.ARN)
		}
	}
}

func TestRestartGoesOnWithTheSameData(t *testing.T) {
	s := newStage(t, demo.Config{Clock: clock.Frozen(demo.Opening())})
	if _, err := s.As(demo.Alice).Command(t.Context(), demo.ChannelAccess, "/access billing-readonly 1h an invoice"); err != nil {
		t.Fatal(err)
	}
	m, err := s.AwaitMessage(t.Context(), demo.ChannelSecurity, demo.Says("[Approve Request]"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.As(demo.Carol).Click(t.Context(), m.Control("approve")); err != nil {
		t.Fatal(err)
	}
	held := func() bool { return s.Holds(demo.Alice, "333333333333", "BillingReadOnly") }
	if err := s.Await(t.Context(), "Alice has access", held); err != nil {
		t.Fatal(err)
	}
}

func TestCommandsReachTheServer(t *testing.T) {
	s := newStage(t, demo.Config{Clock: clock.Frozen(demo.Opening())})
	c := s.Client()
	defer c.Close()
	st, err := c.Status(t.Context())
	if err != nil || st.Account != "111111111111" || st.ClosingOnly != "" || !st.Now.Equal(s.Clock().Now()) {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestBrokenFlowFilesAreSaidInTheAdminChannel(t *testing.T) {
	s := newStage(t, demo.Config{Clock: clock.Frozen(demo.Opening()), Flows: []byte("version: 1\nflows: 7\n")})
	if _, err := s.AwaitMessage(t.Context(), demo.ChannelAdmin, demo.Says("flow files")); err != nil {
		t.Error(err)
	}
}

func TestWaitingInVainSaysForWhat(t *testing.T) {
	s := newStage(t, demo.Config{Clock: clock.Frozen(demo.Opening())})
	enough := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	asked := 0
	err := s.Await(ctx, "pigs fly", func() bool {
		if asked++; asked == 3 {
			stop(enough)
		}
		return false
	})
	if !errors.Is(err, enough) || !strings.Contains(err.Error(), "pigs fly") {
		t.Errorf("error %v, want the cause and what was waited for", err)
	}
	if on := s.Clock().Now().Sub(demo.Opening()); on > 2*time.Minute {
		t.Errorf("the clock was helped on by %v", on)
	}
}
