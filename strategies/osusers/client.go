package osusers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/policies/iam/recipe"
	"sesame/strategies/identitycenter"
)

// What the document is asked for.
const (
	present = recipe.OSUserPresent
	locked  = recipe.OSUserLocked
	look    = recipe.OSUserLook
)

// A Client calls Run Command in one account and region, and asks EC2 which
// machines there are. It is safe for concurrent use.
type Client struct {
	ssm *ssm.Client
	ec2 *ec2.Client
}

// Open finds credentials as c says, which needs no InstanceARN, and checks that
// they are of the account that it names.
func Open(ctx context.Context, c identitycenter.Config) (*Client, error) {
	cfg, _, err := identitycenter.Connect(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Client{ssm.NewFromConfig(cfg), ec2.NewFromConfig(cfg)}, nil
}

// machines returns the ids of those that have the tags and are not gone for
// good, whether or not they run.
func (c *Client) machines(ctx context.Context, of wanted) (ids []string, err error) {
	in := &ec2.DescribeInstancesInput{}
	for _, key := range slices.Sorted(maps.Keys(of.tags)) {
		in.Filters = append(in.Filters, ec2types.Filter{Name: aws.String("tag:" + key), Values: []string{of.tags[key]}})
	}
	for pages := ec2.NewDescribeInstancesPaginator(c.ec2, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if i.State == nil || i.State.Name != ec2types.InstanceStateNameTerminated && i.State.Name != ec2types.InstanceStateNameShuttingDown {
					ids = append(ids, aws.ToString(i.InstanceId))
				}
			}
		}
	}
	return ids, nil
}

// send has the document run on the machines, and returns the id of the command.
// Its parameters are a word of ours, a name that was checked, and a time.
func (c *Client) send(ctx context.Context, of wanted, state string, at time.Time) (string, error) {
	in := &ssm.SendCommandInput{
		DocumentName: aws.String(Document), Comment: aws.String("Sesame: " + state + " " + of.user),
		MaxConcurrency: aws.String("100%"), MaxErrors: aws.String("100%"), TimeoutSeconds: aws.Int32(60),
		Parameters: map[string][]string{"state": {state}, "user": {of.user}, "stamp": {at.UTC().Format(stampForm)}},
	}
	for _, key := range slices.Sorted(maps.Keys(of.tags)) {
		in.Targets = append(in.Targets, types.Target{Key: aws.String("tag:" + key), Values: []string{of.tags[key]}})
	}
	out, err := c.ssm.SendCommand(ctx, in)
	if err != nil {
		return "", err
	}
	if out.Command == nil || aws.ToString(out.Command.CommandId) == "" {
		return "", errors.New("the answer of AWS is empty")
	}
	return *out.Command.CommandId, nil
}

// running returns the change of a user that machines are still at, whoever
// asked for it.
func (c *Client) running(ctx context.Context, of wanted) (access.Operation, error) {
	in := &ssm.ListCommandsInput{Filters: []types.CommandFilter{
		{Key: types.CommandFilterKeyDocumentName, Value: aws.String(Document)},
		{Key: types.CommandFilterKeyExecutionStage, Value: aws.String("Executing")},
	}}
	var found access.Operation
	for pages := ssm.NewListCommandsPaginator(c.ssm, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return found, err
		}
		for _, one := range page.Commands {
			kind, ok := kindOf(one.Parameters)
			if !ok || !slices.Equal(one.Parameters["user"], []string{of.user}) || !sameTargets(one.Targets, of.tags) {
				continue
			}
			found = access.Operation{Kind: kind, ID: aws.ToString(one.CommandId), State: access.OpRunning, StartedAt: aws.ToTime(one.RequestedDateTime)}
		}
	}
	return found, nil
}

func kindOf(params map[string][]string) (access.OpKind, bool) {
	switch strings.Join(params["state"], ",") {
	case present:
		return access.Creation, true
	case locked:
		return access.Removal, true
	}
	return "", false
}

// sameTargets reports whether a command goes to the machines with the tags.
func sameTargets(targets []types.Target, tags map[string]string) bool {
	if len(targets) != len(tags) {
		return false
	}
	for _, t := range targets {
		key, ok := strings.CutPrefix(aws.ToString(t.Key), "tag:")
		if !ok || !slices.Equal(t.Values, []string{tags[key]}) {
			return false
		}
	}
	return true
}

// A machineError says that machines did not do what a command says.
type machineError struct{ text string }

func (e *machineError) Error() string { return e.text }

// answers returns what the machines said to a command, and whether all of them
// are done.
func (c *Client) answers(ctx context.Context, id string) (answers, bool, error) {
	out, err := c.ssm.ListCommands(ctx, &ssm.ListCommandsInput{CommandId: &id})
	if err != nil {
		return nil, false, unknown(id, err)
	}
	if len(out.Commands) != 1 {
		return nil, false, &access.WayError{Class: access.Refused, Err: fmt.Errorf("there is no command %q", id)}
	}
	switch out.Commands[0].Status {
	case types.CommandStatusPending, types.CommandStatusInProgress, types.CommandStatusCancelling:
		return nil, false, nil
	}
	var all answers
	in := &ssm.ListCommandInvocationsInput{CommandId: &id}
	for pages := ssm.NewListCommandInvocationsPaginator(c.ssm, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, i := range page.CommandInvocations {
			one, err := c.answer(ctx, id, aws.ToString(i.InstanceId))
			if err != nil {
				return nil, false, err
			}
			all = append(all, one)
		}
	}
	return all, true, nil
}

// answer returns what one machine said last.
func (c *Client) answer(ctx context.Context, id, machine string) (answer, error) {
	out, err := c.ssm.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: &id, InstanceId: &machine})
	if err != nil {
		return answer{}, err
	}
	lines := strings.Split(strings.TrimSpace(aws.ToString(out.StandardOutputContent)), "\n")
	words := strings.Fields(lines[len(lines)-1])
	if out.Status != types.CommandInvocationStatusSuccess || len(words) < 2 || words[0] != "sesame:" {
		why := strings.TrimSpace(aws.ToString(out.StandardErrorContent))
		return answer{}, &machineError{cmp.Or(why, fmt.Sprintf("%s says %s", machine, out.Status))}
	}
	one := answer{machine: machine, state: words[1]}
	if len(words) > 2 {
		one.stamp = words[2]
	}
	return one, nil
}

// unknown says of an error that AWS does not know a command, if it does.
func unknown(id string, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidCommandId" {
		return &access.WayError{Class: access.Refused, Err: fmt.Errorf("there is no command %q: %w", id, err)}
	}
	return err
}
