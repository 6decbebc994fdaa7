package shells_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/principaltags"
	"sesame/strategies/shells"
	"sesame/strategies/strategytest"
	"sesame/strategies/strategytest/standin"
)

const account = "222222222222"

// A rig is the stand-in with a Cutter in front of it.
type rig struct {
	*testing.T
	w      *awstest.World
	clock  *clock.Movable
	cutter *shells.Cutter
	keys   map[string]awstest.Key // by whose they are
	made   int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, keys: map[string]awstest.Key{}}
	r.w, r.clock = standin.Start(t, awstest.Config{Settings: awstest.Settings{Idle: 24 * time.Hour}})
	own := standin.Reach(r.w, r.clock, account, "us-west-2")
	r.cutter = shells.New(func(map[string]string) (identitycenter.Config, error) { return own, nil }, nil)
	return r
}

// target is one whose machines have the n-th tag.
func target(n int, params ...string) access.Target {
	t := access.Target{Name: fmt.Sprint("group-", n), Params: map[string]string{
		flowfile.ParamRegion: "us-west-2", flowfile.ParamAccount: account, flowfile.ParamSlots: "1",
		flowfile.ParamTagNames: fmt.Sprintf(`["Group%d"]`, n), flowfile.ParamTags: fmt.Sprintf(`{"Group%d":"on"}`, n),
	}}
	for i := 0; i < len(params); i += 2 {
		t.Params[params[i]] = params[i+1]
	}
	return t
}

// ofUser is the object of a grant to an IAM user.
func (r *rig) ofUser(person, n int) access.Spec {
	return r.owned(flowfile.IAMOwner{Name: fmt.Sprint("Person-", person)}, n)
}

// ofRole is the object of a grant to a role that is a person's.
func (r *rig) ofRole(person, n int) access.Spec {
	return r.owned(flowfile.IAMOwner{Name: fmt.Sprint("Person-", person), Role: true}, n)
}

func (r *rig) owned(owner flowfile.IAMOwner, n int) access.Spec {
	r.Helper()
	users := func(access.Target, access.Person) (flowfile.IAMOwner, error) { return owner, nil }
	plan, err := principaltags.Planner{Users: users}.Plan(target(n), access.Person{ID: "p-1"})
	if err != nil {
		r.Fatal(err)
	}
	return plan.Objects[0]
}

// ofSession is the object of a grant to a person of a partner, who share a role.
func (r *rig) ofSession(person, n int) access.Spec {
	regions := fmt.Sprintf(`{"tags":{"Group%d":"on"},"regions":["eu-central-1","us-east-1"]}`, n)
	return principaltags.SessionSpec(target(n, flowfile.ParamInstances, regions), "PartyA", fmt.Sprintf("person-%d@partner.example", person))
}

// asked is how often an operation was called.
func (r *rig) asked(operation string) (n int) {
	for _, c := range r.w.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// A world lets the suite at the stand-in.
type world struct{ *rig }

// keyOf returns a key of whom s lets in.
func (r *rig) keyOf(s access.Spec) awstest.Key {
	r.Helper()
	if key, ok := r.keys[s.SessionsOf]; ok {
		return key
	}
	var key awstest.Key
	user, role, session := s.Params[flowfile.ParamUser], s.Params[flowfile.ParamRole], s.Params[flowfile.ParamSession]
	if user != "" {
		r.w.AddIAMUser(account, user)
		key = r.w.AddKey(account, user)
	} else {
		arn := "arn:aws:iam::" + account + ":role/" + role
		r.w.AddRole(awstest.Role{ARN: arn})
		if session == "" {
			session = "whatever"
		}
		var err error
		if key, err = r.w.Assume(arn, session); err != nil {
			r.Fatal(err)
		}
	}
	r.keys[s.SessionsOf] = key
	return key
}

// machine makes one with tags, and returns its id.
func (r *rig) machine(region string, tags map[string]string) string {
	r.made++
	id := fmt.Sprintf("i-%017d", r.made)
	r.w.AddInstance(awstest.Instance{ID: id, Account: account, Region: region, Tags: tags})
	return id
}

// start starts a session with a key, and returns its id.
func (r *rig) start(key awstest.Key, region, machine string) string {
	r.Helper()
	client := ssm.New(ssm.Options{Region: region, BaseEndpoint: aws.String(r.w.URL()), Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, key.Token)})
	out, err := client.StartSession(r.Context(), &ssm.StartSessionInput{Target: &machine})
	if err != nil {
		r.Fatal(err)
	}
	return *out.SessionId
}

func (w world) Start(all ...access.Spec) string {
	w.Helper()
	tags := map[string]string{"Name": "web"}
	for _, s := range all {
		of, err := flowfile.ParseTags(s.Params)
		if err != nil {
			w.Fatal(err)
		}
		for key, value := range of {
			tags[key] = value
		}
	}
	region := []string{"us-east-1", "eu-central-1"}[w.made%2]
	return w.start(w.keyOf(all[0]), region, w.machine(region, tags))
}

func (w world) Open(id string) bool {
	for _, s := range w.w.ShellSessions() {
		if s.ID == id {
			return true
		}
	}
	return false
}

func (w world) Cuts() int { return w.asked("TerminateSession") }

func (w world) Break(f strategytest.Fault) {
	if f.Kind == strategytest.SlowOperation {
		w.w.Tune(func(s *awstest.Settings) { s.Terminating = f.Delay })
		return
	}
	fault := standin.Fault(f)
	fault.Operation = "DescribeSessions"
	if f.On == access.Removal {
		fault.Operation = "TerminateSession"
	}
	w.w.Fault(fault)
}
