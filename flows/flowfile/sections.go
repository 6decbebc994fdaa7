package flowfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/policies"
)

// draft is what the files say, before names are followed.
type draft struct {
	reader
	zone       *time.Location
	groups     section[Group]
	channels   section[access.Channel]
	strategies section[Strategy]
	partners   section[Partner]
	targets    section[access.Target]
	schedules  map[string]OnCall
	able       Abilities
	flows      []*flowDraft
	flowAt     map[string]policies.Position
	defaults   defaults
	origins    map[string]*node  // what flows and targets were made of
	reserved   map[string]string // what is one partner's, and whose
	effort     int               // left to look for people who could approve
	unselected bool              // there is a targets_where that cannot be followed
}

// section is what the files define under one key.
type section[T any] struct {
	what  string
	known map[string]T
	at    map[string]policies.Position
	used  map[string]bool
}

func newSection[T any](what string) section[T] {
	return section[T]{what, map[string]T{}, map[string]policies.Position{}, map[string]bool{}}
}

// put adds a definition; one with the same name may stand in another file.
func (s *section[T]) put(r *reader, key *node, v T) {
	if first, ok := s.at[key.text]; ok {
		r.add(key.pos, fmt.Sprintf("%s %s is defined twice", s.what, key.text), "first at "+first.String())
		return
	}
	s.known[key.text], s.at[key.text] = v, key.pos
}

// find follows a name that n mentions.
func (s *section[T]) find(r *reader, n *node) (T, bool) {
	name := r.text(n, "the name of a "+s.what)
	v, ok := s.known[name]
	if !ok && name != "" && !r.partial {
		r.add(n.pos, fmt.Sprintf("unknown %s %q", s.what, name), meant(name, s.names()))
	}
	s.used[name] = true
	return v, ok
}

func (s *section[T]) names() []string { return slices.Sorted(maps.Keys(s.known)) }

// unused warns about what nothing mentions.
func (s *section[T]) unused(r *reader) {
	for _, name := range s.names() {
		if !s.used[name] {
			r.warn(s.at[name], fmt.Sprintf("%s %s is not used", s.what, name))
		}
	}
}

func newDraft() *draft {
	return &draft{
		reserved: map[string]string{},
		reader:   reader{shapes: shapesByName()}, effort: maxEffort, origins: map[string]*node{}, schedules: map[string]OnCall{},
		groups: newSection[Group]("group"), channels: newSection[access.Channel]("channel"),
		strategies: newSection[Strategy]("strategy"), partners: newSection[Partner]("partner"), targets: newSection[access.Target]("target"),
		flowAt: map[string]policies.Position{},
	}
}

// file reads the root of a file.
func (d *draft) file(n *node) {
	d.object(n, "a flow file", shapeFile, keys{
		"version": d.version,
		// These were followed before any file is read.
		"timezone": func(*node) {}, "include": func(*node) {}, "defaults": func(*node) {},
		"groups":     func(n *node) { d.named(n, "groups", "group", d.group) },
		"on_call":    func(n *node) { d.named(n, "on_call", "schedule", d.onCall) },
		"channels":   func(n *node) { d.named(n, "channels", "channel", d.channel) },
		"strategies": func(n *node) { d.named(n, "strategies", "strategy", d.strategy) },
		"partners":   func(n *node) { d.named(n, "partners", "partner", d.partner) },
		"targets":    func(n *node) { d.named(n, "targets", "target", d.target) },
		"flows":      func(n *node) { d.named(n, "flows", "flow", d.flow) },
	})
}

func (d *draft) version(n *node) {
	if n.text != "1" {
		d.add(n.pos, fmt.Sprintf("version %s is not known to this sesame", n.text), "write version: 1")
	}
}

// timezone sets the one zone of all files, in which rules tell the time.
func (d *draft) timezone(n *node) {
	name := d.text(n, "timezone")
	if name == "" {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		d.add(n.pos, fmt.Sprintf("unknown time zone %q", name), "write it as Europe/Berlin or UTC")
		return
	}
	if d.zone != nil && d.zone.String() != zone.String() {
		d.add(n.pos, "another file says that the time zone is "+d.zone.String(), "")
	}
	d.zone = zone
}

func (d *draft) group(name string, key, n *node) {
	g := Group{Name: name}
	set := func(source string) { g.Source = source }
	d.object(n, "group "+name, shapeGroup, keys{
		GroupSlack: func(n *node) {
			set(GroupSlack)
			g.ID = d.shaped(n, "the id of a Slack user group", usergroupShape, "it begins with S, as in S012ABCDEF")
		},
		GroupIdentityCenter: func(n *node) {
			set(GroupIdentityCenter)
			g.ID = d.shaped(n, "the id of an Identity Center group",
				directoryShape, "copy it from the console or ListGroups")
		},
		GroupMembers: func(n *node) {
			set(GroupMembers)
			g.Members = d.texts(n, "members", d.email)
			if len(g.Members) == 0 {
				d.add(n.pos, "group "+name+" has no members", "")
			}
		},
	})
	if n.kind == mapping && len(n.pairs) != 1 {
		d.add(key.pos, "group "+name+" has one source", "slack, identity_center or members")
	}
	d.groups.put(&d.reader, key, g)
}

func (d *draft) channel(name string, key, n *node) {
	id := d.shaped(n, "the id of a channel", channelShape, "it begins with C, as in C0123ABCD; open the channel's details in Slack to copy it")
	d.channels.put(&d.reader, key, access.Channel{Name: name, ID: id})
}

func (d *draft) strategy(name string, key, n *node) {
	s := Strategy{Name: name, Params: map[string]string{}}
	param := func(name, what string, shape *regexp.Regexp, hint string) func(*node) {
		return func(n *node) { s.Params[name] = d.shaped(n, what, shape, hint) }
	}
	d.object(n, "strategy "+name, shapeStrategy, d.memberStrategy(&s, keys{
		"type":           d.into(&s.Type, "the type of a strategy"),
		ParamRegion:      param(ParamRegion, "a region", regionShape, "write it as us-east-1"),
		ParamInstanceARN: param(ParamInstanceARN, "the ARN of an Identity Center instance", instanceShape, "write it as arn:aws:sso:::instance/ssoins-1234567890abcdef"),
		ParamStartURL:    param(ParamStartURL, "the address of the access portal", portalShape, "write it as https://example.awsapps.com/start"),
		ParamProfile:     d.paramText(s.Params, ParamProfile),
		ParamRoleARN:     param(ParamRoleARN, "the ARN of a role", roleShape, "write it as arn:aws:iam::111111111111:role/Name"),
		ParamExternalID:  d.externalID(s.Params),
	}))
	d.fitStrategy(s, n)
	if s.Params[ParamExternalID] != "" && s.Params[ParamRoleARN] == "" {
		d.add(key.pos, "strategy "+name+" has an external_id and no role_arn that it is for", "")
	}
	d.strategies.put(&d.reader, key, s)
}

func (d *draft) paramText(params map[string]string, name string) func(*node) {
	return func(n *node) { params[name] = d.text(n, name) }
}

// externalID keeps external ids out of flow files, which many people read.
func (d *draft) externalID(params map[string]string) func(*node) {
	return func(n *node) {
		params[ParamExternalID] = d.text(n, ParamExternalID)
		name, ok := strings.CutPrefix(params[ParamExternalID], "${file:")
		name, end := strings.CutSuffix(name, "}")
		if !ok || !end || name == "" || strings.ContainsAny(name, `/\$`) {
			d.add(n.pos, "external_id is a secret and does not stand in a flow file", `refer to a file: "${file:external-id}"`)
		}
	}
}

// reserved are the words that mean something else after /access.
func reserved() []string {
	return []string{"list", "end", "help", "extend", "break-glass", "withdraw", "link", "status", "login", "logout"}
}

func (d *draft) target(name string, key, n *node) {
	t := access.Target{Name: name, Label: name, Params: map[string]string{}}
	if slices.Contains(reserved(), name) {
		d.add(key.pos, fmt.Sprintf("no target can be called %q, which is a command", name), "")
	}
	n = d.defaults.targets.under(n)
	d.object(n, "target "+name, shapeTarget, d.roleKeys(&t, d.partnerTarget(&t, d.memberTarget(&t, keys{
		"label": d.into(&t.Label, "label"),
		"strategy": func(n *node) {
			// Strategies may stand in a later file: link follows the name.
			t.Strategy = d.text(n, "strategy")
		},
		ParamAccount: func(n *node) {
			t.Params[ParamAccount] = d.shaped(n, "an account id", accountShape, "it has 12 digits, in quotes")
		},
		ParamPermissionSet: func(n *node) {
			t.Params[ParamPermissionSet] = d.shaped(n, "the name of a permission set", permissionShape, "")
		},
		"max_duration": func(n *node) { t.MaxDuration = d.duration(n, "max_duration", minDuration, maxDuration) },
		"session":      func(n *node) { t.Overhang = d.duration(n, "session", time.Hour, 12*time.Hour) },
		"tags":         func(n *node) { t.Tags = d.tags(n, name) },
	}))))
	d.origins[originTarget+name] = n
	d.targets.put(&d.reader, key, t)
}

func (d *draft) tags(n *node, target string) map[string]string {
	tags := map[string]string{}
	if n.kind != mapping {
		d.wrong(n, "tags of target "+target, mapping)
		return tags
	}
	for _, p := range n.pairs {
		tags[p.key.text] = d.text(p.value, "tag "+p.key.text)
	}
	return tags
}
