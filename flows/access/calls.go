package access

import (
	"fmt"
	"strings"
	"time"
)

// Calls is what was called with a grant, counted from the record of calls once
// the grant was closed. The zero Calls says that nobody counted.
type Calls struct {
	At time.Time `json:"at,omitzero"` // when it was counted
	// Reads and Writes were let through, Refused were not.
	Reads   int `json:"reads"`
	Writes  int `json:"writes"`
	Refused int `json:"refused"`
	// Most are the operations that were called most, and RefusedMost those that
	// were refused most; the rest is left out.
	Most        []Called `json:"most,omitempty"`
	RefusedMost []Called `json:"refused_most,omitempty"`
	// More says that there are more calls than were counted.
	More bool `json:"more,omitempty"`
	// Unknown says why nothing could be counted, for people.
	Unknown string `json:"unknown,omitempty"`
}

// Called is how often one operation was called: "ec2:DescribeInstances".
type Called struct {
	Operation string `json:"operation"`
	Times     int    `json:"times"`
}

// Sentences says in words what was called, and what was refused.
func (c Calls) Sentences() []string {
	most := ""
	if c.More {
		most = "At least "
	}
	switch n := c.Reads + c.Writes; {
	case c.At.IsZero():
		return nil
	case c.Unknown != "":
		return []string{"How often AWS was called could not be counted, " + c.Unknown}
	case n+c.Refused == 0 && !c.More:
		return []string{"AWS was not called"}
	case c.Refused == 0:
		return []string{most + c.through(n)}
	default:
		return []string{most + c.through(n), fmt.Sprintf("%s%s refused%s", most, Counted(c.Refused, "call"), often(c.RefusedMost))}
	}
}

func (c Calls) through(n int) string {
	if n == 0 {
		return "0 calls of AWS"
	}
	return fmt.Sprintf("%s of AWS: %d to read, %d to write%s", Counted(n, "call"), c.Reads, c.Writes, often(c.Most))
}

// often lists operations: " · ec2:DescribeInstances (12), s3:GetObject (3)".
func often(all []Called) string {
	if len(all) == 0 {
		return ""
	}
	parts := make([]string, len(all))
	for i, o := range all {
		parts[i] = fmt.Sprintf("%s (%d)", o.Operation, o.Times)
	}
	return " · " + strings.Join(parts, ", ")
}

// Uncounted reports whether g is closed and nobody has counted yet what was
// called with it.
func (g Grant) Uncounted() bool {
	return g.State == Closed && g.Recorded && !g.OpenedAt.IsZero() && g.Receipt.Calls.At.IsZero()
}

// Counted returns g with what was called with it in its receipt. It refuses a
// grant that is not to be counted, or was.
func (g Grant) Counted(c Calls) (Grant, error) {
	if !g.Uncounted() || c.At.IsZero() {
		return Grant{}, fmt.Errorf("count the calls of %s grant %s: %w", g.State, g.ID, ErrDecided)
	}
	g.Receipt.Calls = c
	return g, nil
}
