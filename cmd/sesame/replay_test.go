package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/flows/golden"
	"sesame/store/bolt"
)

// wasInForce are the rules that the requests of the past were judged by.
const wasInForce = `version: 1
timezone: Europe/Berlin
groups:
  engineering: {slack: S012ABCDEF}
  leads: {members: [bob@example.com]}
channels: {access: C0123ABCDE}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  billing: {label: Billing, strategy: sso, account: "222222222222", permission_set: ReadOnly, tags: {env: prod}}
  sandbox: {label: Sandbox, strategy: sso, account: "333333333333", permission_set: Admin, tags: {env: dev}}
  reports: {label: Reports, strategy: sso, account: "222222222222", permission_set: ReadOnly, tags: {env: prod}}
flows:
  finance:
    targets: [billing, sandbox, reports]
    duration: {choices: [1h, 2h], default: 1h}
    fields: [{name: ticket, label: Ticket, type: string}]
    who: in_group("engineering", requester)
    guardrails:
      - {name: weekend, deny: 'window.overlaps("Fri 18:00", "Mon 07:00")', message: Not over the weekend.}
    routes:
      - {name: leads, approvers: {groups: [leads]}, notify: [access]}
`

// proposed takes the weekend away, freezes evenings, lets the sandbox approve
// itself, has finance look at reports, and wants to know who is in security.
const proposed = `version: 1
timezone: Europe/Berlin
groups:
  engineering: {slack: S012ABCDEF}
  security: {slack: S012ABCDE0}
  leads: {members: [bob@example.com]}
channels: {access: C0123ABCDE}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  billing: {label: Billing, strategy: sso, account: "222222222222", permission_set: ReadOnly, tags: {env: prod}}
  sandbox: {label: Sandbox, strategy: sso, account: "333333333333", permission_set: Admin, tags: {env: dev}}
flows:
  finance:
    targets: [billing]
    duration: {choices: [1h], default: 1h}
    fields: [{name: ticket, label: Ticket, type: string}]
    who: in_group("engineering", requester)
    guardrails:
      - {name: evenings, deny: 'now.hour >= 19', message: "Not after seven, {requester.name}."}
      - {name: audit, deny: 'request.reason contains "audit" and not in_group("security", requester)', message: Security does audits.}
    routes:
      - {name: leads, approvers: {groups: [leads]}, notify: [access]}
  play:
    targets: [sandbox]
    duration: {choices: [1h, 2h], default: 1h}
    who: in_group("engineering", requester)
    routes:
      - {name: play, auto_approve: true}
`

// pasts are what was asked: when, by whom, for what, and how long.
var pasts = []struct{ at, who, target, long, reason string }{
	{"2026-03-02T09:00:00Z", "alice", "billing", "1h", "close the books"},
	{"2026-03-02T18:30:00Z", "alice", "billing", "1h", "close the books | again"},
	{"2026-03-03T09:00:00Z", "carol", "billing", "2h", "<script>"},
	{"2026-03-03T10:00:00Z", "alice", "sandbox", "2h", "try something"},
	{"2026-03-03T11:00:00Z", "alice", "reports", "1h", "numbers"},
	{"2026-03-03T12:00:00Z", "alice", "billing", "1h", "audit of the year"},
	{"2026-03-06T19:30:00Z", "carol", "sandbox", "1h", "over the weekend"},
	{"2026-03-06T19:40:00Z", "mallory", "billing", "1h", "let me in"},
	{"2026-03-07T09:00:00Z", "mallory", "nothing", "1h", "let me in"},
}

// askAll has a Desk take what was asked, and leaves a data directory.
func askAll(t testing.TB, dir string) {
	t.Helper()
	store, err := bolt.Open(bolt.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := clock.Frozen(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	world := factstest.New("T012ABCDEF", "d-1")
	for _, name := range []string{"alice", "bob", "carol", "mallory"} {
		world.Join(name)
	}
	world.SetSlackGroup("S012ABCDEF", "alice", "bob", "carol")
	people := facts.New(store, world.Sources(), now, facts.Config{Workspace: "T012ABCDEF", TrustEmail: true, MaxAge: -1})
	set, err := flowfile.Load(fstest.MapFS{"flows/finance.yaml": {Data: []byte(wasInForce)}}, "flows/finance.yaml")
	if err != nil {
		t.Fatal(err)
	}
	desk := flows.New(flows.Config{
		Store: store, People: people, Rules: func() *flowfile.Set { return set }, Clock: now,
		Planners: map[string]access.Planner{flowfile.WaySSO: plannedNothing{}},
	})
	for i, p := range pasts {
		at, err := time.Parse(time.RFC3339, p.at)
		if err != nil {
			t.Fatal(err)
		}
		now.Advance(at.Sub(now.Now()))
		long, err := time.ParseDuration(p.long)
		if err != nil {
			t.Fatal(err)
		}
		// Refusals are part of the past.
		desk.Ask(t.Context(), flows.Draft{
			ID: access.RequestIDFrom(fmt.Sprint(i)), From: world.Account(p.who), Target: p.target, Duration: long, Reason: p.reason, Source: access.FromCommand,
		})
	}
}

// plannedNothing plans one object that nobody makes.
type plannedNothing struct{}

func (plannedNothing) Plan(t access.Target, p access.Person) (access.Plan, error) {
	return access.Plan{Objects: []access.Spec{{Key: access.ObjectKey("aws_sso/" + t.Name + "/" + string(p.ID)), Way: flowfile.WaySSO, Lane: "1", Budget: "1"}}}, nil
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplay compares what a reviewer reads with testdata/replay.golden.
func TestReplay(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	askAll(t, data)
	with := map[string]string{"was": writeFile(t, "was.yaml", wasInForce), "proposed": writeFile(t, "proposed.yaml", proposed)}
	var got strings.Builder
	for _, line := range []string{
		"flows replay --with PROPOSED",
		"flows replay --with PROPOSED --format markdown --fail-on-change",
		"flows replay --with PROPOSED --since 2026-03-06 --json",
		"flows replay --with PROPOSED --limit 1",
		"flows replay --with WAS --fail-on-change",
		"flows replay --with WAS --format markdown",
		"flows replay --with WAS --since yesterday",
		"flows replay --with WAS --format xml",
	} {
		asked := strings.NewReplacer("PROPOSED", with["proposed"], "WAS", with["was"]).Replace(line)
		out := carryOut(t, data, asked+" --data "+data)
		for name, path := range with {
			out = strings.ReplaceAll(strings.ReplaceAll(out, markdown(path), name+".yaml"), path, name+".yaml")
		}
		fmt.Fprintf(&got, "$ sesame %s\n%s\n", line, out)
	}
	golden.Equal(t, "testdata/replay.golden", got.String())
}

// TestRequestsAreExplainedFromTheRecord compares what is said of requests of
// the past with testdata/explained.golden.
func TestRequestsAreExplainedFromTheRecord(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	askAll(t, data)
	id := func(i int) string { return string(access.RequestIDFrom(fmt.Sprint(i))) }
	var got strings.Builder
	for _, line := range []string{
		"requests explain " + id(0), "requests explain " + id(6), "requests explain " + id(7) + " --json", "requests explain " + id(8), "requests explain r-none",
	} {
		out := strings.ReplaceAll(carryOut(t, data, line+" --data "+data), data, "DATA")
		fmt.Fprintf(&got, "$ sesame %s --data DATA\n%s\n", line, out)
	}
	golden.Equal(t, "testdata/explained.golden", got.String())
}

// The record of a running server is replayed from a snapshot, by the files
// that its configuration names.
func TestReplayOfARunningServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	askAll(t, data)
	store, err := bolt.Open(bolt.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	config := records(t)
	config.Store, config.Backup = store, store.Backup
	socket := serveOn(t, config)
	out := carryOut(t, socket, "flows replay --fail-on-change")
	for _, want := range []string{"Judged 8 requests", "changed      6", "no target billing", "[6]"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if out := carryOut(t, socket, "requests explain "+string(access.RequestIDFrom("6"))); !strings.Contains(out, "refused to carol") {
		t.Errorf("explained as\n%s", out)
	}
}

func TestReplayOfAStoreInUse(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	store, err := bolt.Open(bolt.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	out := carryOut(t, data, "flows replay --with "+writeFile(t, "was.yaml", wasInForce)+" --data "+data)
	if !strings.Contains(out, "leave out --data to have the running server asked, or name a file that 'sesame backup' wrote") {
		t.Errorf("printed %s", out)
	}
}
