package calls_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/clock"
	"sesame/proxy/calls"
)

// made is an entry about one call with a grant.
func made(grant, call string, kind calls.Kind, operation, level string) calls.Entry {
	return calls.Entry{At: noon, Kind: kind, Call: call, Grant: grant, Service: "ec2", Operation: operation, Level: level}
}

func TestCallsOfAGrantAreCounted(t *testing.T) {
	dir := t.TempDir()
	l := open(t, calls.Config{Dir: dir})
	add(t, l,
		made("g-1", "c-1", calls.Answer, "DescribeInstances", "list"),
		made("g-1", "c-2", calls.Answer, "DescribeInstances", "list"),
		made("g-10", "c-3", calls.Answer, "DescribeInstances", "list"),
		made("g-1", "c-4", calls.Intent, "RebootInstances", "write"),
		made("g-1", "c-4", calls.Answer, "RebootInstances", "write"),
		made("g-1", "c-4", calls.Ended, "RebootInstances", "write"),
		made("g-1", "c-5", calls.Intent, "CreateTags", "tagging"), // and a crash
		made("g-1", "c-6", calls.Refused, "RunInstances", "write"),
		made("g-1", "c-7", calls.Refused, "GET /../etc", ""),
		made("g-1", "c-9", calls.Refused, "POST /", "write"),
		calls.Entry{At: noon, Kind: calls.Refused, Call: "c-10", Grant: "g-1", Service: "tunnel", Operation: "CONNECT example.com", Level: "write"},
		calls.Entry{At: noon, Kind: calls.Refused, Call: "c-8", Grant: "g-2", Why: `of "grant":"g-1", it says`},
	)
	want := calls.Count{
		Reads: 2, Writes: 2, Refused: 4,
		Operations: map[string]int{"ec2:DescribeInstances": 2, "ec2:RebootInstances": 1, "ec2:CreateTags": 1},
		Refusals:   map[string]int{"ec2:RunInstances": 1, "ec2 before it was known what for": 1, "ec2:unknown": 1, "tunnels to what is not AWS": 1},
	}
	got, err := calls.Of(t.Context(), dir, "g-1", noon, 1<<20)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := calls.Of(t.Context(), dir, "g-3", noon, 1<<20); err != nil || got.Reads+got.Writes+got.Refused > 0 {
		t.Errorf("of another grant: %+v, %v", got, err)
	}
	if got, err := calls.Of(t.Context(), dir, "g-1", noon, 800); err != nil || !got.Cut || got.Reads == 0 || got.Refused > 0 {
		t.Errorf("of the first 800 bytes: %+v, %v", got, err)
	}
	closeLog(t, l)
	ended, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := calls.Of(ended, dir, "g-1", noon, 1<<20); !errors.Is(err, enough) {
		t.Errorf("for nobody: %v", err)
	}
	if _, err := calls.Of(t.Context(), filepath.Join(dir, "none"), "g-1", noon, 1<<20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is no record: %v", err)
	}
	damaged, err := filepath.Glob(filepath.Join(dir, "*"))
	if err == nil {
		err = os.WriteFile(damaged[0], []byte(`{"grant":"g-1"}`+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := calls.Of(t.Context(), dir, "g-1", noon, 1<<20); err == nil {
		t.Error("a damaged record is counted")
	}
}

// TestACountBeginsWithItsGrant has a record of several segments, of which those
// from before the grant are damaged: nobody is to look at them.
func TestACountBeginsWithItsGrant(t *testing.T) {
	dir, now := t.TempDir(), clock.Frozen(noon)
	l := open(t, calls.Config{Dir: dir, Clock: now, Segment: 400})
	for i := range 6 {
		add(t, l, made("g-1", fmt.Sprint("c-", i), calls.Answer, "DescribeInstances", "list"))
		now.Advance(time.Hour)
	}
	closeLog(t, l)
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) < 4 {
		t.Fatalf("segments %v, %v", names, err)
	}
	slices.Sort(names)
	whole, err := calls.Of(t.Context(), dir, "g-1", noon, 1<<20)
	if err != nil || whole.Reads != 6 {
		t.Fatalf("from the beginning: %+v, %v", whole, err)
	}
	if err := os.WriteFile(names[0], []byte(`of "grant":"g-1"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	late, err := calls.Of(t.Context(), dir, "g-1", noon.Add(3*time.Hour), 1<<20)
	if err != nil || late.Reads == 0 || late.Reads >= 6 {
		t.Errorf("from three hours on: %+v, %v", late, err)
	}
}

func TestMostComesFirst(t *testing.T) {
	all := map[string]int{"b": 2, "a": 2, "c": 9, "d": 1}
	if got := calls.Most(all, 3); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("most: %v", got)
	}
	if got := calls.Most(all, 9); len(got) != 4 {
		t.Errorf("all: %v", got)
	}
}

// BenchmarkOf counts one grant of a thousand in 64 MiB.
func BenchmarkOf(b *testing.B) {
	dir := b.TempDir()
	l := open(b, calls.Config{Dir: dir})
	e := full()
	for i := 0; l.Size() < 64<<20; i++ {
		e.Grant = fmt.Sprint("g-", i%1000)
		add(b, l, e)
	}
	b.SetBytes(l.Size())
	for b.Loop() {
		if c, err := calls.Of(b.Context(), dir, "g-7", noon, 1<<30); err != nil || c.Writes == 0 {
			b.Fatal(c, err)
		}
	}
	closeLog(b, l)
}
