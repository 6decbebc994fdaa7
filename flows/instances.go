package flows

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Machines is what a target matches at a moment.
type Machines struct {
	Instances []access.Instance
	More      bool // there are others
	At        time.Time
}

// A Finder finds the machines that a target is about: what is known of a moment
// ago, or, with fresh, what AWS says now.
type Finder func(ctx context.Context, t access.Target, fresh bool) (Machines, error)

// Instances returns the machines of a target to somebody who may ask for it. To
// anybody else there is no such target.
func (d *Desk) Instances(ctx context.Context, from access.Account, target string) (Machines, error) {
	who, standing, err := d.inquirer(ctx, from)
	if err != nil {
		return Machines{}, err
	}
	s, err := d.setting().about(target)
	if err != nil {
		return Machines{}, err
	}
	t, ok := s.rules.Target(target)
	r := access.Request{By: who, Target: t, Duration: s.flow.Default, AskedAt: s.now}
	if !ok || !standing.Active || !d.shows(ctx, s, r) {
		return Machines{}, noTarget(target)
	}
	if may, _ := d.admits(ctx, s, r); !may {
		return Machines{}, noTarget(target)
	}
	if t.Params[flowfile.ParamInstances] == "" || d.Find == nil {
		return Machines{}, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("%s is not about machines, so there are none to list: ask for it as it is.", target)}
	}
	m, err := d.Find(ctx, t, false)
	if err != nil {
		return Machines{}, unable("look up the machines", fmt.Errorf("%w: %w", access.ErrUnavailable, err))
	}
	return m, nil
}

// matched looks for the machines of a request's target afresh, and refuses a
// request that nothing matches: access to it would be access to whatever is
// given these tags later.
func (d *Desk) matched(ctx context.Context, t access.Target) (Machines, error) {
	if t.Params[flowfile.ParamInstances] == "" || d.Find == nil {
		return Machines{}, nil
	}
	m, err := d.Find(ctx, t, true)
	if err != nil {
		return m, unable("look up the machines of the target", fmt.Errorf("%w: %w", access.ErrUnavailable, err))
	}
	if len(m.Instances) > 0 {
		return m, nil
	}
	want, err := flowfile.ParseInstances(t.Params)
	if err != nil {
		return m, err
	}
	return m, &access.Refusal{Code: access.RefusedUnable, Text: fmt.Sprintf("Nothing is opened, because no machine has the tags %s at the moment: start one, or correct its tags, and try again.", want.Spoken())}
}

// mostShown is to how many machines the holder of a grant is shown the way.
const mostShown = 3

// ways returns how to connect to machines: those that can be reached go first.
func (m Machines) ways(t access.Target) []access.Step {
	all := slices.Clone(m.Instances)
	slices.SortStableFunc(all, func(a, b access.Instance) int { return unreachable(a) - unreachable(b) })
	var steps []access.Step
	for _, i := range all[:min(len(all), mostShown)] {
		label := i.Called()
		if trouble := i.Trouble(); trouble != "" {
			label += ", but " + trouble
		}
		steps = append(steps, stepsTo(t, i, label)...)
	}
	if t.Way == flowfile.WayRole && len(all) > 0 {
		steps = append(steps, access.Step{Label: "With the AWS CLI and its plugin", Code: withCLI(t, all[0])})
	}
	if n := len(all) - mostShown; n > 0 || m.More {
		steps = append(steps, others(t)...)
	}
	return steps
}

// others are the ways to learn of more machines. The people of a partner are not
// known here, and ask AWS themselves.
func others(t access.Target) []access.Step {
	const label = "The other machines"
	want, err := flowfile.ParseInstances(t.Params)
	if t.Way != flowfile.WayPartner || err != nil {
		return []access.Step{{Label: label, Code: "sesame targets instances " + t.Name}}
	}
	filters := ""
	for _, key := range slices.Sorted(maps.Keys(want.Tags)) {
		filters += fmt.Sprintf(" 'Name=tag:%s,Values=%s'", key, want.Tags[key])
	}
	var steps []access.Step
	for _, region := range want.Regions {
		steps = append(steps, access.Step{
			Label: label + " in " + region,
			Code:  "aws ec2 describe-instances --profile " + flowfile.PartnerProfile(t) + " --region " + region + " --filters" + filters,
		})
	}
	return steps
}

func unreachable(i access.Instance) int {
	if i.Reachable() {
		return 0
	}
	return 1
}

// console is where Systems Manager opens a shell in the browser.
func console(i access.Instance) string {
	host := "console.aws.amazon.com"
	switch flowfile.PartitionOf(i.Region) {
	case "aws-cn":
		host = "console.amazonaws.cn"
	case "aws-us-gov":
		host = "console.amazonaws-us-gov.com"
	}
	return fmt.Sprintf("https://%s.%s/systems-manager/session-manager/%s?%s", i.Region, host, url.PathEscape(i.ID), url.Values{"region": {i.Region}}.Encode())
}
