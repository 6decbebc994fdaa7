package access_test

import (
	"testing"
	"time"

	"sesame/flows/access"
)

func TestSpoken(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute:                  "1 minute",
		90 * time.Minute:             "1 hour 30 minutes",
		49*time.Hour + 2*time.Minute: "2 days 1 hour 2 minutes",
		24 * time.Hour:               "1 day",
		90 * time.Second:             "1m30s",
		0:                            "0s",
		-time.Hour:                   "-1h0m0s",
	} {
		if got := access.Spoken(d); got != want {
			t.Errorf("%v is spoken %q, want %q", d, got, want)
		}
	}
}
