package server_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/store/bolt"
	"sesame/strategies/awstest"
)

// shownIn is what a view shows of what was shown.
func shownIn(t *testing.T, c client.Recordings, id string) string {
	t.Helper()
	v, err := c.View(t.Context(), id, api.Viewing{Look: api.LookPlay})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for q := (api.ReadQuery{}); ; {
		p, err := c.Read(t.Context(), v.ID, q)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(output(t, p))
		if q = (api.ReadQuery{Segment: p.Segment, Offset: p.Offset}); p.Over {
			return b.String()
		}
	}
}

// output is what a part shows.
func output(t *testing.T, p api.Part) string {
	t.Helper()
	var b strings.Builder
	if _, err := record.Lines([]byte(p.Text), time.Duration(p.From)*time.Millisecond, func(l record.Line) error {
		if l.Code == 'o' {
			b.WriteString(l.Text())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestASessionIsSeen watches a session that passes through everything, and
// plays, searches and checks what is left of it.
func TestASessionIsSeen(t *testing.T) {
	s := newServed(t)
	s.aws.AddInstance(awstest.Instance{ID: "i-0a", Account: frontend, Region: "us-east-1"})
	s.writeFlows(strings.Replace(rolesYAML, `"ec2:Describe*"`, `"ssm:StartSession"`, 1))
	s.options.Config.Operators = map[uint32]string{uint32(os.Getuid()): s.alice}
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	g := s.grantIn(access.Open)
	sh := s.shell(s.client(g))
	sh.until("$ ")

	page, err := c.Recordings().List(t.Context(), api.RecordingQuery{Open: true, Limit: 10})
	if err != nil || len(page.Recordings) != 1 || page.Recordings[0].Grant != string(g.ID) {
		t.Fatalf("%+v, %v", page, err)
	}
	id := page.Recordings[0].ID
	live, err := c.Recordings().View(t.Context(), id, api.Viewing{Look: api.LookWatch})
	if err != nil {
		t.Fatal(err)
	}
	look := func(q api.ReadQuery) api.Part {
		t.Helper()
		p, err := c.Recordings().Read(t.Context(), live.ID, q)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := look(api.ReadQuery{Live: true, Offset: -1})
	if err := sh.end.WriteChunks(t.Context(), ssm.PayloadData, []byte("echo it is live\r")); err != nil {
		t.Fatal(err)
	}
	seen := output(t, first)
	for at := first.Offset; !strings.Contains(seen, "it is live\r\nit is live"); {
		p := look(api.ReadQuery{Live: true, Offset: at})
		seen, at = seen+output(t, p), p.Offset
		if p.Over {
			t.Fatalf("it ended; seen %s", seen)
		}
	}
	sh.until("it is live\r\nit is live\r\n")
	if err := sh.end.WriteChunks(t.Context(), ssm.PayloadData, []byte("exit\r")); err != nil {
		t.Fatal(err)
	}
	sh.until("\x00") // the end
	for over := false; !over; {
		r, err := c.Recordings().Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		over = r.State == api.RecordingEnded
	}
	if got := shownIn(t, c.Recordings(), id); got != sh.shown.String() {
		t.Errorf("recorded %q, shown %q", got, sh.shown.String())
	}
	found, err := c.Recordings().Search(t.Context(), api.RecordingSearch{Text: "it is live"})
	if err != nil || len(found.Hits) != 2 || found.Hits[1].Row != "it is live" {
		t.Errorf("%+v, %v", found, err)
	}
	whole := func(what string, p api.RecordingProof, err error) {
		t.Helper()
		if err != nil || p.Broken != "" || len(p.Recordings) != 1 || p.Recordings[0].State != "whole" {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	proof, err := c.VerifyRecordings(t.Context(), "")
	whole("by the server", proof, err)
	s.stop()
	proof, err = offline(t, s.options.Config.DataDir)
	whole("without it", proof, err)
}

// offline checks the recordings of a server that is not running, with its public
// key alone.
func offline(t *testing.T, dir string) (api.RecordingProof, error) {
	t.Helper()
	key, err := audit.LoadPublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	store, err := bolt.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	return server.VerifyRecordings(context.Background(), server.Record{Store: store, Key: key, Dir: dir}, "")
}
