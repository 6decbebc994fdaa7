package record_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A plainSealer seals nothing: what it seals begins with the name.
type plainSealer struct{}

func (plainSealer) Seal(name string, secret []byte) []byte {
	return append([]byte(name+"\x00"), secret...)
}

func (plainSealer) Open(name string, sealed []byte) ([]byte, error) {
	head := name + "\x00"
	if len(sealed) < len(head) || string(sealed[:len(head)]) != head {
		return nil, errors.New("sealed under another name")
	}
	return sealed[len(head):], nil
}

func openStore(t testing.TB, c record.Config) *record.Store {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Clock == nil {
		c.Clock = clock.Frozen(noon)
	}
	if c.Wall == nil {
		c.Wall = clock.Frozen(noon)
	}
	c.Sealer = plainSealer{}
	s, err := record.Open(c)
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

func session(t testing.TB, s *record.Store) *record.Recording {
	t.Helper()
	r, err := s.Begin(context.Background(), record.About{
		Began: noon, Kind: record.Shell, Grant: "g-1", Request: "r-1", Person: "p-1", PersonName: "Alice", Target: "ec2-frontend", Instance: "i-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func show(t testing.TB, r *record.Recording, at time.Duration, text string) {
	t.Helper()
	if err := r.Take(noon.Add(at), ssm.Event{Kind: ssm.Shown, From: ssm.Agent, Data: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func TestQuota(t *testing.T) {
	s := openStore(t, record.Config{Quota: 64 << 10})
	r := session(t, s)
	big := ssm.Event{Kind: ssm.Shown, From: ssm.Agent, Data: make([]byte, 60<<10)}
	if err := r.Take(noon, big); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 3 {
		err = r.Take(noon, big)
	}
	if !errors.Is(err, access.ErrNoSpace) {
		t.Errorf("beyond the quota: %v", err)
	}
	if again := r.Mark(noon, "x"); !errors.Is(again, access.ErrNoSpace) {
		t.Errorf("after that: %v", again)
	}
	if err := r.End(noon, "no room"); err != nil {
		t.Error(err)
	}
	var got int
	for _, l := range lines(t, s, r.ID(), record.Output) {
		got += len(l.Text())
	}
	if got != 60<<10 {
		t.Errorf("%d bytes are kept of what was taken", got)
	}
	if m := r.Manifest(); !strings.Contains(m.Why, "have reached their quota") {
		t.Errorf("why: %s", m.Why)
	}
}
