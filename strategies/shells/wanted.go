package shells

import (
	"cmp"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// A wanted is whose sessions an object is about, and on which machines.
type wanted struct {
	account, user, role, session string
	// reserved says that role is what AWS makes of a permission set, with more
	// behind it, and person that the sessions of role are called so, with the grant
	// behind it.
	reserved bool
	person   string
	// tags are sets of which a machine has one, all of it.
	tags    []map[string]string
	regions []string // empty: any
	home    string   // a region of the account
}

func wantedOf(s access.Spec) (wanted, error) {
	p := s.Params
	if s.Way == flowfile.WaySSO || s.Way == flowfile.WayRole {
		return credentialed(s)
	}
	w := wanted{account: p[flowfile.ParamAccount], user: p[flowfile.ParamUser], role: p[flowfile.ParamRole], session: p[flowfile.ParamSession], home: p[flowfile.ParamRegion]}
	tags, err := flowfile.ParseTags(p)
	if err != nil {
		return w, identitycenter.Refuse(s.Key, "%v", err)
	}
	i, err := flowfile.ParseInstances(p)
	if err != nil {
		return w, identitycenter.Refuse(s.Key, "%v", err)
	}
	w.regions = i.Regions
	for _, set := range []map[string]string{tags, i.Tags} {
		if len(set) > 0 {
			w.tags = append(w.tags, set)
		}
	}
	if w.account == "" || (w.user == "") == (w.role == "") || len(w.tags) == 0 || cmp.Or(w.home, strings.Join(w.regions, "")) == "" {
		return w, identitycenter.Refuse(s.Key, "whose sessions these are, or the tags of their machines, are missing")
	}
	return w, nil
}

// owns reports whether an ARN is of whom w is about, as Session Manager names who
// started a session: arn:aws:iam::ACCOUNT:user/PATH/NAME for a user, and
// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION for a role; and for which grant,
// where that says it. IAM tells names apart without regard to case, and those of
// sessions with it.
func (w wanted) owns(owner string) (access.GrantID, bool) {
	parts := strings.SplitN(owner, ":", 6)
	if len(parts) != 6 || parts[4] != w.account {
		return "", false
	}
	names := strings.Split(parts[5], "/")
	last := names[len(names)-1]
	switch {
	case parts[2] == "iam" && names[0] == "user":
		return "", w.user != "" && strings.EqualFold(last, w.user)
	case parts[2] == "sts" && names[0] == "assumed-role" && len(names) == 3:
		return w.ownsSession(names[1], last)
	}
	return "", false
}

func (w wanted) ownsSession(role, session string) (access.GrantID, bool) {
	switch {
	case w.role == "":
		return "", false
	case w.reserved:
		return "", isReserved(role, w.role) && session == w.session
	case !strings.EqualFold(role, w.role):
		return "", false
	case w.person != "":
		return grantOf(session, w.person)
	}
	return "", w.session == "" || w.session == session
}

// chooses reports whether a machine with the tags is one that w is about. A key
// may be there in several spellings, of which IAM takes any.
func (w wanted) chooses(tags []ec2types.Tag) bool {
	for _, set := range w.tags {
		all := true
		for key, value := range set {
			all = all && has(tags, key, value)
		}
		if all {
			return true
		}
	}
	return false
}

func has(tags []ec2types.Tag, key, value string) bool {
	for _, t := range tags {
		if t.Key != nil && t.Value != nil && strings.EqualFold(*t.Key, key) && *t.Value == value {
			return true
		}
	}
	return false
}
