package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// A Shell opens sessions on the instances that have all of Tags, with the
// Session documents that are named, and lets each person end and resume their
// own sessions.
type Shell struct {
	Scope
	Window
	Tags      map[string]string
	Documents []string // names; empty: the default one
	KMSKeys   []string // ARNs of the keys that the preferences name
	// ListSessions allows to see everybody's sessions, as the console does.
	ListSessions bool
	// Timed leaves out what lets sessions start, since each grant has a Start
	// of its own.
	Timed bool
	Place string // where it will be attached: one of lint.Places
}

// Document returns the policy.
func (s Shell) Document() (*iam.Document, error) {
	if s.Timed {
		if err := s.check(); err != nil {
			return nil, err
		}
		return finish(lint.Options{Place: s.Place}, s.rest()...)
	}
	if err := errors.Join(checkTags(s.Tags), s.check()); err != nil {
		return nil, err
	}
	start := allow("StartOnTaggedInstances", []string{"ssm:StartSession"}, s.arns("ec2", "instance/*"),
		append(tagged("ssm:resourceTag/", s.Tags), s.conditions()...)...)
	return finish(lint.Options{Place: s.Place}, append([]iam.Statement{start}, s.rest()...)...)
}

func (s Shell) check() error {
	errs := []error{s.Scope.check(), s.Window.check(), checkKeys(s.KMSKeys)}
	for _, name := range s.Documents {
		errs = append(errs, checkDocument(name))
	}
	return errors.Join(errs...)
}

// checkDocument refuses what is no name of a document ("CreateDocument" in the
// API reference of Systems Manager).
func checkDocument(name string) error {
	if !within(name, minDocumentName, maxName, documentLetters) {
		return fmt.Errorf("%q is no name of a Session document", name)
	}
	return nil
}

// checkKeys refuses what is no key of KMS. A policy that names the alias of one
// allows nothing.
func checkKeys(arns []string) error {
	var errs []error
	for _, arn := range arns {
		if part := strings.SplitN(arn, ":", 6); len(part) < 6 || part[2] != "kms" || !strings.HasPrefix(part[5], "key/") {
			errs = append(errs, fmt.Errorf("%q is no ARN of a key of KMS: write arn:aws:kms:REGION:ACCOUNT:key/ID, since policies do not know aliases", arn))
		}
	}
	return errors.Join(errs...)
}

// checkName refuses names that would reach more than one thing.
func checkName(what, name string) error {
	if name == "" || strings.ContainsAny(name, "*?$:/ ") {
		return fmt.Errorf("%q is no name of a %s", name, what)
	}
	return nil
}

// A Start lets sessions be started on the instances that have all of Tags, and
// does nothing else: another policy of the same principal says the rest, such
// as PrincipalTags with Timed. It is what is written for one grant, so it has an
// end, and is short.
type Start struct {
	Scope
	Window
	Tags map[string]string
	// Session is the name of the only session of the role that it is for; empty
	// is for every one.
	Session string
	Sid     string // empty: StartOnTaggedInstances
	Place   string
}

// Document returns the policy.
func (s Start) Document() (*iam.Document, error) {
	errs := []error{checkTags(s.Tags), s.Scope.check(), s.Window.check()}
	if s.Until.IsZero() {
		errs = append(errs, errors.New("the window has no end: a policy for one grant ends with it"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if s.Session != "" && !within(s.Session, minSessionName, maxSessionName, sessionNameLetters) {
		return nil, fmt.Errorf("%q is no name of a session", s.Session)
	}
	start := allow(cmp.Or(s.Sid, "StartOnTaggedInstances"), []string{"ssm:StartSession"}, s.arns("ec2", "instance/*"),
		append(tagged("ssm:resourceTag/", s.Tags), s.conditions()...)...)
	if s.Session != "" {
		// The id of a role and the name of its session, of which a colon cannot
		// be part.
		start.Conditions = append(start.Conditions, condition("StringLike", "aws:userid", "*:"+s.Session))
	}
	return finish(lint.Options{Place: s.Place, Part: true}, start)
}

// rest returns what sessions need besides a target: the five statements differ
// in the first one alone ("Sample IAM policies for Session Manager").
func (s Shell) rest() []iam.Statement {
	look := []string{"ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties", "ssm:GetConnectionStatus"}
	if s.ListSessions {
		look = append(look, "ssm:DescribeSessions")
		slices.Sort(look)
	}
	all := []iam.Statement{
		allow("StartWithTheseDocuments", []string{"ssm:StartSession"}, s.documents(), append([]iam.Condition{documentCheck()}, s.conditions()...)...),
		allow("EndAndResumeOwnSessions", []string{"ssm:ResumeSession", "ssm:TerminateSession"}, s.arns("ssm", "session/*"),
			condition("StringEquals", "ssm:resourceTag/aws:ssmmessages:session-id", "${aws:userid}")),
		allow("OpenOwnChannel", []string{"ssmmessages:OpenDataChannel"}, s.arns("ssm", "session/${aws:userid}-*")),
		allow("LookAround", look, []string{"*"}),
	}
	return append(all, encryption(s.KMSKeys)...)
}

// documentCheck asks AWS to check the document although it is the default one.
func documentCheck() iam.Condition {
	c := condition("Bool", "ssm:SessionDocumentAccessCheck", "true")
	c.IfExists = true
	return c
}

// documents returns the ARNs of the documents. Those of AWS have no account in
// some forms of their ARN, so that any account is meant.
func (s Shell) documents() []string {
	names := s.Documents
	if len(names) == 0 {
		names = []string{iam.DefaultDocument}
	}
	var all []string
	for _, name := range slices.Sorted(slices.Values(names)) {
		scope := s.Scope
		if strings.HasPrefix(name, "AWS-") {
			scope.Accounts = nil
		}
		all = append(all, scope.arns("ssm", "document/"+name)...)
	}
	return slices.Compact(all)
}

func encryption(keys []string) []iam.Statement {
	if len(keys) == 0 {
		return nil
	}
	return []iam.Statement{allow("EncryptSessions", []string{"kms:GenerateDataKey"}, orAny(keys))}
}

// A ThirdParty is a Shell for people of another company: they see no sessions
// of others, and may not go on from the role to another one.
type ThirdParty struct{ Shell }

// Document returns the policy.
func (p ThirdParty) Document() (*iam.Document, error) {
	if p.ListSessions {
		return nil, errors.New("a third party may not list the sessions of others")
	}
	d, err := p.Shell.Document()
	if err != nil {
		return nil, err
	}
	return finish(lint.Options{Place: p.Place}, append(d.Statements, deny("NeitherOtherRolesNorSessionsOfOthers", []string{"ssm:DescribeSessions", "sts:AssumeRole"}, []string{"*"}))...)
}

// PortForward opens tunnels through the instances that have all of Tags, with
// documents that pin where they lead to: see PortDocument. A document with
// which the person chooses that is refused.
type PortForward struct{ Shell }

// Document returns the policy.
func (p PortForward) Document() (*iam.Document, error) {
	if len(p.Documents) == 0 {
		return nil, errors.New("no document is named: a tunnel is opened with one that pins its host and port")
	}
	for _, name := range p.Documents {
		if strings.HasPrefix(name, "AWS-") || name == iam.DefaultDocument {
			return nil, fmt.Errorf("with %s the person chooses where the tunnel leads: write a document that pins it", name)
		}
	}
	return p.Shell.Document()
}

// A TagPair says which tag of a resource is compared with which of the
// principal.
type TagPair struct{ Resource, Principal string }

// PrincipalTags opens sessions on the instances whose tags agree with one slot
// of the principal's. The tags of the first slot have the names of the pairs,
// those of the nth have n behind them.
type PrincipalTags struct {
	Shell // without Tags
	Pairs []TagPair
	Slots int
	Taken int // tags that the principal has for other reasons
}

// maxTags is how many tags a user, a role or a session may have ("IAM and AWS
// STS quotas").
const maxTags = 50

// Document returns the policy.
func (p PrincipalTags) Document() (*iam.Document, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Timed {
		return finish(lint.Options{Place: p.Place}, p.rest()...)
	}
	var statements []iam.Statement
	for n := range p.Slots {
		conditions := p.slot(n + 1)
		statements = append(statements, allow("StartBySlot"+strconv.Itoa(n+1), []string{"ssm:StartSession"},
			p.arns("ec2", "instance/*"), append(conditions, p.conditions()...)...))
	}
	return finish(lint.Options{Place: p.Place}, append(statements, p.rest()...)...)
}

// slot returns the conditions of one slot: all of its tags agree, so that those
// of two slots never add up.
func (p PrincipalTags) slot(n int) []iam.Condition {
	var all []iam.Condition
	for _, pair := range p.Pairs {
		all = append(all, condition("StringEquals", "ssm:resourceTag/"+pair.Resource, "${aws:PrincipalTag/"+SlotKey(pair.Principal, n)+"}"))
	}
	return all
}

// SlotKey returns the name of a principal's tag in slot n, from 1.
func SlotKey(name string, n int) string {
	if n <= 1 {
		return name
	}
	return name + strconv.Itoa(n)
}

func (p PrincipalTags) check() error {
	errs := []error{p.Shell.check()}
	if len(p.Tags) > 0 {
		errs = append(errs, errors.New("principal tags leave no place for fixed ones: name pairs"))
	}
	if p.Timed {
		return errors.Join(errs...)
	}
	if p.Slots < 1 || len(p.Pairs) == 0 {
		errs = append(errs, errors.New("at least one pair and one slot are needed: without, the policy would open nothing"))
	}
	if n := p.Slots*len(p.Pairs) + p.Taken; n > maxTags {
		errs = append(errs, fmt.Errorf("%d slots of %d tags and %d others are %d tags: a principal may have %d", p.Slots, len(p.Pairs), p.Taken, n, maxTags))
	}
	errs = append(errs, p.checkNames()...)
	return errors.Join(errs...)
}

// checkNames refuses names that meet: of two slots, or in another case, in
// which IAM takes them for the same.
func (p PrincipalTags) checkNames() []error {
	var errs []error
	resources, principals := map[string]bool{}, map[string]bool{}
	for _, pair := range p.Pairs {
		errs = append(errs, checkTagText("key", pair.Resource, maxTagKey), checkTagText("key", pair.Principal, maxTagKey-len(strconv.Itoa(maxTags))))
		if lower := strings.ToLower(pair.Resource); resources[lower] {
			errs = append(errs, fmt.Errorf("the resource's tag %s is named twice", pair.Resource))
		} else {
			resources[lower] = true
		}
		for n := range min(p.Slots, maxTags) {
			lower := strings.ToLower(SlotKey(pair.Principal, n+1))
			if principals[lower] {
				errs = append(errs, fmt.Errorf("the principal's tag %s is in two slots, or twice in one", SlotKey(pair.Principal, n+1)))
			}
			principals[lower] = true
		}
	}
	return errs
}

// ECSExec opens shells in the containers of one cluster's tasks that have all
// of Tags, and closes the way around the cluster's log settings.
type ECSExec struct {
	Scope
	Window
	Cluster   string // its name
	Tags      map[string]string
	Container string // empty: any
	KMSKeys   []string
	Place     string
}

// Document returns the policy.
func (e ECSExec) Document() (*iam.Document, error) {
	if err := errors.Join(checkTags(e.Tags), e.Scope.check(), e.Window.check(), checkName("cluster", e.Cluster), checkKeys(e.KMSKeys)); err != nil {
		return nil, err
	}
	extra := e.conditions()
	if e.Container != "" {
		extra = append([]iam.Condition{condition("StringEquals", "ecs:container-name", e.Container)}, extra...)
	}
	tasks := e.arns("ecs", "task/"+e.Cluster+"/*")
	statements := []iam.Statement{
		allow("ExecInTaggedTasks", []string{"ecs:ExecuteCommand"}, tasks, append(tagged("aws:ResourceTag/", e.Tags), extra...)...),
		allow("ExecInTheCluster", []string{"ecs:ExecuteCommand"}, e.arns("ecs", "cluster/"+e.Cluster), extra...),
		allow("LookAtTasks", []string{"ecs:DescribeTasks"}, tasks),
		deny("NoSessionAroundTheClusterLog", []string{"ssm:StartSession"}, tasks),
	}
	return finish(lint.Options{Place: e.Place}, append(statements, encryption(e.KMSKeys)...)...)
}
