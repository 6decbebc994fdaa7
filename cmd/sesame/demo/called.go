package demo

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A Command is a line for a terminal, and what it is for.
type Command struct {
	Line string `json:"line"`
	What string `json:"what"`
}

// Commands are the lines for whoever has a terminal beside the page, as Alice.
// What comes before them has the shell find sesame and her login.
func (s *Stage) Commands() []Command {
	return []Command{
		{"sesame ensure ec2-frontend 1h --reason 'disk full' --field ticket=INC-42", "Ask for access, and wait: approve it as Bob, on the page"},
		{"sesame aws ec2 describe-instances", "Look at the machines"},
		{"sesame ssm ec2-frontend frontend-1", "Open a shell on a machine, a toy unless the demo runs with --real-shell; it is recorded"},
		{"sesame recordings list", "Find its recording"},
		{replay, "Play the latest one, as it was shown"},
		{"sesame aws s3 cp s3://frontend-logs/frontend-1/disk.log -", "Read a log"},
		{"sesame aws ec2 reboot-instances --instance-ids " + machineOne, "Change something: it is recorded before it is done"},
		{"sesame aws ec2 reboot-instances --instance-ids " + machineOne + " " + machineTwo, "Refused, by a rule of the flow file"},
		{"sesame aws iam create-access-key", "Refused, since nobody is to take keys along"},
		{"sesame run sh -c 'while aws sts get-caller-identity; do sleep 2; done'", "Goes on until the access ends: end it, or move the clock"},
		{curl, "A call, where there is no AWS CLI"},
		{"sesame calls --follow --config " + s.file, "What operators see"},
	}
}

// replay plays the recording that is listed first, which is the latest.
const replay = `sesame recordings play "$(sesame recordings list | awk 'NR == 2 { print $1 }')"`

// curl makes a call with what nearly every computer has.
const curl = `sesame run sh -c 'curl -s --aws-sigv4 "aws:amz:$AWS_REGION:sts" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN" -H "content-type: application/x-www-form-urlencoded" -d "Action=GetCallerIdentity&Version=2011-06-15" "https://sts.$AWS_REGION.amazonaws.com/"'`

// A called is a call of AWS that somebody made with their access, or wanted to.
type called struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Who       string    `json:"who"`
	Target    string    `json:"target"`
	Call      string    `json:"call"` // ec2:DescribeInstances
	Resources []string  `json:"resources"`
	Allowed   bool      `json:"allowed"`
	Outcome   string    `json:"outcome"`
	Why       string    `json:"why"`
	Took      string    `json:"took"`
}

// A holding is access that somebody has through Sesame, and not in AWS.
type holding struct {
	Who    string    `json:"who"`
	Target string    `json:"target"`
	Grant  string    `json:"grant"`
	Until  time.Time `json:"until"`
}

// throughSesame are who calls AWS through Sesame now, and what was called, the
// newest first, as the server tells its operators.
func (s *Stage) throughSesame(ctx context.Context) ([]holding, []called, error) {
	c := s.Client()
	defer c.Close()
	grants, err := c.Grants(ctx, client.Listing{})
	if err != nil {
		return []holding{}, []called{}, err
	}
	held, holders := []holding{}, map[string]string{}
	for _, g := range grants.Grants {
		holders[g.ID] = g.Holder.Name
		if g.State == string(access.Open) && strings.HasPrefix(g.Objects[0], flowfile.WayRole+"/") {
			held = append(held, holding{g.Holder.Name, g.Target, g.ID, g.EndsAt})
		}
	}
	page, err := c.Calls(ctx, api.CallQuery{Limit: 2 * maxRows})
	return held, outcomes(page.Calls, holders), err
}

// outcomes are calls with what came of each, as far as that is known.
func outcomes(all []api.Call, holders map[string]string) []called {
	found, at := []called{}, map[string]int{}
	for _, c := range all {
		one := called{
			ID: c.Call, At: c.At, Who: holders[c.Grant], Target: c.Target, Call: c.Service + ":" + c.Operation,
			Resources: c.Resources, Allowed: c.Kind != api.CallRefused, Outcome: "sent", Why: c.Why, Took: brief(c.Took),
		}
		switch {
		case c.Kind == api.CallRefused:
			one.Outcome = "refused"
		case c.Status > 0:
			one.Outcome = strings.TrimSpace(strconv.Itoa(c.Status) + " " + c.Code)
		}
		if i, there := at[c.Call]; there {
			found[i] = one
			continue
		}
		at[c.Call] = len(found)
		found = append(found, one)
	}
	slices.Reverse(found)
	return found[:min(len(found), maxRows)]
}

// brief is a time that something took, for people.
func brief(took string) string {
	d, err := time.ParseDuration(took)
	if err != nil {
		return ""
	}
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
