package server_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/strategies/awstest"
)

// TestTheSealingKeyMovesToKMS goes from a file to KMS and on to another key of
// it, with a grant that is open all the while.
func TestTheSealingKeyMovesToKMS(t *testing.T) {
	s := newServed(t)
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	client := s.client(s.grantIn(access.Open))
	call := func() {
		t.Helper()
		if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
			t.Fatalf("%v\n%s", err, s.log)
		}
	}
	call()
	done, err := c.RotateKey(t.Context())
	if err != nil || done.Resealed != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	call()
	p := &s.options.Config.Proxy
	file, err := os.ReadFile(p.SealingKey)
	if err != nil || bytes.Count(file, []byte("\n")) != 2 {
		t.Errorf("the file has %q, %v", file, err)
	}
	s.stop()

	s.aws.AddKMSKey(awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: management, Region: "eu-central-1", Alias: "alias/sesame"})
	p.FormerSealingKey, p.SealingKey = p.SealingKey, config.KMS+"arn:aws:kms:eu-central-1:"+management+":alias/sesame"
	s.freshLog()
	s.start()
	if err := s.log.await(t.Context(), "sealed anew"); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	s.stop()

	p.FormerSealingKey = "" // nothing that is in use needs it any more
	s.freshLog()
	s.start()
	if err := s.log.await(t.Context(), "AWS is served"); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	if strings.Contains(s.log.String(), "there is no proxy") {
		t.Errorf("the authority needs the former key\n%s", s.log)
	}
	if wrapped, err := filepath.Glob(filepath.Join(s.options.Config.DataDir, "sealing-*.kms")); err != nil || len(wrapped) != 1 {
		t.Errorf("%v, %v", wrapped, err)
	}
	s.stop()

	p.FormerSealingKey = filepath.Join(t.TempDir(), "no-such.key")
	s.start()
	if err := s.log.await(t.Context(), "former sealing key: stat "); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
}
