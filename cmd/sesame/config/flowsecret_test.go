package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/cmd/sesame/config"
)

func TestFlowFilesReachTheirOwnSecretsAlone(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.FlowSecrets = filepath.Join(dir, "flow-secrets")
	if err := os.Mkdir(c.FlowSecrets, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"bot-token": 0o600, "flow-secrets/pagerduty": 0o600, "flow-secrets/open": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("hunter2\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if secret, err := c.FlowSecret("${file:pagerduty}"); err != nil || secret.Reveal() != "hunter2" {
		t.Errorf("%v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	for ref, want := range map[string]string{
		"${file:../bot-token}": "by the name of a file in flow_secrets", "${file:" + dir + "/bot-token}": "by the name of a file",
		"${file:..}": "by the name", "${file:.}": "by the name", "${env:AWS_SECRET_ACCESS_KEY}": "by the name", "hunter2": "by the name", "": "by the name",
		"${file:open}": "can be read by others", "${file:gone}": "there is no file",
	} {
		secret, err := c.FlowSecret(ref)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || secret.Reveal() != "" {
			t.Errorf("%s: %v, want %s", ref, err, want)
		}
	}
}
