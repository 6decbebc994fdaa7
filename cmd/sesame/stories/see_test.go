package stories_test

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/scenario"
)

// Pass implements scenario.Rig.
func (w *world) Pass(_ context.Context, d time.Duration) error {
	w.look()
	w.pace.pass(d)
	w.look()
	return nil
}

// See implements scenario.Rig.
func (w *world) See(ctx context.Context, v scenario.View) (string, error) {
	switch v.Of {
	case "aws":
		return w.has(v.Who), nil
	case "told":
		return w.told(v.Who), nil
	case "admins":
		return w.told("admins"), nil
	case "requests":
		page, err := w.store().List(ctx, access.Query{Index: access.IndexRequests})
		return strconv.Itoa(len(page.Records)), err
	case "record":
		return w.record(ctx), nil
	}
	id, err := w.nth(v.Request)
	if err != nil {
		return "", err
	}
	switch v.Of {
	case "trail":
		return w.trail(id), nil
	case "channels":
		return w.channels(id), nil
	}
	return scenario.Describe(ctx, w.store(), v.Of, id)
}

// has returns the targets that somebody has, by AWS's own account of it.
func (w *world) has(name string) string {
	var targets []string
	for _, a := range w.aws.Assignments() {
		for target, arn := range w.arns {
			if a.Principal == w.users[name] && a.PermissionSet == arn {
				targets = append(targets, target)
			}
		}
	}
	if len(targets) == 0 {
		return "nothing"
	}
	slices.Sort(targets)
	return strings.Join(targets, ", ")
}

// news is what direct messages say, as the word that stories have for it.
var news = []struct {
	says *regexp.Regexp
	word string
}{
	{regexp.MustCompile(`^Your request for .* was denied`), "denied"},
	{regexp.MustCompile(`^You withdrew your request`), "withdrawn"},
	{regexp.MustCompile(`^Nobody decided on your request`), "lapsed"},
	{regexp.MustCompile(`^You have .* until`), "granted"},
	{regexp.MustCompile(`^Your access to .* ends in`), "reminded"},
	{regexp.MustCompile(`^Your access to .* is ending`), "ending"},
	{regexp.MustCompile(`^Your access to .* has ended`), "ended"},
	{regexp.MustCompile(`(?s)^Your access to .* could not be opened.*?Could not be opened · [^:]*:\d\d[^:]*: `), "failed: "},
}

// told returns what somebody was told in direct messages, or the admins in
// their channel.
func (w *world) told(name string) string {
	room := userID(name)
	if name == "admins" {
		room = channelAdmin
	}
	var lines []string
	for _, m := range w.slack.Messages(room) {
		line := m.Text()
		for _, n := range news {
			line = n.says.ReplaceAllString(line, n.word)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// record has the server check every chain of events, and where they stand.
func (w *world) record(ctx context.Context) string {
	proof, err := w.client.Verify(ctx, "")
	switch {
	case err != nil:
		return err.Error()
	case proof.Broken != "":
		return proof.Broken
	}
	return "holds"
}
