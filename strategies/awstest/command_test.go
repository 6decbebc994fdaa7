package awstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
)

// fleet has two machines of a party, a stopped one, and one of somebody else's,
// with the document that keeps users.
func (r *rig) fleet() {
	r.t.Helper()
	text, err := recipe.OSUserDocument{Description: "Users"}.Text()
	if err != nil {
		r.t.Fatal(err)
	}
	r.w.AddCommandDocument(awstest.CommandDocument{Account: management, Region: "us-east-1", Name: "Users", Text: text})
	for id, state := range map[string]string{"i-1": "", "i-2": "", "i-stopped": "stopped"} {
		r.w.AddInstance(awstest.Instance{ID: id, Account: management, Region: "us-east-1", State: state, Tags: map[string]string{"Party": "a"}})
	}
	r.w.AddInstance(awstest.Instance{ID: "i-other", Account: management, Region: "us-east-1", Tags: map[string]string{"Party": "b"}})
}

// command is one for the machines of the party.
func command(state, user string) *ssm.SendCommandInput {
	return &ssm.SendCommandInput{
		DocumentName: aws.String("Users"), Targets: []types.Target{{Key: aws.String("tag:Party"), Values: []string{"a"}}},
		Parameters: map[string][]string{"state": {state}, "user": {user}, "stamp": {"20261120T120000Z"}},
	}
}

func TestCommandsRunOnTaggedMachines(t *testing.T) {
	r := newRig(t)
	r.fleet()
	client := ssm.NewFromConfig(r.config(r.key))
	sent, err := client.SendCommand(t.Context(), command("present", "party"))
	if err != nil || sent.Command.TargetCount != 2 {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	if _, there := r.w.OSUser("i-1", "party"); there {
		t.Error("done as soon as it was sent")
	}
	r.clock.Advance(2 * time.Second)
	out, err := client.GetCommandInvocation(t.Context(), &ssm.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: aws.String("i-1")})
	if err != nil || out.Status != types.CommandInvocationStatusSuccess || *out.StandardOutputContent != "sesame: present 20261120T120000Z\n" {
		t.Errorf("invocation %+v, %v", out, err)
	}
	for id, want := range map[string]bool{"i-1": true, "i-2": true, "i-stopped": false, "i-other": false} {
		if _, there := r.w.OSUser(id, "party"); there != want {
			t.Errorf("%s has the user: %v, want %v", id, there, want)
		}
	}
	done, err := client.ListCommands(t.Context(), &ssm.ListCommandsInput{Filters: []types.CommandFilter{{Key: types.CommandFilterKeyExecutionStage, Value: aws.String("Executing")}}})
	if err != nil || len(done.Commands) != 0 {
		t.Errorf("still at it: %+v, %v", done, err)
	}
}

func TestParametersAreThoseOfTheDocument(t *testing.T) {
	r := newRig(t)
	r.fleet()
	client := ssm.NewFromConfig(r.config(r.key))
	for name, change := range map[string]func(*ssm.SendCommandInput){
		"a shell":          func(in *ssm.SendCommandInput) { in.Parameters["user"] = []string{"a; reboot"} },
		"another state":    func(in *ssm.SendCommandInput) { in.Parameters["state"] = []string{"gone"} },
		"one too few":      func(in *ssm.SendCommandInput) { delete(in.Parameters, "stamp") },
		"one too many":     func(in *ssm.SendCommandInput) { in.Parameters["commands"] = []string{"reboot"} },
		"another document": func(in *ssm.SendCommandInput) { in.DocumentName = aws.String("AWS-RunShellScript") },
		"no target":        func(in *ssm.SendCommandInput) { in.Targets = nil },
	} {
		in := command("present", "party")
		change(in)
		if _, err := client.SendCommand(t.Context(), in); err == nil || !strings.Contains(err.Error(), "Invalid") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
