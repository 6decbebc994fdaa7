package server

import (
	"context"
	"errors"
	"fmt"

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

// schedules asks every on-call schedule of a set. What is not there is wrong;
// a source that does not answer is worth a warning, since it may by the time
// that it is needed. Slack's user groups are looked at with the others.
func (c checker) schedules(ctx context.Context, set *flowfile.Set) (wrong, warnings Findings) {
	for _, o := range set.Schedules() {
		if o.Source == flowfile.OnCallSlack {
			continue
		}
		path, err := "on_call."+o.Name, oncall.Check(ctx, o, c.onCall, c.cloud.base.Clock)
		why := err
		if silent, ok := errors.AsType[*oncall.Unreachable](err); ok {
			why = silent.Err // the path names the schedule
		}
		switch {
		case err == nil:
		case errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrForbidden):
			wrong = append(wrong, Finding{path, fmt.Sprintf("%v: correct the id, the address or the token", why)})
		default:
			warnings = append(warnings, Finding{path, fmt.Sprintf("%v; what hangs on it is refused until it answers", why)})
		}
	}
	return wrong, warnings
}
