package shells

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// credentialed is whose sessions an object is about that gave people credentials:
// by a permission set, or of a role that Sesame assumed for them.
func credentialed(s access.Spec) (wanted, error) {
	end, ok, err := flowfile.ParseEndSessions(s.Params)
	switch {
	case err != nil:
		return wanted{}, identitycenter.Refuse(s.Key, "%v", err)
	case !ok:
		return wanted{}, &access.UndecidedError{Why: "its target does not say any more by which role they are ended"}
	}
	w := wanted{account: s.Params[flowfile.ParamAccount], regions: end.Regions, home: s.Params[flowfile.ParamRegion], role: end.Role, person: end.Person}
	if s.Way == flowfile.WaySSO {
		w.role, w.person, w.reserved, w.session = s.Params[flowfile.ParamPermissionSet], "", true, s.SessionName
	}
	if w.account == "" || w.home == "" || w.role == "" || end.RoleARN == "" || !w.reserved && w.person == "" {
		return wanted{}, identitycenter.Refuse(s.Key, "whose sessions these are, or how to get to them, is missing")
	}
	return w, nil
}

// reachable are the params by which Sesame gets to where the sessions of an
// object are.
func reachable(params map[string]string) (map[string]string, error) {
	end, ok, err := flowfile.ParseEndSessions(params)
	if !ok || err != nil {
		return params, err
	}
	return map[string]string{
		flowfile.ParamRegion: params[flowfile.ParamRegion], flowfile.ParamAccount: params[flowfile.ParamAccount],
		flowfile.ParamRoleARN: end.RoleARN, flowfile.ParamExternalID: end.ExternalID,
	}, nil
}

// wanted is wantedOf with what AWS has to be asked about users.
func (c *Cutter) wanted(ctx context.Context, s access.Spec) (wanted, error) {
	w, err := wantedOf(s)
	if err != nil || !w.reserved {
		return w, err
	}
	if c.centers == nil {
		return w, &access.UndecidedError{Why: "no instance of Identity Center is configured, which says what their user is called"}
	}
	center, err := c.centers(ctx, s.Params)
	if err != nil {
		return w, err
	}
	w.session, err = nameOf(ctx, center, s)
	if identitycenter.Denied(err) {
		return w, &access.UndecidedError{Why: "Sesame may not ask Identity Center whose they are"}
	}
	return w, err
}

// sessionShape is what AWS calls sessions ("AssumeRole" in the API reference of
// AWS STS). What it makes of users who are called otherwise is not documented.
var sessionShape = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// nameOf returns what AWS calls the sessions of the user whom a permission set was
// given, if these are to be ended: nobody else is called so now, and nothing gives
// the user the permission set any more.
func nameOf(ctx context.Context, center *identitycenter.Center, s access.Spec) (string, error) {
	end, _, err := flowfile.ParseEndSessions(s.Params)
	if err != nil {
		return "", identitycenter.Refuse(s.Key, "%v", err)
	}
	name := s.SessionName
	if name == "" {
		u, err := center.User(ctx, end.User)
		if errors.Is(err, access.ErrNotFound) {
			return "", &access.UndecidedError{Why: "their user is not in Identity Center any more, and what it was called is not known"}
		}
		if err != nil {
			return "", err
		}
		name = u.Name
	}
	if !sessionShape.MatchString(name) {
		return "", &access.UndecidedError{Why: "what AWS calls sessions of a user with such a name is not documented"}
	}
	switch of, err := center.Named(ctx, name); {
	case errors.Is(err, access.ErrNotFound): // nobody is called so any more
	case err != nil:
		return "", err
	case of != end.User:
		return "", &access.UndecidedError{Why: "another user of Identity Center is called " + name + " now, whose they may be"}
	}
	has, err := center.Has(ctx, identitycenter.Assignment{Account: s.Params[flowfile.ParamAccount], PermissionSet: s.Params[flowfile.ParamPermissionSetARN], User: end.User})
	if err == nil && has {
		err = &access.UndecidedError{Why: "something else gives the same person " + s.Params[flowfile.ParamPermissionSet] + " in " + s.Params[flowfile.ParamAccount] + " still"}
	}
	return name, err
}

// reservedStart and reservedEnd are what AWS puts around the name of a permission
// set to call a role ("Referencing permission sets" in the user guide of IAM Identity
// Center).
var reservedEnd = regexp.MustCompile(`^_[0-9a-f]{16}$`)

const reservedStart = "AWSReservedSSO_"

// isReserved reports whether a role is one that AWS made of a permission set.
func isReserved(role, set string) bool {
	rest, ok := strings.CutPrefix(role, reservedStart+set)
	return ok && reservedEnd.MatchString(rest)
}

// maxSession is how long the name of a session may be.
const maxSession = 64

// grantOf returns for which grant Sesame called a session so, and whether it was
// one of that person: alice@example.com+g-0123456789.
func grantOf(session, person string) (access.GrantID, bool) {
	i := strings.LastIndexByte(session, '+')
	if i < 0 {
		return "", false
	}
	id := access.GrantID(session[i+1:])
	return id, strings.HasPrefix(string(id), "g-") && id.Request().Valid() && session[:i] == person[:min(len(person), maxSession-len(session[i:]))]
}

// unassumed reports whether AWS did not let Sesame assume a role.
func unassumed(err error) bool {
	return strings.Contains(err.Error(), "AssumeRole") && identitycenter.Denied(err)
}
