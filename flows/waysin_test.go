package flows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// TestWaysToServedMachines has the holder of a role session led to machines by
// Sesame's own client, as far as the documents of the target let it.
func TestWaysToServedMachines(t *testing.T) {
	const ours, cli = "sesame ssm ec2 i-1", "sesame aws --target ec2 ssm start-session --region us-east-1 --target i-1"
	last := access.Step{Label: "With the AWS CLI and its plugin", Code: cli}
	shell := access.Step{Label: "A shell on i-1 (web-1)", Code: ours}
	port := func(forward string) access.Step {
		return access.Step{Label: "A port through i-1 (web-1)", Code: ours + " --forward " + forward}
	}
	for name, c := range map[string]struct {
		calls string
		want  []access.Step
	}{
		"no documents":        {`{}`, []access.Step{shell, last}},
		"the shell":           {`{"documents":["SSM-SessionManagerRunShell"]}`, []access.Step{shell, last}},
		"a shell of its own":  {`{"documents":["AWS-StartSSHSession","OurShell"]}`, []access.Step{{Label: shell.Label, Code: ours + " --document OurShell"}, last}},
		"another host's port": {`{"documents":["AWS-StartPortForwardingSessionToRemoteHost"],"forward":["localhost:80","db.internal:3306"]}`, []access.Step{port("3306:db.internal:3306"), last}},
		"its own port":        {`{"documents":["AWS-StartPortForwardingSession"],"forward":["localhost:80"]}`, []access.Step{port("8080:80"), last}},
		"some host's port":    {`{"documents":["AWS-StartPortForwardingSessionToRemoteHost"],"forward":["*.internal:*"]}`, []access.Step{port("LOCAL:HOST:PORT"), last}},
		"a document that forwards": {
			`{"documents":["SSM-SessionManagerRunShell","ForwardToBilling"]}`,
			[]access.Step{shell, {Label: "A port by ForwardToBilling", Code: cli + " --document-name ForwardToBilling"}, last},
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := access.Target{Name: "ec2", Way: flowfile.WayRole, Params: map[string]string{flowfile.ParamCalls: c.calls}}
			m := flows.Machines{Instances: []access.Instance{{ID: "i-1", Region: "us-east-1", Name: "web-1", State: "running", Ping: "Online"}}}
			if diff := cmp.Diff(c.want, flows.WaysForTest(m, target)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
