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
	billed  slacktest.Message // what Alice was told when she had the other target
	// terminal is Alice's, and key what she calls AWS with.
	terminal *Terminal
	key      api.Key
}

// scenes are the story in its order.
var scenes = []scene{
	{"Alice asks for access to production", (*tour).asks},
	{"She cannot approve her own request", (*tour).selfApproval},
	{"A guest can neither decide nor ask", (*tour).guest},
	{"Bob approves, with a double click", (*tour).approval},
	{"At her terminal, Alice signs in with a code that she types in Slack", (*tour).signsIn},
	{"She calls AWS, and holds no key of AWS", (*tour).calls},
	{"A call that goes too far is refused, and says why", (*tour).refusedCalls},
	{"She opens a shell on a machine, and it is recorded", (*tour).opensShell},
	{"Ten minutes before the end, Alice is reminded", (*tour).reminder},
	{"She has it extended, which Bob approves as well", (*tour).extension},
	{"At its deadline the very next call is refused, and there is a receipt", (*tour).deadline},
	{"Other access is an assignment in AWS, and two grants of it overlap", (*tour).overlap},
	{"The shorter grant ends, and does not cut the longer one", (*tour).shorterEnds},
	{"Alice gives it back before its time", (*tour).endedEarly},
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
	t.terminal.Close()
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

	billingSet = "BillingReadOnly"
)

func (t *tour) asks() {
	t.types(Alice, "/access ec2-frontend 1h disk full on the front end")
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
	t.asked = t.sees(ChannelAccess, "@Alice requests ec2-frontend for 1 hour", "disk full", "INC-42", "[Approve Request] [Deny]")
	t.check("nothing is open before somebody decides", len(t.open()) == 0)
}

func (t *tour) selfApproval() {
	t.presses(Alice, t.asked, "approve")
	t.isTold(Alice, "You cannot decide on your own request")
	t.unchanged(t.asked)
	t.check("nothing is open", len(t.open()) == 0)
}

func (t *tour) guest() {
	t.presses(Eve, t.asked, "approve")
	t.isTold(Eve, "your account here is a guest's")
	t.types(Eve, "/access ec2-frontend 1h INC-43 let me in")
	t.await("Eve is told twice that guests cannot use Sesame", func() bool {
		return len(t.stage.slack.Ephemerals(t.stage.Person(Eve).ID)) == 2
	})
	t.unchanged(t.asked)
	t.check("there is no other request, and nothing is open", len(t.stage.slack.Messages(ChannelAccess)) == 1 && len(t.open()) == 0)
}

func (t *tour) approval() {
	t.presses(Bob, t.asked, "approve")
	if t.err == nil {
		t.tell(Bob, "presses it again, as it stood before")
		t.did(t.stage.As(Bob).ClickOld(t.ctx, t.asked, "approve"))
	}
	t.isTold(Bob, "Nothing is left to decide")
	now := t.sees(ChannelAccess, "Approved by Bob", "Open since")
	t.check("the message is the same one, and has no buttons", now.TS == t.asked.TS && !strings.Contains(now.Text(), "["))
	t.trail(t.asked, "Bob approved the request")
	t.granted = t.reads(Alice, "You have ec2-frontend until", "sesame aws --target ec2-frontend", "[End Access]")
	t.check("there is one grant", len(t.open()) == 1)
	t.aws()
}

func (t *tour) reminder() {
	t.moves(t.ends("1h0m0s").Add(-access.RemindBefore))
	t.reads(Alice, "Your access to ec2-frontend ends in 10 minutes", "[Extend…]")
	t.reaches(t.key)
}

func (t *tour) deadline() {
	t.moves(t.ends("1h30m0s"))
	t.over()
	t.sees(ChannelAccess, "for 1 hour", "Ended on time", "Access removed")
	t.trail(t.asked, "The access is closed")
	t.trail(t.asked, "calls of AWS", "ec2:RebootInstances (1)", "calls refused", "iam:CreateAccessKey (1)")
	t.reads(Alice, "Your access to ec2-frontend has ended", "calls of AWS")
	t.check("no grant is open", len(t.open()) == 0)
}

func (t *tour) overlap() {
	t.types(Alice, "/access billing-readonly 1h the invoice of November")
	t.isTold(Alice, "You asked for billing-readonly", "[Withdraw]")
	t.presses(Carol, t.sees(ChannelSecurity, "November", "[Approve Request]"), "approve")
	t.billed = t.reads(Alice, "You have billing-readonly until", "aws sso login", "[End Access]")
	t.types(Alice, "/access billing-readonly 30m and its appendix")
	t.presses(Carol, t.sees(ChannelSecurity, "appendix", "[Approve Request]"), "approve")
	t.sees(ChannelSecurity, "appendix", "Open since")
	t.aws()
	t.check("both grants stand on one assignment, which AWS was asked for once", t.writes(create) == 1 && t.bills())
	t.check("there are two open grants", len(t.open()) == 2)
}

func (t *tour) shorterEnds() {
	t.moves(t.ends("30m0s"))
	t.sees(ChannelSecurity, "appendix", "Ended on time", "Stays for 1 other grant")
	t.aws()
	t.check("Alice still has access, and AWS was not asked to remove it", t.bills() && t.writes(remove) == 0)
}

func (t *tour) endedEarly() {
	t.presses(Alice, t.billed, "end")
	t.await("it is gone from AWS, long before its deadline", func() bool { return !t.bills() })
	t.sees(ChannelSecurity, "November", "Ended early by Alice", "Access removed", "BillingReadOnly in 333333333333 for alice@example.com", "absent in 2 fresh reads", "AWS operation")
	t.reads(Alice, "Your access to billing-readonly has ended", "Credentials issued earlier may still work until")
	t.check("AWS was asked to remove it once", t.writes(remove) == 1)
	t.aws()
}

func (t *tour) restart() {
	t.types(Alice, "/access billing-readonly 30m the invoice of October")
	asked := t.sees(ChannelSecurity, "October", "[Approve Request]")
	t.presses(Carol, asked, "approve")
	t.await("Alice has it", func() bool { return t.bills() })
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
	t.await("it is gone from AWS", func() bool { return !t.bills() })
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

// bills reports whether AWS holds an assignment of Alice's to see the bills.
func (t *tour) bills() bool { return t.stage.Holds(Alice, accountBilling, billingSet) }

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
