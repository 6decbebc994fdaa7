package api

import (
	"os"
	"regexp"
	"testing"
)

// slackWords are what one does in Slack and not at a terminal.
var slackWords = regexp.MustCompile(`/access|\b(its|the|updated) message\b|\bbuttons?\b|\bform\b`)

// What the Desk refuses is in its golden file: none of it sends whoever is at a
// terminal to Slack.
func TestRefusalsAtATerminal(t *testing.T) {
	refusals, err := os.ReadFile("../../flows/testdata/refusals.golden")
	if err != nil {
		t.Fatal(err)
	}
	if !slackWords.Match(refusals) {
		t.Fatal("the refusals are not as they are said in Slack")
	}
	said := nextOfEngineer.Replace(string(refusals))
	for _, left := range slackWords.FindAllStringIndex(said, -1) {
		t.Errorf("…%s…", said[max(0, left[0]-100):min(len(said), left[1]+20)])
	}
}

func TestRefusalsOfAnOperator(t *testing.T) {
	const said = `There is no grant "g-1": /access end lists what you hold.`
	if got, want := nextOfOperator.Replace(said), `There is no grant "g-1": sesame grants list shows what there is.`; got != want {
		t.Errorf("%s", got)
	}
}
