package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// patience is how long one scene may take, by the machine's time.
const patience = time.Minute

// A scene is one step of the tour.
type scene struct {
	title string
	play  func(*tour)
}

// A tour is the story of the demo.
type tour struct {
	play
	asked   slacktest.Message // Alice's first request, in #access
	granted slacktest.Message // what she was told then
	glassy  slacktest.Message // the announcement that she broke the glass
}

// scenes are the story in its order.
var scenes = []scene{
	{"Alice asks for access to production", (*tour).asks},
	{"She cannot approve her own request", (*tour).selfApproval},
	{"A guest can neither decide nor ask", (*tour).guest},
	{"Bob approves, with a double click", (*tour).approval},
	{"Alice asks again, with the form, and the two grants overlap", (*tour).overlap},
	{"The shorter grant ends, and does not cut the longer one", (*tour).shorterEnds},
	{"Ten minutes before the end, Alice is reminded", (*tour).reminder},
	{"She has it extended, which Bob approves as well", (*tour).extension},
	{"At its deadline the access is gone, with a receipt", (*tour).deadline},
	{"Alice gives other access back before its time", (*tour).endedEarly},
	{"In an emergency she breaks the glass, and everybody hears of it", (*tour).glass},
	{"Carol looks at it afterwards, and says what she found", (*tour).review},
	{"The server is down when access ends, and makes up for it", (*tour).restart},
	{"Nothing is left behind", (*tour).nothingLeft},
}

// Tour plays the story of the demo without a browser, and writes what Slack
// and AWS show. Each step is compared with what the stand-ins hold; the error
// names the first step that is not as told.
func Tour(ctx context.Context, out io.Writer) error {
	stage, err := NewStage(ctx, Config{Clock: clock.Frozen(Opening())})
	if err != nil {
		return fmt.Errorf("set the stage: %w", err)
	}
	fmt.Fprintf(out, "The server between stand-ins for Slack and AWS, with nothing real around it.\nIt is %s; times are UTC.\n", Opening().Format("Monday, 2 January 2006"))
	t := &tour{play: play{stage: stage, out: out, printed: map[string][]string{}}}
	for i, s := range scenes {
		if err := t.scene(ctx, i+1, s); err != nil {
			_ = stage.Close() // the scene says more
			return err
		}
	}
	if err := stage.Close(); err != nil {
		return fmt.Errorf("clear the stage: %w", err)
	}
	fmt.Fprintf(out, "\nAll %d steps are as told.\n", len(scenes))
	return nil
}

func (t *tour) scene(ctx context.Context, n int, s scene) error {
	var cancel context.CancelFunc
	t.ctx, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	head := fmt.Sprintf("%d. %s", n, s.title)
	fmt.Fprintf(t.out, "\n%-84s %s\n", head, clockTime(t.stage.Clock().Now()))
	if s.play(t); t.err != nil {
		return fmt.Errorf("step %d, %q: %w", n, s.title, t.err)
	}
	return nil
}

const (
	create = "CreateAccountAssignment"
	remove = "DeleteAccountAssignment"

	frontendSet, billingSet = "EC2FrontendShell", "BillingReadOnly"
)

func (t *tour) asks() {
	t.types(Alice, ChannelAccess, "/access ec2-frontend 1h INC-42 disk full on the front end")
	t.asked = t.sees(ChannelAccess, "@Alice requests ec2-frontend for 1 hour", "disk full", "INC-42", "[Approve Request] [Deny]")
	t.isTold(Alice, "You asked for ec2-frontend", "[Withdraw]")
	t.aws()
	t.check("nothing is asked of AWS before somebody decides", t.writes(create) == 0 && !t.has(Alice))
}

func (t *tour) selfApproval() {
	t.presses(Alice, t.asked, "approve")
	t.isTold(Alice, "You cannot decide on your own request")
	t.unchanged(t.asked)
	t.check("Alice has nothing", !t.has(Alice))
}

func (t *tour) guest() {
	t.presses(Eve, t.asked, "approve")
	t.isTold(Eve, "your account here is a guest's")
	t.types(Eve, ChannelAccess, "/access ec2-frontend 1h INC-43 let me in")
	t.await("Eve is told twice that guests cannot use Sesame", func() bool {
		return len(t.stage.slack.Ephemerals(t.stage.Person(Eve).ID)) == 2
	})
	t.unchanged(t.asked)
	t.check("there is no other request, and nothing in AWS", len(t.stage.slack.Messages(ChannelAccess)) == 1 && t.writes(create) == 0)
}

func (t *tour) approval() {
	t.presses(Bob, t.asked, "approve")
	if t.err == nil {
		t.tell(Bob, "presses it again, as it stood before")
		t.did(t.stage.As(Bob).ClickOld(t.ctx, t.asked, "approve"))
	}
	t.isTold(Bob, "Nothing is left to decide")
	t.await("AWS has an assignment for Alice", func() bool { return t.has(Alice) })
	t.aws()
	now := t.sees(ChannelAccess, "Approved by Bob", "Open since")
	t.check("the message is the same one, and has no buttons", now.TS == t.asked.TS && !strings.Contains(now.Text(), "["))
	t.trail(t.asked, "Bob approved the request")
	t.granted = t.reads(Alice, "You have ec2-frontend until", "aws sso login", "[End Access]")
	t.check("AWS was asked for it once", t.writes(create) == 1)
}

func (t *tour) overlap() {
	t.types(Alice, ChannelAccess, "/access ec2-frontend 30m logs of the incident")
	form := t.form(Alice)
	t.check("the form says who decides", t.err != nil || strings.Contains(form.Text(), "To be approved by frontend-leads."))
	t.submits(Alice, form, map[string][]string{"field.ticket": {"forty-two"}})
	t.await("the form stays open, with what is wrong below its field", func() bool {
		open := t.stage.slack.Views(t.stage.Person(Alice).ID)
		return len(open) == 1 && len(open[0].Errors) == 1 && open[0].Errors["field.ticket"] != ""
	})
	for _, v := range t.stage.slack.Views(t.stage.Person(Alice).ID) {
		t.tell("form", "! Ticket: %s", v.Errors["field.ticket"])
	}
	t.submits(Alice, form, map[string][]string{"field.ticket": {"INC-42"}})
	second := t.sees(ChannelAccess, "for 30 minutes", "logs of the incident", "[Approve Request]")
	t.presses(Bob, second, "approve")
	t.sees(ChannelAccess, "for 30 minutes", "Open since")
	t.aws()
	t.check("both grants stand on one assignment, which AWS was asked for once", t.writes(create) == 1 && len(t.stage.aws.Assignments()) == 1)
	t.check("there are two open grants", len(t.open()) == 2)
}

func (t *tour) shorterEnds() {
	t.moves(t.ends("30m0s"))
	t.sees(ChannelAccess, "for 30 minutes", "Ended on time", "Stays for 1 other grant")
	t.aws()
	t.check("Alice still has access, and AWS was not asked to remove it", t.has(Alice) && t.writes(remove) == 0)
}

func (t *tour) reminder() {
	t.moves(t.ends("1h0m0s").Add(-access.RemindBefore))
	t.reads(Alice, "Your access to ec2-frontend ends in 10 minutes", "[Extend…]")
	t.check("Alice still has access", t.has(Alice))
}

func (t *tour) deadline() {
	t.moves(t.ends("1h30m0s"))
	t.await("the assignment is gone from AWS", func() bool { return !t.has(Alice) })
	t.aws()
	t.sees(ChannelAccess, "for 1 hour", "Ended on time", "Access removed", "EC2FrontendShell in 222222222222 for alice@example.com", "absent in 2 fresh reads", "AWS operation")
	t.trail(t.asked, "The access is closed")
	t.reads(Alice, "Your access to ec2-frontend has ended", "Credentials issued earlier may still work until")
	t.check("AWS was asked to remove it once", t.writes(remove) == 1)
	t.check("no grant is open", len(t.open()) == 0)
}

func (t *tour) endedEarly() {
	t.types(Alice, ChannelAccess, "/access billing-readonly 30m the invoice of November")
	asked := t.sees(ChannelSecurity, "billing-readonly", "[Approve Request]")
	t.presses(Carol, asked, "approve")
	told := t.reads(Alice, "You have billing-readonly until", "[End Access]")
	t.aws()
	t.check("Alice has it", t.stage.Holds(Alice, accountBilling, billingSet))
	t.presses(Alice, told, "end")
	t.await("it is gone from AWS, long before its deadline", func() bool { return !t.stage.Holds(Alice, accountBilling, billingSet) })
	t.sees(ChannelSecurity, "Ended early by Alice", "Access removed")
	t.aws()
}

func (t *tour) restart() {
	t.types(Alice, ChannelAccess, "/access billing-readonly 30m the invoice of October")
	asked := t.sees(ChannelSecurity, "October", "[Approve Request]")
	t.presses(Carol, asked, "approve")
	t.await("Alice has it", func() bool { return t.stage.Holds(Alice, accountBilling, billingSet) })
	t.sees(ChannelSecurity, "October", "Open since")
	if t.err != nil {
		return
	}
	t.tell("server", "is stopped")
	t.failedBy(t.stage.Stop())
	t.stage.Clock().Advance(45 * time.Minute)
	t.tell("clock", "it is %s, and the half hour is over", clockTime(t.stage.Clock().Now()))
	t.aws()
	t.tell("server", "is started again")
	if t.err == nil {
		t.failedBy(t.stage.Start(t.ctx))
	}
	t.await("it is gone from AWS", func() bool { return !t.stage.Holds(Alice, accountBilling, billingSet) })
	t.sees(ChannelSecurity, "October", "ended 15 minutes late", "Access removed")
}

func (t *tour) nothingLeft() {
	t.await("AWS holds no assignment, and is busy with nothing", func() bool {
		c := t.stage.cloud()
		return len(c.Assignments)+len(c.Operations) == 0
	})
	t.aws()
	if t.err != nil {
		return
	}
	c := t.stage.Client()
	defer c.Close()
	proof, err := c.Verify(t.ctx, "")
	t.failedBy(err)
	t.tell("record", "%d events", proof.Events)
	t.check("the record is whole", proof.Broken == "" && proof.Events > 0)
	t.check("Slack has nothing to complain about", len(t.stage.slack.Violations()) == 0)
	t.check("the admin channel was told of no trouble", len(t.stage.slack.Messages(ChannelAdmin)) == 0)
}

// has reports whether somebody has what most of the story is about.
func (t *tour) has(name string) bool { return t.stage.Holds(name, accountFrontend, frontendSet) }

// open are the grants that have not come to their end, as the server tells its
// operators.
func (t *tour) open() []api.Grant {
	if t.err != nil {
		return nil
	}
	c := t.stage.Client()
	defer c.Close()
	page, err := c.Grants(t.ctx, client.Listing{Open: true})
	t.failedBy(err)
	return page.Grants
}

// ends is when the open grant of a duration ends.
func (t *tour) ends(duration string) time.Time {
	for _, g := range t.open() {
		if g.Duration == duration {
			return g.EndsAt
		}
	}
	t.failed("no grant of %s is open", duration)
	return time.Time{}
}
