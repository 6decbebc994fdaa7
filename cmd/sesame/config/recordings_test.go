package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/cmd/sesame/config"
)

func TestWhatIsKeptOfSessions(t *testing.T) {
	c, err := config.Parse("", []byte(whole+"recordings: {quota: 500, keep: 720h}"))
	if err != nil || c.Recordings != (config.Recordings{Quota: 500, Keep: 720 * time.Hour}) {
		t.Errorf("%+v, %v", c.Recordings, err)
	}
	if c, err := config.Parse("", []byte(whole)); err != nil || c.Recordings != (config.Recordings{Quota: 10240, Keep: 2160 * time.Hour}) {
		t.Errorf("by default: %+v, %v", c.Recordings, err)
	}
	for text, want := range map[string]string{
		"recordings: {keep: 0s}":  "",
		"recordings: {quota: 1}":  "recordings.quota: must be at least 128, in MiB",
		"recordings: {keep: 30m}": "recordings.keep: must be at least 1h, or 0 to keep recordings",
	} {
		_, err := config.Parse("", []byte(whole+text))
		if diff := cmp.Diff(want, errorText(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
