// Package cmd_test holds the rules of the whole repository that a program can
// check: which package may import which, and what no file may do.
package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "sesame"

// A room is a folder's place among the others. What it does not list, it may
// not import; the standard library is free but for what is forbidden.
type room struct {
	dir       string // relative to the module; "x/..." stands for x and all below it
	ours      string // folders of ours, separated by blanks; "..." is any of them
	theirs    string // modules of others; "..." is any of them
	forbidden string // of the standard library
	why       string
}

const network = "net net/http"

var rooms = []room{
	{"cmd", "", "", "", "nothing but tests of the repository itself"},
	{"cmd/sesame", "...", "...", "", "the wiring knows every room"},
	{"cmd/sesame/config", "", "github.com/goccy/go-yaml", network + " os/exec", "what a file says, and nothing done about it"},
	{"cmd/sesame/server", "...", "...", "", "the server is wiring, and the demo runs the same"},
	{"cmd/sesame/demo", "...", "...", "", "the demo is the wiring with stand-ins"},
	{"cmd/sesame/stories", "", "", "", "nothing but tests of everything together"},
	{"cmd/sesame/interop", "...", "...", "", "real clients, and all that serves them: run by hand and in CI, and no part of the program"},
	{"cmd/sesame/load", "", "", network, "only benchmarks, which look at the server from outside"},

	{"flows/access", "", "", network + " os log log/slog", "nouns and invariants: no I/O, no logging, nothing of others"},
	{"flows/clock", "", "", network + " os", "the one source of time is a leaf"},
	{"flows/golden", "", "github.com/google/go-cmp", network, "what tests compare text with: no program has it"},
	{"policies", "flows/access", "github.com/expr-lang/expr github.com/robfig/cron/v3", network + " os", "same input, same verdict: facts are values"},
	{"policies/iam", "", "", network + " os", "documents in, findings out"},
	{"policies/iam/catalog", "", "", network + " os", "what AWS has is data, and comes with the program"},
	{"policies/iam/catalog/refresh", "", "", network, "makes that data, by hand, and is no part of the program"},
	{"policies/iam/lint", "policies/iam policies/iam/catalog", "", network + " os", "documents in, findings out"},
	{"policies/iam/recipe", "policies/iam policies/iam/lint", "", network + " os", "what is meant in, documents out"},
	{"flows", "flows/access flows/clock flows/flowfile flows/ledger policies", "", network + " os", "the Desk meets the world through ports"},
	{"flows/ledger", "flows/access", "", network + " os", "one change is one commit, whatever the store"},
	{"flows/line", "flows/access flows/flowfile policies", "", network + " os", "words in, terms out"},
	{"flows/flowfile", "flows/access policies", "github.com/goccy/go-yaml", network, "a set of flows comes from files alone"},
	{"flows/facts", "flows/access flows/clock flows/flowfile flows/ledger flows/oncall policies", "golang.org/x/sync", network, "who fetches is behind a port"},
	{"flows/facts/factstest", "flows/access flows/facts", "", network + " os", "people in memory"},
	{"flows/oncall", "flows/access flows/clock flows/flowfile policies", "golang.org/x/sync", "", "on-call sources speak HTTP and to no other room"},
	{"flows/oncall/oncalltest", "flows/clock", "", "", "a stand-in that shared code with what it checks would check nothing"},
	{"flows/flowtest", "flows flows/access flows/clock flows/flowfile flows/oncall policies store/memory", "github.com/goccy/go-yaml", network, "questions to flow files are answered from files alone"},
	{"flows/replay", "flows flows/access flows/clock flows/flowfile flows/oncall policies", "golang.org/x/sync", network + " os", "the past is judged from the record and the files alone"},
	{"flows/login", "flows/access flows/clock flows/ledger", "", network + " os", "who speaks for whom is the bot's to ask and the surface's to know"},
	{"flows/token", "flows/access flows/clock flows/ledger", "", network + " os", "whether a token opens anything is the proxy's to find out"},
	{"flows/audit", "flows/access flows/clock", "", network, "the record is checked from what is stored, with no server"},
	{"flows/keeper", "flows/access flows/clock flows/ledger", "github.com/robfig/cron/v3 github.com/rs/zerolog golang.org/x/sync golang.org/x/time", network + " os", "promises are kept without the flow files and without Slack"},
	{"flows/sink", "flows/access flows/clock", "github.com/rs/zerolog", "os", "who takes note is behind an address, and is told of records alone"},
	{"flows/scenario", "flows policies flows/access flows/audit flows/clock flows/facts flows/flowfile flows/keeper flows/ledger flows/line flows/oncall store/memory", "github.com/rs/zerolog golang.org/x/sync golang.org/x/tools", "", "stories run on the core with ports in memory"},

	{"strategies", "flows/access", "", network, "a way knows the nouns"},
	{"strategies/identitycenter", "flows/access flows/clock flows/flowfile", "github.com/aws/ golang.org/x/sync golang.org/x/time", "", "the client of one AWS service, shared by the ways that need it"},
	{"strategies/accountassignment", "flows/access flows/clock flows/flowfile strategies/identitycenter", "github.com/aws/ golang.org/x/sync golang.org/x/time", "", "a way of granting: knows AWS, and neither Slack nor the store"},
	{"strategies/rolesession", "flows/access flows/clock flows/flowfile policies/iam/catalog", "github.com/aws/ golang.org/x/sync", network, "a way of granting, and the sessions behind it: the network is the SDK's"},
	{"strategies/iamusers", "flows/access strategies/identitycenter", "github.com/aws/", "", "the client of one account's IAM, shared by the ways that need it"},
	{"strategies/osusers", "flows/access flows/clock flows/flowfile policies/iam/recipe strategies/identitycenter", "github.com/aws/", network, "users of machines, which grants of another way have as their first object"},
	{"strategies/partner", "flows/access flows/clock flows/flowfile policies/iam policies/iam/recipe strategies/osusers strategies/principaltags", "", network, "a way of granting whose objects are those of two others, and what its partners are sent"},
	{"strategies/inventory", "flows/access flows/clock flows/flowfile strategies/identitycenter", "github.com/aws/ golang.org/x/sync", network, "what machines there are, which no way of granting depends on"},
	{"strategies/shells", "flows/access flows/clock flows/flowfile strategies/identitycenter", "github.com/aws/", network, "what people started by a grant and what goes on without it, whichever way it was granted"},
	{"strategies/groupmembership", "flows/access flows/clock flows/flowfile strategies/iamusers strategies/identitycenter", "", network, "ways of granting: what they know of AWS is what the clients say"},
	{"strategies/principaltags", "flows/access flows/clock flows/flowfile policies/iam policies/iam/recipe strategies/iamusers strategies/identitycenter", "", network, "a way of granting: what it knows of AWS is what the client says"},
	{"strategies/stories", "", "", "", "nothing but tests of ways under the Keeper"},
	{"strategies/strategytest", "flows/access flows/clock", "github.com/google/go-cmp", "", "the suite knows a way by its port"},
	{"strategies/strategytest/standin", "flows/clock strategies/awstest strategies/identitycenter strategies/strategytest", "github.com/aws/", "", "where the suite meets the stand-in, for the ways that have AWS behind them"},
	{"strategies/awstest", "flows/clock policies/iam proxy/ssm strategies/awstest/agent", "github.com/aws/ github.com/gorilla/websocket", "", "a stand-in that shared code with what it checks would check nothing; of data channels it shares the codec, which the real plugin checks in make interop, and what policies mean is held to a table of its own"},
	{"strategies/awstest/agent", "flows/clock proxy/ssm proxy/ssm/channel proxy/ssm/mux", "golang.org/x/sync", "net/http", "the far end of a data channel is a mirror of the near end: the real plugin checks both in make interop"},

	{"store", "flows/access", "", network + " os", "what no store differs in"},
	{"store/bolt", "store flows/access flows/clock flows/audit", "go.etcd.io/bbolt golang.org/x/sync golang.org/x/sys", network, "a file and its lock; no adapter knows another"},
	{"store/memory", "store flows/access flows/clock flows/audit", "", network + " os", "the store of stories and tests"},
	{"store/storetest", "flows/access flows/clock flows/audit", "github.com/google/go-cmp golang.org/x/sync", network, "the suite knows a store by its port"},

	{"bot", "flows flows/access flows/clock flows/facts flows/flowfile flows/ledger flows/line flows/login flows/oncall policies bot/blocks bot/outbox bot/socket bot/webapi", "github.com/slack-go/slack github.com/rs/zerolog golang.org/x/sync golang.org/x/time", "", "the only room that knows slack-go; knows neither AWS nor a store"},
	{"bot/socket", "flows/clock", "github.com/gorilla/websocket golang.org/x/sync", "", "a connection: bytes in, acks out"},
	{"bot/webapi", "flows/access flows/clock flows/facts", "github.com/slack-go/slack golang.org/x/time", "", "Slack's methods, one by one; knows no request and no grant"},
	{"bot/blocks", "flows/access", "github.com/slack-go/slack", network + " os", "a value becomes blocks: golden files say how"},
	{"bot/outbox", "flows/access flows/clock flows/ledger bot/blocks bot/webapi", "github.com/rs/zerolog github.com/slack-go/slack golang.org/x/sync golang.org/x/time", network, "delivery is paced and retried whoever sends"},
	{"bot/slacktest", "flows/clock bot/slacktest/blockkit", "github.com/gorilla/websocket", "", "a stand-in that shared code with the bot would agree with its mistakes"},
	{"bot/slacktest/blockkit", "", "", network + " os", "Slack's limits on blocks, as a function"},

	{"proxy", "flows/access flows/clock flows/flowfile policies proxy/awsapi proxy/calls proxy/record proxy/sigv4 proxy/ssm proxy/strangers proxy/upstream", "github.com/aws/ github.com/gorilla/websocket github.com/rs/zerolog golang.org/x/sync", "", "the pipeline of a call; strategies, the store and the record are behind ports, or handed in"},
	{"proxy/calls", "flows/access flows/clock", "", network, "a file that grows: what calls mean is the proxy's to know"},
	{"proxy/upstream", "flows/clock", "", "os", "bytes to AWS and back: what they mean is the proxy's to know"},
	{"proxy/sigv4", "", "", "os", "a leaf: bytes of a request in, a signature or a verdict on one out"},
	{"proxy/awsapi", "", "", "os", "a leaf: what an HTTP request means to AWS"},
	{"proxy/ssm", "", "", network + " os", "a leaf: frames of a session in, what they meant out"},
	{"proxy/ssm/client", "flows/clock proxy/ssm proxy/ssm/channel proxy/ssm/mux", "github.com/aws/ github.com/gorilla/websocket golang.org/x/sync", "os", "the engineer's end of a session: calls, sockets and the channel in them"},
	{"proxy/ssm/mux", "", "golang.org/x/sync", network + " os", "a leaf: many streams in the bytes of one"},
	{"proxy/ssm/channel", "flows/clock proxy/ssm", "golang.org/x/sync", network + " os", "one end of a data channel: whoever has sockets brings them"},
	{"proxy/record", "flows/access flows/clock proxy/ssm", "filippo.io/age golang.org/x/sync", network, "what a session was, in files: keys are sealed, and what happens is told, through ports"},
	{"proxy/archive", "flows/access flows/clock flows/flowfile flows/ledger proxy/record", "", network, "who may see recordings: what is in them is the record's to know, and who somebody is, is behind a port"},
	{"proxy/callerproof", "flows/clock", "github.com/aws/", "", "both ends of a proof that AWS confirms"},
	{"proxy/signed", "", "", "net os", "a leaf: the two ends of a call agree on what is signed"},
	{"proxy/strangers", "flows/clock", "github.com/rs/zerolog", network, "lines in, fewer lines out"},
	{"proxy/api", "flows flows/access flows/audit flows/clock flows/flowfile flows/line flows/login flows/token proxy/signed proxy/strangers", "github.com/rs/zerolog golang.org/x/sync golang.org/x/sys", "", "the surface asks the Desk and reads the store through ports"},
	{"proxy/client", "proxy/api proxy/signed flows/access flows/audit flows/clock", "", "", "the commands know the surface and none of what is behind it"},
}

// A listed package is what go list says about one.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportDirection(t *testing.T) {
	for _, p := range packages(t) {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		r, ok := roomOf(dir)
		if !ok {
			t.Errorf("%s is in no room: give it a row in cmd/imports_test.go that says what it may import and why", dir)
			continue
		}
		for _, imported := range p.Imports {
			if !r.mayImport(imported) {
				t.Errorf("%s imports %s, which it may not: %s", dir, imported, r.why)
			}
		}
	}
}

func roomOf(dir string) (room, bool) {
	for _, r := range rooms {
		below, all := strings.CutSuffix(r.dir, "/...")
		if r.dir == dir || all && (below == dir || strings.HasPrefix(dir, below+"/")) {
			return r, true
		}
	}
	return room{}, false
}

func (r room) mayImport(imported string) bool {
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		return r.ours == "..." || slices.Contains(strings.Fields(r.ours), ours)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return !slices.Contains(strings.Fields(r.forbidden), imported)
	}
	return r.theirs == "..." || slices.ContainsFunc(strings.Fields(r.theirs), func(m string) bool {
		return imported == m || strings.HasPrefix(imported, strings.TrimSuffix(m, "/")+"/")
	})
}

// TestVendorsStayAtTheEdge says once more, for all rooms together, what the
// rows say one by one: a row that is edited carelessly does not undo it.
func TestVendorsStayAtTheEdge(t *testing.T) {
	edges := []struct{ vendor, inside string }{
		{"github.com/aws/", "strategies proxy cmd"},
		{"github.com/slack-go/", "bot cmd"},
		{"go.etcd.io/bbolt", "store cmd"},
	}
	for _, p := range packages(t) {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		top, _, _ := strings.Cut(dir, "/")
		for _, imported := range p.Imports {
			for _, e := range edges {
				if strings.HasPrefix(imported, e.vendor) && !slices.Contains(strings.Fields(e.inside), top) {
					t.Errorf("%s imports %s, which only %s may know", dir, imported, e.inside)
				}
			}
		}
	}
}

func TestEveryRowHasAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rooms {
		if r.why == "" || seen[r.dir] || path.Clean(r.dir) != r.dir {
			t.Errorf("row %q: wants one clean folder, once, and a reason", r.dir)
		}
		seen[r.dir] = true
	}
}
