package flowfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/policies"
)

// The strategy type for people of other companies, and that of the users of the
// operating system that it makes for them.
const (
	WayPartner = "aws_partner"
	WayOSUser  = "aws_os_user"
)

// The names in access.Target.Params that targets of partners have.
const (
	ParamPartner = "partner" // the name of the party
	ParamOSUser  = "os_user"
	// ParamSession is the session name of the person whom a grant is for: put
	// in by whoever plans it, from FieldFor.
	ParamSession = "session_name"
)

// FieldFor is the field of a request that says which person of a partner it is
// for. Flows with targets of a partner have it without being told.
const FieldFor = "for"

const shapePartner = "partner"

// A Partner is another company whose people get access: what it has in AWS, who
// its people are, and who answers for them.
type Partner struct {
	Name string
	// RoleARN is the partner's own role, in its own account, as which its people
	// come.
	RoleARN string
	// Sponsor is the Slack user for whom the requests of its people are.
	Sponsor string
	// People are e-mail addresses, which are also the names of their sessions:
	// one for each person, so that nobody's session can be taken for another's.
	People []string
}

// Account is the account of the partner.
func (p Partner) Account() string { return RoleAccount(p.RoleARN) }

// partnerRoleShape is that of one role: what is a pattern elsewhere is nobody
// in a trust policy.
var partnerRoleShape = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)

var sessionPersonShape = regexp.MustCompile(`^[a-z0-9_=,.-]+@[a-z0-9.-]+$`)

// maxSessionName is how long the name of a session may be.
const maxSessionName = 64

func partnersKey() Key {
	return Key{Name: "partners", Doc: "Other companies whose people get access, by the names that their targets use.", Value: namedOf(object(shapePartner))}
}

func partnerShape() Shape {
	return Shape{shapePartner, "Another company. Its external id is not here: Sesame makes it, sesame partner kit prints it, and sesame partner rotate replaces it.", []Key{
		{Name: ParamRoleARN, Doc: "The partner's own role, in its own account, as which its people come.", Value: looking(partnerRoleShape.String()), Required: true},
		{Name: "sponsor", Doc: "The id of the Slack user who answers for its people: requests of theirs are this person's.", Value: plainText(), Required: true},
		{Name: "people", Doc: "E-mail addresses of its people, in small letters, which are also the names of their sessions.", Value: listOf(plainText()), Required: true},
	}}
}

func partnerTargetKeys() []Key {
	return []Key{
		{Name: ParamPartner, Doc: "The partner whose people the target is for. Sessions of the person that are open on its machines are ended with the grant. Required for aws_partner, and only for it.", Value: plainText()},
		{Name: ParamRole, Doc: "The name of the role that the partner's people assume, in the account of the strategy, and that nobody else comes as. Required for aws_partner, and only for it.", Value: plainText()},
		{Name: ParamOSUser, Doc: "The user of the operating system that they work as: it is made before a grant opens and locked after the last one, which ends what runs. Two targets may have one user if no machine is of both, or if all are. Machines need the document SesameOSUser for it, which sesame policy generate os-user-document writes. Only for aws_partner. Optional: without it, sessions run as whoever the machines say.", Value: looking(userShape.String())},
	}
}

var slackUserShape = regexp.MustCompile(`^[UW][A-Z0-9]{6,}$`)

func (d *draft) partner(name string, key, n *node) {
	p := Partner{Name: name}
	d.object(n, "partner "+name, shapePartner, keys{
		ParamRoleARN: func(n *node) {
			p.RoleARN = d.shaped(n, "the ARN of a role", partnerRoleShape, "write it as arn:aws:iam::111111111111:role/Name")
		},
		"sponsor": func(n *node) {
			p.Sponsor = d.shaped(n, "the id of a Slack user", slackUserShape, "it begins with U, as in U012ABCDEF")
		},
		"people": func(n *node) { p.People = d.texts(n, "people", d.sessionPerson) },
	})
	if v := n.get("people"); v != nil && len(p.People) == 0 {
		d.add(v.pos, "partner "+name+" has no people", "")
	}
	d.partners.put(&d.reader, key, p)
}

func (d *draft) sessionPerson(n *node) string {
	email := d.shaped(n, "the address of a person of a partner", sessionPersonShape, "small letters, digits and _=,.- before and after @")
	if len(email) > maxSessionName {
		d.add(n.pos, fmt.Sprintf("%s is longer than the %d characters of a session's name", email, maxSessionName), "")
	}
	return email
}

// partnerTarget adds what reads the keys of targets of partners.
func (d *draft) partnerTarget(t *access.Target, read keys) keys {
	maps.Copy(read, keys{
		ParamPartner: d.paramText(t.Params, ParamPartner),
		ParamRole: func(n *node) {
			t.Params[ParamRole] = d.shaped(n, "the name of a role", iamUserShape, "up to 64 letters, digits and +=,.@_-")
		},
		ParamOSUser: func(n *node) {
			if t.Params[ParamOSUser] = d.shaped(n, "the name of a user", userShape, "small letters, digits, - and _"); n.text == "root" {
				d.add(n.pos, "Session Manager does not run as root", "name another user")
			}
		},
	})
	return read
}

// fitPartner holds a target to its partner, and lays out what its grants need.
func (d *draft) fitPartner(t *access.Target, n *node) {
	if t.Way != WayPartner {
		return
	}
	d.fitAccount(t, n)
	t.Overhang = 0 // what lets sessions start is asked at each start
	name := t.Params[ParamPartner]
	if _, ok := d.partners.known[name]; !ok && name != "" {
		d.add(n.get(ParamPartner).pos, fmt.Sprintf("unknown partner %q", name), meant(name, d.partners.names()))
	}
	d.partners.used[name] = true
	d.reserve(t, n, ParamRole, "role", "people of two would pass for one another there if their names are the same: make a role for each partner")
	d.reserve(t, n, ParamOSUser, "user", "who works as it sees what others do who work as it: name a user for each partner")
	i, err := ParseInstances(t.Params)
	if err != nil || len(i.Tags) == 0 {
		return // said already
	}
	t.Params[ParamTagNames], t.Params[ParamTags], t.Params[ParamSlots] = encodeParam(slices.Sorted(maps.Keys(i.Tags))), encodeParam(i.Tags), "1"
}

// reserve notes that something in the target's account is for its partner, and
// refuses it to any other.
func (d *draft) reserve(t *access.Target, n *node, param, what, why string) {
	name, partner := t.Params[param], t.Params[ParamPartner]
	v := n.get(param)
	if name == "" || partner == "" || v == nil {
		return
	}
	thing := what + " " + name + " in " + t.Params[ParamAccount]
	key := strings.ToLower(thing) // IAM tells names apart without regard to case
	if of, taken := d.reserved[key]; taken && of != partner {
		d.add(v.pos, fmt.Sprintf("the %s is for the partner %s already", thing, of), why)
		return
	}
	d.reserved[key] = partner
}

// tellPartnersApart notes people who could come for two partners at once.
func (d *draft) tellPartnersApart() {
	of := map[string]string{}
	for _, name := range d.partners.names() {
		p := d.partners.known[name]
		for _, person := range p.People {
			who := p.Account() + p.RoleARN[strings.LastIndex(p.RoleARN, "/")+1:] + "/" + person
			if first := of[who]; first != "" {
				d.add(d.partners.at[name], fmt.Sprintf("%s comes as the role %s for the partner %s already", person, p.RoleARN, first), "nobody could tell for whom: leave the address out of one of them")
			}
			of[who] = name
		}
	}
}

// linkPartners gives the flows of partners the field that says for whom a
// request is, and notes flows that mix them with others.
func (d *draft) linkPartners() {
	d.tellPartnersApart()
	for _, f := range d.flows {
		parties := map[string]bool{}
		for _, name := range f.Targets {
			parties[d.targets.known[name].Params[ParamPartner]] = true
		}
		names := slices.Sorted(maps.Keys(parties))
		switch {
		case len(names) == 0 || len(names) == 1 && names[0] == "":
			continue
		case len(names) > 1:
			d.add(f.pos, fmt.Sprintf("the flow %s has targets of several partners, or of none: whom a request is for would not be clear", f.Name), "make a flow of its own for each partner")
			continue
		case slices.ContainsFunc(f.Fields, func(field Field) bool { return field.Name == FieldFor }):
			d.add(f.pos, fmt.Sprintf("the flow %s has a field %s, which those of partners have anyway", f.Name, FieldFor), "leave it out")
			continue
		case f.Extend.Count > 0:
			d.add(f.pos, fmt.Sprintf("the flow %s lets grants be extended, and those of partners cannot be: their end is written into AWS", f.Name), "leave extend out")
		}
		people := d.partners.known[names[0]].People
		f.Fields = append(f.Fields, Field{
			Name: FieldFor, Label: "For", Type: policies.Select, Options: people, Required: true,
			Hint: "whom of the partner this is for",
		})
	}
}

// Partner returns a partner by its name.
func (s *Set) Partner(name string) (Partner, bool) {
	p, ok := s.partners[name]
	return p, ok
}

// Partners returns all partners, by their names.
func (s *Set) Partners() []Partner {
	var all []Partner
	for _, name := range slices.Sorted(maps.Keys(s.partners)) {
		all = append(all, s.partners[name])
	}
	return all
}

// PartnerOf returns the partner and the person whose session of a role has the
// ARN, as AWS names who called.
func (s *Set) PartnerOf(caller string) (p Partner, person string, ok bool) {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 || parts[2] != "sts" {
		return Partner{}, "", false
	}
	role, ok := strings.CutPrefix(parts[5], "assumed-role/")
	if !ok {
		return Partner{}, "", false
	}
	name, person, ok := strings.Cut(role, "/")
	if !ok {
		return Partner{}, "", false
	}
	for _, p := range s.Partners() {
		own := p.RoleARN[strings.LastIndex(p.RoleARN, "/")+1:]
		// Partitions number their accounts each by itself.
		if partition(p.RoleARN) == parts[1] && p.Account() == parts[4] && own == name && slices.Contains(p.People, person) {
			return p, person, true
		}
	}
	return Partner{}, "", false
}

// PartnerProfile is what the profile for a target is called in the partner's own
// configuration of the AWS CLI: sesame partner kit prints it. Roles of several
// accounts may have one name.
func PartnerProfile(t access.Target) string {
	return "sesame-" + strings.ToLower(t.Params[ParamRole]) + "-" + t.Params[ParamAccount]
}

// For returns t as it is for the person whom the fields of a request name.
func For(t access.Target, fields map[string]string) access.Target {
	if t.Way != WayPartner {
		return t
	}
	t.Params = maps.Clone(t.Params)
	t.Params[ParamSession] = fields[FieldFor]
	return t
}

// ParseTags reads the tags that ParamTags holds.
func ParseTags(params map[string]string) (map[string]string, error) {
	tags := map[string]string{}
	if err := json.Unmarshal([]byte(params[ParamTags]), &tags); err != nil {
		return nil, fmt.Errorf("read %s: %w", ParamTags, err)
	}
	return tags, nil
}
