package demo

import (
	"fmt"
	"time"

	"sesame/bot/slacktest"
	"sesame/strategies/awstest"
)

// A Person is somebody who can be played.
type Person struct {
	// ID is the id of the Slack user.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Role says what they are for in the story.
	Role string `json:"role"`
	// Principal is the id of the Identity Center user; a guest has none.
	Principal string `json:"principal"`
}

// The names of the people, as Stage.Person takes them.
const (
	Alice = "Alice"
	Bob   = "Bob"
	Carol = "Carol"
	Eve   = "Eve"
)

// The ids of the channels.
const (
	ChannelAccess   = "C0ACCESS"
	ChannelSecurity = "C0SECURITY"
	ChannelAdmin    = "C0ADMINS"
)

// The ids of what the flow file names in AWS.
const (
	region     = "us-east-1"
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	management = "111111111111"

	accountFrontend = "222222222222"
	accountBilling  = "333333333333"

	// role is what the server goes on as for who has access to the front end.
	role = "arn:aws:iam::222222222222:role/SesameFrontend"
)

// ExternalID is by what roles know the server, which flow files refer to as
// ${file:external-id}.
const ExternalID = "demo-7f3a9c51"

// zone is the time zone of the workspace.
const zone = "Europe/Berlin"

// cast is everybody, in the order in which they are offered.
var cast = []struct {
	Person
	email string
	guest bool
}{
	{Person{ID: "U0ALICE", Name: Alice, Role: "Engineer"}, "alice@example.com", false},
	{Person{ID: "U0BOB", Name: Bob, Role: "Approver, front-end lead"}, "bob@example.com", false},
	{Person{ID: "U0CAROL", Name: Carol, Role: "Security on call, admin"}, "carol@example.com", false},
	{Person{ID: "U0EVE", Name: Eve, Role: "External guest"}, "eve@partner.example", true},
}

// furnishSlack puts the people, their groups and channels into w.
func furnishSlack(w *slacktest.Workspace) {
	for _, c := range cast {
		w.AddUser(slacktest.User{ID: c.ID, Name: c.Name, Email: c.email, TZ: zone, Restricted: c.guest})
	}
	w.AddGroup(slacktest.Group{ID: "S0ENGINEERS", Handle: "engineering", Users: []string{"U0ALICE", "U0BOB"}})
	w.AddGroup(slacktest.Group{ID: "S0FRONTLEAD", Handle: "frontend-leads", Users: []string{"U0BOB"}})
	bot := w.BotUser()
	w.AddChannel(slacktest.Channel{ID: ChannelAccess, Name: "access", Members: []string{"U0ALICE", "U0BOB", "U0CAROL", "U0EVE", bot}})
	w.AddChannel(slacktest.Channel{ID: ChannelSecurity, Name: "security", Members: []string{"U0BOB", "U0CAROL", bot}})
	w.AddChannel(slacktest.Channel{ID: ChannelAdmin, Name: "sesame-admin", Members: []string{"U0CAROL", bot}, Private: true})
}

// names is how what AWS knows by id is called.
type names struct {
	accounts, sets map[string]string // by id and by ARN
	people         map[string]string // by principal
}

// furnishAWS puts the accounts, the permission sets and the people into w, and
// returns the people with their principals.
func furnishAWS(w *awstest.World) ([]Person, names, error) {
	n := names{map[string]string{accountFrontend: "front-end", accountBilling: "billing"}, map[string]string{}, map[string]string{}}
	for id, name := range n.accounts {
		w.AddAccount(awstest.Account{ID: id, Name: name})
	}
	// The flow file names one of them; the other is for whoever changes it.
	for _, name := range []string{billingSet, "EC2FrontendShell"} {
		n.sets[w.AddPermissionSet(awstest.PermissionSet{Name: name, Session: time.Hour})] = name
	}
	furnishFrontend(w)
	var people []Person
	for _, c := range cast {
		p := c.Person
		if !c.guest {
			id, err := w.AddUser(awstest.User{UserName: c.email, Name: c.Name, Email: c.email})
			if err != nil {
				return nil, names{}, err
			}
			p.Principal = id
			n.people[id] = c.Name
		}
		people = append(people, p)
	}
	return people, n, nil
}

// The machines of the front end.
const (
	machineOne = "i-0f3a1c2b4d5e6f701"
	machineTwo = "i-0f3a1c2b4d5e6f702"
)

// furnishFrontend puts what the holder of the front end can look at into w.
func furnishFrontend(w *awstest.World) {
	w.AddRole(awstest.Role{ARN: role, Trusts: []string{management}, ExternalID: ExternalID, TagSession: true, SetSource: true})
	for i, id := range []string{machineOne, machineTwo} {
		w.AddInstance(awstest.Instance{
			ID: id, Account: accountFrontend, Region: region,
			Tags: map[string]string{"Name": fmt.Sprintf("frontend-%d", i+1), "Department": "FrontEnd"},
		})
	}
	written := Opening().Add(-time.Hour)
	w.AddBucket(awstest.Bucket{Name: "frontend-logs", Account: accountFrontend, Region: region, Created: Opening().AddDate(-1, 0, 0), Objects: map[string]awstest.Object{
		"frontend-1/disk.log": {Text: "08:41 /var is 93% full\n08:58 /var is 99% full: no space left on device\n", Written: written},
		"frontend-2/disk.log": {Text: "08:58 /var is 41% full\n", Written: written},
	}})
}
