package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/golden"
	"sesame/flows/ledger"
	"sesame/proxy/api"
	"sesame/store/memory"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// TestWhatTheCommandsPrint compares the words for people, and the JSON for
// programs, with testdata/output.golden.
func TestWhatTheCommandsPrint(t *testing.T) {
	socket := serveRecords(t)
	var got strings.Builder
	for _, line := range []string{
		"status", "status --json",
		"requests list", "requests list --open", "requests show r-closed", "requests list --limit 1 --json",
		"grants list", "grants list --open", "grants show g-closed", "grants show g-open --json", "grants show g-none",
		"grants end g-open", "requests explain r-open", "flows apply", "flows apply --dry-run", "flows apply --json", "keys rotate", "keys rotate --json",
		"flows who-can ec2-frontend --server", "flows can alice@example.com --server --csv", "flows can alice@example.com --server --facts facts.yaml", "audit list --limit 3", "audit export --from 4", "audit verify", "audit verify --json",
	} {
		fmt.Fprintf(&got, "$ sesame %s\n%s\n", line, carryOut(t, socket, line))
	}
	golden.Equal(t, "testdata/output.golden", got.String())
}

// carryOut runs a command at noon in UTC, and returns all that it prints.
func carryOut(t *testing.T, socket, line string) string {
	t.Helper()
	config := filepath.Join(filepath.Dir(socket), "sesame.yaml")
	var out bytes.Buffer
	c := &console{out: &out, err: &out, clock: clock.Frozen(noon), zone: time.UTC}
	root := newRoot(c)
	root.SetArgs(append(strings.Fields(line), "--config", config))
	err := root.ExecuteContext(t.Context())
	report(&out, err)
	if code := exitCode(err); code != exitDone {
		fmt.Fprintf(&out, "[%d]\n", code)
	}
	return strings.ReplaceAll(out.String(), filepath.Dir(socket), "DIR")
}

// serveRecords answers on a socket with one request of each sort, and returns
// its path.
func serveRecords(t *testing.T) string {
	t.Helper()
	return serveOn(t, records(t))
}

// serveOn answers on a socket, and returns its path.
func serveOn(t *testing.T, config api.Config) string {
	t.Helper()
	// Not t.TempDir: its path is longer than that of a socket may be.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	text := string(readStarter(t, "sesame.yaml")) + "\nsocket: s\n"
	if err := os.WriteFile(filepath.Join(dir, "sesame.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "flows"), os.DirFS("starter/flows")); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := api.New(config)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func records(t *testing.T) api.Config {
	t.Helper()
	store := memory.New()
	pending := request("pending", access.Pending, -5*time.Minute)
	pending.Reason = "disk full on web-3, and the alert says that it will be out of inodes\nvery soon \x1b[31mreally"
	put(t, store, pending)
	open := request("open", access.Approved, -time.Hour)
	g := grant(t, store, open)
	closed := request("closed", access.Approved, -26*time.Hour)
	closed.Fields = map[string]string{"ticket": "INC-42"}
	was := grant(t, store, closed)
	keep(t, store, g, nil)
	keep(t, store, was, &access.End{At: was.DecidedAt.Add(30 * time.Minute), Name: "Bob", Cause: access.EndedEarly})
	return api.Config{
		Desk: ender{store}, Store: store, Log: zerolog.Nop(),
		Person: func(uint32) (access.Account, bool) { return alice.Account, true },
		Status: func(context.Context) (api.Status, error) {
			return api.Status{
				Version: "v1", Started: noon.Add(-50 * time.Hour), Now: noon, Revision: "0123abcd", Unused: "flows/ec2.yaml:3:1: unknown key gruops",
				Identity: "arn:aws:sts::111111111111:assumed-role/Sesame/sesame", Account: "111111111111",
				Slack: api.Slack{State: "connected"}, Pending: 1, Live: 1, Backlog: 2, Outbox: 3,
			}, nil
		},
		Verify: func(context.Context, string) (api.Proof, error) {
			return api.Proof{Events: 5, Checkpoints: 2, Head: "2:abcd", Broken: "event r-open/1 was changed: record broken"}, nil
		},
		Backup:    func(context.Context, io.Writer) error { return nil },
		Reload:    reloaded,
		RotateKey: func(context.Context) (api.Rotated, error) { return api.Rotated{Resealed: 2}, nil },
		Facts: func(context.Context) (api.Facts, error) {
			return api.Facts{Unnamed: 1, People: map[string]api.FactsPerson{
				"alice@example.com": {Name: "Alice", Groups: []string{"engineering"}}, "eve@example.com": {Name: "Eve"},
			}}, nil
		},
	}
}

// reloaded is a reload that goes well, and a dry run that does not.
func reloaded(_ context.Context, dryRun bool) (api.Reloaded, error) {
	r := api.Reloaded{OK: !dryRun, DryRun: dryRun, Path: "flows", Before: "0123abcd", After: "0123abcd", Differences: []api.Difference{}, Problems: []api.Problem{}, Warnings: []api.Problem{}}
	if dryRun {
		r.Problems = []api.Problem{
			{File: "flows/ec2.yaml", Line: 9, Col: 5, Message: "unknown key permision_set", Hint: "did you mean permission_set?"},
			{File: "targets.nowhere", Message: "the account 333333333333 is not in the organization"},
		}
		return r, nil
	}
	r.After = "4567cdef"
	r.Differences = []api.Difference{
		{Kind: "flow", Name: "ec2", Change: "changed", Settings: []string{"duration.choices: [1h, 2h] → [1h, 4h] (flows/ec2.yaml:14:25)"}},
		{Kind: "target", Name: "ec2-backend", Change: "added"}, {Kind: "target", Name: "ec2-old", Change: "removed"},
	}
	r.Warnings = []api.Problem{{File: "targets.ec2-backend", Message: "credentials can outlive the shortest grant by 1h"}}
	return r, nil
}

var alice = access.Person{
	ID: "p-alice", Name: "Alice", Email: "alice@example.com", Principal: "user-alice",
	Account: access.Account{Workspace: "T012ABCDEF", User: "U0ALICE"},
}

// An ender ends grants without asking anybody.
type ender struct{ store access.Store }

func (e ender) End(ctx context.Context, end flows.Ending) (access.Grant, error) {
	g, _, err := access.Load[access.Grant](ctx, e.store, access.Grant{ID: end.Grant}.Key())
	if err != nil {
		return g, err
	}
	return g.Ended(access.End{At: noon, Name: "Alice", Cause: access.EndedEarly})
}

func request(name string, s access.RequestState, at time.Duration) access.Request {
	r := access.Request{
		ID: access.RequestID("r-" + name), State: s, By: alice,
		Target:   access.Target{Name: "ec2-frontend", Label: "EC2 front end", Overhang: time.Hour},
		Duration: time.Hour, Reason: "disk full", AskedAt: noon.Add(at), LapsesAt: noon.Add(at + 24*time.Hour),
		Verdict: access.Verdict{Revision: "0123abcd", Route: access.Route{Name: "leads", Needs: []access.Need{{Count: 1, Groups: []string{"leads"}}}}},
	}
	if s == access.Approved {
		r.EndedAt = r.AskedAt.Add(time.Minute)
		r.Decisions = []access.Decision{{By: "p-bob", Name: "Bob", Approve: true, At: r.EndedAt, Source: access.FromButton, Route: "leads"}}
	}
	return r
}

func put(t *testing.T, store access.Store, r access.Request) {
	t.Helper()
	b := ledger.NewBatch(r.AskedAt)
	b.Put(r, 0)
	b.Event(r.ID, access.EventAsked, alice, nil)
	if _, err := b.Commit(t.Context(), store); err != nil {
		t.Fatal(err)
	}
}

func grant(t *testing.T, store access.Store, r access.Request) access.Grant {
	t.Helper()
	put(t, store, r)
	plan := access.Plan{Objects: []access.Spec{{Key: access.ObjectKey("aws_sso/" + r.ID), Way: "aws_sso"}}}
	b := ledger.NewBatch(r.EndedAt)
	if err := b.Grant(t.Context(), store, r, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	g, err := access.NewGrant(r, plan, r.EndedAt)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// keep opens a grant, and closes it if it is over.
func keep(t *testing.T, store access.Store, g access.Grant, end *access.End) {
	t.Helper()
	_, v, err := access.Load[access.Grant](t.Context(), store, g.Key())
	if err != nil {
		t.Fatal(err)
	}
	if g, err = g.Opened(g.DecidedAt.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if end != nil {
		if g, err = g.Ended(*end); err != nil {
			t.Fatal(err)
		}
		g, err = g.Sealed([]access.ObjectReceipt{{Object: g.Objects[0], Operation: "0123", AbsentAt: end.At.Add(time.Minute), Reads: 2}})
		if err != nil {
			t.Fatal(err)
		}
	}
	b := ledger.NewBatch(g.OpenedAt)
	b.Put(g, v)
	if _, err := b.Commit(t.Context(), store); err != nil {
		t.Fatal(err)
	}
}

func TestColourIsForTerminalsAlone(t *testing.T) {
	var out bytes.Buffer
	c := &console{out: &out, color: true}
	c.table([]string{"STATE", "BY"}, [][]cell{{state("open"), {"Alice", plain}}})
	if want := "\x1b[2mSTATE\x1b[0m  \x1b[2mBY\x1b[0m\n\x1b[32mopen\x1b[0m   Alice\n"; out.String() != want {
		t.Errorf("table %q, want %q", out.String(), want)
	}
	if isTerminal(&out) {
		t.Error("a buffer is taken for a terminal")
	}
}
