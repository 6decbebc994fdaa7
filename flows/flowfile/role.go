package flowfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sesame/flows/access"
)

// WayRole is the strategy type of role sessions behind the proxy: Sesame
// assumes a role for the holder of a grant, and signs for them.
const WayRole = "aws_role"

// The names in access.Target.Params that role sessions add.
const (
	ParamSessionTags = "session_tags" // as JSON, see SessionTags
	ParamRunAs       = "run_as"
	ParamCalls       = "calls" // as JSON, see ParseCalls
)

// RunAsTag is the session tag by which Session Manager learns whom to run as.
const RunAsTag = "SSMSessionRunAs"

// maxSessionTags is how many tags AWS takes for a session.
const maxSessionTags = 50

const shapeCalls = "calls"

var (
	actionShape   = regexp.MustCompile(`^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$`)
	callShape     = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+$`)
	documentShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,128}$`)
	userShape     = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	tagKeyShape   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValueShape = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// isTag reports whether text is the key or the value of a tag, of a shape. AWS
// takes the blanks around it away, so that with them it would be another.
func isTag(shape *regexp.Regexp, text string) bool {
	return shape.MatchString(text) && strings.TrimSpace(text) == text
}

// Calls are what the holder of a grant may do through the proxy. The zero
// Calls leave that to the role, but for what is refused to everybody.
type Calls struct {
	// Allow are IAM actions, with * and ?. Empty allows what the role may do.
	Allow []string `json:"allow,omitempty"`
	// Deny are IAM actions or operations that are refused in any case.
	Deny []string `json:"deny,omitempty"`
	// Documents are the only ones with which sessions may be started.
	Documents []string `json:"documents,omitempty"`
	// Forward is where sessions may lead that forward ports, as host:port with
	// * and ?. Empty is nowhere.
	Forward []string `json:"forward,omitempty"`
	// Sealed is what becomes of sessions whose key nobody here has. Whatever is
	// not SealedMetadata refuses them.
	Sealed string `json:"sealed,omitempty"`
	// ReadOnly refuses what changes anything, and what is not known.
	ReadOnly bool `json:"read_only,omitempty"`
	// NoDelete refuses what deletes anything, and what is not known.
	NoDelete bool `json:"no_delete,omitempty"`
	// NoSecrets refuses what shows secrets, and what is not known.
	NoSecrets bool `json:"no_secrets,omitempty"`
	// Escalate are operations that are let through although they may reach
	// beyond the grant, or are not known.
	Escalate []string `json:"escalate,omitempty"`
	// Assume are the ARNs of roles that the holder may go on as, with proxy
	// keys. AWS's answer to AssumeRole is refused for all others.
	Assume []string `json:"assume,omitempty"`
	// Rules refuse single calls that nothing else refuses.
	Rules []CallRule `json:"rules,omitempty"`
	// Zone is the time zone in which Rules tell the time; empty is UTC.
	Zone string `json:"zone,omitempty"`
}

// ParseCalls reads what a target's or object's ParamCalls holds.
func ParseCalls(params map[string]string) (Calls, error) {
	var c Calls
	if text := params[ParamCalls]; text != "" {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return Calls{}, fmt.Errorf("read %s: %w", ParamCalls, err)
		}
	}
	return c, nil
}

// SessionTags returns the tags that sessions of a target or object carry, the
// one that says whom to run as among them.
func SessionTags(params map[string]string) (map[string]string, error) {
	tags := map[string]string{}
	if text := params[ParamSessionTags]; text != "" {
		if err := json.Unmarshal([]byte(text), &tags); err != nil {
			return nil, fmt.Errorf("read %s: %w", ParamSessionTags, err)
		}
	}
	if user := params[ParamRunAs]; user != "" {
		tags[RunAsTag] = user
	}
	return tags, nil
}

// RoleAccount returns the account that a role is in.
func RoleAccount(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// The keys that a strategy and its targets need, and those that they may have
// in no case, by the strategy's type.
type fit struct{ strategy, target, foreign []string }

func fits() map[string]fit {
	all := map[string]fit{
		WaySSO:  {[]string{ParamInstanceARN}, []string{ParamAccount, ParamPermissionSet}, []string{ParamSessionTags, ParamRunAs, ParamCalls, ParamVend, ParamGroup, ParamTags, ParamPartner, ParamRole, ParamOSUser}},
		WayRole: {[]string{ParamRoleARN, ParamExternalID}, nil, []string{ParamPermissionSet, "session", ParamGroup, ParamTags, ParamPartner, ParamRole, ParamOSUser}},
	}
	maps.Copy(all, memberFits())
	return all
}

func ways() []string { return slices.Sorted(maps.Keys(fits())) }

// fitStrategy notes what a strategy of its type does not have, and types that
// are not known.
func (d *draft) fitStrategy(s Strategy, n *node) {
	kind, known := fits()[s.Type]
	switch {
	case s.Type == "":
		kind = fits()[WaySSO] // whatever was meant, what is missing is said
	case !known:
		d.add(n.get("type").pos, fmt.Sprintf("unknown type of strategy %q", s.Type), meant(s.Type, ways()))
		return
	case s.Type == WayRole && !d.able.Proxy:
		d.add(n.get("type").pos, "strategy "+s.Name+" gives role sessions, and nothing serves them here", "configure proxy in sesame.yaml")
	}
	if n.kind != mapping {
		return
	}
	if known {
		d.fitMember(s, n)
	}
	for _, name := range kind.strategy {
		if n.get(name) == nil {
			d.add(n.pos, fmt.Sprintf("strategy %s has no %s", s.Name, name), "")
		}
	}
}

// fitTarget notes what a target of its way does not have, or has in vain.
// What stands under the defaults is meant for the targets that can use it.
func (d *draft) fitTarget(t *access.Target) {
	n, kind := d.origins[originTarget+t.Name], fits()[t.Way]
	if n == nil || n.kind != mapping {
		return
	}
	for _, name := range kind.target {
		if n.get(name) == nil {
			d.add(n.pos, fmt.Sprintf("target %s has no %s", t.Name, name), "")
		}
	}
	for _, name := range kind.foreign {
		v := n.get(name)
		if v != nil && !v.inherited {
			d.add(v.pos, fmt.Sprintf("target %s has %s, which means nothing to a strategy of type %s", t.Name, name, t.Way), "")
		}
		if v != nil {
			delete(t.Params, name)
		}
	}
	if t.Way == WayRole {
		t.Params[ParamAccount], t.Recorded, t.Overhang = RoleAccount(t.Params[ParamRoleARN]), true, 0
		d.fitVend(t, n)
	}
	d.fitMembership(t, n)
	d.fitInstances(t, n)
	d.fitEndSessions(t, n)
	d.fitPartner(t, n)
}

func roleTargetKeys() []Key {
	return []Key{
		instancesKey(),
		endSessionsKey(),
		{Name: ParamSessionTags, Doc: "Tags of the role session, which the role's policies may ask for. Only for " + WayRole + ". Optional.", Value: namedOf(plainText())},
		{Name: ParamRunAs, Doc: "The user that Session Manager runs shells as. Only for " + WayRole + ". Optional.", Value: looking(userShape.String())},
		{Name: ParamCalls, Doc: "What may be done through the proxy. Only for " + WayRole + ". Optional, default what the role may do.", Value: object(shapeCalls)},
		{Name: ParamVend, Doc: "proxy: the holder gets proxy keys alone. real: sesame credential-process hands out credentials of the role, which are used without Sesame: such calls are not recorded, rules of calls and what is refused to everybody do not hold there, and credentials may outlive access that is ended early by an hour: sesame policy generate ended-sessions writes what denies those of one grant from then on, as an inline policy of the role. Sesame does not attach it, since it would need the right to write the policies of the role, and with it every other right. Only for " + WayRole + ". Optional, default proxy.", Value: oneOf(VendProxy, VendReal)},
	}
}

func roleShapes() []Shape {
	all := []Key{
		{Name: "allow", Doc: "IAM actions, with * and ?: ec2:Describe*. Nothing else is allowed then. Optional.", Value: listOf(looking(actionShape.String()))},
		{Name: "deny", Doc: "IAM actions or operations that are refused in any case. Optional.", Value: listOf(looking(actionShape.String()))},
	}
	all = append(append(all, terminalKeys()...), []Key{
		{Name: "read_only", Doc: "Whether everything is refused that changes something, or is not known. Optional, default false.", Value: of(Truth)},
		{Name: "no_delete", Doc: "Whether everything is refused that deletes something, or is not known: operations whose names say that they delete, deregister, destroy, purge, release or terminate, of whatever service, and what sets when objects of S3, logs, images, items of DynamoDB and records of Kinesis expire. Changes of DNS records, batches and transactions of DynamoDB, and queries of Athena, Neptune, the RDS and the Redshift Data API are refused where delete, drop or truncate stands in them, or they cannot be read. To overwrite is not to delete. Not with vend: real. Optional, default false.", Value: of(Truth)},
		{Name: "no_secrets", Doc: "Whether everything is refused whose answer is a secret, or that is not known: secretsmanager:GetSecretValue and BatchGetSecretValue, ssm:GetParameter, GetParameters, GetParametersByPath and GetParameterHistory, kms:Decrypt, ec2:GetPasswordData, acm:ExportCertificate and the like, by a list that proxy/presets.txt has whole. What a service decrypts on behalf of a call, as S3 does for an object, goes on; what stands in the clear among other things, as in the environment of a function, is shown. Not with vend: real. Optional, default false.", Value: of(Truth)},
		{Name: "escalate", Doc: "Operations that are let through although they may reach beyond the grant: lambda:UpdateFunctionCode. lambda:unknown are those of a service that Sesame finds no name for. Optional.", Value: listOf(looking(callShape.String()))},
		{Name: "assume", Doc: "ARNs of roles that the holder may go on as: Sesame assumes them with the session of the target's own role, and answers with proxy keys of the same rules and end. Session names and sources stay the holder's. Optional.", Value: listOf(looking(assumeShape.String()))},
		{Name: "rules", Doc: "What is refused call by call. Optional.", Value: listOf(object(shapeCallRule))},
	}...)
	return []Shape{{shapeCalls, "What the holder of a grant may do through the proxy. What hands out credentials or reaches beyond the grant is refused unless escalate names it, and so is what Sesame does not know.", all}, callRuleShape()}
}

// roleKeys are what reads the keys that role sessions add to a target.
func (d *draft) roleKeys(t *access.Target, read keys) keys {
	maps.Copy(read, keys{
		ParamInstances:   func(n *node) { t.Params[ParamInstances] = d.instances(n, t.Name) },
		ParamEndSessions: func(n *node) { t.Params[ParamEndSessions] = d.endSessions(n, t.Name) },
		ParamSessionTags: func(n *node) { t.Params[ParamSessionTags] = d.sessionTags(n, t.Name) },
		ParamRunAs: func(n *node) {
			t.Params[ParamRunAs] = d.shaped(n, "the name of a user", userShape, "small letters, digits, - and _")
			if n.text == "root" {
				d.add(n.pos, "Session Manager does not run as root", "name another user, who may become root")
			}
		},
		ParamCalls: func(n *node) { t.Params[ParamCalls] = d.calls(n, t.Name) },
		ParamVend:  func(n *node) { t.Params[ParamVend] = d.vend(n) },
	})
	return read
}

func (d *draft) sessionTags(n *node, target string) string {
	tags := d.tags(n, target)
	seen := map[string]string{}
	for _, p := range n.pairs {
		key, lower := p.key.text, strings.ToLower(p.key.text)
		switch {
		case !isTag(tagKeyShape, key) || strings.HasPrefix(lower, "aws:"):
			d.add(p.key.pos, fmt.Sprintf("%q cannot be the key of a session tag", key), "up to 128 letters, digits, blanks within and _.:/=+-@")
		case !isTag(tagValueShape, tags[key]):
			d.add(p.value.pos, fmt.Sprintf("%q cannot be the value of a session tag", tags[key]), "up to 256 letters, digits, blanks within and _.:/=+-@")
		case lower == strings.ToLower(RunAsTag):
			d.add(p.key.pos, "whom to run as is not a tag here", "write run_as: "+tags[key])
		case seen[lower] != "":
			d.add(p.key.pos, fmt.Sprintf("the session tags %s and %s are one to AWS", seen[lower], key), "")
		}
		seen[lower] = key
	}
	if len(n.pairs) >= maxSessionTags {
		d.add(n.pos, fmt.Sprintf("target %s has %d session tags, at most %d", target, len(n.pairs), maxSessionTags-1), "one is kept for run_as")
	}
	return encodeParam(tags)
}

func (d *draft) calls(n *node, target string) string {
	var c Calls
	const action = "an IAM action"
	read := keys{
		"allow":      d.listed(&c.Allow, action, actionShape, "write it as ec2:Describe*"),
		"deny":       d.listed(&c.Deny, action, actionShape, "write it as ec2:Describe*"),
		"read_only":  func(n *node) { c.ReadOnly = d.truth(n, "read_only") },
		"no_delete":  func(n *node) { c.NoDelete = d.truth(n, "no_delete") },
		"no_secrets": func(n *node) { c.NoSecrets = d.truth(n, "no_secrets") },
		"escalate":   d.listed(&c.Escalate, "an operation", callShape, "write it as lambda:UpdateFunctionCode, without wildcards"),
		"assume":     d.listed(&c.Assume, "the ARN of a role", assumeShape, "write it as arn:aws:iam::111111111111:role/Name"),
		"rules":      func(n *node) { d.callRules(n, &c) },
	}
	maps.Copy(read, d.terminal(&c))
	d.object(n, "calls of target "+target, shapeCalls, read)
	d.fitTerminal(n, c)
	return encodeParam(c)
}

// listed reads a list of texts of a shape.
func (d *draft) listed(to *[]string, what string, shape *regexp.Regexp, hint string) func(*node) {
	return func(n *node) {
		*to = d.texts(n, what, func(item *node) string { return d.shaped(item, what, shape, hint) })
	}
}

// encodeParam writes v for a param, where maps stand in the order of their
// keys, so that equal values are equal texts.
func encodeParam(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and truths encode
	}
	return string(text)
}
