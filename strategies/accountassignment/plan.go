package accountassignment

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A Planner says what a grant needs: one assignment. It is pure.
type Planner struct{}

// Plan implements access.Planner. The target must have been looked up, see
// Way.Check, and p must be of the directory that belongs to its instance.
func (Planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	if err := plannable(t, p); err != nil {
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	}
	params := map[string]string{paramPrincipal: string(p.Principal)}
	for _, name := range []string{
		flowfile.ParamRegion, flowfile.ParamInstanceARN, flowfile.ParamIdentityStoreID,
		flowfile.ParamAccount, flowfile.ParamPermissionSet, flowfile.ParamPermissionSetARN,
	} {
		params[name] = t.Params[name]
	}
	spec := access.Spec{
		Key: key(params), Name: called(t, p), Way: flowfile.WaySSO,
		Lane: params[flowfile.ParamAccount], Budget: params[flowfile.ParamInstanceARN],
		Params: params,
	}
	if err := withSessions(&spec, t, p); err != nil {
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	}
	return access.Plan{Objects: []access.Spec{spec}, Connect: connect(t)}, nil
}

// withSessions adds to an object how the sessions are ended that it lets people
// start, if the target says that they are.
func withSessions(s *access.Spec, t access.Target, p access.Person) error {
	end, ok, err := flowfile.ParseEndSessions(t.Params)
	if !ok || err != nil {
		return err
	}
	end.User = p.Principal
	s.Params[flowfile.ParamEndSessions], s.SessionsOf = end.Encode(), string(s.Key)
	return nil
}

func plannable(t access.Target, p access.Person) error {
	var errs []error
	for _, name := range []string{
		flowfile.ParamRegion, flowfile.ParamInstanceARN, flowfile.ParamIdentityStoreID,
		flowfile.ParamAccount, flowfile.ParamPermissionSet, flowfile.ParamPermissionSetARN,
	} {
		if t.Params[name] == "" {
			errs = append(errs, fmt.Errorf("%s is not known", name))
		}
	}
	if p.Principal == "" {
		errs = append(errs, errors.New("the person has no principal"))
	}
	if p.Directory != t.Params[flowfile.ParamIdentityStoreID] {
		errs = append(errs, fmt.Errorf("the person is of directory %q, the target of %q", p.Directory, t.Params[flowfile.ParamIdentityStoreID]))
	}
	return errors.Join(errs...)
}

// key names the assignment by everything that identifies it in AWS:
// aws_sso/ssoins-1234567890abcdef/222222222222/ps-1234567890abcdef/USER.
func key(params map[string]string) access.ObjectKey {
	return access.ObjectKey(strings.Join([]string{
		flowfile.WaySSO, tail(params[flowfile.ParamInstanceARN]), params[flowfile.ParamAccount],
		tail(params[flowfile.ParamPermissionSetARN]), params[paramPrincipal],
	}, "/"))
}

// called names the assignment as people know it.
func called(t access.Target, p access.Person) string {
	who := cmp.Or(p.Email, p.Name, string(p.Principal))
	return fmt.Sprintf("%s in %s for %s", t.Params[flowfile.ParamPermissionSet], t.Params[flowfile.ParamAccount], who)
}

// tail is what an ARN ends in.
func tail(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// connect says how the holder gets in: the access portal's link to the
// console, and a profile for the AWS CLI.
func connect(t access.Target) []access.Step {
	account, set := t.Params[flowfile.ParamAccount], t.Params[flowfile.ParamPermissionSet]
	start := cmp.Or(t.Params[flowfile.ParamStartURL], "https://"+t.Params[flowfile.ParamIdentityStoreID]+".awsapps.com/start")
	start = strings.TrimSuffix(start, "/")
	query := url.Values{"account_id": {account}, "role_name": {set}}
	profile := fmt.Sprintf(`[profile %[1]s]
sso_session = %[1]s
sso_account_id = %[2]s
sso_role_name = %[3]s

[sso-session %[1]s]
sso_start_url = %[4]s
sso_region = %[5]s
sso_registration_scopes = sso:account:access`, t.Name, account, set, start, t.Params[flowfile.ParamRegion])
	return []access.Step{
		{Label: "Open the AWS console", URL: start + "/#/console?" + query.Encode()},
		{Label: "Add to ~/.aws/config", Code: profile},
		{Label: "Sign in on the command line", Code: "aws sso login --profile " + t.Name},
	}
}
