package principaltags

import (
	"fmt"
	"net/url"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/iamusers"
)

// Users returns somebody's IAM user or role for a target, or a
// *access.Refusal that says why there is none.
type Users func(t access.Target, p access.Person) (flowfile.IAMOwner, error)

// A Planner says what a grant needs: one slot of the person's IAM user or
// role, and the policy with its end if the strategy has grants timed. Which
// slot it is, is part of the grant.
type Planner struct{ Users Users }

// Plan implements access.Planner.
func (l Planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	owner, err := l.Users(t, p)
	if err != nil {
		return access.Plan{}, err
	}
	of, err := flowfile.SlotsOf(t.Params)
	params := flowfile.IAMParams(t)
	account := params[flowfile.ParamAccount]
	switch {
	case err != nil:
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	case owner.Name == "" || account == "" || of.Slots < 1 || len(of.Names) == 0:
		return access.Plan{}, fmt.Errorf("plan %s for %s: account, user, slots or tags are not known", t.Name, p.ID)
	}
	name, whose := flowfile.ParamUser, account+"/"+strings.ToLower(owner.Name) // IAM tells names apart without regard to case
	if owner.Role {
		name, whose = flowfile.ParamRole, account+"/role/"+strings.ToLower(owner.Name)
	}
	params[name] = owner.Name
	machineParams(params, t)
	tags := access.Spec{
		Key: key(flowfile.WayTags, whose, of), Name: fmt.Sprintf("the tags %s of the IAM %s in %s", called(of), iamusers.Principal(owner), account),
		Way: flowfile.WayTags, Lane: whose, Budget: "iam/" + account, Params: params,
		// One pool for all strategies of a user or role: what marks a slot goes
		// by its number alone.
		Pool: access.Pool{ID: flowfile.WayTags + "/" + whose, Name: owner.Name + " in " + account, Size: of.Slots},
		// The policy below lets nobody start what the tags do not, and is gone
		// before them.
		SessionsOf: whose,
	}
	plan := access.Plan{Objects: []access.Spec{tags}, Connect: []access.Step{connect(owner, account)}}
	if t.Params[flowfile.ParamTimed] == "true" {
		plan.Objects = append(plan.Objects, access.Spec{
			Key: key(flowfile.WayTimed, whose, of), Name: fmt.Sprintf("the policy for instances with %s of the IAM %s in %s", called(of), iamusers.Principal(owner), account),
			Way: flowfile.WayTimed, Lane: whose, Budget: "iam/" + account, Params: params, Timed: true,
		})
	}
	return plan, nil
}

// machineParams adds what says which machines a target is about.
func machineParams(params map[string]string, t access.Target) {
	for _, name := range []string{flowfile.ParamTagNames, flowfile.ParamTags, flowfile.ParamSlots, flowfile.ParamInstances} {
		if value := t.Params[name]; value != "" {
			params[name] = value
		}
	}
}

func connect(owner flowfile.IAMOwner, account string) access.Step {
	if owner.Role {
		return access.Step{
			Label: "Go on as your role " + owner.Name + " in the AWS console",
			URL:   "https://signin.aws.amazon.com/switchrole?" + url.Values{"account": {account}, "roleName": {owner.Name}}.Encode(),
		}
	}
	return access.Step{Label: "Sign in to the AWS console as " + owner.Name, URL: "https://" + account + ".signin.aws.amazon.com/console"}
}

// key names the tags by all that they say, whichever slot they are in:
// aws_principal_tags/222222222222/alice/AppGroupName=payments/AppId=a-17.
func key(way, whose string, of flowfile.SlotTags) access.ObjectKey {
	parts := []string{way, whose}
	for _, name := range of.Names {
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(of.Values[name]))
	}
	return access.ObjectKey(strings.Join(parts, "/"))
}

// called names the tags as people know them.
func called(of flowfile.SlotTags) string {
	var tags []string
	for _, name := range of.Names {
		tags = append(tags, name+" "+of.Values[name])
	}
	return strings.Join(tags, ", ")
}
