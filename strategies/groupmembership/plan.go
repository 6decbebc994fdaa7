package groupmembership

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A DirectoryPlanner says what a grant by aws_group needs: one membership. It
// is pure.
type DirectoryPlanner struct{}

// Plan implements access.Planner. The target must have been looked up, see
// Directory.Check, and p must be of the directory that belongs to its instance.
func (DirectoryPlanner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	params := map[string]string{paramPrincipal: string(p.Principal)}
	var errs []error
	for _, name := range []string{flowfile.ParamRegion, flowfile.ParamInstanceARN, flowfile.ParamIdentityStoreID, flowfile.ParamGroup} {
		if params[name] = t.Params[name]; params[name] == "" {
			errs = append(errs, fmt.Errorf("%s is not known", name))
		}
	}
	if p.Principal == "" {
		errs = append(errs, errors.New("the person has no principal"))
	}
	if store := t.Params[flowfile.ParamIdentityStoreID]; p.Directory != store {
		errs = append(errs, fmt.Errorf("the person is of directory %q, the target of %q", p.Directory, store))
	}
	if err := errors.Join(errs...); err != nil {
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	}
	store, group := params[flowfile.ParamIdentityStoreID], params[flowfile.ParamGroup]
	start := cmp.Or(t.Params[flowfile.ParamStartURL], "https://"+store+".awsapps.com/start")
	return access.Plan{
		Objects: []access.Spec{{
			Key:  objectKey(flowfile.WayGroup, store, group, string(p.Principal)),
			Name: fmt.Sprintf("membership of %s in the group of %s", cmp.Or(p.Email, p.Name, string(p.Principal)), t.Name),
			Way:  flowfile.WayGroup, Lane: store + "/" + group, Budget: params[flowfile.ParamInstanceARN] + "/groups", Params: params,
		}},
		Connect: []access.Step{{Label: "Open the access portal", URL: start}},
	}, nil
}

// Users returns somebody's IAM user for a target, or a
// *access.Refusal that says why there is none.
type Users func(t access.Target, p access.Person) (flowfile.IAMOwner, error)

// An IAMPlanner says what a grant by aws_iam_group needs: one membership.
type IAMPlanner struct{ Users Users }

// Plan implements access.Planner.
func (l IAMPlanner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	owner, err := l.Users(t, p)
	if err != nil {
		return access.Plan{}, err
	}
	if owner.Role {
		return access.Plan{}, fmt.Errorf("plan %s for %s: the role %s cannot be a member of a group", t.Name, p.ID, owner.Name)
	}
	user, params := owner.Name, flowfile.IAMParams(t)
	params[flowfile.ParamGroup], params[flowfile.ParamUser] = t.Params[flowfile.ParamGroup], user
	account, group := params[flowfile.ParamAccount], params[flowfile.ParamGroup]
	if account == "" || group == "" || user == "" {
		return access.Plan{}, fmt.Errorf("plan %s for %s: account, group or user is not known", t.Name, p.ID)
	}
	lower := strings.ToLower(user) // IAM tells names apart without regard to case
	return access.Plan{
		Objects: []access.Spec{{
			Key:  objectKey(flowfile.WayIAMGroup, account, strings.ToLower(group), lower),
			Name: fmt.Sprintf("membership of the IAM user %s in %s of %s", user, group, account),
			Way:  flowfile.WayIAMGroup, Lane: account + "/" + lower, Budget: "iam/" + account, Params: params,
		}},
		Connect: []access.Step{{Label: "Sign in to the AWS console as " + user, URL: "https://" + account + ".signin.aws.amazon.com/console"}},
	}, nil
}

func objectKey(parts ...string) access.ObjectKey { return access.ObjectKey(strings.Join(parts, "/")) }
