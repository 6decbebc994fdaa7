package awstest

import "strings"

func (r *request) groupDoc(g Group) doc {
	d := r.storeDoc()
	d["GroupId"], d["DisplayName"] = g.ID, g.Name
	if issuer, id, ok := strings.Cut(g.ExternalID, " "); ok {
		d["ExternalIds"] = []any{doc{"Issuer": issuer, "Id": id}}
	}
	return d
}

func getGroupID(r *request) (doc, error) {
	path, value := r.alternateID()
	if path != "displayName" && path != "externalId" {
		return nil, r.invalid("AttributePath: %q is not unique", path)
	}
	for id, g := range r.w.store.groups {
		if path == "displayName" && g.Name == value {
			return doc{"GroupId": id, "IdentityStoreId": r.w.config.IdentityStoreID}, nil
		}
	}
	return nil, missing("GROUP", "")
}

func describeGroup(r *request) (doc, error) {
	g, err := r.group()
	if err != nil {
		return nil, err
	}
	return r.groupDoc(g), nil
}

func (r *request) group() (Group, error) {
	g, ok := r.w.store.groups[r.text("GroupId")]
	if !ok {
		return Group{}, missing("GROUP", r.text("GroupId"))
	}
	return g, nil
}

func listGroups(r *request) (doc, error) {
	name, filtered, err := r.filter("DisplayName")
	if err != nil {
		return nil, err
	}
	var rows []row
	for id, g := range r.w.store.groups {
		if !filtered || g.Name == name {
			rows = append(rows, row{id, r.groupDoc(g)})
		}
	}
	return r.page("Groups", rows)
}

// isMemberInGroups says no for a user or group that does not exist.
func isMemberInGroups(r *request) (doc, error) {
	ids, _ := r.in["GroupIds"].([]any)
	results := []any{}
	for _, v := range ids {
		group, _ := v.(string)
		_, exists := find(r.membershipsRead(), group, r.member())
		results = append(results, doc{
			"GroupId": group, "MemberId": doc{"UserId": r.member()},
			"MembershipExists": exists,
		})
	}
	return doc{"Results": results}, nil
}

func (r *request) membershipDoc(m Membership) doc {
	d := r.storeDoc()
	d["MembershipId"], d["GroupId"], d["MemberId"] = m.ID, m.Group, doc{"UserId": m.User}
	d["CreatedAt"], d["UpdatedAt"] = epoch(m.Since), epoch(m.Since)
	d["CreatedBy"], d["UpdatedBy"] = m.By.ARN, m.By.ARN
	return d
}

func (r *request) memberships(keep func(Membership) bool) (doc, error) {
	var rows []row
	for id, m := range r.membershipsRead() {
		if keep(m) {
			rows = append(rows, row{id, r.membershipDoc(m)})
		}
	}
	return r.page("GroupMemberships", rows)
}

func listMembershipsOf(r *request) (doc, error) {
	return r.memberships(func(m Membership) bool { return m.User == r.member() })
}

func listMemberships(r *request) (doc, error) {
	g, err := r.group()
	if err != nil {
		return nil, err
	}
	return r.memberships(func(m Membership) bool { return m.Group == g.ID })
}

func getMembershipID(r *request) (doc, error) {
	m, ok := find(r.membershipsRead(), r.text("GroupId"), r.member())
	if !ok {
		return nil, missing("GROUP_MEMBERSHIP", "")
	}
	return doc{"MembershipId": m.ID, "IdentityStoreId": r.w.config.IdentityStoreID}, nil
}

func describeMembership(r *request) (doc, error) {
	m, ok := r.membershipsRead()[r.text("MembershipId")]
	if !ok {
		return nil, missing("GROUP_MEMBERSHIP", r.text("MembershipId"))
	}
	return r.membershipDoc(m), nil
}

func createMembership(r *request) (doc, error) {
	g, err := r.group()
	if err != nil {
		return nil, err
	}
	if _, ok := r.w.store.users[r.member()]; !ok {
		return nil, missing("USER", r.member())
	}
	if r.w.store.member(g.ID, r.member()) {
		return nil, conflict("the user is a member of the group already").with("Reason", "UNIQUENESS_CONSTRAINT_VIOLATION")
	}
	id := r.w.addMemberLocked(g.ID, r.member(), r.call.Caller)
	return doc{"MembershipId": id, "IdentityStoreId": r.w.config.IdentityStoreID}, nil
}

func deleteMembership(r *request) (doc, error) {
	id := r.text("MembershipId")
	m, ok := r.w.store.memberships.now()[id]
	if !ok {
		return nil, missing("GROUP_MEMBERSHIP", id)
	}
	r.w.store.put(r.now, m, false)
	return doc{}, nil
}
