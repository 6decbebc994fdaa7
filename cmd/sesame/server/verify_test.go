package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/calls"
	"sesame/store/bolt"
)

// TestCallsAreAnchored has a call, and checks the record of a server that has
// stopped: as it is, as a backup, with a call that never was, and with none.
func TestCallsAreAnchored(t *testing.T) {
	s := newServed(t)
	s.connected(s.start())
	s.ask("ec2-frontend")
	if _, err := s.client(s.grantIn(access.Open)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.stop()
	data := s.options.Config.DataDir
	verify := func(dir string) api.Proof {
		t.Helper()
		public, err := audit.LoadPublicKey(data)
		if err != nil {
			t.Fatal(err)
		}
		store, err := bolt.OpenReadOnly(data)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		p, err := server.Verify(t.Context(), server.Record{Store: store, Key: public, Dir: dir}, "")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := verify(data); p.Broken != "" || p.Calls != "whole up to entry 2, 0 entries after the last checkpoint" {
		t.Errorf("%+v", p)
	}
	if p := verify(""); p.Broken != "" || !strings.HasPrefix(p.Calls, "not checked: a backup does not hold the record of calls, which stood at 2:") {
		t.Errorf("of a backup: %+v", p)
	}
	dir := filepath.Join(data, "calls")
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	if p := verify(data); !strings.Contains(p.Broken, "entry 1 is missing: the record ends before it, and a checkpoint names entry 2") {
		t.Errorf("without segments: %+v", p)
	}
	l, err := calls.Open(calls.Config{Dir: dir, Clock: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := l.Append(calls.Entry{Kind: calls.Refused}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if p := verify(data); !strings.Contains(p.Broken, "entry 2 is not the one that a checkpoint names") && !strings.Contains(p.Broken, "entry 1 is not the one") {
		t.Errorf("with another record: %+v", p)
	}
}
