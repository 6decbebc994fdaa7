package flows

import (
	"fmt"
	"time"

	"sesame/flows/access"
)

// fresh refuses what would give somebody access and was sent longer ago than a
// grant may take to open: whoever sent it has given up by then, and access that
// nobody expects is there for nobody's good. Saying no and ending are never too
// late.
func (s setting) fresh(sent time.Time) error {
	age := s.now.Sub(sent)
	if sent.IsZero() || age < access.OpenWithin {
		return nil
	}
	return &access.Refusal{
		Code: access.RefusedLate,
		Text: fmt.Sprintf("Nothing was done with what you sent %s ago, because Sesame could take it up only now: send it again if it is still needed.", access.Spoken(age.Truncate(time.Minute))),
	}
}
