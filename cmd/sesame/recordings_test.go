package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sesame/cmd/sesame/demo"
	"sesame/cmd/sesame/server"
	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy/archive"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/store/bolt"
	"sesame/strategies/rolesession"
)

// prerecord has sessions in the data directory of a server before it starts.
// text has a line for each event: the name of a session, how long after the
// event before it was, what it is, and what it says as Go writes strings.
//
//	rec-0000000001 100ms shown "$ "
func prerecord(o *server.Options, text string) (err error) {
	o.Config.Roles.Auditors, o.Config.Roles.Keystrokes = []string{"Bob@example.com", "U0CAROL"}, []string{"U0CAROL"}
	store, err := bolt.Open(bolt.Options{Dir: o.Config.DataDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	now := clock.Frozen(demo.Opening().Add(-time.Hour))
	auditor, err := audit.Open(context.Background(), audit.Options{Store: store, Dir: o.Config.DataDir, Clock: now})
	if err != nil {
		return err
	}
	sealer, err := rolesession.OpenSealer(o.Config.Proxy.SealingKey, o.Config.DataDir)
	if err != nil {
		return err
	}
	kept, err := archive.Open(archive.Config{
		Store: store, Rules: func() *flowfile.Set { return nil }, Clock: now, Failed: func(error) {},
		Files: record.Config{Dir: filepath.Join(o.Config.DataDir, "recordings"), Sealer: sealer, Sign: auditor.Sign, Clock: now},
	})
	if err != nil {
		return err
	}
	return errors.Join(take(kept.Files(), now, text), kept.Close(), auditor.Checkpoint(context.Background()))
}

// take takes the events of sessions, one session after the other.
func take(files *record.Store, now *clock.Movable, text string) error {
	sessions := map[string]*record.Recording{}
	for line := range strings.Lines(text) {
		var id, wait, kind, says string
		if _, err := fmt.Sscanf(line, "%s %s %s %q", &id, &wait, &kind, &says); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		after, err := time.ParseDuration(wait)
		if err != nil {
			return err
		}
		now.Advance(after)
		if sessions[id] == nil {
			if sessions[id], err = files.Begin(context.Background(), about(id, now.Now())); err != nil {
				return err
			}
		}
		if err := tell(sessions[id], now.Now(), kind, says); err != nil {
			return err
		}
	}
	return nil
}

func about(id string, began time.Time) record.About {
	return record.About{
		ID: id, Began: began, Kind: record.Shell, Grant: "g-" + id[4:], Request: "r-" + id[4:], Person: "p-alice", PersonName: "Alice",
		Target: "ec2-frontend", Instance: "i-0a1b2c", Document: "SSM-SessionManagerRunShell", Session: "alice-0f1e2d", Region: "us-east-1", Cols: 80, Rows: 24,
	}
}

func tell(r *record.Recording, at time.Time, kind, says string) error {
	e := ssm.Event{From: ssm.Agent, Data: []byte(says)}
	switch kind {
	case "shown":
		e.Kind = ssm.Shown
	case "typed":
		e.Kind, e.From = ssm.Typed, ssm.Client
	case "mark":
		return r.Mark(at, says)
	case "end":
		return r.End(at, says)
	}
	return r.Take(at, e)
}
