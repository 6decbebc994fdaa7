//go:build unix

package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
)

// refusedStep is how the names of steps begin that the proxy is to refuse.
const refusedStep = "refused "

// A table compares what clients got.
type table struct {
	rows  []row
	wrong int
}

type row struct {
	client, step, verdict, got string

	without, with string // of a row that is wrong
}

func (t *table) add(client string, without, with []result) {
	for i := range max(len(without), len(with)) {
		var a, b result
		if i < len(without) {
			a = without[i]
		}
		if i < len(with) {
			b = with[i]
		}
		r := row{client: client, step: b.step, verdict: compare(a, b), got: scrub(b.got)}
		if r.verdict != same && r.verdict != refused {
			r.without, r.with = scrub(a.got), scrub(b.got)
			t.wrong++
		}
		t.rows = append(t.rows, r)
	}
}

// The verdicts on a step that went as it should.
const (
	same    = "same"
	refused = "refused"
)

func compare(without, with result) string {
	switch {
	case without.step != with.step:
		return "OTHER STEPS"
	case !strings.HasPrefix(with.step, refusedStep):
		if scrub(without.got) != scrub(with.got) {
			return "DIFFERENT"
		}
		return same
	case !strings.Contains(with.got, "is refused through Sesame"):
		return "NOT REFUSED"
	}
	return refused
}

// moments are the forms in which clients print times.
var moments = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?|` +
	`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT|\b1[78]\d{8}(\.\d+)?\b|\b1[78]\d{11}\b`)

// scrub takes out what differs from one moment to the next.
func scrub(got string) string { return moments.ReplaceAllString(got, "(a moment)") }

// sat adds a session that a client had.
func (t *table) sat(client, step, got string, err error) {
	r := row{client: client, step: step, verdict: same, got: got}
	if err != nil {
		r.verdict, r.with = "FAILED", err.Error()
		t.wrong++
	}
	t.rows = append(t.rows, r)
}

func (t *table) print(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range t.rows {
		fmt.Fprintf(out, "%s\t%s\t%.64s\t%.64s\n", r.client, r.verdict, r.step, strings.Join(strings.Fields(r.got), " "))
	}
	_ = out.Flush()
	for _, r := range t.rows {
		if r.without != r.with {
			fmt.Fprintf(w, "\n%s, %s: %s\n  without: %s\n  with:    %s\n", r.client, r.step, r.verdict, r.without, r.with)
		}
	}
}

func (t *table) verdict() error {
	if t.wrong > 0 || len(t.rows) == 0 {
		return fmt.Errorf("%d of %d steps do not go through the proxy as they go without it", t.wrong, len(t.rows))
	}
	return nil
}
