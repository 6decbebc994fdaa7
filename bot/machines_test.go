package bot_test

import (
	"testing"

	"sesame/bot"
	"sesame/flows/access"
)

func TestMachinesInWords(t *testing.T) {
	web := access.Instance{ID: "i-1", Name: "web-1", State: "running", Ping: "Online"}
	old := access.Instance{ID: "i-2", State: "running", Ping: "ConnectionLost", Spelled: []string{"Team and team"}}
	var many []access.Instance
	for range 7 {
		many = append(many, web)
	}
	for want, c := range map[string]struct {
		all  []access.Instance
		more bool
	}{
		"No machine matches now, so nothing could be opened.": {},
		"1 machine matches now: i-1 (web-1).":                 {all: []access.Instance{web}},
		"2 machines match now: i-1 (web-1); i-2, but Session Manager lost the connection to it, it has the tags Team and team.": {all: []access.Instance{web, old}},
		"7 machines match now: i-1 (web-1); i-1 (web-1); i-1 (web-1); i-1 (web-1); i-1 (web-1); and others.":                    {all: many},
	} {
		if got := bot.SpokenMachines(c.all, c.more); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
