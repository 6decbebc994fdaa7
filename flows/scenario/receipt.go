package scenario

import (
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
)

// DescribeReceipt returns what a grant's receipt proves, in words that stories
// look for.
func DescribeReceipt(g access.Grant) string {
	if g.State != access.Closed {
		return "no receipt: " + string(g.State)
	}
	said := []string{string(g.End.Cause)}
	if late := g.Overrun(); late > 0 {
		said = append(said, access.Spoken(late.Truncate(time.Minute))+" late")
	}
	if n := len(g.Extensions); n > 0 {
		said = append(said, fmt.Sprintf("extended %s, by %s", access.Counted(n, "time"), access.Spoken(added(g))))
	}
	for _, o := range g.Receipt.Objects {
		switch {
		case o.Foreign:
			said = append(said, "not ours")
		case o.NeverMade:
			said = append(said, "never made")
		case len(o.KeptFor) > 0:
			said = append(said, "kept for another grant")
		default:
			said = append(said, fmt.Sprintf("read absent %d times", o.Reads))
		}
	}
	if dead := g.Receipt.DeadBy; !dead.IsZero() {
		said = append(said, fmt.Sprintf("sessions dead %v later", dead.Sub(g.Receipt.RemovedAt).Round(time.Minute)))
	}
	return strings.Join(said, "; ")
}

// added returns by how much g was extended altogether.
func added(g access.Grant) (d time.Duration) {
	for _, x := range g.Extensions {
		d += x.By
	}
	return d
}
