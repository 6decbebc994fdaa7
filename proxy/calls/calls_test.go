package calls_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/calls"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, c calls.Config) *calls.Log {
	t.Helper()
	if c.Clock == nil {
		c.Clock = clock.Frozen(noon)
	}
	l, err := calls.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *calls.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, l *calls.Log, all ...calls.Entry) {
	t.Helper()
	for _, e := range all {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, dir string) []calls.Entry {
	t.Helper()
	var all []calls.Entry
	if err := calls.Each(dir, func(e calls.Entry) error {
		all = append(all, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// full has every field.
func full() calls.Entry {
	return calls.Entry{
		At: noon.Add(1500 * time.Microsecond), Kind: calls.Answer, Call: "c-1", Grant: "g-1", Person: "p-1", Target: "ec2 <front> \"end\"", Key: "SESA1",
		From: "192.0.2.7", Agent: "aws-cli/2 \u2028 \x01", Service: "s3", Operation: "PutObject", Actions: []string{"s3:PutObject", "s3:PutObjectTagging"}, Level: "write",
		Region: "us-east-1", Resources: []string{"arn:aws:s3:::b/ü"}, Params: map[string][]string{"Key": {"a&b"}, "Bucket": {"b"}}, Body: "ab",
		Sent: 12, Received: -1, Status: 403, Code: "AccessDenied", AWSID: "r", Took: time.Millisecond, Rule: "deny", Why: "because",
	}
}

func TestEntriesComeBack(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir})
	add(t, l, full(), calls.Entry{At: noon, Kind: calls.Refused})
	head := l.Head()
	closeLog(t, l)
	got := read(t, dir)
	want := full()
	want.Seq = 2
	if diff := cmp.Diff([]calls.Entry{want, {Seq: 3, At: noon, Kind: calls.Refused}}, got); diff != "" {
		t.Error(diff)
	}
	if found, err := calls.Verify(dir, head); err != nil || found != head {
		t.Errorf("verified to %v, %v, want %v", found, err, head)
	}
	if parsed, err := calls.ParseHead(head.String()); err != nil || parsed != head {
		t.Errorf("%v, %v", parsed, err)
	}
	if err := l.Append(full()); err == nil {
		t.Error("recorded after the end")
	}
}

// TestEveryFieldIsWritten holds the hand-made encoder to the type.
func TestEveryFieldIsWritten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir})
	add(t, l, full())
	closeLog(t, l)
	var line map[string]any
	text := lastLine(t, dir)
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "chain")
	e := full()
	e.Seq, e.Prev = 2, "x"
	plain, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(plain, &want); err != nil {
		t.Fatal(err)
	}
	delete(want, "prev")
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
}

func lastLine(t *testing.T, dir string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	text, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.SplitAfter(text, []byte("\n"))
	return all[len(all)-2]
}

func one(t *testing.T, dir string) (name string, text []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if text, err = os.ReadFile(names[0]); err != nil {
		t.Fatal(err)
	}
	return names[0], text
}

func TestEveryChangedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir})
	add(t, l, full(), full())
	head := l.Head()
	closeLog(t, l)
	name, text := one(t, dir)
	for i := range text {
		changed := slices.Clone(text)
		changed[i] ^= 1
		if err := os.WriteFile(name, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := calls.Verify(dir, head); !errors.Is(err, access.ErrBroken) {
			t.Fatalf("byte %d changed from %q to %q: %v", i, text[i], changed[i], err)
		}
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for what, changed := range map[string][][]byte{
		"one left out": {lines[0], lines[2]}, "order": {lines[0], lines[2], lines[1]}, "the end is cut off": {lines[0], lines[1]}, "no beginning": {lines[1], lines[2]},
	} {
		if err := os.WriteFile(name, bytes.Join(changed, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := calls.Verify(dir, head); !errors.Is(err, access.ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCrashesAtEveryByte opens records that end anywhere.
func TestCrashesAtEveryByte(t *testing.T) {
	dir, small := t.TempDir(), calls.Entry{At: noon, Kind: calls.Intent}
	l := open(t, calls.Config{Dir: dir})
	add(t, l, small, small)
	closeLog(t, l)
	name, text := one(t, dir)
	whole := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	first := bytes.IndexByte(text, '\n') + 1
	for end := range len(text) + 1 {
		if err := os.WriteFile(name, text[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, calls.Config{Dir: dir})
		add(t, l, small)
		head := l.Head()
		closeLog(t, l)
		if found, err := calls.Verify(dir, head); err != nil || found != head {
			t.Fatalf("cut at %d: %v, %v, want %v", end, found, err, head)
		}
		want := 1
		if end >= whole {
			want = 2
		}
		if end == len(text) {
			want = 3
		}
		if end < first {
			want = 1
		}
		if got := len(read(t, dir)); got != want {
			t.Fatalf("cut at %d: %d entries, want %d", end, got, want)
		}
	}
	if err := os.WriteFile(name, append(slices.Clone(text[:first]), "{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := calls.Open(calls.Config{Dir: dir, Clock: clock.Frozen(noon)}); !errors.Is(err, access.ErrBroken) {
		t.Errorf("went on with what is no record: %v", err)
	}
}

func TestSegmentsGoOnAndAreRetained(t *testing.T) {
	dir, c := t.TempDir(), clock.Frozen(noon)
	config := calls.Config{Dir: dir, Segment: 3000, Retain: 2 * time.Hour, Clock: c}
	l := open(t, config)
	var heads []calls.Head
	for range 5 {
		for range 10 {
			add(t, l, full())
			heads = append(heads, l.Head())
		}
		c.Advance(time.Hour)
		closeLog(t, l)
		l = open(t, config)
	}
	defer closeLog(t, l)
	names, err := os.ReadDir(dir)
	if err != nil || len(names) < 3 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	if first := names[0].Name(); first == "calls-0000000000000001.jsonl" {
		t.Error("what is older than is retained is still there")
	}
	if found, err := calls.Verify(dir, heads...); err != nil || found != l.Head() {
		t.Errorf("%v, %v, want %v", found, err, l.Head())
	}
	if err := os.Remove(filepath.Join(dir, names[1].Name())); err != nil {
		t.Fatal(err)
	}
	if _, err := calls.Verify(dir); !errors.Is(err, access.ErrBroken) {
		t.Errorf("a segment is missing: %v", err)
	}
}

// TestReadingFromAnEntry also has files that nobody could read, which are not to
// be looked at.
func TestReadingFromAnEntry(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir, Segment: 3000, Clock: clock.Frozen(noon)})
	var all []uint64
	for range 40 {
		add(t, l, full())
		all = append(all, l.Head().Seq)
	}
	closeLog(t, l)
	read := func(seq uint64) (got []uint64) {
		t.Helper()
		if err := calls.From(dir, seq, func(e calls.Entry) error { got = append(got, e.Seq); return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for i, seq := range all {
		if got := read(seq); !slices.Equal(got, all[i:]) {
			t.Fatalf("from %d: %v, want %v", seq, got, all[i:])
		}
	}
	if got := read(all[len(all)-1] + 1); got != nil {
		t.Errorf("after the last: %v", got)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) < 3 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	if err := os.WriteFile(filepath.Join(dir, names[0].Name()), []byte("not an entry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(all[len(all)-1]); !slices.Equal(got, all[len(all)-1:]) {
		t.Errorf("%v", got)
	}
}

// TestTheLastEntries also has files that nobody could read, which are not to be
// looked at.
func TestTheLastEntries(t *testing.T) {
	dir := t.TempDir()
	last := func(grant string, n int) (got []uint64, next uint64) {
		t.Helper()
		all, next, err := calls.Last(t.Context(), dir, grant, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			got = append(got, e.Seq)
		}
		return got, next
	}
	if got, next := last("", 3); got != nil || next != 1 {
		t.Errorf("of nothing: %v, %d", got, next)
	}
	l := open(t, calls.Config{Dir: dir, Segment: 3000, Clock: clock.Frozen(noon)})
	all := map[string][]uint64{}
	for i := range 40 {
		e := full()
		e.Grant = []string{"g-one", "g-two"}[i/7%2]
		add(t, l, e)
		all[""], all[e.Grant] = append(all[""], l.Head().Seq), append(all[e.Grant], l.Head().Seq)
	}
	for grant, want := range all {
		for n := 1; n < 50; n++ {
			got, next := last(grant, n)
			if want := want[max(0, len(want)-n):]; !slices.Equal(got, want) || next != l.Head().Seq+1 {
				t.Fatalf("the last %d of %q: %v and %d, want %v", n, grant, got, next, want)
			}
		}
	}
	if got, next := last("g-three", 5); got != nil || next != l.Head().Seq+1 {
		t.Errorf("of a grant without calls: %v, %d", got, next)
	}
	closeLog(t, l)
	names, err := os.ReadDir(dir)
	if err != nil || len(names) < 3 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	if err := os.WriteFile(filepath.Join(dir, names[0].Name()), []byte("not an entry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := last("", 2); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestQuotaKeepsRoomForOutcomes(t *testing.T) {
	l := open(t, calls.Config{Dir: t.TempDir(), Quota: 1<<20 + 128<<10})
	defer closeLog(t, l)
	intent := calls.Entry{At: noon, Kind: calls.Intent, Why: strings.Repeat("x", 1000)}
	begun := 0
	for l.Room() == nil {
		add(t, l, intent)
		begun++
	}
	for _, k := range []calls.Kind{calls.Intent, calls.Refused} {
		if err := l.Append(calls.Entry{At: noon, Kind: k}); !errors.Is(err, access.ErrNoSpace) {
			t.Errorf("%s beyond the quota: %v", k, err)
		}
	}
	for range begun {
		add(t, l, calls.Entry{At: noon, Kind: calls.Answer, Why: strings.Repeat("x", 1000)})
	}
	if l.Size() > 1<<20+128<<10 {
		t.Errorf("%d bytes", l.Size())
	}
	if err := l.Append(calls.Entry{Kind: calls.Answer, Why: strings.Repeat("x", 2<<20)}); !errors.Is(err, access.ErrTooLarge) {
		t.Errorf("an entry of 2 MiB: %v", err)
	}
}

// TestARecordThatIsTakenAway holds that nothing is taken for recorded, for longer
// than an entry has to reach the disk, that went to a file which is gone.
func TestARecordThatIsTakenAway(t *testing.T) {
	for name, take := range map[string]func(dir, file string) error{
		"the folder is removed": func(dir, _ string) error { return os.RemoveAll(dir) },
		"the file is replaced": func(_, file string) error {
			return errors.Join(os.Rename(file, file+".old"), os.WriteFile(file, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "calls")
			c := clock.Frozen(noon)
			l := open(t, calls.Config{Dir: dir, Wall: c})
			file, _ := one(t, dir)
			add(t, l, full())
			if err := take(dir, file); err != nil {
				t.Fatal(err)
			}
			for l.Room() == nil {
				c.Advance(time.Second)
				runtime.Gosched()
			}
			if err := l.Append(full()); err == nil || !strings.Contains(err.Error(), "does not reach the disk") {
				t.Errorf("recorded: %v", err)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir, Segment: 50 << 10})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 100 {
				if err := l.Append(calls.Entry{At: noon, Kind: calls.Intent, Call: fmt.Sprint(n, "-", i)}); err != nil {
					t.Error(err)
				}
				l.Head()
			}
		})
	}
	wg.Wait()
	head := l.Head()
	closeLog(t, l)
	if found, err := calls.Verify(dir, head); err != nil || found != head || len(read(t, dir)) != 800 {
		t.Errorf("%v, %v, %d entries", found, err, len(read(t, dir)))
	}
}

func TestHeadsThatAreNone(t *testing.T) {
	for _, s := range []string{"", "1", "x:00", "1:zz", "1:00"} {
		if h, err := calls.ParseHead(s); err == nil {
			t.Errorf("%q: %v", s, h)
		}
	}
	if h, err := calls.Verify(t.TempDir()); err != nil || h != (calls.Head{}) {
		t.Errorf("an empty record stands at %v, %v", h, err)
	}
	if _, err := calls.Verify(t.TempDir(), calls.Head{Seq: 3, Hash: strings.Repeat("0", 64)}); !errors.Is(err, access.ErrBroken) {
		t.Errorf("everything is gone: %v", err)
	}
}

// TestTheFirstThatDoesNotHoldIsNamed has a record that was rewritten from some
// entry on, so that its chain holds and the anchors do not.
func TestTheFirstThatDoesNotHoldIsNamed(t *testing.T) {
	write := func(dir string, whys ...string) (heads []calls.Head) {
		l := open(t, calls.Config{Dir: dir})
		defer closeLog(t, l)
		for _, why := range whys {
			add(t, l, calls.Entry{At: noon, Kind: calls.Refused, Why: why})
			head, err := l.Anchor()
			if err != nil || head != l.Head() {
				t.Fatal(head, err)
			}
			heads = append(heads, head)
		}
		return heads
	}
	anchors := write(t.TempDir(), "a", "b", "c", "d")
	for _, c := range []struct {
		now  []string
		says string
	}{
		{[]string{"a", "b", "x", "d"}, "entry 4 is not the one that a checkpoint names: what comes after entry 3 was changed"},
		{[]string{"x", "b", "c", "d"}, "entry 2 is not the one that a checkpoint names: what comes after entry 0 was changed"},
		{[]string{"a", "b"}, "entry 4 is missing: the record ends before it, and a checkpoint names entry 5"},
		{nil, "entry 2 is missing: the record ends before it, and a checkpoint names entry 5"},
	} {
		dir := t.TempDir()
		write(dir, c.now...)
		if _, err := calls.Verify(dir, anchors...); !errors.Is(err, access.ErrBroken) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.now, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, calls.Config{Dir: b.TempDir(), Quota: 1 << 40})
	defer closeLog(b, l)
	e := full()
	e.Agent, e.Target, e.Resources = "aws-cli/2", "ec2-frontend", []string{"arn:aws:s3:::b/k"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
