package demo

import (
	"fmt"
	"net/http"
	"strings"

	"sesame/proxy/api"
)

// The calls of the story, as forms.
const (
	describe = "Action=DescribeInstances&Version=2016-11-15"
	reboot   = "Action=RebootInstances&Version=2016-11-15&InstanceId.1=" + machineOne
	both     = reboot + "&InstanceId.2=" + machineTwo
	identity = "Action=GetCallerIdentity&Version=2011-06-15"
	mintKey  = "Action=CreateAccessKey&Version=2010-05-08"
)

func (t *tour) signsIn() {
	t.tell(Alice, "runs: sesame login --server http://…")
	if t.err != nil {
		return
	}
	var err error
	t.terminal, err = t.stage.SignIn(t.ctx, Alice, ChannelAccess)
	t.failedBy(err)
	t.isTold(Alice, "You are signed in on Alice's computer")
	if t.err != nil {
		return
	}
	me, err := t.terminal.Me(t.ctx)
	t.failedBy(err)
	t.check("the key on her computer speaks for Alice", me.Name == Alice && me.ID == t.terminal.Signed.ID)
}

// takesKey has Alice ask for a proxy key, as sesame run does.
func (t *tour) takesKey() {
	if t.err != nil {
		return
	}
	var err error
	t.key, err = t.terminal.ProxyKey(t.ctx, api.KeyAsking{Target: "ec2-frontend", Whole: true})
	t.failedBy(err)
	if t.err == nil {
		t.tell("sesame", "gives her a key that is good at its proxy alone, for grant %s", t.key.Grant)
	}
}

func (t *tour) calls() {
	t.takesKey()
	t.reaches(t.key)
	seen := t.answers("ec2", describe)
	t.check("she sees both machines", t.err != nil || strings.Contains(seen.Body, machineOne) && strings.Contains(seen.Body, machineTwo))
	t.answers("ec2", reboot)
	t.check("one of them has started again", t.err != nil || t.reboots() == 1)
	if t.err != nil {
		return
	}
	direct, err := call(t.ctx, http.DefaultTransport, t.key, t.stage.aws.URL()+"/", "sts", identity)
	t.failedBy(err)
	t.tell("AWS", "| %d %s", direct.Status, direct.Message())
	t.check("AWS itself does not know her key", direct.Status == http.StatusForbidden && strings.Contains(direct.Body, "InvalidClientTokenId"))
}

func (t *tour) refusedCalls() {
	before := len(t.stage.aws.Calls())
	t.refused("ec2", both, "Two front ends must not restart at once")
	t.refused("iam", mintKey, "iam:CreateAccessKey")
	t.check("AWS has heard of neither", t.err != nil || len(t.stage.aws.Calls()) == before && t.reboots() == 1)
	calls := t.recorded()
	if t.err != nil {
		return
	}
	for _, c := range calls[max(0, len(calls)-2):] {
		t.tell("record", "| %s %s:%s %s: %s", c.Grant, c.Service, c.Operation, c.Kind, c.Why)
	}
	t.check("both are in the record, with the rule of the flow file", len(calls) > 2 && calls[len(calls)-1].Kind == api.CallRefused && strings.Contains(calls[len(calls)-2].Rule, "one-at-a-time"))
}

// recorded is the record of calls.
func (t *tour) recorded() []api.Call {
	if t.err != nil {
		return nil
	}
	c := t.stage.Client()
	defer c.Close()
	page, err := c.Calls(t.ctx, api.CallQuery{Limit: maxRows})
	t.failedBy(err)
	return page.Calls
}

func (t *tour) reboots() int {
	one, _ := t.stage.aws.Instance(machineOne)
	two, _ := t.stage.aws.Instance(machineTwo)
	return one.Reboots + two.Reboots
}

// tries has Alice make a call with the key that she has.
func (t *tour) tries(service, form string) Answer {
	if t.err != nil {
		return Answer{}
	}
	operation, _, _ := strings.Cut(strings.TrimPrefix(form, "Action="), "&")
	t.tell(Alice, "calls %s %s", service, operation)
	a, err := Call(t.ctx, t.key, service, form)
	t.failedBy(err)
	return a
}

// answers makes a call that AWS answers.
func (t *tour) answers(service, form string) Answer {
	a := t.tries(service, form)
	if t.err == nil && a.Status != http.StatusOK {
		t.failed("%s: %d %s", form, a.Status, a.Message())
	}
	return a
}

// over checks that the very next call is refused.
func (t *tour) over() { t.refused("ec2", describe, "on ec2-frontend ended at") }

// refused makes a call that is refused with a sentence.
func (t *tour) refused(service, form, why string) {
	a := t.tries(service, form)
	if t.err != nil {
		return
	}
	t.tell("  ", "| %d %s", a.Status, a.Message())
	t.check("it is refused", a.Status >= 400 && strings.Contains(a.Message(), why))
}

// reaches checks that Alice can call AWS with a key, as a session of the role that
// carries her name and the grant.
func (t *tour) reaches(k api.Key) {
	t.answers("sts", identity)
	if t.err != nil {
		return
	}
	calls := t.stage.aws.Calls()
	last := calls[len(calls)-1]
	t.tell("AWS", "| %s by %s", last.Operation, last.Caller.ARN)
	session := fmt.Sprintf(":assumed-role/SesameFrontend/alice@example.com+%s", k.Grant)
	t.check("AWS was called as a session of the role that bears her name and the grant's", last.Operation == "GetCallerIdentity" && strings.HasSuffix(last.Caller.ARN, session))
}
