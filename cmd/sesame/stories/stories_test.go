package stories_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/flows/scenario"
)

var _ scenario.Rig = (*world)(nil)

func TestStoriesEndToEnd(t *testing.T) {
	files, err := filepath.Glob(scenarios + "*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			play(t, string(text))
		})
	}
}

func play(t *testing.T, text string) {
	s, err := scenario.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(t.Context(), newWorld(t, s)); err != nil {
		t.Error(err)
	}
}

// TestKilledAtEachStep plays the same short story again and again, with the
// server killed at one more commit of the Keeper each time, while opening or
// closing.
func TestKilledAtEachStep(t *testing.T) {
	for n := 1; n <= 14; n++ {
		for _, when := range []string{"opening", "closing"} {
			t.Run(fmt.Sprintf("%s/%d", when, n), func(t *testing.T) { play(t, killed(when, n)) })
		}
	}
}

func killed(when string, n int) string {
	crash := map[string]string{when: fmt.Sprintf("world crash after %d\n", n)}
	return `The server is killed while a grant opens or closes.
-- story --
` + crash["opening"] + `alice: /access ec2-frontend 30m INC-42 disk full
bob approves
advance 1m
world restart
grant is open
aws: alice has ec2-frontend
` + crash["closing"] + `advance 32m
world restart
grant is closed
aws: alice has nothing
the record holds
`
}
