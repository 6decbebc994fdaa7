package demo

import (
	"maps"
	"slices"
	"strings"

	"sesame/bot/slacktest"
)

func (t *tour) extension() {
	t.types(Alice, "/access extend 30m the logs take longer")
	asked := t.sees(ChannelAccess, "@Alice asks to keep ec2-frontend for 30 minutes longer", "Would end", "[Approve Request]")
	t.presses(Bob, asked, "approve")
	t.reads(Alice, "Your access to ec2-frontend was extended by 30 minutes")
	t.takesKey()
	t.reaches(t.key)
}

func (t *tour) glass() {
	t.types(Alice, "/access break-glass ec2-frontend INC-77 the shop is down")
	form := t.form(Alice)
	t.submits(Alice, form, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-77"}})
	t.glassy = t.sees(ChannelSecurity, "@Alice breaks the glass to ec2-frontend", "INC-77", "Was not asked: frontend-leads", "Those are: Bob", "[Review…]")
	t.check("the announcement mentions nobody but her", len(t.glassy.Notifies()) <= 1)
	t.reads(Bob, "@Alice breaks the glass to ec2-frontend")
	t.reads(Alice, "You have ec2-frontend until", "To be reviewed before")
	t.takesKey()
	t.reaches(t.key)
	t.check("there is one grant, and nobody had to be awake", len(t.open()) == 1)
}

func (t *tour) review() {
	t.presses(Alice, t.glassy, "review")
	t.await("she is told that it is for somebody else", func() bool {
		return slices.ContainsFunc(t.stage.slack.Ephemerals(t.stage.Person(Alice).ID), func(m slacktest.Message) bool {
			return strings.Contains(m.Text(), "cannot review your own use")
		})
	})
	t.presses(Carol, t.glassy, "review")
	t.submits(Carol, t.form(Carol), map[string][]string{"reason": {"The shop was down, and only that was touched."}})
	t.sees(ChannelSecurity, "Reviewed by Carol", "The shop was down, and only that was touched.")
	t.presses(Alice, t.reads(Alice, "You have ec2-frontend until", "Reviewed by Carol"), "end")
	t.sees(ChannelSecurity, "Ended early by Alice", "Access removed", "Reviewed by Carol")
	t.over()
}

// form waits for the form in front of somebody, and shows it.
func (t *tour) form(name string) slacktest.View {
	if t.err != nil {
		return slacktest.View{}
	}
	v, err := t.stage.AwaitView(t.ctx, t.stage.Person(name).ID, func(v slacktest.View) bool { return v.Submit != "" })
	t.failedBy(err)
	if t.err == nil {
		t.tell("form", "%s", "| "+strings.ReplaceAll(v.Text(), "\n", "\n| "))
	}
	return v
}

// submits has somebody fill a form and send it.
func (t *tour) submits(name string, v slacktest.View, values map[string][]string) {
	if t.err != nil {
		return
	}
	for _, field := range slices.Sorted(maps.Keys(values)) {
		t.tell(name, "enters %s as %s, and presses [%s]", strings.Join(values[field], ", "), strings.TrimPrefix(field, "field."), v.Submit)
	}
	t.did(t.stage.As(name).Submit(t.ctx, v.ID, values))
}
