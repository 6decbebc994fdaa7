package flowfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sesame/flows/access"
)

// The strategy types that grant by what a user has or is part of.
const (
	// WayGroup is membership in a group of IAM Identity Center.
	WayGroup = "aws_group"
	// WayIAMGroup is membership in a group of IAM users.
	WayIAMGroup = "aws_iam_group"
	// WayTags are tags of IAM users and roles, in numbered slots.
	WayTags = "aws_principal_tags"
)

// WayTimed is a policy in a user or role that says until when it holds, which
// targets of WayTags have beside the tags if their strategy says so.
const WayTimed = "aws_timed_policy"

// The names in access.Target.Params that these types add.
const (
	ParamGroup    = "group"
	ParamUser     = "user"      // of IAM; put in by the plan
	ParamRole     = "role"      // of IAM, in place of a user; put in by the plan
	ParamTimed    = "timed"     // "true": see WayTimed
	ParamTagNames = "tag_names" // as JSON, see SlotsOf
	ParamSlots    = "slots"
	ParamTags     = "principal_tags" // as JSON, see SlotsOf
)

// The names in Strategy.Params that targets do not get: what concerns all of
// them has no place in the record of each request.
const (
	paramGroups     = "groups" // as JSON
	paramUsers      = "users"  // as JSON
	paramRoles      = "roles"  // as JSON
	paramUsersNamed = "users_named"
)

// namedEmail says that IAM users are called as their people's addresses.
const namedEmail = "email"

// MarkerTag is the tag that says when Sesame wrote a slot, so that it knows its
// own from what somebody else wrote.
const MarkerTag = "SesameSlot"

// What AWS takes of tags for one principal.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

var (
	entityShape  = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	iamUserShape = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
)

// SlotKey returns the key of a tag in slot n, from 1, which has the name alone.
func SlotKey(name string, n int) string {
	if n == 1 {
		return name
	}
	return name + strconv.Itoa(n)
}

// SlotTags are what a grant by WayTags writes into one of a user's slots.
type SlotTags struct {
	Names  []string // in the order of the file
	Values map[string]string
	Slots  int // how many the user has
}

// SlotsOf reads what a target's or object's params say about slots.
func SlotsOf(params map[string]string) (SlotTags, error) {
	var s SlotTags
	var err error
	if err = json.Unmarshal([]byte(params[ParamTagNames]), &s.Names); err != nil {
		return s, fmt.Errorf("read %s: %w", ParamTagNames, err)
	}
	if err = json.Unmarshal([]byte(params[ParamTags]), &s.Values); err != nil {
		return s, fmt.Errorf("read %s: %w", ParamTags, err)
	}
	if s.Slots, err = strconv.Atoi(params[ParamSlots]); err != nil {
		return s, fmt.Errorf("read %s: %w", ParamSlots, err)
	}
	return s, nil
}

// IAMParams returns what says where an account's IAM is, and as whom Sesame
// calls it.
func IAMParams(t access.Target) map[string]string {
	params := map[string]string{}
	for _, name := range []string{ParamRegion, ParamAccount, ParamRoleARN, ParamExternalID, ParamProfile} {
		if value := t.Params[name]; value != "" {
			params[name] = value
		}
	}
	return params
}

// UsesIAM reports whether targets of a way are granted in an account's IAM.
func UsesIAM(way string) bool { return way == WayIAMGroup || way == WayTags || way == WayTimed }

// ReachesAccount reports whether what a way grants, or has an object of, is in
// one account, which Sesame calls by the role or profile of the strategy.
func ReachesAccount(way string) bool {
	return UsesIAM(way) || way == WayPartner || way == WayOSUser
}

// An IAMOwner is an IAM user or role that is one person's.
type IAMOwner struct {
	Name string
	Role bool
}

// IAMUser returns somebody's IAM user or role for a target, or a
// *access.Refusal: the one that the strategy names by the person's address, or
// the user that is called so.
func (s *Set) IAMUser(t access.Target, p access.Person) (IAMOwner, error) {
	i := slices.IndexFunc(s.strategies, func(one Strategy) bool { return one.Name == t.Strategy })
	if i < 0 {
		return IAMOwner{}, fmt.Errorf("target %q: no strategy %q", t.Name, t.Strategy)
	}
	params := s.strategies[i].Params
	email := strings.ToLower(p.Email)
	if params[paramUsersNamed] == namedEmail && iamUserShape.MatchString(email) {
		return IAMOwner{Name: email}, nil
	}
	owners, err := parseOwners(params)
	if err != nil {
		return IAMOwner{}, err
	}
	if owner := owners[email]; owner.Name != "" && email != "" {
		return owner, nil
	}
	what, list := "user", paramUsers
	if params[paramRoles] != "" {
		what, list = "role", paramRoles
	}
	return IAMOwner{}, &access.Refusal{
		Code: access.RefusedStranger,
		Text: fmt.Sprintf("%s cannot be granted to you, because Sesame does not know your IAM %s: ask an admin to add your address to the %s of the strategy %s.", t.Name, what, list, t.Strategy),
	}
}

// parseOwners returns the IAM users or roles of a strategy by address.
func parseOwners(params map[string]string) (map[string]IAMOwner, error) {
	all := map[string]IAMOwner{}
	for list, role := range map[string]bool{paramUsers: false, paramRoles: true} {
		names := map[string]string{}
		if text := params[list]; text != "" {
			if err := json.Unmarshal([]byte(text), &names); err != nil {
				return nil, fmt.Errorf("read %s: %w", list, err)
			}
		}
		for email, name := range names {
			all[email] = IAMOwner{name, role}
		}
	}
	return all, nil
}

// IAMOwners returns the IAM users or roles that the strategy of a target names.
func (s *Set) IAMOwners(t access.Target) []IAMOwner {
	i := slices.IndexFunc(s.strategies, func(one Strategy) bool { return one.Name == t.Strategy })
	if i < 0 {
		return nil
	}
	owners, err := parseOwners(s.strategies[i].Params)
	if err != nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(owners), func(a, b IAMOwner) int { return strings.Compare(a.Name, b.Name) })
}

// memberFits are the fits of these types.
func memberFits() map[string]fit {
	foreign := []string{ParamPermissionSet, ParamSessionTags, ParamRunAs, ParamCalls, ParamVend}
	ours := []string{ParamPartner, ParamRole, ParamOSUser}
	foreign = append(foreign, ours...)
	return map[string]fit{
		WayPartner:  {[]string{ParamRoleARN}, []string{ParamPartner, ParamRole, ParamInstances}, []string{ParamPermissionSet, "session", ParamSessionTags, ParamRunAs, ParamCalls, ParamVend, ParamGroup, ParamTags}},
		WayGroup:    {[]string{ParamInstanceARN, paramGroups}, []string{ParamGroup, "session"}, append([]string{ParamAccount, ParamTags}, foreign...)},
		WayIAMGroup: {[]string{paramGroups}, []string{ParamGroup}, append([]string{ParamTags}, foreign...)},
		WayTags:     {[]string{ParamTagNames, ParamSlots}, []string{ParamTags}, append([]string{"session", ParamGroup}, foreign...)},
	}
}

// strategyKeys are the keys of a strategy that mean something to some types
// only, with those.
func strategyKeys() map[string][]string {
	return map[string][]string{
		ParamInstanceARN: {WaySSO, WayGroup},
		paramGroups:      {WayGroup, WayIAMGroup},
		paramUsers:       {WayIAMGroup, WayTags},
		paramUsersNamed:  {WayIAMGroup, WayTags},
		paramRoles:       {WayTags},
		ParamTimed:       {WayTags},
		ParamTagNames:    {WayTags},
		ParamSlots:       {WayTags},
	}
}

// fitMember notes what a strategy has in vain, and what these types need
// beyond single keys.
func (d *draft) fitMember(s Strategy, n *node) {
	kinds := strategyKeys()
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if v := n.get(name); v != nil && !slices.Contains(kinds[name], s.Type) {
			d.add(v.pos, fmt.Sprintf("a strategy of type %s has no %s", s.Type, name), "")
		}
	}
	if !UsesIAM(s.Type) {
		return
	}
	users, named, roles := n.get(paramUsers), n.get(paramUsersNamed), n.get(paramRoles)
	switch {
	case users == nil && named == nil && roles == nil:
		d.add(n.pos, fmt.Sprintf("strategy %s does not say which IAM user is whose", s.Name), "list users by address, or write users_named: email if they are called so")
	case users != nil && named != nil:
		d.add(named.pos, "users are listed already", "leave one of users and users_named out")
	case roles != nil && (users != nil || named != nil):
		d.add(roles.pos, fmt.Sprintf("strategy %s has both users and roles", s.Name), "make two strategies")
	}
	if s.Type == WayTags {
		d.fitSlots(s, n)
	}
}

// fitSlots notes slots that AWS has no room for.
func (d *draft) fitSlots(s Strategy, n *node) {
	var names []string
	slots, err := strconv.Atoi(s.Params[ParamSlots])
	if json.Unmarshal([]byte(s.Params[ParamTagNames]), &names) != nil || err != nil || len(names) == 0 || slots < 1 {
		return // said already
	}
	at := n.get(ParamSlots).pos
	if count := slots * (len(names) + 1); count > maxTags {
		d.add(at, fmt.Sprintf("%d slots of %d tags, and one more in each that says whose it is, are %d tags: a user has %d at most", slots, len(names), count, maxTags),
			fmt.Sprintf("write slots: %d", max(1, maxTags/(len(names)+1))))
		return
	}
	seen := map[string]bool{}
	for slot := 1; slot <= slots; slot++ {
		for _, name := range append([]string{MarkerTag}, names...) {
			key := SlotKey(name, slot)
			lower := strings.ToLower(key)
			switch {
			case seen[lower]:
				d.add(n.get(ParamTagNames).pos, fmt.Sprintf("the tag %s is in two slots, or twice in one", key), "IAM does not tell keys apart by case; choose names that do not end in a number")
				return
			case len([]rune(key)) > maxTagKey:
				d.add(n.get(ParamTagNames).pos, fmt.Sprintf("the tag %s is longer than %d characters", key, maxTagKey), "")
				return
			}
			seen[lower] = true
		}
	}
}

// fitMembership notes what is wrong with a target of these types, and leaves
// to it what its grants need.
func (d *draft) fitMembership(t *access.Target, n *node) {
	var groups, names []string
	_ = json.Unmarshal([]byte(t.Params[paramGroups]), &groups) // empty if there are none, or they were refused
	_ = json.Unmarshal([]byte(t.Params[ParamTagNames]), &names)
	for _, name := range []string{paramGroups, paramUsers, paramUsersNamed, paramRoles} {
		delete(t.Params, name)
	}
	if group := t.Params[ParamGroup]; group != "" && len(groups) > 0 && !slices.ContainsFunc(groups, same(t.Way, group)) {
		d.add(n.get(ParamGroup).pos, fmt.Sprintf("group %s is not one of Sesame's own, which the strategy %s lists", group, t.Strategy), meant(group, groups))
	}
	if UsesIAM(t.Way) {
		d.fitAccount(t, n)
		// A user's own keys ask IAM at each call. What sessions a group lets them
		// start, and where, is known to its policies alone.
		if t.Way != WayIAMGroup {
			t.Overhang = 0
		}
		t.Sessions = t.Overhang > 0
	}
	if t.Way == WayTags {
		d.fitTags(t, n, names)
	}
}

// same returns what tells whether a name is that of group. IAM's are one
// whatever their case.
func same(way, group string) func(string) bool {
	if way == WayIAMGroup {
		return func(name string) bool { return strings.EqualFold(name, group) }
	}
	return func(name string) bool { return name == group }
}

// fitAccount makes out which account a target is in.
func (d *draft) fitAccount(t *access.Target, n *node) {
	own, account := t.Params[ParamAccount], RoleAccount(t.Params[ParamRoleARN])
	if v := n.get(ParamAccount); v != nil && v.inherited && account != "" {
		own = ""
	}
	switch {
	case own == "" && account == "":
		d.add(n.pos, fmt.Sprintf("target %s has no account", t.Name), "name it here, or the role_arn of the strategy")
	case own != "" && account != "" && own != account:
		d.add(n.get(ParamAccount).pos, fmt.Sprintf("target %s is in %s, and the role of its strategy in %s", t.Name, own, account), "leave the account out")
	case own == "":
		t.Params[ParamAccount] = account
	}
}

// fitTags holds the tags of a target to the names of its strategy.
func (d *draft) fitTags(t *access.Target, n *node, names []string) {
	at := n.get(ParamTags)
	if at == nil || at.kind != mapping {
		return
	}
	for _, name := range names {
		if at.get(name) == nil {
			d.add(at.pos, fmt.Sprintf("target %s has no tag %s, and a slot is written as a whole", t.Name, name), "")
		}
	}
	for _, p := range at.pairs {
		if !slices.Contains(names, p.key.text) {
			d.add(p.key.pos, fmt.Sprintf("the slots of strategy %s have no tag %s", t.Strategy, p.key.text), meant(p.key.text, names))
		}
	}
}

func memberStrategyKeys() []Key {
	return []Key{
		{Name: paramGroups, Doc: "The groups that are Sesame's own, the only ones whose members it changes: ids for aws_group, names for aws_iam_group. Required for these two, and only for them.", Value: listOf(plainText())},
		{Name: paramUsers, Doc: "Which IAM user is whose, by e-mail address. For aws_iam_group and aws_principal_tags, which need this or users_named.", Value: namedOf(plainText())},
		{Name: paramUsersNamed, Doc: "email: IAM users are called as their people's addresses, in small letters. Only where nobody else may create IAM users.", Value: oneOf(namedEmail)},
		{Name: paramRoles, Doc: "Which IAM role is whose, by e-mail address, in place of users: roles that one person alone assumes. Only for aws_principal_tags.", Value: namedOf(plainText())},
		{Name: ParamTimed, Doc: "Whether each grant also writes a policy into the user or role that lets sessions be started on instances with these tags, from the decision until the latest end, and no longer even if Sesame is gone. Nothing else may let them start: sesame policy generate principal-tags --timed writes what goes with it. Such grants are not extended. Only for aws_principal_tags. Optional, default false.", Value: of(Truth)},
		{Name: ParamTagNames, Doc: "The tags of a slot, by their names in the first one; in the second they end in 2, and so on. Required for aws_principal_tags, and only for it.", Value: listOf(looking(tagKeyShape.String()))},
		{Name: ParamSlots, Doc: "How many slots a user has, which is how many different grants at once. Beside its names a slot has the tag SesameSlot, which says that Sesame wrote it, and a user has 50 tags: Sesame needs the right to write all of them. Required for aws_principal_tags, and only for it.", Value: of(Number)},
	}
}

func memberTargetKeys() []Key {
	return []Key{
		{Name: ParamGroup, Doc: "The group that grants put people into: its id for aws_group, its name for aws_iam_group. Required for these two, and only for them.", Value: plainText()},
		{Name: ParamTags, Doc: "What grants write into a slot, by the tag_names of the strategy. Sessions of the person that are open on machines with these tags are ended with the grant: name instances where machines have other ones. Required for aws_principal_tags, and only for it.", Value: namedOf(looking(tagValueShape.String()))},
	}
}

// memberStrategy adds what reads the keys that these types add to a strategy.
func (d *draft) memberStrategy(s *Strategy, read keys) keys {
	maps.Copy(read, keys{
		paramGroups: func(n *node) {
			s.Params[paramGroups] = encodeParam(d.texts(n, paramGroups, func(item *node) string {
				return d.shaped(item, "the id or name of a group", entityShape, "copy it from the console")
			}))
		},
		paramUsers: func(n *node) {
			s.Params[paramUsers] = encodeParam(d.owners(n, paramUsers, "IAM user"))
		},
		paramRoles: func(n *node) {
			s.Params[paramRoles] = encodeParam(d.owners(n, paramRoles, "IAM role"))
		},
		ParamTimed: func(n *node) {
			if d.truth(n, ParamTimed) {
				s.Params[ParamTimed] = "true"
			}
		},
		paramUsersNamed: func(n *node) {
			if s.Params[paramUsersNamed] = d.text(n, paramUsersNamed); n.text != namedEmail {
				d.add(n.pos, fmt.Sprintf("users cannot be named by %q", n.text), "write users_named: email")
			}
		},
		ParamTagNames: func(n *node) {
			s.Params[ParamTagNames] = encodeParam(d.texts(n, ParamTagNames, d.tagName))
			if n.kind == list && len(n.items) == 0 {
				d.add(n.pos, "a slot has at least one tag", "")
			}
		},
		ParamSlots: func(n *node) {
			slots := d.number(n, ParamSlots)
			if n.kind == number && slots < 1 {
				d.add(n.pos, "there is at least one slot", "")
			}
			s.Params[ParamSlots] = strconv.Itoa(slots)
		},
	})
	return read
}

func (d *draft) tagName(n *node) string {
	name := d.shaped(n, "the key of a tag", tagKeyShape, "up to 128 letters, digits, blanks within and _.:/=+-@")
	if name != strings.TrimSpace(name) {
		d.add(n.pos, fmt.Sprintf("%q cannot be the key of a tag: AWS takes the blanks around it away", name), "")
	}
	if strings.HasPrefix(strings.ToLower(name), "aws:") {
		d.add(n.pos, fmt.Sprintf("%q cannot be the key of a tag: aws: is AWS's own", name), "")
	}
	return name
}

// owners reads which IAM user or role is whose. One is one person's: what is
// written into a slot is somebody's access.
func (d *draft) owners(n *node, list, what string) map[string]string {
	owners, whose := map[string]string{}, map[string]string{}
	if n.kind != mapping {
		d.wrong(n, list, mapping)
		return owners
	}
	for _, p := range n.pairs {
		email := d.email(p.key)
		name := d.shaped(p.value, "the name of an "+what, iamUserShape, "up to 64 letters, digits and +=,.@_-")
		lower := strings.ToLower(name)
		switch {
		case owners[email] != "":
			d.add(p.key.pos, email+" is here twice", "")
		case whose[lower] != "":
			d.add(p.value.pos, fmt.Sprintf("the %s %s is that of %s already", what, name, whose[lower]), "one is one person's")
		}
		owners[email], whose[lower] = name, email
	}
	return owners
}

// memberTarget adds what reads the keys that these types add to a target.
func (d *draft) memberTarget(t *access.Target, read keys) keys {
	maps.Copy(read, keys{
		ParamGroup: func(n *node) {
			t.Params[ParamGroup] = d.shaped(n, "the id or name of a group", entityShape, "copy it from the console")
		},
		ParamTags: func(n *node) { t.Params[ParamTags] = d.principalTags(n, t.Name) },
	})
	return read
}

func (d *draft) principalTags(n *node, target string) string {
	tags := d.tags(n, target)
	for _, p := range n.pairs {
		if value := tags[p.key.text]; value != "" && !isTag(tagValueShape, value) {
			d.add(p.value.pos, fmt.Sprintf("%q cannot be the value of a tag", value), fmt.Sprintf("up to %d letters, digits, blanks within and _.:/=+-@, and no wildcard", maxTagValue))
		}
	}
	return encodeParam(tags)
}
