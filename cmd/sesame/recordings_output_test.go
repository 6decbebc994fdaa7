package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/store/memory"
)

// canned are recordings of every state, and a session that goes on.
type canned struct{ parts []api.Part }

func exit(code int) *int { return &code }

func (*canned) List(_ context.Context, _ access.Account, q api.RecordingQuery) (api.RecordingPage, error) {
	all := []api.Recording{
		{ID: "rec-open", State: api.RecordingOpen, Kind: "shell", Name: "Alice", Person: "p-alice", Target: "ec2-frontend", Instance: "i-0a", Began: noon.Add(-5 * time.Minute), Shown: 2000, Typed: 20, Size: 2400},
		{ID: "rec-port", State: api.RecordingEnded, Kind: "port", Name: "Bob", Target: "db", Instance: "i-0b", Command: "db.internal:3306", Began: noon.Add(-2 * time.Hour), EndedAt: noon.Add(-time.Hour), Why: "the access was over", Only: "it is a port session", Shown: 5 << 20, Typed: 3 << 10, Size: 900, Digest: "ab12"},
		{ID: "rec-torn", State: api.RecordingEnded, Kind: "shell", Name: "Alice", Target: "ec2-frontend", Began: noon.Add(-26 * time.Hour), EndedAt: noon.Add(-25 * time.Hour), Why: "the server was stopped in the middle of the session", Shown: -1, Typed: -1, Hidden: 2, Lost: 3, Sealed: 100, Torn: 17, Size: 3 << 30},
		{ID: "rec-gone", State: api.RecordingRemoved, Kind: "command", Name: "Alice", Target: "ec2-frontend", Command: "uptime", Began: noon.Add(-100 * 24 * time.Hour), EndedAt: noon.Add(-100 * 24 * time.Hour).Add(time.Second), Why: "the program ended", Exit: exit(3), RemovedAt: noon.Add(-10 * 24 * time.Hour), Rule: "recordings are kept for 90 days"},
	}
	for _, r := range all {
		if r.ID == q.ID {
			all = []api.Recording{r}
		}
	}
	return api.RecordingPage{Recordings: all}, nil
}

func (*canned) Search(context.Context, access.Account, api.RecordingSearch) (api.RecordingHits, error) {
	return api.RecordingHits{Searched: 2, More: true, Unread: "search recording rec-torn: segment 3 was changed", Hits: []api.RecordingHit{
		{Recording: "rec-open", Name: "Alice", Target: "ec2-frontend", After: 61_500, At: noon, Row: "  rm -rf \x1b[31m/tmp/x"},
		{Recording: "rec-open", Name: "Alice", Target: "ec2-frontend", After: 3_661_001, At: noon.Add(time.Hour), Row: "rm: denied"},
		{Recording: "rec-port", Name: "Bob", Target: "db", After: 0, At: noon, Row: "rm"},
	}}, nil
}

func (c *canned) View(_ context.Context, _ access.Account, id string, v api.Viewing) (api.View, error) {
	if id != "rec-open" {
		return api.View{}, &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot see it."}
	}
	return api.View{ID: "v-" + v.Look, Recording: api.Recording{ID: id, State: api.RecordingOpen}}, nil
}

func (c *canned) Read(context.Context, access.Account, string, api.ReadQuery) (api.Part, error) {
	p := c.parts[0]
	c.parts = c.parts[1:]
	return p, nil
}

// TestWhatPeopleSeeOfRecordings compares what the commands print.
func TestWhatPeopleSeeOfRecordings(t *testing.T) {
	c := &canned{}
	socket := serveOn(t, api.Config{
		Store: memory.New(), Log: zerolog.Nop(), Recordings: c, Person: func(uint32) (access.Account, bool) { return alice.Account, true },
		VerifyRecordings: func(_ context.Context, id string) (api.RecordingProof, error) {
			if id == "rec-none" {
				return api.RecordingProof{}, nil
			}
			return api.RecordingProof{Recordings: []api.RecordingFinding{
				{ID: "rec-gone", State: "removed"}, {ID: "rec-open", State: "open"}, {ID: "rec-port", State: "whole"},
				{ID: "rec-torn", State: "broken", Text: "output of recording rec-torn: segment 3 was changed"},
			}}, nil
		},
	})
	for _, k := range []struct{ line, want string }{
		{"recordings list", `
RECORDING  STATE    WHO    WHERE              KIND     BEGAN                        LASTED  SIZE
rec-open   open     Alice  ec2-frontend i-0a  shell    11:55 (5m ago)               5m0s    2.3 KB
rec-port   ended    Bob    db i-0b            port     10:00 (2h00m ago)            1h0m0s  900 B
rec-torn   ended    Alice  ec2-frontend       shell    2026-03-03 10:00 (1d ago)    1h0m0s  3.0 GB
rec-gone   removed  Alice  ec2-frontend       command  2025-11-24 12:00 (100d ago)  1s      0 B
`},
		{"recordings show rec-port", `
recording  rec-port
state      ended
session    port
who        Bob
where      db i-0b
command    db.internal:3306
began      10:00 (2h00m ago)
ended      11:00 (1h00m ago)
lasted     1h0m0s
because    the access was over
shown      5.0 MB
typed      3.0 KB
kept       nothing that passed, but how much: it is a port session
size       900 B
manifest   ab12
`},
		{"recordings show rec-torn", `
recording  rec-torn
state      ended
session    shell
who        Alice
where      ec2-frontend
began      2026-03-03 10:00 (1d ago)
ended      2026-03-03 11:00 (1d ago)
lasted     1h0m0s
because    the server was stopped in the middle of the session
shown      not known
typed      not known
kept       what was shown and typed, but for 2 things that were typed and not shown
size       3.0 GB
missing    3 messages were lost on their way; 100 bytes were sealed with a key that is not known; 17 bytes were being written when the server was killed
`},
		{"recordings search rm", `
rec-open  Alice on ec2-frontend
  2026-03-04 12:00:00  00:01:01.500  rm -rf [31m/tmp/x
  2026-03-04 13:00:00  01:01:01.001  rm: denied

rec-port  Bob on db
  2026-03-04 12:00:00  00:00:00.000  rm
There may be more: narrow it down, or raise --limit.
sesame: search recording rec-torn: segment 3 was changed
[1]
`},
		{"recordings verify", `
RECORDING  STATE    WHAT IS WRONG
rec-gone   removed
rec-open   open
rec-port   whole
rec-torn   broken   output of recording rec-torn: segment 3 was changed
[1]
`},
		{"recordings verify rec-none", `
sesame: there is no recording "rec-none", and none was removed
[1]
`},
		{"recordings watch rec-open", `
{"version":3}-- 2.0 KB were skipped: you were too slow for them
$ exit
The session ended: sesame recordings show rec-open says why.
`},
		{"recordings play rec-open --speed 0", `
sesame: --speed is more than 0, and --idle and --from are no less
Run 'sesame recordings play --help' for how it is used.
[2]
`},
		{"recordings play rec-gone", `
sesame: You cannot see it.
[5]
`},
	} {
		c.parts = []api.Part{
			{Text: "{\"version\":3}\n[0.000,\"o\",\"{\\\"version\\\":3}\"]\n", Offset: 10},
			{Text: "[1.000,\"o\",\"\\u001b]0;x\\u0007$ exit\\r\\n\"]\n", Offset: 3000, Skipped: 2000, Over: true},
		}
		got := strings.ReplaceAll(carryOut(t, socket, k.line), "\r\n", "\n")
		if diff := cmp.Diff(strings.TrimPrefix(k.want, "\n"), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.line, diff)
		}
	}
}
