package scenario_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"sesame/flows/scenario"
)

func TestStoriesInMemory(t *testing.T) {
	files, err := filepath.Glob(scenarios + "*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			s, err := scenario.Parse(read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			play(t, s)
		})
	}
}

func play(t *testing.T, s scenario.Story) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		defer func() { w.stop() }()
		if err := s.Play(t.Context(), w); err != nil {
			t.Error(err)
		}
	})
}

// TestKilledAtEachStep plays the same short story again and again, with the
// server cut off after one more commit each time, while opening or closing.
func TestKilledAtEachStep(t *testing.T) {
	for n := 1; n <= 14; n++ {
		for _, when := range []string{"opening", "closing"} {
			t.Run(fmt.Sprintf("%s/%d", when, n), func(t *testing.T) {
				s, err := scenario.Parse([]byte(killed(when, n)))
				if err != nil {
					t.Fatal(err)
				}
				play(t, s)
			})
		}
	}
}

func killed(when string, n int) string {
	crash := map[string]string{when: fmt.Sprintf("world crash after %d\n", n)}
	return `The server is killed while a grant opens or closes.
-- story --
` + crash["opening"] + `alice: /access ec2-frontend 1h INC-42 disk full
bob approves
advance 1m
world restart
grant is open
aws: alice has ec2-frontend
` + crash["closing"] + `advance 62m
world restart
grant is closed
aws: alice has nothing
the record holds
`
}

func TestALineThatIsNotUnderstoodFails(t *testing.T) {
	for _, line := range []string{"bob approve", "alice /access x", "aws alice has nothing", "grant is", "world"} {
		s, err := scenario.Parse([]byte("A mistake.\n-- story --\n" + line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Play(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not a line") {
			t.Errorf("%q: %v, want it not understood", line, err)
		}
	}
}
