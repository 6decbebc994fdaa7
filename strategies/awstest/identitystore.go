package awstest

import (
	"maps"
	"strings"
	"time"
)

const storeName = "identitystore"

// The shapes of the identity store's published model.
var (
	storeID    = text(1, 36, `d-[0-9a-f]{10}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	externalID = text(1, 256, `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`)
	attribute  = text(1, 255, `(?:\p{L}+:\p{L}+:\p{L}+(?:\.\p{L}+){0,3}|\p{L}+(?:\.\p{L}+){0,2})`)
	sensitive  = text(1, 1024, `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r \x{a0}\x{3000}]+`)
	storeToken = may("NextToken", text(1, 65535, `[-a-zA-Z0-9+=/:_]*`))
	memberID   = need("MemberId", union(may("UserId", principalID)))
	filters    = may("Filters", list(0, 1, structure(need("AttributePath", attribute), need("AttributeValue", sensitive))))
	extensions = may("Extensions", list(1, 10, text(1, 50, `aws:identitystore:[a-z]{1,20}`)))
	alternate  = need("AlternateIdentifier", union(
		may("ExternalId", structure(need("Issuer", externalID), need("Id", externalID))),
		may("UniqueAttribute", structure(need("AttributePath", attribute), need("AttributeValue", anyValue)))))
)

// ofStore is a structure whose operation is about one identity store.
func ofStore(members ...member) shape {
	return structure(append(members, need("IdentityStoreId", storeID))...)
}

func identity() service {
	group, membership := need("GroupId", principalID), need("MembershipId", principalID)
	return service{name: storeName, target: "AWSIdentityStore", codes: jsonCodes, admit: admitToStore, about: aboutMembership, operations: map[string]operation{
		"GetUserId":    {ofStore(alternate), getUserID},
		"DescribeUser": {ofStore(need("UserId", principalID), extensions), describeUser},
		"ListUsers":    {ofStore(extensions, filters, storeToken, hundred), listUsers},
		"GetGroupId":   {ofStore(alternate), getGroupID},
		"DescribeGroup": {
			ofStore(group), describeGroup},
		"ListGroups": {ofStore(filters, storeToken, hundred), listGroups},
		"IsMemberInGroups": {
			ofStore(memberID, need("GroupIds", list(1, 100, principalID))), isMemberInGroups},
		"ListGroupMembershipsForMember": {ofStore(memberID, storeToken, hundred), listMembershipsOf},
		"ListGroupMemberships":          {ofStore(group, storeToken, hundred), listMemberships},
		"GetGroupMembershipId":          {ofStore(group, memberID), getMembershipID},
		"DescribeGroupMembership":       {ofStore(membership), describeMembership},
		"CreateGroupMembership":         {ofStore(group, memberID), createMembership},
		"DeleteGroupMembership":         {ofStore(membership), deleteMembership},
	}}
}

// admitToStore refuses callers of other accounts and other stores.
func admitToStore(r *request) error {
	if !r.administers() {
		return r.denied("account %s does not administer the identity store", r.call.Caller.Account)
	}
	if id := r.text("IdentityStoreId"); id != r.w.config.IdentityStoreID || !r.home() {
		return missing("IDENTITY_STORE", id)
	}
	return nil
}

func missing(kind, id string) error {
	return notFound("%s not found", kind).with("ResourceType", kind).with("ResourceId", id)
}

// An identityStore holds who there is. Its changes are immediate.
type identityStore struct {
	users       map[string]User
	groups      map[string]Group
	memberships timeline[map[string]Membership] // by id
}

func newIdentityStore() identityStore {
	return identityStore{users: map[string]User{}, groups: map[string]Group{}}
}

// principal reports whether the directory knows t's principal.
func (s *identityStore) principal(t Tuple) bool {
	if t.PrincipalType == "GROUP" {
		_, ok := s.groups[t.Principal]
		return ok
	}
	_, ok := s.users[t.Principal]
	return ok
}

// find returns a membership among those of a moment.
func find(memberships map[string]Membership, group, user string) (Membership, bool) {
	for _, m := range memberships {
		if m.Group == group && m.User == user {
			return m, true
		}
	}
	return Membership{}, false
}

// member reports whether user is in group now, whatever reads show.
func (s *identityStore) member(group, user string) bool {
	_, ok := find(s.memberships.now(), group, user)
	return ok
}

// put makes m a membership from a moment on, or ends it.
func (s *identityStore) put(at time.Time, m Membership, exists bool) {
	memberships := maps.Clone(s.memberships.now())
	if memberships == nil {
		memberships = map[string]Membership{}
	}
	if delete(memberships, m.ID); exists {
		memberships[m.ID] = m
	}
	s.memberships.set(at, memberships)
}

// membershipsRead are those that reads show.
func (r *request) membershipsRead() map[string]Membership {
	return r.w.store.memberships.at(r.now.Add(-r.w.settings.StoreLag))
}

func (r *request) storeDoc() doc { return doc{"IdentityStoreId": r.w.config.IdentityStoreID} }

// member is the MemberId of the input.
func (r *request) member() string {
	m, _ := r.in["MemberId"].(doc)
	id, _ := m["UserId"].(string)
	return id
}

// alternateID is what the input looks a user or group up by.
func (r *request) alternateID() (path, value string) {
	alt, _ := r.in["AlternateIdentifier"].(doc)
	if ext, ok := alt["ExternalId"].(doc); ok {
		issuer, _ := ext["Issuer"].(string)
		id, _ := ext["Id"].(string)
		return "externalId", issuer + " " + id
	}
	unique, _ := alt["UniqueAttribute"].(doc)
	path, _ = unique["AttributePath"].(string)
	value, _ = unique["AttributeValue"].(string)
	return path, value
}

func getUserID(r *request) (doc, error) {
	path, value := r.alternateID()
	var matches func(User) bool
	switch path {
	case "userName":
		matches = func(u User) bool { return u.UserName == value }
	case "emails.value":
		matches = func(u User) bool { return u.Email == value }
	case "externalId":
		matches = func(u User) bool { return u.ExternalID == value }
	default:
		return nil, r.invalid("AttributePath: %q is not unique", path)
	}
	for _, id := range sortedKeys(r.w.store.users) {
		if value != "" && matches(r.w.store.users[id]) {
			return doc{"UserId": id, "IdentityStoreId": r.w.config.IdentityStoreID}, nil
		}
	}
	return nil, missing("USER", "")
}

func (r *request) userDoc(u User) doc {
	d := r.storeDoc()
	d["UserId"], d["UserName"], d["DisplayName"] = u.ID, u.UserName, u.Name
	d["UserStatus"] = "ENABLED"
	if u.Disabled {
		d["UserStatus"] = "DISABLED"
	}
	if u.Email != "" {
		d["Emails"] = []any{doc{"Value": u.Email, "Type": "work", "Primary": true}}
	}
	if issuer, id, ok := strings.Cut(u.ExternalID, " "); ok {
		d["ExternalIds"] = []any{doc{"Issuer": issuer, "Id": id}}
	}
	return d
}

func describeUser(r *request) (doc, error) {
	u, ok := r.w.store.users[r.text("UserId")]
	if !ok {
		return nil, missing("USER", r.text("UserId"))
	}
	return r.userDoc(u), nil
}

// filter is the one filter of a list, which may only be on path.
func (r *request) filter(path string) (value string, set bool, err error) {
	fs, _ := r.in["Filters"].([]any)
	if len(fs) == 0 {
		return "", false, nil
	}
	f, _ := fs[0].(doc)
	if f["AttributePath"] != path {
		return "", false, r.invalid("Filters: only %s can be filtered by", path)
	}
	value, _ = f["AttributeValue"].(string)
	return value, true, nil
}

func listUsers(r *request) (doc, error) {
	name, filtered, err := r.filter("UserName")
	if err != nil {
		return nil, err
	}
	var rows []row
	for id, u := range r.w.store.users {
		if !filtered || u.UserName == name {
			rows = append(rows, row{id, r.userDoc(u)})
		}
	}
	return r.page("Users", rows)
}
