package principaltags

import (
	"fmt"
	"net/url"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Users returns the name of somebody's IAM user for a target, or a
// *access.Refusal that says why there is none.
type Users func(t access.Target, p access.Person) (string, error)

// A Planner says what a grant needs: one slot of the person's IAM user. Which
// one is part of the grant.
type Planner struct{ Users Users }

// Plan implements access.Planner.
func (l Planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	user, err := l.Users(t, p)
	if err != nil {
		return access.Plan{}, err
	}
	of, err := flowfile.SlotsOf(t.Params)
	params := flowfile.IAMParams(t)
	account := params[flowfile.ParamAccount]
	switch {
	case err != nil:
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	case user == "" || account == "" || of.Slots < 1 || len(of.Names) == 0:
		return access.Plan{}, fmt.Errorf("plan %s for %s: account, user, slots or tags are not known", t.Name, p.ID)
	}
	params[flowfile.ParamUser] = user
	for _, name := range []string{flowfile.ParamTagNames, flowfile.ParamTags, flowfile.ParamSlots} {
		params[name] = t.Params[name]
	}
	whose := account + "/" + strings.ToLower(user) // IAM tells names apart without regard to case
	return access.Plan{
		Objects: []access.Spec{{
			Key: key(whose, of), Name: called(user, account, of), Way: flowfile.WayTags,
			Lane: whose, Budget: "iam/" + account, Params: params,
			// One pool for all strategies of a user: what marks a slot goes by
			// its number alone.
			Pool: access.Pool{ID: flowfile.WayTags + "/" + whose, Name: user + " in " + account, Size: of.Slots},
		}},
		Connect: []access.Step{{Label: "Sign in to the AWS console as " + user, URL: "https://" + account + ".signin.aws.amazon.com/console"}},
	}, nil
}

// key names the tags by all that they say, whichever slot they are in:
// aws_principal_tags/222222222222/alice/AppGroupName=payments/AppId=a-17.
func key(whose string, of flowfile.SlotTags) access.ObjectKey {
	parts := []string{flowfile.WayTags, whose}
	for _, name := range of.Names {
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(of.Values[name]))
	}
	return access.ObjectKey(strings.Join(parts, "/"))
}

// called names the tags as people know them.
func called(user, account string, of flowfile.SlotTags) string {
	var tags []string
	for _, name := range of.Names {
		tags = append(tags, name+" "+of.Values[name])
	}
	return fmt.Sprintf("the tags %s of the IAM user %s in %s", strings.Join(tags, ", "), user, account)
}
