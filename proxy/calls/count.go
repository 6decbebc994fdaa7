package calls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Count is how often AWS was called with one grant.
type Count struct {
	// Reads and Writes were let through; what a call does that is not known
	// counts as a write. Refused were not let through.
	Reads, Writes, Refused int
	// Operations are those that were let through, by how often, and Refusals
	// those that were not.
	Operations, Refusals map[string]int
	// Cut says that there was more to read than the limit.
	Cut bool
}

// maxOperations bounds how many operations are told apart; the rest are others.
const maxOperations = 1000

const otherOperations = "others"

// tunnel is the service of entries about tunnels.
const tunnel = "tunnel"

// Of counts the calls of a grant in the record of a directory, from the segment
// on that a moment falls into, and no further than limit bytes. Nothing but the
// caller waits for it: entries are made meanwhile.
func Of(ctx context.Context, dir, grant string, since time.Time, limit int64) (Count, error) {
	names, err := segments(dir)
	if err != nil {
		return Count{}, err
	}
	if len(names) == 0 {
		return Count{}, fmt.Errorf("the record of calls in %s: %w", dir, fs.ErrNotExist)
	}
	c := counting{
		Count: Count{Operations: map[string]int{}, Refusals: map[string]int{}}, left: limit,
		mark: appendText([]byte(`"grant":`), grant), intents: map[string]string{},
	}
	for _, name := range names[firstSince(names, since):] {
		err := lines(name, func(_ int64, line []byte) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return c.take(line)
		})
		switch {
		case errors.Is(err, errLimit):
			c.Cut = true
			return c.end(), nil
		case err != nil && !errors.Is(err, fs.ErrNotExist): // which is what was kept long enough
			return Count{}, err
		}
	}
	return c.end(), nil
}

// firstSince is the segment that a moment falls into: the last one that began
// before it.
func firstSince(names []string, since time.Time) int {
	for i := len(names) - 1; i > 0; i-- {
		if began := firstOf(names[i]); !began.IsZero() && !began.After(since) {
			return i
		}
	}
	return 0
}

// errLimit ends a count.
var errLimit = errors.New("there is more than is counted")

// A counting is a Count in the making.
type counting struct {
	Count
	left int64
	mark []byte // what a line about the grant has in it
	// intents are the calls that were to be sent, until it is known what came of
	// them.
	intents map[string]string
}

// take counts what a line says. Most lines are about other grants, and are not
// even decoded.
func (c *counting) take(line []byte) error {
	if c.left -= int64(len(line)); c.left < 0 {
		return errLimit
	}
	if !bytes.Contains(line, c.mark) {
		return nil
	}
	e, _, _, err := parseLine(line)
	if err != nil {
		return err
	}
	switch e.Kind {
	case Intent:
		c.intents[e.Call] = operationOf(e)
	case Answer:
		delete(c.intents, e.Call)
		if e.Level == "read" || e.Level == "list" {
			c.Reads++
		} else {
			c.Writes++
		}
		add(c.Operations, operationOf(e))
	case Refused:
		c.Refused++
		add(c.Refusals, operationOf(e))
	}
	return nil
}

// end counts those as sent of which nobody knows what came of them.
func (c *counting) end() Count {
	for _, operation := range c.intents {
		c.Writes++
		add(c.Operations, operation)
	}
	return c.Count
}

func add(all map[string]int, operation string) {
	if _, there := all[operation]; !there && len(all) >= maxOperations {
		operation = otherOperations
	}
	all[operation]++
}

// operationOf is ec2:DescribeInstances. What is not known is by its service
// alone, since the rest of it is what the client made up; what was refused before
// it was looked at, as without a key that works, has no level.
func operationOf(e Entry) string {
	switch {
	case e.Service == tunnel:
		return "tunnels to what is not AWS"
	case e.Level == "" && e.Kind == Refused:
		return strings.TrimSpace(e.Service + " before it was known what for")
	}
	if e.Operation == "" || strings.ContainsAny(e.Operation, " /") {
		return e.Service + ":unknown"
	}
	return e.Service + ":" + e.Operation
}

// Most returns those of all that came most often, and of those alike the first
// by name.
func Most(all map[string]int, n int) []string {
	names := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(names, func(a, b string) int { return all[b] - all[a] })
	return names[:min(n, len(names))]
}
