package blocks_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sesame/bot/blocks"
	"sesame/bot/slacktest/blockkit"
	"sesame/flows/access"
	"sesame/flows/golden"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

// pending is alice's request for an hour on a target that is not recorded.
func pending() blocks.Case {
	return blocks.Case{
		Request: access.Request{
			ID: "r-7k2m9p4xqa", State: access.Pending, Duration: time.Hour,
			By: access.Person{
				ID: "p-alice00000", Name: "Alice", Email: "alice@example.com", Principal: "906-alice",
				Account: access.Account{Workspace: "T1", User: "U0ALICE1"},
			},
			Target: access.Target{
				Name: "ec2-frontend", Label: "EC2 front end (shell)", Flow: "ec2", Strategy: "sso", Way: "aws_sso",
				Params:   map[string]string{"account": "111111111111", "permission_set": "FrontEndShell"},
				Overhang: time.Hour,
			},
			Reason: "INC-482 disk full", Fields: map[string]string{"ticket": "INC-482"},
			AskedAt: noon, LapsesAt: after(24 * time.Hour),
			Verdict: access.Verdict{Allow: true, Route: access.Route{
				Name: "leads", Needs: []access.Need{{Count: 1, Groups: []string{"frontend-leads"}, People: []string{"bob@example.com"}}},
			}},
		},
		Labels: map[string]string{"ticket": "Ticket"},
	}
}

func quorum() blocks.Case {
	c := pending()
	c.Request.Verdict.Route.Needs[0].Count = 2
	c.Request.Verdict.Warnings = []access.Reason{{Rule: "late-hours", Pos: "ec2.yaml:3:5", Text: "It is outside working hours."}}
	return c
}

// approvedBy returns c with one more approval, by somebody of the route.
func approvedBy(c blocks.Case, name string) blocks.Case {
	s := access.Standing{
		Person: access.Person{ID: access.PersonID("p-" + name), Name: name}, Groups: map[string]bool{"frontend-leads": true},
	}
	r, err := c.Request.Approve(s, access.Decision{At: after(2 * time.Minute), Source: access.FromButton})
	if err != nil {
		panic(err)
	}
	c.Request = r
	return c
}

// stale is a request whose route has changed since its first approval.
func stale() blocks.Case {
	c := approvedBy(quorum(), "Bob")
	c.Request.Verdict.Route.Name = "others"
	return c
}

// departed is a request whose first approver has left since.
func departed() blocks.Case {
	c := approvedBy(quorum(), "Bob")
	c.Request = c.Request.Without("p-Bob")
	return c
}

func said(name string, approve bool, reason string) access.Decision {
	return access.Decision{
		By: access.PersonID("p-" + name), Name: name, Approve: approve, Reason: reason,
		At: after(2 * time.Minute), Source: access.FromButton, Route: "leads",
	}
}

func ended(c blocks.Case, as access.RequestState, ds ...access.Decision) blocks.Case {
	c.Request.State, c.Request.EndedAt, c.Request.Decisions = as, after(2*time.Minute), ds
	for i := range ds {
		ds[i].Digest = c.Request.Agreed()
	}
	return c
}

func approved() blocks.Case {
	c := approvedBy(pending(), "Bob")
	c.Grant = access.Grant{
		ID: c.Request.ID.Grant(), Request: c.Request.ID, State: access.Opening, Holder: c.Request.By.ID,
		Target: c.Request.Target.Name, Duration: time.Hour, Overhang: time.Hour,
		OpenBy: after(17 * time.Minute), CloseBy: after(77 * time.Minute),
		Connect: []access.Step{
			{Label: "AWS profile", Code: "[profile ec2-frontend]\nsso_session = example\nsso_account_id = 111111111111\nsso_role_name = FrontEndShell\nregion = us-east-1"},
			{Label: "Open Console", URL: "https://example.awsapps.com/start/#/console?account_id=111111111111&role_name=FrontEndShell"},
		},
	}
	return c
}

func open() blocks.Case {
	c := approved()
	c.Grant.State, c.Grant.OpenedAt, c.Grant.EndsAt = access.Open, after(3*time.Minute), after(63*time.Minute)
	return c
}

func closing(cause access.EndCause, name, detail string) blocks.Case {
	c := open()
	c.Grant.State = access.Closing
	c.Grant.End = access.End{At: after(63 * time.Minute), Cause: cause, Name: name, Detail: detail}
	return c
}

func closed(c blocks.Case, objects ...access.ObjectReceipt) blocks.Case {
	c.Grant.State = access.Closed
	c.Grant.Receipt = access.Receipt{Objects: objects, RemovedAt: after(64 * time.Minute), DeadBy: after(124 * time.Minute)}
	return c
}

// late is access that outlived its deadline by a quarter of an hour, since
// nobody was there to end it.
func late(c blocks.Case) blocks.Case {
	c.Grant.End.At = after(78 * time.Minute)
	if c.Grant.State == access.Closed {
		c.Grant.Receipt.RemovedAt, c.Grant.Receipt.DeadBy = after(78*time.Minute+30*time.Second), after(139*time.Minute)
		c.Grant.Receipt.Objects[0].AbsentAt = c.Grant.Receipt.RemovedAt
	}
	return c
}

// shell is what the planner calls what is granted.
const shell = "FrontEndShell in 111111111111 for alice@example.com"

func removed() access.ObjectReceipt {
	return access.ObjectReceipt{Object: "aws_sso/ssoins-1/111111111111/ps-1/906-alice", Name: shell, Operation: "op-1", AbsentAt: after(64 * time.Minute), Reads: 2}
}

func failed() blocks.Case {
	c := closing(access.EndedFailed, "", "AWS answered ConflictException ten times.")
	c.Grant.OpenedAt, c.Grant.EndsAt = time.Time{}, time.Time{}
	c = closed(c, access.ObjectReceipt{Object: "aws_sso/ssoins-1/111111111111/ps-1/906-alice", Name: shell, NeverMade: true})
	c.Grant.Receipt.RemovedAt, c.Grant.Receipt.DeadBy = time.Time{}, time.Time{}
	return c
}

// ofSessions is c with access that no credentials may outlive, but sessions.
func ofSessions(c blocks.Case) blocks.Case {
	c.Request.Target.Sessions = true
	return c
}

// cutShells is access with which sessions were started, which ended with it.
func cutShells() blocks.Case {
	o := access.ObjectReceipt{
		Object: "aws_timed_policy/1", Name: "the policy for carol@partner.example in the IAM role PartyA of 222222222222", AbsentAt: after(64 * time.Minute), Reads: 2,
		Cut: []access.Session{{ID: "carol@partner.example-0a1b", Machine: "i-0c11"}, {ID: "carol@partner.example-0a1c", Machine: "i-0c12"}}, LeftCount: 1,
		ClearAt: after(65 * time.Minute),
	}
	user := access.ObjectReceipt{Object: "aws_os_user/1", Name: "the user partya of the machines with Owner PartyA", AbsentAt: after(64 * time.Minute), Reads: 2, Silent: []string{"i-0c13"}}
	c := closed(closing(access.EndedDue, "", ""), user, o, access.ObjectReceipt{Object: "two", Name: "the tags App payments of the IAM user alice", AbsentAt: after(64 * time.Minute), Reads: 2, ClearAt: after(65 * time.Minute)})
	c.Request.Target.Overhang, c.Grant.Overhang, c.Grant.Receipt.DeadBy = 0, 0, time.Time{}
	return c
}

// cutByCredentials is access by which people had credentials, with sessions that
// were ended, or about which nobody could tell.
func cutByCredentials(undecided string) blocks.Case {
	o := removed()
	o.ClearAt, o.Undecided = after(65*time.Minute), undecided
	if undecided == "" {
		o.Cut = []access.Session{{ID: "alice-0a1b", Machine: "i-0c11"}}
	}
	return closed(closing(access.EndedDue, "", ""), o)
}

func kept() blocks.Case {
	c := closed(closing(access.EndedDue, "", ""),
		access.ObjectReceipt{Object: "one", KeptFor: []access.GrantID{"g-other"}},
		access.ObjectReceipt{Object: "two", Foreign: true},
		access.ObjectReceipt{Object: "three"})
	c.Grant.Receipt.RemovedAt, c.Grant.Receipt.DeadBy = time.Time{}, time.Time{}
	return c
}

// counted is access whose calls were recorded, and counted once it was closed.
func counted(calls access.Calls) blocks.Case {
	c := closed(closing(access.EndedDue, "", ""), removed())
	c.Request.Target.Recorded, c.Request.Target.Overhang, c.Grant.Overhang = true, 0, 0
	c.Grant.Receipt.DeadBy = time.Time{}
	calls.At = after(64 * time.Minute)
	c.Grant.Receipt.Calls = calls
	return c
}

func manyCalls() blocks.Case {
	return counted(access.Calls{
		Reads: 40, Writes: 2, Refused: 3,
		Most:        []access.Called{{Operation: "ec2:DescribeInstances", Times: 31}, {Operation: "s3:GetObject", Times: 9}, {Operation: "ec2:RebootInstances", Times: 2}},
		RefusedMost: []access.Called{{Operation: "ec2:RebootInstances", Times: 2}, {Operation: "iam:CreateAccessKey", Times: 1}},
	})
}

func byRoute() blocks.Case {
	d := said("", true, "")
	d.By, d.Name, d.Source = "", "route leads", access.FromRoute
	c := open()
	c.Request.Decisions = []access.Decision{d}
	c.Request.Verdict.Route = access.Route{Name: "leads", Auto: true}
	c.Request.Target.Recorded, c.Request.Target.Overhang, c.Grant.Overhang = true, 0, 0
	return c
}

// staged is a request for two of one group or one of another, and then for
// those who own the target, where silence has consequences.
func staged() blocks.Case {
	c := pending()
	c.Request.Verdict.Route.Needs = []access.Need{
		{Count: 2, Groups: []string{"frontend-leads"}, Choice: 1},
		{Count: 1, Groups: []string{"security"}, Choice: 1},
		{Count: 1, People: []string{"owner@example.com"}, Stage: 1},
	}
	c.Request.Verdict.Route.ApproveWhen = `approver.timezone == "Europe/Berlin"`
	c.Request.Verdict.Route.Silence = []access.Escalation{
		{In: 30 * time.Minute, Notify: []access.Channel{{Name: "security", ID: "C1"}}, Tell: access.Audience{Groups: []string{"managers"}}},
		{In: time.Hour, Needs: []access.Need{{Count: 1, Groups: []string{"on-call"}}}},
		{In: 2 * time.Hour, Deny: true},
	}
	return c
}

// silentFor is staged once nobody has decided for so long.
func silentFor(d time.Duration) blocks.Case {
	c := staged()
	for c.Request.SilentFor < d {
		r, _, err := c.Request.Escalate(noon.Add(d))
		if err != nil {
			panic(err)
		}
		c.Request = r
	}
	return c
}

// extension is alice's request to keep what she has for half an hour longer.
func extension() blocks.Case {
	c := open()
	c.Request = pending().Request
	c.Request.ID, c.Request.Extends, c.Request.Duration = "r-extends000", "g-7k2m9p4xqa", 30*time.Minute
	c.Request.Reason, c.Request.Fields = "still copying", nil
	return c
}

// lengthened is open once extension was approved, as the request that by says.
func lengthened(by access.Request) blocks.Case {
	x := approvedBy(extension(), "Bob")
	g, err := x.Grant.Extended(x.Request, after(40*time.Minute))
	if err != nil {
		panic(err)
	}
	if by.Extends != "" {
		by = x.Request
	}
	return blocks.Case{Request: by, Grant: g, Labels: x.Labels, Longer: []time.Duration{30 * time.Minute}}
}

func extendable() blocks.Case {
	c := open()
	c.Longer = []time.Duration{15 * time.Minute, 30 * time.Minute}
	return c
}

// glass is access that alice gives herself, and whose review is due.
func glass(c blocks.Case) blocks.Case {
	r := &c.Request
	r.BreakGlass, r.Incident = true, "INC-1"
	r.Decisions = nil
	r.Verdict.Route = access.Route{
		Name: "emergency", Self: true, Glass: &access.Glass{Announce: access.Channel{Name: "security", ID: "C1"}, ReviewWithin: 24 * time.Hour},
		Skipped: []access.Need{{Count: 2, Groups: []string{"frontend-leads"}}, {Count: 1, Groups: []string{"security"}, Stage: 1}},
	}
	if r.State == access.Approved {
		r.Decisions = []access.Decision{said("Alice", true, "")}
		r.Decisions[0].By = r.By.ID
		r.Review.DueAt = after(24 * time.Hour)
		r.Announcements = []access.Announcement{{Where: "Slack channel security", At: noon}, {Where: "sink siem", At: noon}}
	}
	return c
}

func reviewed(c blocks.Case) blocks.Case {
	bob := access.Standing{Person: access.Person{ID: "p-bob", Name: "Bob"}}
	r, err := c.Request.Reviewed(bob, "The disk was full, and nothing else was touched.", after(3*time.Hour))
	if err != nil {
		panic(err)
	}
	c.Request = r
	return c
}

func glassForm() blocks.GlassForm {
	f := form()
	f.Fields = f.Fields[:1]
	return blocks.GlassForm{Form: f, Incident: "INC-1", Announced: "security", Skipped: "2 of frontend-leads", ReviewWithin: 24 * time.Hour}
}

func one(n int) *int { return &n }

func form() blocks.Form {
	return blocks.Form{
		Targets:   []access.Target{pending().Request.Target, {Name: "billing-readonly", Label: "Billing", Recorded: true}},
		Target:    pending().Request.Target,
		Durations: []time.Duration{30 * time.Minute, time.Hour, 90 * time.Minute},
		Duration:  time.Hour,
		Machines:  "2 machines match now: i-1 (web-1); i-2, but it is stopped.",
		Reason:    "disk full",
		Fields: []blocks.Field{
			{Name: "ticket", Label: "Ticket", Type: "string", Hint: "like INC-42", MaxLength: 40, Required: true},
			{Name: "hosts", Label: "Hosts", Type: "int", Min: one(1), Max: one(20)},
			{Name: "customer_data", Label: "Touches customer data", Type: "bool", Required: true},
			{Name: "severity", Label: "Severity", Type: "select", Options: []string{"low", "high"}},
		},
		Values:  map[string]string{"ticket": "INC-482", "hosts": "3", "customer_data": "false", "severity": "high"},
		Decides: "1 of frontend-leads decides.",
		Meta:    "draft-1",
	}
}

func manyTargets(n int) []access.Target {
	var all []access.Target
	for range n {
		all = append(all, access.Target{Name: "target-" + strings.Repeat("x", len(all)%30), Label: strings.Repeat("é", 70)})
	}
	return all
}

func TestMessages(t *testing.T) {
	soon := after(53 * time.Minute)
	later := after(65 * time.Minute)
	for name, m := range map[string]blocks.Message{
		"approver-pending":           blocks.ForApprovers(pending(), noon),
		"approver-quorum":            blocks.ForApprovers(approvedBy(quorum(), "Bob"), noon),
		"approver-stale":             blocks.ForApprovers(stale(), noon),
		"approver-departed":          blocks.ForApprovers(departed(), noon),
		"approver-denied":            blocks.ForApprovers(ended(pending(), access.Denied, said("Bob", false, "Use the read replica.")), noon),
		"approver-withdrawn":         blocks.ForApprovers(ended(pending(), access.Withdrawn), noon),
		"approver-lapsed":            blocks.ForApprovers(ended(pending(), access.Lapsed), noon),
		"approver-approved":          blocks.ForApprovers(approved(), noon),
		"approver-open":              blocks.ForApprovers(open(), noon),
		"approver-ending":            blocks.ForApprovers(closing(access.EndedEarly, "Carol", ""), later),
		"approver-counted":           blocks.ForApprovers(manyCalls(), later),
		"approver-not-counted":       blocks.ForApprovers(counted(access.Calls{Unknown: "because the record of calls could not be read"}), later),
		"requester-counted":          blocks.ForRequester(manyCalls(), later),
		"approver-ended":             blocks.ForApprovers(closed(closing(access.EndedDue, "", ""), removed()), later),
		"approver-ending-late":       blocks.ForApprovers(late(closing(access.EndedDue, "", "")), later),
		"approver-ended-late":        blocks.ForApprovers(late(closed(closing(access.EndedDue, "", ""), removed())), after(80*time.Minute)),
		"approver-ended-by-sesame":   blocks.ForApprovers(closed(closing(access.EndedEarly, "", "It was removed in AWS by somebody else."), removed()), later),
		"approver-ended-kept":        blocks.ForApprovers(kept(), later),
		"approver-ended-sessions":    blocks.ForApprovers(ofSessions(closed(closing(access.EndedDue, "", ""), removed())), soon),
		"requester-open-sessions":    blocks.ForRequester(ofSessions(open()), soon),
		"approver-ended-shells":      blocks.ForApprovers(cutShells(), later),
		"approver-ended-credentials": blocks.ForApprovers(cutByCredentials(""), soon),
		"approver-ended-undecided":   blocks.ForApprovers(cutByCredentials("another user of Identity Center is called alice now, whose they may be"), soon),
		"approver-failed":            blocks.ForApprovers(failed(), later),
		"approver-automatic":         blocks.ForApprovers(byRoute(), noon),
		"approver-staged":            blocks.ForApprovers(staged(), noon),
		"approver-staged-half":       blocks.ForApprovers(approvedBy(staged(), "Bob"), noon),
		"approver-staged-next":       blocks.ForApprovers(approvedBy(approvedBy(staged(), "Bob"), "Carol"), noon),
		"approver-silent":            blocks.ForApprovers(silentFor(30*time.Minute), after(30*time.Minute)),
		"approver-escalated":         blocks.ForApprovers(silentFor(time.Hour), after(time.Hour)),
		"approver-extension":         blocks.ForApprovers(extension(), soon),
		"approver-extended":          blocks.ForApprovers(lengthened(extension().Request), soon),
		"approver-lengthened":        blocks.ForApprovers(lengthened(open().Request), soon),
		"approver-glass":             blocks.ForApprovers(glass(open()), soon),
		"told-pending":               blocks.ForTold(pending(), noon),
		"requester-extendable":       blocks.ForRequester(extendable(), soon),
		"requester-extension":        blocks.ForRequester(extension(), soon),
		"requester-extended":         blocks.ForRequester(lengthened(extension().Request), soon),
		"requester-lengthened":       blocks.ForRequester(lengthened(open().Request), soon),
		"requester-not-extended":     blocks.ForRequester(ended(extension(), access.Denied, said("Bob", false, "No.")), soon),
		"requester-extend-lapsed":    blocks.ForRequester(ended(extension(), access.Lapsed), soon),
		"requester-extend-taken":     blocks.ForRequester(ended(extension(), access.Withdrawn), soon),
		"requester-reminder-more":    blocks.Reminder(extendable(), soon),
		"requester-glass-opening":    blocks.ForRequester(glass(approved()), noon),
		"requester-glass":            blocks.ForRequester(glass(open()), soon),
		"announcement":               blocks.Announcement(glass(open()), []string{"Bob Burr", "Carol Cole"}, soon),
		"announcement-unnamed":       blocks.Announcement(glass(approved()), nil, noon),
		"announcement-overdue":       blocks.Announcement(glass(closed(closing(access.EndedDue, "", ""), removed())), []string{"Bob Burr"}, after(25*time.Hour)),
		"announcement-reviewed":      blocks.Announcement(reviewed(glass(open())), []string{"Bob Burr"}, after(4*time.Hour)),
		"requester-pending":          blocks.ForRequester(pending(), noon),
		"requester-quorum":           blocks.ForRequester(approvedBy(quorum(), "Bob"), noon),
		"requester-denied":           blocks.ForRequester(ended(pending(), access.Denied, said("Bob", false, "Use the read replica.")), noon),
		"requester-withdrawn":        blocks.ForRequester(ended(pending(), access.Withdrawn), noon),
		"requester-lapsed":           blocks.ForRequester(ended(pending(), access.Lapsed), noon),
		"requester-approved":         blocks.ForRequester(approved(), noon),
		"requester-open":             blocks.ForRequester(open(), noon),
		"requester-open-recorded":    blocks.ForRequester(byRoute(), noon),
		"requester-ending":           blocks.ForRequester(closing(access.EndedEarly, "", ""), later),
		"requester-ended":            blocks.ForRequester(closed(closing(access.EndedEarly, "Alice", ""), removed()), later),
		"requester-ended-overhang":   blocks.ForRequester(closed(closing(access.EndedDue, "", ""), removed()), after(3*time.Hour)),
		"requester-failed":           blocks.ForRequester(failed(), later),
		"requester-reminder":         blocks.Reminder(open(), soon),
		"command-list": blocks.List([]blocks.Entry{
			{Target: pending().Request.Target, Durations: []time.Duration{30 * time.Minute, time.Hour}},
			{Target: access.Target{Name: "billing-readonly", Recorded: true}, Longer: true, Glass: true},
		}),
		"command-list-empty": blocks.List(nil),
		"command-overview":   blocks.Overview([]blocks.Entry{{Target: pending().Request.Target}}, []blocks.Case{open()}, []blocks.Case{pending()}),
		"sign-in": blocks.SignIn{
			ID: "a-0123456789", Address: "192.0.2.7", Host: "alices-laptop", Agent: "sesame/1.0 (linux/amd64)", Until: after(5 * time.Minute),
		}.Message(),
		"signed-in":            blocks.SignedIn("alices-laptop", after(12*time.Hour)),
		"not-signed-in":        blocks.NotSignedIn(),
		"signed-out":           blocks.SignedOut(2),
		"command-help":         blocks.Help(false),
		"command-help-glass":   blocks.Help(true),
		"command-refused":      blocks.Refused("You cannot decide on your own request: frontend-leads can."),
		"command-unknown":      blocks.Unknown("ec2-frontent", []string{"ec2-frontend", "ec2-backend"}),
		"command-unknown-bare": blocks.Unknown("nothing like it", nil),
		"command-end":          blocks.Grants([]blocks.Case{open(), approved(), closing(access.EndedDue, "", "")}),
		"command-end-empty":    blocks.Grants(nil),
		"admin-alarm": blocks.Alarm(access.Notice{
			Kind: access.NoticeAlarm, Request: "r-7k2m9p4xqa", At: noon,
			Text: "Alice's access to ec2-frontend should have ended 5 minutes ago and is not removed: AWS is throttling.",
		}),
		"admin-relief": blocks.Alarm(access.Notice{Kind: access.NoticeRelief, At: noon, Text: "The flow files can be used again and are in force."}),
		"thread-trail": blocks.Trail(access.Notice{Text: "Bob approved the request.", At: after(2 * time.Minute)}),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, name, map[string]any{"text": m.Text, "blocks": m.Blocks})
			sound(t, m)
		})
	}
}

func TestViews(t *testing.T) {
	empty := blocks.Form{Targets: form().Targets}
	wrong := form()
	wrong.Alert = "ec2-frontend was removed from the flow files while you were typing: choose another target."
	long := form()
	long.Targets = manyTargets(101)
	for name, v := range map[string]any{
		"form":          form().View(),
		"form-empty":    empty.View(),
		"form-alert":    wrong.View(),
		"form-external": long.View(),
		"form-waiting":  blocks.Waiting("Sending your request…"),
		"deny":          blocks.DenyForm(pending()),
		"extend":        blocks.ExtendForm{Case: extendable(), Duration: 30 * time.Minute, Reason: "still copying"}.View(),
		"extend-alert":  blocks.ExtendForm{Case: extendable(), Alert: "ec2-frontend cannot be extended by 5 hours."}.View(),
		"glass":         glassForm().View(),
		"glass-empty":   blocks.GlassForm{Form: empty}.View(),
		"review":        blocks.ReviewForm(glass(open())),
		"home-empty":    blocks.Home{}.View(noon),
		"home-refused":  blocks.Home{Note: "You cannot use Sesame, because your account here is a guest's."}.View(noon),
		"home": blocks.Home{
			Decide: []blocks.Case{pending(), extension()}, Hold: []blocks.Case{extendable()}, Review: []blocks.Case{glass(open())},
			Asked: []blocks.Case{pending(), ended(pending(), access.Lapsed), extension(), glass(open())}, Glass: true,
			Admin: []string{"2 grants are late.", "Slack counts 3 connections that are not ours."},
		}.View(noon),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, name, v)
			soundView(t, v)
		})
	}
}

// same compares v with testdata/name.json.
func same(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/"+name+".json", b.String())
}

// generic returns v as JSON makes it.
func generic(t testing.TB, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var g any
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// sound holds a message to what Slack takes and to what we promise.
func sound(t testing.TB, m blocks.Message) {
	t.Helper()
	list := generic(t, m.Blocks)
	for _, p := range blockkit.Blocks(list, blockkit.Message, "/blocks") {
		t.Error(p)
	}
	if who := blockkit.MentionsInMrkdwn(m.Text, false); len(who) > 0 {
		t.Errorf("the fallback notifies %v: %q", who, m.Text)
	}
	if m.Text == "" || len([]rune(m.Text)) > 4000 {
		t.Errorf("a fallback of %d characters", len([]rune(m.Text)))
	}
	trusted(t, list)
}

func soundView(t testing.TB, v any) {
	t.Helper()
	view := generic(t, v)
	for _, p := range blockkit.View(view, "/view") {
		t.Error(p)
	}
	trusted(t, view)
}

// evil marks what somebody typed.
const evil = "EVIL"

// trusted checks that no markup holds what somebody typed, and that nobody is
// mentioned but people by their id.
func trusted(t testing.TB, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			trusted(t, item)
		}
	case map[string]any:
		text, _ := v["text"].(string)
		if v["type"] == "mrkdwn" && strings.Contains(text, evil) {
			t.Errorf("typed text in markup: %q", text)
		}
		if v["type"] == "mrkdwn" && len(blockkit.MentionsInMrkdwn(text, false)) > 0 {
			t.Errorf("markup that notifies: %q", text)
		}
		if v["type"] == "broadcast" || v["type"] == "usergroup" || v["type"] == "link" {
			t.Errorf("a %v", v["type"])
		}
		for _, item := range v {
			trusted(t, item)
		}
	}
}
