package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/golden"
	"sesame/proxy/record"
)

var start = time.Unix(1504467315, 0)

func at(milliseconds int64) time.Time {
	return start.Add(time.Duration(milliseconds) * time.Millisecond)
}

func begin(t testing.TB, to *bytes.Buffer) *record.Cast {
	t.Helper()
	c, err := record.NewCast(to, record.Header{Start: start})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// sessions are what the golden recordings are of.
var sessions = map[string]struct {
	header record.Header
	play   func(testing.TB, *record.Cast)
}{
	"shell": {
		record.Header{Start: start, Cols: 120, Rows: 40, Terminal: "xterm-256color", Title: "ana on i-0123",
			About: map[string]string{"grant": "g-17", "principal": "ana", "session": "ana-0123"}},
		func(t testing.TB, c *record.Cast) {
			check(t, c.Mark(at(0), "g-17 approved by bo: \"prod is down\"\n"),
				c.Output(at(248), []byte("\x1b[1;31m$ \x1b[0m")),
				c.Input(at(1000), []byte("ls\r")),
				c.Output(at(1002), []byte("ls\r\ncaf\xc3")),
				c.Resize(at(1500), 90, 30),
				c.Output(at(1501), []byte("\xa9 \\ \x7f\t\x00 日本\r\n")),
				c.Output(at(65_001), []byte("$ exit\r\n")),
				c.Exit(at(65_002), 0), c.Close(at(65_003)))
		},
	},
	"command": {
		record.Header{Start: start, Command: "make \"it\" <fail>"},
		func(t testing.TB, c *record.Cast) {
			check(t, c.Output(at(5), []byte("no \xff\xfe \xe2\x82 such \xc0\xaf file\n")), c.Exit(at(6), -1))
		},
	},
	"cut off": {
		record.Header{Start: start, Cols: -1},
		func(t testing.TB, c *record.Cast) {
			check(t, c.Output(at(0), []byte("half a character: \xf0\x9f\x98")),
				c.Input(at(0), []byte("\xe2\x82")), c.Close(at(1000)))
		},
	},
}

func TestGoldenRecordings(t *testing.T) {
	for name, s := range sessions {
		var got bytes.Buffer
		c, err := record.NewCast(&got, s.header)
		if err != nil {
			t.Fatal(err)
		}
		s.play(t, c)
		golden.Equal(t, "testdata/"+strings.ReplaceAll(name, " ", "-")+".cast", got.String())
		events(t, got.Bytes())
	}
}

// An event is one as a player reads it.
type event struct {
	After float64
	Code  string
	Text  string
}

// events reads a recording and fails the test if a player could not.
func events(t testing.TB, cast []byte) []event {
	t.Helper()
	header, lines, _ := strings.Cut(string(cast), "\n")
	var h struct {
		Version int
		Term    struct{ Cols, Rows int }
	}
	if err := json.Unmarshal([]byte(header), &h); err != nil || h.Version != 3 || h.Term.Cols < 1 || h.Term.Rows < 1 {
		t.Fatalf("header %s: %v", header, err)
	}
	var all []event
	for line := range strings.Lines(lines) {
		var e event
		if err := json.Unmarshal([]byte(line), &[]any{&e.After, &e.Code, &e.Text}); err != nil || e.After < 0 || !utf8.ValidString(line) {
			t.Fatalf("event %q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// played is what a player shows of a recording.
func played(t testing.TB, cast []byte, code string) string {
	var b strings.Builder
	for _, e := range events(t, cast) {
		if e.Code == code {
			b.WriteString(e.Text)
		}
	}
	return b.String()
}

// repaired is p with U+FFFD for each byte that is no UTF-8.
func repaired(p string) string { return string([]rune(p)) }

const mixed = "a\x00é日\x1b[0m😀\xf0\x9f\x98\xe2\x82\xff\xc3\xc3\xa9\xed\xa0\x80\x80\x80\"\\\u2028\ufffd\xf4\x8f\xbf\xbf\xf0"

func TestOutputCutAnywhereIsTheSame(t *testing.T) {
	for i := range len(mixed) + 1 {
		for j := i; j <= len(mixed); j++ {
			var got bytes.Buffer
			c := begin(t, &got)
			for _, piece := range []string{mixed[:i], mixed[i:j], mixed[j:]} {
				check(t, c.Output(at(1), []byte(piece)), c.Mark(at(1), ""), c.Input(at(1), []byte(piece)))
			}
			check(t, c.Close(at(2)))
			if p := played(t, got.Bytes(), "o"); p != repaired(mixed) {
				t.Fatalf("cut at %d and %d: played %q, want %q", i, j, p, repaired(mixed))
			}
			if p := played(t, got.Bytes(), "i"); p != repaired(mixed) {
				t.Fatalf("cut at %d and %d: typed %q, want %q", i, j, p, repaired(mixed))
			}
		}
	}
}

func TestIntervalsAddUpToTheTimeThatPassed(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var got bytes.Buffer
	c := begin(t, &got)
	now := start
	for range 10_000 {
		now = now.Add(time.Duration(random.IntN(2_500_000))) // up to 2.5 ms
		check(t, c.Output(now, []byte("x")))
	}
	var sum float64
	for _, e := range events(t, got.Bytes()) {
		sum += e.After
	}
	if passed := now.Sub(start).Seconds(); sum < passed-0.0011 || sum > passed+0.0001 {
		t.Errorf("%v s recorded, %v s passed", sum, passed)
	}
}

func TestAClockThatWentBackStandsStill(t *testing.T) {
	var got bytes.Buffer
	c := begin(t, &got)
	check(t, c.Output(at(5000), []byte("a")), c.Output(at(-9000), []byte("b")), c.Output(at(4000), []byte("c")), c.Output(at(5001), []byte("d")))
	want := []event{{5, "o", "a"}, {0, "o", "b"}, {0, "o", "c"}, {0.001, "o", "d"}}
	if diff := cmp.Diff(want, events(t, got.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A disk takes so many bytes and counts the writes.
type disk struct {
	bytes.Buffer
	room, writes int
}

var errFull = errors.New("the disk is full")

func (d *disk) Write(p []byte) (int, error) {
	d.writes++
	if len(p) > d.room {
		n, _ := d.Buffer.Write(p[:d.room])
		d.room = 0
		return n, errFull
	}
	d.room -= len(p)
	return d.Buffer.Write(p)
}

func TestADiskThatFillsAnywhereLeavesAValidBeginning(t *testing.T) {
	play := func(d *disk) error {
		c, err := record.NewCast(d, record.Header{Start: start})
		if err != nil {
			return err
		}
		return errors.Join(c.Output(at(1), []byte("one")), c.Resize(at(2), 10, 10), c.Output(at(3), []byte("two")), c.Exit(at(4), 1))
	}
	whole := &disk{room: 1 << 20}
	check(t, play(whole))
	if whole.writes != 5 {
		t.Errorf("%d writes for a header and four events", whole.writes)
	}
	for room := range whole.Len() {
		d := &disk{room: room}
		if err := play(d); !errors.Is(err, errFull) {
			t.Fatalf("room for %d: %v", room, err)
		}
		if !bytes.HasPrefix(whole.Bytes(), d.Bytes()) {
			t.Fatalf("room for %d: something was written after the disk was full: %q", room, d.Bytes())
		}
	}
}

func TestARecordingNeedsItsTime(t *testing.T) {
	if _, err := record.NewCast(&bytes.Buffer{}, record.Header{}); err == nil {
		t.Error("a recording of no time")
	}
}

func TestNothingFollowsTheEnd(t *testing.T) {
	var got bytes.Buffer
	c := begin(t, &got)
	check(t, c.Exit(at(1), 0))
	before := got.Len()
	for _, err := range []error{c.Output(at(2), []byte("x")), c.Output(at(2), nil), c.Mark(at(2), "x"), c.Exit(at(2), 1)} {
		if err == nil {
			t.Error("an event after the end")
		}
	}
	check(t, c.Close(at(3)), c.Close(at(4)))
	if got.Len() != before {
		t.Errorf("written after the end: %q", got.Bytes()[before:])
	}
}

// FuzzOutput checks that what is played is what was shown, however it came.
func FuzzOutput(f *testing.F) {
	f.Add([]byte(mixed), uint8(3))
	f.Add([]byte("\xf0\x9f\x98\x80\xe2\x82"), uint8(1))
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		var got bytes.Buffer
		c := begin(t, &got)
		for rest := p; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			check(t, c.Output(at(1), rest[:n]))
			rest = rest[n:]
		}
		check(t, c.Close(at(2)))
		if played := played(t, got.Bytes(), "o"); played != repaired(string(p)) {
			t.Fatalf("played %q, want %q", played, repaired(string(p)))
		}
	})
}

// BenchmarkOutput is output in pieces of a kilobyte, as a shell shows it.
func BenchmarkOutput(b *testing.B) {
	piece := bytes.Repeat([]byte("-rw-r--r-- 1 ana \x1b[32mstaff\x1b[0m 1024 café\r\n"), 24)[:1024]
	var sink disk
	sink.room = 1 << 10
	c, err := record.NewCast(&sink, record.Header{Start: start})
	check(b, err)
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		sink.Reset()
		sink.room = 1 << 20
		if err := c.Output(at(n), piece); err != nil {
			b.Fatal(err)
		}
	}
}
