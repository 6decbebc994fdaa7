package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"sesame/bot"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
)

// onCallWorld is what on-call schedules need of the world: Slack's user groups,
// and the secrets that flow files may refer to.
func (o Options) onCallWorld(slack *bot.Directory) oncall.World {
	return oncall.World{
		Usergroups: slack, Transport: o.OnCallTransport,
		Secret: func(ref string) (string, error) {
			secret, err := o.Config.FlowSecret(ref)
			return secret.Reveal(), err
		},
	}
}

// askedAtOnce is how many on-call schedules are asked at a time.
const askedAtOnce = 8

// schedules asks every on-call schedule of a set. What is not there is wrong;
// a source that does not answer is worth a warning, since it may by the time
// that it is needed. Slack's user groups are looked at with the others.
func (c checker) schedules(ctx context.Context, set *flowfile.Set) (wrong, warnings Findings) {
	all := slices.DeleteFunc(set.Schedules(), func(o flowfile.OnCall) bool { return o.Source == flowfile.OnCallSlack })
	answers := make([]error, len(all))
	var asking errgroup.Group
	asking.SetLimit(askedAtOnce)
	for i, o := range all {
		asking.Go(func() error {
			answers[i] = oncall.Check(ctx, o, c.onCall, c.cloud.base.Clock)
			return nil
		})
	}
	_ = asking.Wait() // one answer says nothing about the others
	for i, o := range all {
		found, final := onCallFinding(o.Name, answers[i])
		switch {
		case answers[i] == nil:
		case final:
			wrong = append(wrong, found)
		default:
			warnings = append(warnings, found)
		}
	}
	return wrong, warnings
}

// onCallFinding says what is wrong with a schedule, and whether it will stay so.
func onCallFinding(name string, err error) (f Finding, final bool) {
	why := err
	if silent, ok := errors.AsType[*oncall.Unreachable](err); ok {
		why = silent.Err // the path names the schedule
	}
	path := "on_call." + name
	if errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrForbidden) {
		return Finding{path, fmt.Sprintf("%v: correct the id, the address or the token", why)}, true
	}
	return Finding{path, fmt.Sprintf("%v; what hangs on it is refused until it answers", why)}, false
}
