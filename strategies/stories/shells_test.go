package stories_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/awstest"
	"sesame/strategies/partner"
)

// keysOf returns the keys of an IAM user of the account.
func (r *rig) keysOf(name string) aws.CredentialsProvider {
	key := r.w.AddKey(account, name)
	return credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
}

// shell starts a session that AWS is to allow.
func (r *rig) shell(key aws.CredentialsProvider, machine string) {
	r.Helper()
	m, _ := r.w.Instance(machine)
	if code := r.callIn(m.Region, key, "StartSession", fmt.Sprintf(`{"Target":%q}`, machine)); code != "" {
		r.Errorf("a session on %s: %s", machine, code)
	}
}

// wantShells fails unless these sessions are open and no others, each as who
// and where, in the order of their start.
func (r *rig) wantShells(when string, want ...string) {
	r.Helper()
	var got []string
	for _, s := range r.w.ShellSessions() {
		got = append(got, s.By.ARN[strings.LastIndex(s.By.ARN, "/")+1:]+" on "+s.Target)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("%s, sessions (-want +got):\n%s", when, diff)
	}
}

// wantCut fails unless the receipt says that these sessions were ended, each as
// its machine, and that none is left.
func (r *rig) wantCut(g access.Grant, want ...string) {
	r.Helper()
	var got []string
	for _, o := range g.Receipt.Objects {
		for _, one := range o.Cut {
			got = append(got, one.Machine)
			if !o.ClearAt.After(one.CutAt) {
				r.Errorf("nothing proves that %s is over: %+v", one.ID, o)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("cut (-want +got):\n%s", diff)
	}
}

// wantElsewhere fails unless the receipt says that sessions on these machines are
// left alone.
func (r *rig) wantElsewhere(g access.Grant, want ...string) {
	r.Helper()
	var got []string
	for _, o := range g.Receipt.Objects {
		for _, one := range o.Elsewhere {
			got = append(got, one.Machine)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("left alone (-want +got):\n%s", diff)
	}
}

// lasting keeps sessions open to which nobody is connected.
func (r *rig) lasting() {
	r.w.Tune(func(s *awstest.Settings) { s.Idle = 30 * 24 * time.Hour })
}

// slotted sets up Alice with slots and machines for them, all of it governed.
func (r *rig) slotted() aws.CredentialsProvider {
	r.Helper()
	r.lasting()
	r.machines()
	r.govern(map[string]document{"sesame": r.server("App", "Release", flowfile.MarkerTag), "alice": shell(slots)})
	return r.keysOf("alice")
}

func TestOfTwoSlotsTheOneThatEndsTakesItsShells(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		front, back := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour), r.grant(r.tagged("BackEnd", "r-1"), 2*time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.shell(alice, "i-backend")
		r.shell(alice, "i-frontend")
		r.pass(time.Hour + settled)
		r.wantShells("after the first", "alice on i-backend")
		r.wantCut(r.want(front, access.Closed), "i-frontend", "i-frontend")
		r.pass(time.Hour)
		r.wantShells("after both")
		r.wantCut(r.want(back, access.Closed), "i-backend")
	})
}

// Two grants on one set of tags are one slot: the shells go with the second.
func TestShellsLastAsLongAsAnyGrantOnTheirTags(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		first, second := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour), r.grant(r.tagged("FrontEnd", "r-1"), 2*time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.pass(time.Hour + settled)
		r.wantShells("after the first", "alice on i-frontend")
		r.wantCut(r.want(first, access.Closed))
		r.pass(time.Hour)
		r.wantShells("after both")
		r.wantCut(r.want(second, access.Closed), "i-frontend")
	})
}

// TestShellsOfOthers has sessions that are not of the grant: of somebody else,
// from before, on another machine, and of an account that nobody governs.
func TestShellsOfOthers(t *testing.T) {
	story(t, func(r *rig) {
		r.lasting()
		r.machines()
		r.w.AddIAMUser(account, "bob")
		r.w.AddInstance(awstest.Instance{ID: "i-far", Account: account, Region: "eu-central-1", Tags: map[string]string{"app": "FrontEnd", "RELEASE": "r-1"}})
		alice, bob := r.keysOf("alice"), r.keysOf("bob")
		r.shell(alice, "i-frontend")
		r.pass(10 * time.Minute)
		id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		for _, machine := range []string{"i-frontend", "i-older", "i-backend", "i-untagged", "i-far"} {
			r.shell(alice, machine)
			r.shell(bob, machine)
		}
		r.pass(time.Hour + settled)
		g := r.want(id, access.Closed)
		r.wantCut(g, "i-far", "i-frontend")
		r.wantElsewhere(g, "i-older", "i-backend", "i-untagged")
		r.wantShells("afterwards", "alice on i-frontend", "bob on i-frontend", "alice on i-older", "bob on i-older",
			"alice on i-backend", "bob on i-backend", "alice on i-untagged", "bob on i-untagged", "bob on i-far")
	})
}

func TestTheBotIsDeadOverTheEndOfAShell(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.cut()
		r.pass(3 * time.Hour)
		r.wantShells("with nobody there", "alice on i-frontend")
		r.lead()
		r.pass(10 * time.Second)
		r.wantShells("once somebody is")
		r.want(id, access.Closing)
		r.pass(settled)
		r.wantCut(r.want(id, access.Closed), "i-frontend")
	})
}

// IAM lets a session start for a while after the tags are gone.
func TestAShellThatStartsWhileIAMIsBehind(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		r.w.Tune(func(s *awstest.Settings) { s.PolicyLag = 40 * time.Second })
		id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		r.end(id)
		for range 3 {
			r.pass(12 * time.Second)
			r.wantTags(map[string]string{})
			r.shell(alice, "i-frontend")
		}
		r.pass(5 * time.Second)
		if got := r.start(alice, "i-frontend"); got != deniedCode {
			r.Errorf("once IAM knows: %q", got)
		}
		r.want(id, access.Closing)
		r.pass(settled)
		r.wantShells("afterwards")
		r.wantCut(r.want(id, access.Closed), "i-frontend", "i-frontend", "i-frontend")
	})
}

func TestSessionsThatAWSIsNotQuickToEnd(t *testing.T) {
	for name, c := range map[string]struct {
		fault awstest.Fault
		takes time.Duration
	}{
		"a lost answer":  {fault: awstest.Fault{Kind: awstest.Drop, AfterEffect: true}},
		"a lost request": {fault: awstest.Fault{Kind: awstest.Drop, Times: 2}},
		"throttled":      {fault: awstest.Fault{Kind: awstest.Throttle, Times: 2}},
		"broken":         {fault: awstest.Fault{Kind: awstest.ServerError, Times: 2, AfterEffect: true}},
		"slow":           {fault: awstest.Fault{Kind: awstest.Throttle}, takes: 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				alice := r.slotted()
				r.w.Tune(func(s *awstest.Settings) { s.Terminating = c.takes })
				id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
				r.pass(time.Minute)
				r.shell(alice, "i-frontend")
				r.shell(alice, "i-frontend")
				for _, operation := range []string{"TerminateSession", "DescribeSessions", "DescribeRegions", "DescribeInstances"} {
					own := c.fault
					own.Operation = operation
					r.w.Fault(own)
				}
				r.end(id)
				r.pass(2 * settled)
				r.wantShells("afterwards")
				r.wantCut(r.want(id, access.Closed), "i-frontend", "i-frontend")
			})
		})
	}
}

// What Sesame may not look at is not over, however long that takes.
func TestSesameMayNotSeeSessions(t *testing.T) {
	for _, denied := range []string{"DescribeSessions", "TerminateSession", "DescribeInstances", "DescribeRegions"} {
		t.Run(denied, func(t *testing.T) {
			story(t, func(r *rig) {
				alice := r.slotted()
				id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
				r.pass(time.Minute)
				r.shell(alice, "i-frontend")
				clear := r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: denied, Times: -1})
				r.end(id)
				r.pass(20 * time.Minute)
				r.want(id, access.Closing)
				r.wantTags(map[string]string{})
				r.wantAlarm("sessions that were started by the tags App FrontEnd, Release r-1 of the IAM user alice", "are not confirmed over", denied, "end them by hand")
				clear()
				r.pass(20 * time.Minute)
				r.wantShells("afterwards")
				r.wantCut(r.want(id, access.Closed), "i-frontend")
			})
		})
	}
}

// A tag that somebody edited is left alone, and what was started by it is not.
func TestShellsOfASlotThatSomebodyElseEdited(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		id := r.grant(r.tagged("FrontEnd", "r-1"), 2*time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.w.EditIAMTags(account, "alice", func(tags map[string]string) { tags["Release"] = "r-99" })
		r.pass(30 * time.Minute)
		r.wantShells("afterwards")
		r.wantTags(map[string]string{"App": "FrontEnd", "Release": "r-99"})
		g := r.want(id, access.Closed)
		if r.wantCut(g, "i-frontend"); !g.Receipt.Objects[0].Foreign {
			r.Errorf("receipt %+v", g.Receipt)
		}
	})
}

// A machine is gone from EC2 before its session is: nobody can say any more that
// it was none of the target's.
func TestAShellOnAMachineThatIsGone(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.w.AddInstance(awstest.Instance{ID: "i-frontend", Account: company, Region: "us-east-1"})
		r.pass(time.Hour + settled)
		r.wantShells("afterwards")
		r.wantCut(r.want(id, access.Closed), "i-frontend")
	})
}

// A machine gets other tags while a shell is open there, as a new release does:
// nobody can say any more that it was the target's, but nobody says that nothing
// is left, either.
func TestAMachineThatGetsOtherTags(t *testing.T) {
	story(t, func(r *rig) {
		alice := r.slotted()
		id := r.grant(r.tagged("FrontEnd", "r-1"), time.Hour)
		other := r.grant(r.tagged("BackEnd", "r-1"), 3*time.Hour)
		r.pass(time.Minute)
		r.shell(alice, "i-frontend")
		r.shell(alice, "i-backend")
		r.w.AddInstance(awstest.Instance{ID: "i-frontend", Account: account, Region: "us-east-1", Tags: map[string]string{"App": "FrontEnd", "Release": "r-2"}})
		r.pass(time.Hour + settled)
		g := r.want(id, access.Closed)
		r.wantShells("afterwards", "alice on i-frontend", "alice on i-backend")
		r.wantCut(g)
		r.wantElsewhere(g, "i-frontend")
		r.want(other, access.Open)
		if n := g.Receipt.Objects[0].LeftCount; n != 0 {
			r.Errorf("%d sessions of the grant are said to go on", n)
		}
	})
}

// What a partner's role lets somebody do comes from grants alone: their session
// is ended wherever it is, once no grant of theirs is left that may have let it
// start.
func TestAMachineOfAPartnerThatGetsOtherTags(t *testing.T) {
	for name, two := range map[string]bool{"one grant": false, "two grants": true} {
		t.Run(name, func(t *testing.T) {
			story(t, func(r *rig) {
				r.outside()
				r.lasting()
				r.w.AddInstance(awstest.Instance{ID: "i-web", Account: account, Region: "us-east-1", Tags: map[string]string{"Tier": "web"}})
				id := r.grant(r.withoutUser(carol, "partya-all", `{"Owner":"PartyA"}`, `["Owner"]`), time.Hour)
				r.pass(time.Minute)
				keys, _ := r.enter(carol, externalID)
				r.shell(keys, "i-party-1")
				var last access.GrantID
				if two {
					last = r.grant(r.withoutUser(carol, "partya-web", `{"Tier":"web"}`, `["Tier"]`), 2*time.Hour)
					r.pass(time.Minute)
					r.shell(keys, "i-web")
				}
				r.w.AddInstance(awstest.Instance{ID: "i-party-1", Account: account, Region: "us-east-1"})
				r.pass(time.Hour + settled)
				g := r.want(id, access.Closed)
				if !two {
					r.wantShells("afterwards")
					r.wantCut(g, "i-party-1")
					return
				}
				r.wantShells("after the first", carol+" on i-party-1", carol+" on i-web")
				r.pass(time.Hour + settled)
				r.wantShells("after both")
				r.wantCut(r.want(last, access.Closed), "i-party-1", "i-web")
			})
		})
	}
}

// withoutUser is the plan of a grant to a person of the partner on machines with
// some tags, which run sessions as whoever they say.
func (r *rig) withoutUser(person, name, tags, names string) access.Plan {
	t := flowfile.For(access.Target{Name: name, Way: flowfile.WayPartner, Params: map[string]string{
		"region": "us-east-1", "account": account, "partner": "partya", "role": "PartyA", "slots": "1",
		"tag_names": names, "principal_tags": tags, "instances": `{"tags":` + tags + `,"regions":["us-east-1"]}`,
	}}, map[string]string{flowfile.FieldFor: person})
	return r.plan(partner.Planner{}.Plan(t, r.alice))
}

// TestAShellOfAPartnerAtTheDeadline has two people of a partner work on the same
// machine. There is no user to lock.
func TestAShellOfAPartnerAtTheDeadline(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		r.lasting()
		tags := `{"Owner":"PartyA"}`
		first := r.grant(r.withoutUser(carol, "partya-web", tags, `["Owner"]`), time.Hour)
		second := r.grant(r.withoutUser(dave, "partya-web", tags, `["Owner"]`), 2*time.Hour)
		r.pass(time.Minute)
		for _, who := range []string{carol, dave} {
			keys, refused := r.enter(who, externalID)
			if refused != "" {
				r.Fatal(refused)
			}
			r.shell(keys, "i-party-1")
		}
		r.pass(time.Hour + settled)
		r.wantShells("after the first", dave+" on i-party-1")
		r.wantCut(r.want(first, access.Closed), "i-party-1")
		r.pass(time.Hour)
		r.wantShells("after both")
		r.wantCut(r.want(second, access.Closed), "i-party-1")
	})
}

// TestAShellThatTwoTargetsLetGoOn has one person with grants on two targets,
// some of whose machines are the same: the second keeps what was started by the
// first, from before it began, and takes it along in the end.
func TestAShellThatTwoTargetsLetGoOn(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		r.lasting()
		r.w.AddInstance(awstest.Instance{ID: "i-both", Account: account, Region: "us-east-1", Tags: map[string]string{"Owner": "PartyA", "Tier": "web"}})
		wide := r.grant(r.withoutUser(carol, "partya-all", `{"Owner":"PartyA"}`, `["Owner"]`), time.Hour)
		r.pass(time.Minute)
		keys, _ := r.enter(carol, externalID)
		r.shell(keys, "i-both")
		r.shell(keys, "i-party-1")
		r.pass(20 * time.Minute)
		narrow := r.grant(r.withoutUser(carol, "partya-web", `{"Tier":"web"}`, `["Tier"]`), 2*time.Hour)
		r.pass(time.Hour)
		g := r.want(wide, access.Closed)
		r.wantShells("after the first", carol+" on i-both")
		if r.wantCut(g, "i-party-1"); g.Receipt.Objects[0].LeftCount != 1 {
			r.Errorf("receipt %+v, want one session left", g.Receipt.Objects[0])
		}
		r.want(narrow, access.Open)
		r.pass(2 * time.Hour)
		r.wantShells("after both")
		r.wantCut(r.want(narrow, access.Closed), "i-both")
	})
}

// What a partner's grant lets somebody reach is in the regions of its target.
func TestAPartnerStartsNothingInOtherRegions(t *testing.T) {
	story(t, func(r *rig) {
		r.outside()
		r.govern(map[string]document{"role/PartyA": recipe.ThirdParty{Shell: recipe.Shell{Scope: recipe.Scope{Accounts: []string{account}}, Timed: true}}})
		r.w.AddInstance(awstest.Instance{ID: "i-party-far", Account: account, Region: "eu-central-1", Tags: map[string]string{"Owner": "PartyA"}})
		id := r.grant(r.forPerson(carol), time.Hour)
		r.pass(time.Minute)
		r.want(id, access.Open)
		keys, _ := r.enter(carol, externalID)
		for machine, region := range map[string]string{"i-party-1": "us-east-1", "i-party-far": "eu-central-1"} {
			want := map[string]string{"us-east-1": "", "eu-central-1": deniedCode}[region]
			if got := r.callIn(region, keys, "StartSession", fmt.Sprintf(`{"Target":%q}`, machine)); got != want {
				r.Errorf("on %s: %q, want %q", machine, got, want)
			}
		}
	})
}

// TestCrashAtTheEndOfAPartner cuts the process off after each step of the end of
// a partner's grant.
func TestCrashAtTheEndOfAPartner(t *testing.T) {
	for steps := int64(0); ; steps++ {
		lived := false
		t.Run(fmt.Sprint("after ", steps), func(t *testing.T) {
			story(t, func(r *rig) {
				r.outside()
				r.lasting()
				plan := func(who string) access.Plan {
					return r.withoutUser(who, "partya-web", `{"Owner":"PartyA"}`, `["Owner"]`)
				}
				first, second := r.grant(plan(carol), time.Hour), r.grant(plan(dave), 24*time.Hour)
				r.pass(time.Minute)
				for _, who := range []string{carol, dave} {
					keys, refused := r.enter(who, externalID)
					if refused != "" {
						r.Fatal(refused)
					}
					r.shell(keys, "i-party-1")
				}
				r.end(first)
				lived = r.through(steps)
				r.wantCut(r.want(first, access.Closed), "i-party-1")
				r.want(second, access.Open)
				r.wantShells("afterwards", dave+" on i-party-1")
			})
		})
		if lived || t.Failed() {
			return
		}
	}
}
