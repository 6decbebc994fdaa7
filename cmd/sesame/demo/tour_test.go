package demo_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sesame/cmd/sesame/demo"
)

func TestTourIsAsTold(t *testing.T) {
	var out strings.Builder
	if err := demo.Tour(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(line); n > 101 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}
