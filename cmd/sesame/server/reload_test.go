package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

// apply has the server read its flow files, as flows apply does.
func (r *rig) apply(c *client.Client, dryRun bool) api.Reloaded {
	r.Helper()
	got, err := c.Reload(r.Context(), dryRun)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// outbox is how many notices are still to be told, when nobody tells them.
func (r *rig) outbox(c *client.Client) int {
	r.Helper()
	s, err := c.Status(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s.Outbox
}

func TestApplySaysWhatChanges(t *testing.T) {
	r := newRig(t)
	c := r.start()
	same := r.apply(c, false)
	if !same.OK || same.Before != same.After || len(same.Differences) > 0 {
		t.Errorf("nothing changed, and: %+v", same)
	}
	text := strings.NewReplacer("[1h, 2h]", "[1h, 4h]", "label: EC2 front end", "label: EC2", "[bob@example.com]", "[bob@example.com, carol@example.com]").Replace(flowsYAML)
	r.writeFlows(text)
	dry := r.apply(c, true)
	if s, err := c.Status(t.Context()); err != nil || s.Revision != same.After || !dry.OK || dry.After == same.After {
		t.Errorf("a dry run: %+v, and then %+v, %v", dry, s, err)
	}
	got := r.apply(c, false)
	if s, err := c.Status(t.Context()); err != nil || s.Revision != got.After || got.Before != same.After {
		t.Errorf("applied: %+v, and then %+v, %v", got, s, err)
	}
	var lines []string
	for _, d := range got.Differences {
		lines = append(lines, d.Change+" "+d.Kind+" "+d.Name+" "+strings.Join(d.Settings, "; "))
	}
	want := "changed flow ec2 duration.choices: [1h, 2h] → [1h, 4h] (" + r.options.Config.Flows + ":14:25)\nchanged target ec2-frontend \nchanged group leads "
	if strings.Join(lines, "\n") != want {
		t.Errorf("differences\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
}

func TestApplyOfABadFileChangesNothing(t *testing.T) {
	r := newRig(t)
	c := r.start()
	before := r.apply(c, true).After
	r.writeFlows(strings.Replace(flowsYAML, "permission_set:", "permision_set:", 1))
	for range 2 {
		got := r.apply(c, false)
		if got.OK || got.After != before || len(got.Problems) == 0 || got.Problems[0].Line != 9 || got.Problems[0].File != r.options.Config.Flows {
			t.Errorf("%+v, want a problem in line 9, and nothing changed", got)
		}
	}
	r.writeFlows(strings.Replace(flowsYAML, "FrontEnd}", "BackEnd}", 1))
	if got := r.apply(c, true); got.OK || len(got.Problems) != 1 || got.Problems[0].File != "targets.ec2-frontend" {
		t.Errorf("%+v, want a problem with the target", got)
	}
	r.writeFlows(flowsYAML)
	if got := r.apply(c, false); !got.OK || got.After != before {
		t.Errorf("repaired: %+v", got)
	}
	r.said(c, "cannot be used, so everything stays as it was: "+r.options.Config.Flows+":9:", "can be used again and are in force: revision "+before)
}

// said ends the test unless the admin channel was told exactly that.
func (r *rig) said(c *client.Client, texts ...string) {
	r.Helper()
	for len(r.admin()) < len(texts) {
		r.clock.Advance(time.Second)
		r.outbox(c) // something else gets a turn
	}
	got := r.admin()
	if len(got) != len(texts) {
		r.Errorf("the admin channel was told %q", got)
	}
	for i, text := range texts {
		if !strings.Contains(got[i], text) {
			r.Errorf("the admin channel was told %q, want %q in it", got[i], text)
		}
	}
}

// admin is what the admin channel was told.
func (r *rig) admin() []string {
	var all []string
	for _, m := range r.slack.Messages(r.options.Config.AdminChannel) {
		all = append(all, m.Text())
	}
	return all
}

// lookUntil lets time pass for the server to look at its files, until the log
// has a text.
func (r *rig) lookUntil(c *client.Client, text string) {
	r.Helper()
	for !strings.Contains(r.log.String(), text) {
		r.look(c)
	}
}

// look lets the server look at its files, once at most.
func (r *rig) look(c *client.Client) {
	r.Helper()
	r.clock.Advance(r.options.Watch)
	r.outbox(c) // something else gets a turn
}

// TestFilesThatCameAreReadByThemselves puts a file into a folder that the flow
// files include.
func TestFilesThatCameAreReadByThemselves(t *testing.T) {
	r := newRig(t)
	r.options.Watch = 2 * time.Second
	more := filepath.Join(filepath.Dir(r.options.Config.Flows), "more")
	if err := os.Mkdir(more, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, flow string) {
		text := "version: 1\ntargets:\n  " + flow + ": {label: More, strategy: sso, account: \"" + frontend + "\", permission_set: FrontEnd}\nflows:\n  " + flow + ":\n" +
			"    targets: [" + flow + "]\n    duration: {choices: [1h], default: 1h}\n    who: in_group(\"engineering\", requester)\n    routes: [{name: leads, approvers: {groups: [leads]}}]\n"
		if err := os.WriteFile(filepath.Join(more, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.yaml", "one")
	r.writeFlows(strings.Replace(flowsYAML, "version: 1", "version: 1\ninclude: [more]", 1))
	c := r.start()
	write("two.yaml", "two")
	r.lookUntil(c, `"targets":3,"cause":"file change"`)
}

// TestChangedFilesAreReadByThemselves changes files while the server looks at
// them every two seconds.
func TestChangedFilesAreReadByThemselves(t *testing.T) {
	r := newRig(t)
	r.options.Watch = 2 * time.Second
	c := r.start()
	before := r.apply(c, true).After
	dir := filepath.Dir(r.options.Config.Flows)
	if err := os.WriteFile(filepath.Join(dir, "other.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Half a file is there when the first look comes, and the whole when the
	// next one does.
	r.writeFlows(flowsYAML[:len(flowsYAML)/2])
	r.look(c)
	r.writeFlows(strings.Replace(flowsYAML, "[1h, 2h]", "[1h, 4h]", 1))
	r.lookUntil(c, `"cause":"file change"`)
	if s, err := c.Status(t.Context()); err != nil || s.Revision == before {
		t.Errorf("%+v, %v, want another revision than %s", s, err, before)
	}
	if got := r.admin(); len(got) > 0 || strings.Contains(r.log.String(), "stay as they were") {
		t.Errorf("half a file was taken for a whole: %q", got)
	}
	r.writeFlows("version: 1\nflow: {}\ngroup: {}\ntarget: {}\n")
	r.lookUntil(c, "stay as they were")
	for range 8 {
		r.look(c)
	}
	r.said(c, r.options.Config.Flows+":2:1")
	if s, err := c.Status(t.Context()); err != nil || !strings.Contains(s.Unused, ":2:1") {
		t.Errorf("status says %q, %v of files that are not in force", s.Unused, err)
	}
	r.writeFlows(flowsYAML)
	r.lookUntil(c, `"revision":"`+before+`","targets":1,"cause":"file change"`)
	r.said(c, "(and 2 more, see the log or sesame flows check)", "in force: revision "+before+", with 1 target.")
}
