package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"sesame/cmd/sesame/config"
)

func TestTokensOfSinksAreReadInTheirOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sesame.yaml"), whole+`sinks:
  - {name: open, url: "https://open.example.com"}
  - {name: siem, url: "https://siem.example.com", token: "${file:siem}"}
`, 0o600)
	for name, text := range map[string]string{"bot-token": "xoxb-1", "external-id": "e", "siem": "s3cr3t\n"} {
		write(t, filepath.Join(dir, name), text, 0o600)
	}
	c, err := config.Load(filepath.Join(dir, "sesame.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	env := func(string) (string, bool) { return "xapp-1", true }
	s, err := c.ReadSecrets(env)
	if err != nil || len(s.Sinks) != 2 || s.Sinks[0].Reveal() != "" || s.Sinks[1].Reveal() != "s3cr3t" {
		t.Errorf("%d tokens, %v", len(s.Sinks), err)
	}
	write(t, filepath.Join(dir, "siem"), "s3cr3t", 0o644)
	if _, err = c.ReadSecrets(env); err == nil || !strings.Contains(err.Error(), "sinks[1].token") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a token that others can read: %v", err)
	}
}
