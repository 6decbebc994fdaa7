package stories_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/strategies/awstest"
)

// Change implements scenario.Rig.
func (w *world) Change(_ context.Context, words []string) error {
	change := strings.Join(words, " ")
	switch {
	case change == "slack is down", change == "slack is up":
		w.outage.set(w.slack, words[2] == "down")
	case change == "announcements fail":
		w.slack.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "chat.postMessage"})
	case change == sinkTakesNote:
		w.sink.Store(true)
	case change == "announcements work":
		w.slack.ClearFaults()
	case change == "disk is full", change == "disk is free":
		w.server.plug.fill(words[2] == "full")
	case change == "flows break":
		w.reloadFlows([]byte("version: 1\nflows: {ec2: {targets: [nowhere]}}\n"))
	case change == "flows mend":
		w.reloadFlows(w.shared())
	case change == "flows become later":
		w.reloadFlows(w.story.Later)
	case change == "restart":
		w.stop()
		w.start(&plug{})
	case change == "next delivery comes twice":
		w.slack.NextEnvelope(slacktest.Duplicate)
	case words[0] == "crash":
		return w.crash(words)
	case words[0] == "clock":
		return w.setBack(words)
	case words[0] == "on-call":
		return w.onCall.Change(words[1:])
	case words[0] == "aws":
		return w.breakAWS(words[1:])
	default:
		return w.changePeople(words)
	}
	w.pace.quiet()
	return nil
}

// reloadFlows has the server read other flow files.
func (w *world) reloadFlows(text []byte) {
	w.writeFlows(text)
	w.reload <- syscall.SIGHUP
	w.pace.pass(time.Second)
}

// crash: "crash after N" starts the server anew, to be killed after N steps of
// the Keeper.
func (w *world) crash(words []string) error {
	n, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return err
	}
	w.stop()
	w.start(&plug{counts: ofTheKeeper, left: n})
	return nil
}

// setBack: "clock goes back 1h".
func (w *world) setBack(words []string) error {
	d, err := time.ParseDuration(words[len(words)-1])
	w.ours.set(d)
	return err
}

// An outage is what is wrong with Slack.
type outage struct{ down bool }

// calls are the methods of the Web API that the server depends on, but for the
// one that opens connections.
var calls = []string{
	"auth.test", "chat.postMessage", "chat.update", "conversations.open", "conversations.info", "users.info",
	"users.lookupByEmail", "usergroups.list", "usergroups.users.list", "views.open", "views.update", "views.publish",
}

// set takes Slack down, or brings it back.
func (o *outage) set(slack *slacktest.Workspace, down bool) {
	o.down = down
	slack.ClearFaults()
	slack.SetDown(down)
}

// partly lets people do something although Slack is down: what they do arrives,
// and Slack answers no call.
func (o *outage) partly(slack *slacktest.Workspace) {
	if !o.down {
		return
	}
	slack.ClearFaults()
	for _, method := range calls {
		slack.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: method})
	}
	slack.SetDown(false)
}

// breakAWS: "aws FAULT creation|removal [N | DURATION]".
func (w *world) breakAWS(words []string) error {
	faults := map[string]awstest.Fault{
		"fails":     {Kind: awstest.FailOperation},
		"loses":     {Kind: awstest.Drop, AfterEffect: true},
		"drops":     {Kind: awstest.Drop},
		"throttles": {Kind: awstest.Throttle},
		"conflicts": {Kind: awstest.Conflict},
		"sticks":    {Kind: awstest.NeverFinish},
		"refuses":   {Kind: awstest.Deny},
		"delays":    {Kind: awstest.Slow},
	}
	operations := map[string]string{
		string(access.Creation): "CreateAccountAssignment", string(access.Removal): "DeleteAccountAssignment",
	}
	f, ok := faults[words[0]]
	if !ok {
		return fmt.Errorf("aws cannot %q", words[0])
	}
	f.Operation = operations[words[1]]
	if len(words) > 2 {
		var err error
		if f.Delay, err = time.ParseDuration(words[2]); err != nil {
			f.Times, err = strconv.Atoi(words[2])
		}
		if err != nil {
			return err
		}
	}
	w.aws.Fault(f)
	return nil
}

func (w *world) changePeople(words []string) error {
	name := words[0]
	switch {
	case slices.Equal(words[1:], []string{"leaves", "frontend-leads"}):
		w.slack.EditGroup(groupLeads, func(g *slacktest.Group) {
			g.Users = slices.DeleteFunc(slices.Clone(g.Users), func(id string) bool { return id == userID(name) })
		})
	case slices.Equal(words[1:], []string{"is", "deactivated"}):
		w.slack.DeactivateUser(userID(name))
	case slices.Equal(words[1:], []string{"becomes", "a", "guest"}):
		w.slack.EditUser(userID(name), func(u *slacktest.User) { u.Restricted = true })
	case slices.Equal(words[1:], []string{"is", "disabled"}):
		w.aws.EditUser(w.users[name], func(u *awstest.User) { u.Disabled = true })
	case len(words) == 5 && words[1] == "is" && words[2] == "also" && words[3] == "called":
		w.slack.AddUser(slacktest.User{ID: userID(words[4]), Name: words[4], Email: email(name)})
	case len(words) == 4 && words[1] == "shares" && words[2] == "address-with":
		w.aws.Tune(func(s *awstest.Settings) { s.SharedEmails = true })
		w.addPrincipal(words[3], email(name))
	case len(words) == 4 && words[1] == "gets" && words[3] == "by-hand":
		w.aws.Assign(w.tuple(name, words[2]))
	case len(words) == 4 && words[1] == "loses" && words[3] == "by-hand":
		w.aws.Unassign(w.tuple(name, words[2]))
	case name == "namesake":
		w.slack.AddGroup(slacktest.Group{ID: "S0NAMESAKE", Handle: "frontend-leads", Users: []string{userID(words[1])}})
	default:
		return errors.New("this rig does not know this change")
	}
	w.pace.quiet()
	return nil
}

// tuple is what AWS calls somebody's access to a target.
func (w *world) tuple(name, target string) awstest.Tuple {
	return awstest.Tuple{Account: homes[target], PermissionSet: w.arns[target], PrincipalType: "USER", Principal: w.users[name]}
}
