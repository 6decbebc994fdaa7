package record_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// rowsOf returns what rows are made of output that comes in pieces.
func rowsOf(t *testing.T, pieces ...string) string {
	t.Helper()
	s := openStore(t, record.Config{})
	r := session(t, s)
	for _, p := range pieces {
		show(t, r, 0, p)
	}
	if err := r.End(noon, "done"); err != nil {
		t.Fatal(err)
	}
	var rows record.Rows
	for _, l := range lines(t, s, r.ID(), record.Output) {
		rows.Add(l)
	}
	rows.Flush()
	return string(rows.Whole())
}

func TestRowsAreWhatWasSeen(t *testing.T) {
	for name, c := range map[string]struct{ shown, want string }{
		"plain":                     {"a\r\nb\r\n", "a\nb\n"},
		"quotes and backslashes":    {"\"a\\b\"\r\n", "\"a\\b\"\n"},
		"colours":                   {"er\x1b[1;31mror\x1b[0m: ü\r\n", "error: ü\n"},
		"taken back":                {"lss\b \b -l\r\n", "ls -l\n"},
		"taken back to the end":     {"lss\b\x1b[K -l\r\n", "ls -l\n"},
		"a bar that moves":          {"10%\r50%\r100%\r\n", "100%\n"},
		"a return without a row":    {"abc\r", "abc\n"},
		"painted anew":              {"ls\b\b\x1b[32mls\x1b[39m\r\n", "ls\n"},
		"other letters typed over":  {"äö\b\bxy\r\n", "xy\n"},
		"letters put in and out":    {"ac\b\x1b[@b\r\x1b[2C\x1b[1P\r\n", "ab\n"},
		"a title":                   {"\x1b]0;secret title\x07$ ls\r\n", "$ ls\n"},
		"a title of the other form": {"\x1b]0;secret title\x1b\\$ ls\r\n", "$ ls\n"},
		"places on the screen":      {"\x1b[2J\x1b[H\x1b[1;1Htop\x1b[5;1Hload", "top\nload\n"},
		"the other screen":          {"$ \x1b[?25lvi\x1b[?1049h\x1b[Htext\x1b[?1049l$ \x1b[?25h", "$ vi\ntext\n$ \n"},
		"tabs":                      {"a\tb\r\n", "a\tb\n"},
		"nothing":                   {"", ""},
		"a column":                  {"abc\x1b[1Gx\r\n", "xbc\n"},
		"a marker of charset":       {"\x1b(Babc\r\n", "abc\n"},
	} {
		if got := rowsOf(t, c.shown); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := rowsOf(t, strings.SplitAfter(c.shown, "")...); got != c.want {
			t.Errorf("%s, in pieces: %q, want %q", name, got, c.want)
		}
	}
}

// TestSearch has more in a recording than one chunk.
func TestSearch(t *testing.T) {
	s := openStore(t, record.Config{})
	r := session(t, s)
	s.SearchBy(256 << 10)
	filler := strings.Repeat("0123456789abcdef ", 300) // a segment has rows, and ends within one
	for i := range 400 {
		show(t, r, time.Duration(i)*time.Second, fmt.Sprintf("row %d %s nee", i, filler))
		show(t, r, time.Duration(i)*time.Second+500*time.Millisecond, "dle\r\n")
	}
	if err := r.End(noon.Add(time.Hour), "done"); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]record.Query{
		"text":    {Text: "needle", Limit: 1000},
		"pattern": {Pattern: regexp.MustCompile("(?i)NEE.LE$"), Limit: 1000},
	} {
		hits, err := s.Search(context.Background(), q, r.ID())
		if err != nil || len(hits) != 400 {
			t.Fatalf("%s: %d hits, %v", name, len(hits), err)
		}
		for i, h := range hits {
			if h.At.Truncate(time.Second) != time.Duration(i)*time.Second || !strings.Contains(h.Row, "needle") {
				t.Errorf("%s: hit %d at %v: %q", name, i, h.At, h.Row)
			}
		}
	}
	hits, err := s.Search(context.Background(), record.Query{Text: "row 7 ", Limit: 10}, r.ID())
	if err != nil || len(hits) != 1 {
		t.Fatal(hits, err)
	}
	if diff := cmp.Diff(7*time.Second, hits[0].At); diff != "" || !strings.HasPrefix(hits[0].Row, "row 7 0123") {
		t.Errorf("%s %q", diff, hits[0].Row)
	}
	if hits, err := s.Search(context.Background(), record.Query{Text: "row", Limit: 3}, r.ID()); err != nil || len(hits) != 3 {
		t.Errorf("%d hits, %v", len(hits), err)
	}
	if _, err := s.Search(context.Background(), record.Query{Text: "row", Limit: 3}, "rec-none000000"); err == nil {
		t.Error("searched what is not there")
	}
}

// TestSeek goes to moments of a long recording.
func TestSeek(t *testing.T) {
	s := openStore(t, record.Config{})
	r := session(t, s)
	for i := range 1000 {
		show(t, r, time.Duration(i)*time.Second, strings.Repeat("x", 1000))
	}
	if err := r.End(noon.Add(time.Hour), "done"); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{0, time.Second, 500 * time.Second, 999 * time.Second, time.Hour} {
		in, err := s.OpenStream(r.ID(), record.Output)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Seek(at, 0); err != nil {
			t.Fatal(err)
		}
		seg, err := in.Next()
		if err != nil || seg.From > at || seg.To < min(at, 999*time.Second) {
			t.Errorf("%v: from %v to %v, %v", at, seg.From, seg.To, err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWatch(t *testing.T) {
	s := openStore(t, record.Config{})
	r := session(t, s)
	show(t, r, 0, "before\r\n")
	look, err := s.Join(r.ID())
	if err != nil || !strings.Contains(string(look.Text), "before") || !strings.HasPrefix(string(look.Text), "{") {
		t.Fatalf("%q, %v", look.Text, err)
	}
	show(t, r, time.Second, "now\r\n")
	look, err = s.Watch(t.Context(), r.ID(), look.Next)
	if err != nil || string(look.Text) != "[1.000,\"o\",\"now\\r\\n\"]\n" || look.Skipped != 0 {
		t.Errorf("%q, %v", look.Text, err)
	}
	news := make(chan record.Glimpse)
	go func() {
		g, err := s.Watch(context.Background(), r.ID(), look.Next)
		if err != nil {
			t.Error(err)
		}
		news <- g
	}()
	show(t, r, 2*time.Second, "later\r\n")
	if g := <-news; !strings.Contains(string(g.Text), "later") {
		t.Errorf("%q", g.Text)
	} else {
		look = g
	}
	for range 100 { // nobody comes to fetch it
		if err := r.Take(noon, ssm.Event{Kind: ssm.Shown, Data: make([]byte, 8<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	g, err := s.Watch(t.Context(), r.ID(), look.Next)
	if err != nil || g.Skipped == 0 || len(g.Text) > 1<<20 || g.Text[0] != '[' || g.Next-look.Next != g.Skipped+int64(len(g.Text)) {
		t.Errorf("skipped %d, %d bytes, %v", g.Skipped, len(g.Text), err)
	}
	if err := r.End(noon.Add(time.Minute), "done"); err != nil {
		t.Fatal(err)
	}
	if g, err := s.Watch(t.Context(), r.ID(), g.Next); err != nil || !g.Over {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := s.Join(r.ID()); err == nil {
		t.Error("joined what is over")
	}
}

func TestPorts(t *testing.T) {
	s := openStore(t, record.Config{})
	r, err := s.Begin(t.Context(), record.About{Began: noon, Kind: record.Port, Command: "db:3306"})
	if err != nil {
		t.Fatal(err)
	}
	frame := func(command byte, id byte, data string) string {
		return string([]byte{1, command, byte(len(data)), 0, id, 0, 0, 0}) + data
	}
	pass := func(at time.Duration, k ssm.Kind, text string) {
		t.Helper()
		for _, b := range []byte(text) { // however it comes
			if err := r.Take(noon.Add(at), ssm.Event{Kind: k, Data: []byte{b}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass(0, ssm.Typed, frame(0, 3, "")+frame(2, 3, "select secret")+frame(3, 0, "")+frame(0, 5, ""))
	pass(time.Second, ssm.Shown, frame(2, 3, "42")+frame(1, 3, ""))
	pass(2*time.Second, ssm.Typed, frame(1, 3, ""))
	if err := r.End(noon.Add(time.Minute), "done"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines(t, s, r.ID(), record.Output) {
		got = append(got, l.Text())
	}
	want := []string{
		"what passes is counted, and not recorded: it is a port session",
		"connection 1 opened", "connection 2 opened", "connection 1 closed after 2s: 13 bytes sent, 2 received",
		"connection 2 was open at the end, after 1m0s: 0 bytes sent, 0 received",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.OpenStream(r.ID(), record.Input); err == nil {
		t.Error("there is input of a port session")
	}
}
