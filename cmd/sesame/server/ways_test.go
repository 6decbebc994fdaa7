package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/server"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
)

const iamRole = "arn:aws:iam::" + frontend + ":role/Sesame"

// membersYAML has %DIRECTORY% where the id of a group of Identity Center goes.
const membersYAML = `version: 1
groups: {engineering: {slack: %GROUP%}}
channels: {access: %CHANNEL%}
strategies:
  directory: {type: aws_group, region: us-east-1, instance_arn: "` + instance + `", groups: [%DIRECTORY%]}
  iam: {type: aws_iam_group, region: us-east-1, role_arn: "` + iamRole + `", external_id: "${file:external-id}", groups: [Shell], users: {alice@example.com: alice}}
  tags: {type: aws_principal_tags, region: us-east-1, role_arn: "` + iamRole + `", external_id: "${file:external-id}", users: {alice@example.com: alice}, tag_names: [App, Release], slots: 2}
targets:
  portal: {strategy: directory, group: %DIRECTORY%, session: 1h}
  shell: {strategy: iam, group: Shell}
  payments: {strategy: tags, principal_tags: {App: payments, Release: r-1}}
  ledger: {strategy: tags, principal_tags: {App: ledger, Release: r-9}}
  third: {strategy: tags, principal_tags: {App: third, Release: r-9}}
flows:
  all:
    targets: [portal, shell, payments, ledger, third]
    duration: {choices: [1h], default: 1h}
    who: 'in_group("engineering", requester)'
    routes: [{name: auto, auto_approve: true, notify: [access]}]
`

// newMembers returns a story of groups and tags, and Alice's directory group.
func newMembers(t *testing.T) (*rig, string) {
	t.Helper()
	r, _ := newStory(t)
	directory := r.aws.AddGroup("shell")
	r.aws.AddIAMUser(frontend, "alice")
	r.aws.AddIAMGroup(frontend, "Shell")
	r.aws.AddRole(awstest.Role{ARN: iamRole, Trusts: []string{management}, ExternalID: "x-17"})
	r.options.Config.FlowSecrets = t.TempDir()
	if err := os.WriteFile(filepath.Join(r.options.Config.FlowSecrets, "external-id"), []byte("x-17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.writeFlows(strings.ReplaceAll(membersYAML, "%DIRECTORY%", directory))
	return r, directory
}

// await blocks until AWS is as it should be.
func (r *rig) await(what string, ok func() bool) {
	r.Helper()
	for {
		changed := r.aws.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			r.Fatalf("%s: never\n%s", what, r.log)
		}
	}
}

func (r *rig) ask(target string) {
	r.Helper()
	if _, err := r.slack.As(r.alice).Command(r.Context(), r.channel, "/access "+target+" 1h disk full"); err != nil {
		r.Fatal(err)
	}
}

// tags are the values of Alice's tags by their keys, without what marks slots.
func (r *rig) tags() map[string]string {
	found := map[string]string{}
	for key, t := range r.aws.IAMTags(frontend, "alice") {
		if !strings.HasPrefix(key, flowfile.MarkerTag) {
			found[key] = t.Value
		}
	}
	return found
}

// shells has Alice start a session on each of some machines.
func (r *rig) shells(machines ...string) {
	r.Helper()
	r.aws.Tune(func(s *awstest.Settings) { s.Idle = 24 * time.Hour })
	key := r.aws.AddKey(frontend, "alice")
	client := ssm.New(ssm.Options{Region: "eu-central-1", BaseEndpoint: aws.String(r.aws.URL()), Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")})
	tags := map[string]map[string]string{"i-payments": {"App": "payments", "Release": "r-1"}, "i-ledger": {"App": "ledger", "Release": "r-9"}}
	for _, id := range machines {
		r.aws.AddInstance(awstest.Instance{ID: id, Account: frontend, Region: "eu-central-1", Tags: tags[id]})
		if _, err := client.StartSession(r.Context(), &ssm.StartSessionInput{Target: &id}); err != nil {
			r.Fatal(err)
		}
	}
}

func TestGroupsAndTagsAreGrantedAndEndedThroughEverything(t *testing.T) {
	r, directory := newMembers(t)
	c := r.start()
	r.connected(c)
	r.ask("portal")
	r.await("she is in the directory's group", func() bool { return len(r.aws.Memberships()) == 1 })
	r.ask("shell")
	r.await("she is in the IAM group", func() bool { return r.aws.InIAMGroup(frontend, "Shell", "alice") })
	r.ask("payments")
	r.await("she has a slot", func() bool { return len(r.tags()) == 2 })
	r.ask("ledger")
	r.await("she has two slots", func() bool { return len(r.tags()) == 4 })
	want := map[string]string{"App": "payments", "Release": "r-1", "App2": "ledger", "Release2": "r-9"}
	if diff := cmp.Diff(want, r.tags()); diff != "" || r.aws.Memberships()[0].Group != directory {
		t.Errorf("memberships %v, tags (-want +got):\n%s", r.aws.Memberships(), diff)
	}
	r.ask("third")
	full := "all 2 tag slots of alice in " + frontend + " are in use"
	if _, err := r.slack.AwaitEphemeral(t.Context(), r.alice, func(m slacktest.Message) bool { return strings.Contains(m.Text(), full) }); err != nil {
		t.Errorf("a third grant: %v, want it refused", err)
	}
	r.shells("i-payments", "i-ledger", "i-other")
	r.clock.Advance(61 * time.Minute)
	r.await("everything is gone, and what she started with it", func() bool {
		open := r.aws.ShellSessions()
		return len(open) == 1 && open[0].Target == "i-other" && len(r.aws.Memberships()) == 0 && !r.aws.InIAMGroup(frontend, "Shell", "alice") && len(r.aws.IAMTags(frontend, "alice")) == 0
	})
	if proof, err := c.Verify(t.Context(), ""); err != nil || proof.Broken != "" {
		t.Errorf("the record afterwards: %+v, %v", proof, err)
	}
}

// TestStrategiesStayWhileSomethingIsKept takes the strategies of an account's
// IAM out of the file while Alice has tags there.
func TestStrategiesStayWhileSomethingIsKept(t *testing.T) {
	r, directory := newMembers(t)
	c := r.start()
	r.connected(c)
	r.ask("payments")
	r.await("she has a slot", func() bool { return len(r.tags()) == 2 })
	with := strings.ReplaceAll(membersYAML, "%DIRECTORY%", directory)
	var without []string
	for line := range strings.Lines(with) {
		if !strings.Contains(line, "strategy: tags") && !strings.Contains(line, "strategy: iam") && !strings.Contains(line, "type: aws_iam_group") && !strings.Contains(line, "type: aws_principal_tags") {
			without = append(without, strings.Replace(line, "[portal, shell, payments, ledger, third]", "[portal]", 1))
		}
	}
	r.writeFlows(strings.Join(without, ""))
	r.sighup()
	if err := r.log.await(t.Context(), "1 objects of the IAM that "+iamRole+" leads to are not closed yet: put the strategy back until they are"); err != nil {
		t.Errorf("%v\n%s", err, r.log)
	}
	r.stop()
	r.writeFlows("version: 1\nflows: {}\n")
	r.start()
	r.clock.Advance(61 * time.Minute)
	r.await("the tags are gone, without the flow files", func() bool { return len(r.aws.IAMTags(frontend, "alice")) == 0 })
}

func TestGroupsAndTagsAreCheckedOnline(t *testing.T) {
	r, directory := newMembers(t)
	check := func() (server.Findings, error) {
		set, err := flowfile.Abilities{}.Open(r.options.Config.Flows)
		if err != nil {
			t.Fatal(err)
		}
		return server.Check(t.Context(), r.options, set)
	}
	if warnings, err := check(); err != nil || len(warnings) > 0 {
		t.Errorf("good files: %v, %v", warnings, err)
	}
	r.aws.EditGroup(directory, func(g *awstest.Group) { g.ExternalID = "https://idp.example.com 42" })
	r.aws.EditIAMTags(frontend, "alice", func(tags map[string]string) { tags["app2"] = "x" })
	r.writeFlows(strings.NewReplacer("%DIRECTORY%", directory, "[Shell]", "[None]", "group: Shell", "group: None").Replace(membersYAML))
	_, err := check()
	found, _ := errors.AsType[server.Findings](err)
	if len(found) != 2 || !strings.Contains(found.Error(), "came from elsewhere, as by SCIM") || !strings.Contains(found.Error(), "the group None does not exist") {
		t.Errorf("findings %v, want one on each group", err)
	}
	r.aws.EditGroup(directory, func(g *awstest.Group) { g.ExternalID = "" })
	r.writeFlows(strings.ReplaceAll(membersYAML, "%DIRECTORY%", directory))
	if warnings, err := check(); err != nil || len(warnings) != 3 || !strings.Contains(warnings[0].Message, "1 of 2 slots of the IAM user alice cannot be used") {
		t.Errorf("a slot in use: %v, %v, want a warning for each target", warnings, err)
	}
	r.aws.RemoveIAMUser(frontend, "alice")
	if _, err := check(); err == nil || !strings.Contains(err.Error(), "the IAM user alice does not exist in the account 222222222222") {
		t.Errorf("no user: %v", err)
	}
}
