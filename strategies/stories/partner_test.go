package stories_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
	"sesame/strategies/osusers"
	"sesame/strategies/partner"
)

const (
	company    = "333333333333" // the partner's account
	operators  = "arn:aws:iam::" + company + ":role/Operators"
	partyRole  = "arn:aws:iam::" + account + ":role/PartyA"
	externalID = "b0c4e1d2-0000-4000-8000-000000000000"
	carol      = "carol@partner.example"
	dave       = "dave@partner.example"
)

// outside sets up a partner: its role, ours for its people, machines and the
// document that keeps users on them.
func (r *rig) outside() {
	r.Helper()
	r.w.AddRole(awstest.Role{ARN: operators, Trusts: []string{company}})
	r.w.AddRole(awstest.Role{ARN: partyRole, Trusts: []string{operators}, ExternalID: externalID, SessionNames: []string{carol, dave}})
	r.w.EditIAMTagsOf(awstest.Principal{Account: account, Name: "PartyA", Role: true}, func(tags map[string]string) { tags[flowfile.RunAsTag] = "partya" })
	for id, owner := range map[string]string{"i-party-1": "PartyA", "i-party-2": "PartyA", "i-ours": "Us"} {
		r.w.AddInstance(awstest.Instance{ID: id, Account: account, Region: "us-east-1", Tags: map[string]string{"Owner": owner}})
	}
	text, err := recipe.OSUserDocument{Description: "Users"}.Text()
	if err != nil {
		r.Fatal(err)
	}
	r.w.AddCommandDocument(awstest.CommandDocument{Account: account, Region: "us-east-1", Name: osusers.Document, Text: text})
	scope := recipe.Scope{Accounts: []string{account}, Regions: []string{"us-east-1"}}
	server := r.server(flowfile.MarkerTag).(recipe.ServerRole)
	server.PersonRoles, server.OSUsers, server.Scope = []string{partyRole}, map[string]string{"Owner": "PartyA"}, scope
	r.govern(map[string]document{"sesame": server, "role/PartyA": recipe.ThirdParty{Shell: recipe.Shell{Scope: scope, Timed: true}}})
	if err := r.w.Bound(awstest.Principal{Account: account, Name: "PartyA", Role: true}, boundary, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["ssm:*", "ssmmessages:*", "ec2:Describe*"], "Resource": "*"}}`); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) partyTarget() access.Target {
	return access.Target{Name: "partya-web", Way: flowfile.WayPartner, Params: map[string]string{
		"region": "us-east-1", "account": account, "partner": "partya", "role": "PartyA", "os_user": "partya", "slots": "1",
		"tag_names": `["Owner"]`, "principal_tags": `{"Owner":"PartyA"}`, "instances": `{"tags":{"Owner":"PartyA"},"regions":["us-east-1"]}`,
	}}
}

// forPerson is the plan of a grant to a person of the partner.
func (r *rig) forPerson(person string) access.Plan {
	t := flowfile.For(r.partyTarget(), map[string]string{flowfile.FieldFor: person})
	return r.plan(partner.Planner{}.Plan(t, r.alice))
}

// enter assumes the role for partners as their own role, and returns what AWS
// said if it refused.
func (r *rig) enter(session, external string) (aws.CredentialsProvider, string) {
	r.Helper()
	key := r.w.AddKey(company, "somebody")
	own := sts.NewFromConfig(r.as(credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")))
	out, err := own.AssumeRole(r.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(operators), RoleSessionName: aws.String(session)})
	if err != nil {
		r.Fatal(err)
	}
	c := out.Credentials
	in := &sts.AssumeRoleInput{RoleArn: aws.String(partyRole), RoleSessionName: aws.String(session)}
	if external != "" {
		in.ExternalId = &external
	}
	client := sts.NewFromConfig(r.as(credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)))
	if out, err = client.AssumeRole(r.Context(), in); err != nil {
		return nil, err.Error()
	}
	c = out.Credentials
	return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken), ""
}

func (r *rig) as(keys aws.CredentialsProvider) aws.Config {
	return aws.Config{
		Region: "us-east-1", Credentials: keys, BaseEndpoint: &r.config.Endpoint, HTTPClient: &http.Client{Transport: r.config.Transport}, RetryMaxAttempts: 1,
	}
}

// wantUser fails unless the partner's user is so on its machines, and on no
// other.
func (r *rig) wantUser(when string, there, locked bool) {
	r.Helper()
	for id, want := range map[string]bool{"i-party-1": there, "i-party-2": there, "i-ours": false} {
		if u, ok := r.w.OSUser(id, "partya"); ok != want || ok && u.Locked != locked {
			r.Errorf("%s, on %s: %+v, there: %v", when, id, u, ok)
		}
	}
}

const deniedCode = "AccessDeniedException"

func TestAnOutsidePartyComesAndGoes(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		keys, refused := r.enter(carol, externalID)
		if refused != "" {
			r.Fatal(refused)
		}
		if got := r.start(keys, "i-party-1"); got != deniedCode {
			r.Errorf("before the grant: %q", got)
		}
		r.wantUser("before", false, false)
		id := r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		g := r.want(id, access.Open)
		r.wantUser("while it is open", true, false)
		for target, want := range map[string]string{"i-party-1": "", "i-party-2": "", "i-ours": deniedCode} {
			if got := r.start(keys, target); got != want {
				r.Errorf("on %s: %q, want %q", target, got, want)
			}
		}
		for operation, body := range map[string]string{"DescribeSessions": `{"State":"Active"}`, "SendCommand": `{"DocumentName":"SesameOSUser","InstanceIds":["i-party-1"],"Parameters":{"state":["look"],"user":["a"],"stamp":["20261120T120000Z"]}}`} {
			if got := r.call(keys, operation, body); got != deniedCode {
				r.Errorf("%s: %q", operation, got)
			}
		}
		if n := len(r.w.ShellSessions()); n != 2 {
			r.Errorf("%d sessions are open, want two", n)
		}
		r.pass(time.Hour + settled)
		closed := r.want(id, access.Closed)
		r.wantUser("afterwards", true, true)
		if got := r.start(keys, "i-party-1"); got != deniedCode && got != "ExpiredTokenException" {
			r.Errorf("afterwards: %q", got)
		}
		if left := r.w.ShellSessions(); len(left) != 0 {
			r.Errorf("sessions of a locked user go on: %+v", left)
		}
		if got := closed.Receipt.Objects; len(got) != 2 || got[0].AbsentAt.Before(got[1].AbsentAt) || !strings.HasPrefix(string(got[0].Object), "aws_os_user/") {
			r.Errorf("receipt %+v, want the user last", got)
		}
		if len(g.Objects) != 2 || !strings.HasPrefix(string(g.Objects[0]), "aws_os_user/") {
			r.Errorf("objects %v, want the user first", g.Objects)
		}
	})
}

func TestTheExternalIDOfAPartner(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		for name, c := range map[string]struct{ session, external string }{
			"missing": {carol, ""}, "wrong": {carol, "b0c4e1d2-0000-4000-8000-000000000001"}, "nobody's session": {"mallory", externalID},
		} {
			if _, refused := r.enter(c.session, c.external); !strings.Contains(refused, "AccessDenied") {
				r.Errorf("%s: %q", name, refused)
			}
		}
	})
}

// TestAnExternalIDIsReplaced while people come in with the one before, and then
// with the new one: at no moment do all of them stay outside, and what is to be
// over is, as STS says.
func TestAnExternalIDIsReplaced(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		ids := partner.NewExternalIDs(r.store, plainly{}, clock.System{})
		kit := partner.Kit{Partner: flowfile.Partner{Name: "partya", RoleARN: operators, People: []string{carol, dave}}, Targets: []access.Target{r.partyTarget()}}
		wish := partner.Replacement{Partner: kit.Partner, Roles: kit.Roles(), Overlap: partner.UsualOverlap, Fits: func(partner.IDs) error { return nil }}
		apply := func(of partner.IDs) {
			r.Helper()
			kit.IDs = of
			trust, err := kit.Trust()
			if err == nil {
				err = r.w.SetTrust(partyRole, string(trust.Format()))
			}
			if err != nil {
				r.Fatal(err)
			}
		}
		enters := func(when, id string, want bool) {
			r.Helper()
			if _, refused := r.enter(carol, id); (refused == "") != want {
				r.Errorf("%s: %q", when, refused)
			}
		}
		before, err := ids.Of(r.Context(), kit.Partner)
		if err != nil {
			r.Fatal(err)
		}
		apply(before)
		now, _, err := ids.Replace(r.Context(), wish)
		if err != nil {
			r.Fatal(err)
		}
		enters("with the one before, before the role changes", before.Now, true)
		enters("with the new one, before the role changes", now.Now, false)
		apply(now)
		enters("with the one before", before.Now, true)
		enters("with the new one", now.Now, true)
		enters("with none", "", false)
		if now, err = ids.Finish(r.Context(), wish); err != nil {
			r.Fatal(err)
		}
		enters("with the one before, until the role changes", before.Now, true)
		apply(now)
		enters("with the one before, at last", before.Now, false)
		enters("with the new one, at last", now.Now, true)
	})
}

// plainly seals nothing.
type plainly struct{}

func (plainly) Seal(_ string, secret []byte) []byte          { return secret }
func (plainly) Open(_ string, sealed []byte) ([]byte, error) { return sealed, nil }
func (plainly) Current([]byte) bool                          { return true }

func TestTwoPeopleOfAPartner(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		first, second := r.grant(r.forPerson(carol), time.Hour), r.grant(r.forPerson(dave), 2*time.Hour)
		r.pass(time.Minute)
		r.want(first, access.Open)
		r.want(second, access.Open)
		keys := map[string]aws.CredentialsProvider{}
		for _, who := range []string{carol, dave} {
			keys[who], _ = r.enter(who, externalID)
			if got := r.start(keys[who], "i-party-1"); got != "" {
				r.Errorf("%s: %q", who, got)
			}
		}
		for _, s := range r.w.ShellSessions() {
			owner := s.By.ARN[strings.LastIndex(s.By.ARN, "/")+1:]
			for _, who := range []string{carol, dave} {
				if who == owner {
					continue
				}
				if got := r.call(keys[who], "TerminateSession", fmt.Sprintf(`{"SessionId":%q}`, s.ID)); got != deniedCode {
					r.Errorf("%s ends the session of %s: %q", who, owner, got)
				}
			}
		}
		r.end(first)
		r.pass(settled)
		r.want(first, access.Closed)
		r.wantUser("with the second alone", true, false)
		if got := r.start(keys[carol], "i-party-1"); got != deniedCode {
			r.Errorf("carol, afterwards: %q", got)
		}
		if got := r.start(keys[dave], "i-party-1"); got != "" {
			r.Errorf("dave, afterwards: %q", got)
		}
		r.pass(3 * time.Hour)
		r.want(second, access.Closed)
		r.wantUser("after both", true, true)
		if left := r.w.ShellSessions(); len(left) != 0 {
			r.Errorf("sessions of a locked user go on: %+v", left)
		}
	})
}

// A machine that does not lock the user is no end: Sesame goes on, and says so.
func TestAMachineThatDoesNotLock(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		id := r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		clear := r.w.Fault(awstest.Fault{Kind: awstest.FailOperation, Reason: "no space left", Operation: "SendCommand", Times: -1})
		r.end(id)
		r.pass(10 * time.Minute)
		r.want(id, access.Closing)
		r.wantAlarm("the user partya of the machines with Owner PartyA", "is not confirmed gone", "no space left")
		clear()
		r.pass(30 * time.Minute)
		r.want(id, access.Closed)
		r.wantUser("at last", true, true)
	})
}

// state has a machine of the partner be stopped, say.
func (r *rig) state(machine, state string) {
	r.Helper()
	i, ok := r.w.Instance(machine)
	if !ok {
		r.Fatalf("there is no machine %s", machine)
	}
	i.State = state
	r.w.AddInstance(i)
}

// A machine that is stopped keeps nobody from the end, which says so; once it is
// back, however late, the user is locked there too.
func TestAMachineThatIsStoppedOverTheEnd(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		id := r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.state("i-party-2", "stopped")
		r.pass(time.Hour + settled)
		closed := r.want(id, access.Closed)
		if got := closed.Receipt.Objects[0]; len(got.Silent) != 1 || got.Silent[0] != "i-party-2" || got.AbsentAt.IsZero() {
			r.Errorf("receipt %+v, want the machine in it that could not be asked", got)
		}
		if u, _ := r.w.OSUser("i-party-1", "partya"); !u.Locked {
			r.Error("the user is not locked where it can be")
		}
		r.cut()
		r.lead()
		r.pass(5 * time.Hour)
		if u, _ := r.w.OSUser("i-party-2", "partya"); u.Locked {
			r.Error("a machine that is stopped did something")
		}
		r.state("i-party-2", "running")
		r.pass(20 * time.Minute)
		r.wantUser("once it is back", true, true)
		r.wantAlarm("the user partya of the machines with Owner PartyA", "is still on i-party-2", "is back: Sesame removes it there now")
		r.pass(2 * time.Hour)
		if n := r.objects(); n != 0 {
			r.Errorf("%d objects are looked after still", n)
		}
	})
}

// One that comes back while the partner has access again is as the others are.
func TestAMachineThatIsBackWithTheNextGrant(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		r.state("i-party-2", "stopped")
		r.pass(2 * time.Hour)
		r.state("i-party-2", "running")
		second := r.grant(r.forPerson(dave), time.Hour)
		r.pass(time.Minute)
		r.want(second, access.Open)
		r.wantUser("with the second", true, false)
		r.pass(time.Hour + settled)
		closed := r.want(second, access.Closed)
		if r.wantUser("after it", true, true); len(closed.Receipt.Objects[0].Silent) != 0 {
			r.Errorf("receipt %+v", closed.Receipt)
		}
	})
}

// A machine that is gone for good is waited for by nobody.
func TestAMachineThatIsTerminated(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		id := r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		r.state("i-party-2", "terminated")
		r.pass(3 * time.Hour)
		if closed := r.want(id, access.Closed); len(closed.Receipt.Objects[0].Silent) != 0 || r.objects() != 0 {
			r.Errorf("receipt %+v, and %d objects are looked after still", closed.Receipt, r.objects())
		}
	})
}

// All machines are stopped at night: that takes nobody's access.
func TestMachinesThatAreStoppedWhileAGrantIsOpen(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		id := r.grant(r.forPerson(carol), 5*time.Hour)
		r.pass(time.Minute)
		for _, state := range []string{"stopped", "running"} {
			r.state("i-party-1", state)
			r.state("i-party-2", state)
			r.pass(2 * time.Hour)
			r.want(id, access.Open)
		}
		if all := r.alarms(); len(all) != 0 {
			r.Errorf("alarms %q", all)
		}
		r.pass(2 * time.Hour)
		r.want(id, access.Closed)
		r.wantUser("afterwards", true, true)
	})
}

// objects is how many are looked after.
func (r *rig) objects() (n int) {
	r.Helper()
	if err := access.Each(r.Context(), r.store, access.Query{Index: access.IndexObjects}, func(access.Record) error { n++; return nil }); err != nil {
		r.Fatal(err)
	}
	return n
}
