package flowfile

import (
	"maps"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/policies"
)

// WaySSO is the strategy type of account assignments in IAM Identity Center.
const WaySSO = "aws_sso"

// The names in access.Target.Params that the strategies read. Values of the
// form ${file:NAME} refer to a secret and are resolved by whoever uses it.
const (
	ParamRegion           = "region"
	ParamInstanceARN      = "instance_arn"
	ParamAccount          = "account"
	ParamPermissionSet    = "permission_set"     // its name
	ParamPermissionSetARN = "permission_set_arn" // put in by WithResolved
	ParamIdentityStoreID  = "identity_store_id"  // put in by WithResolved
	ParamStartURL         = "start_url"
	ParamProfile          = "profile"
	ParamRoleARN          = "role_arn"
	ParamExternalID       = "external_id"
)

// The sources of groups.
const (
	GroupSlack          = "slack"
	GroupIdentityCenter = "identity_center"
	GroupMembers        = "members"
	GroupOnCall         = "on_call"
)

// A Group is a set of people, pinned by id or listed.
type Group struct {
	Name    string
	Source  string   // GroupSlack, GroupIdentityCenter, GroupMembers or GroupOnCall
	ID      string   // at its source; empty for GroupMembers, the schedule's name for GroupOnCall
	Members []string // e-mail addresses in lower case, for GroupMembers
}

// A Strategy is a configured way of granting.
type Strategy struct {
	Name   string
	Type   string // WaySSO, WayRole and so on
	Params map[string]string
}

// A Flow says who may ask for its targets, what the form asks and what the
// rules are.
type Flow struct {
	Name      string
	Label     string
	Targets   []string // in the order of the file
	Durations []time.Duration
	Default   time.Duration
	Fields    []Field
	Extend    Extend
	Limits    Limits
	// Watch are those who may see the recordings of its terminal sessions, as
	// they happen and later. It gives no other authority.
	Watch access.Audience
	Rules *policies.Flow
	Zone  *time.Location
}

// Resolved is what was looked up about a target.
type Resolved struct {
	Params   map[string]string // added to the target's
	Overhang time.Duration     // replaces the target's, unless zero
}

// A Set is the flow files, compiled. It never changes, so it can be shared.
type Set struct {
	revision   string
	groups     map[string]Group
	channels   map[string]access.Channel
	strategies []Strategy
	partners   map[string]Partner
	targets    map[string]access.Target
	flows      map[string]*Flow // by target
	warnings   Problems
	schedules  map[string]OnCall
	origins    map[string]*node // what flows and targets were made of
}

// Revision identifies the files that the set was made from.
func (s *Set) Revision() string { return s.revision }

// Warnings returns what is not wrong but probably not meant: names that nothing
// uses.
func (s *Set) Warnings() Problems { return slices.Clone(s.warnings) }

// Targets returns the targets, sorted by name.
func (s *Set) Targets() []access.Target { return byName(s.targets) }

// byName returns what a map has by name, sorted by that.
func byName[T any](m map[string]T) []T {
	all := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[name])
	}
	return all
}

// Target returns the target called name.
func (s *Set) Target(name string) (access.Target, bool) {
	t, ok := s.targets[name]
	return t, ok
}

// Flow returns the flow that the target belongs to.
func (s *Set) Flow(target string) (*Flow, bool) {
	f, ok := s.flows[target]
	return f, ok
}

// Group returns the group called name.
func (s *Set) Group(name string) (Group, bool) {
	g, ok := s.groups[name]
	return g, ok
}

// Groups returns the groups, sorted by name.
func (s *Set) Groups() []Group { return byName(s.groups) }

// Channels returns the channels, sorted by name.
func (s *Set) Channels() []access.Channel { return byName(s.channels) }

// Strategies returns the strategies, sorted by name.
func (s *Set) Strategies() []Strategy { return slices.Clone(s.strategies) }

// WithResolved returns a copy of s with what was looked up about its targets,
// by their names. The revision stays, since nobody changed a file.
func (s *Set) WithResolved(found map[string]Resolved) *Set {
	c := *s
	c.targets = maps.Clone(s.targets)
	for name, r := range found {
		t, ok := c.targets[name]
		if !ok {
			continue
		}
		t.Params = maps.Clone(t.Params)
		maps.Copy(t.Params, r.Params)
		if r.Overhang != 0 {
			t.Overhang = r.Overhang
		}
		c.targets[name] = t
	}
	return &c
}
