package flowfile

// A Shape describes one kind of mapping in flow files. What reads the files
// takes the keys that its shape has, and no others.
type Shape struct {
	Name string
	Doc  string
	Keys []Key
}

// A Key is one key of a shape.
type Key struct {
	Name     string
	Doc      string
	Value    Value
	Required bool
}

// A Value says what may stand under a key.
type Value struct {
	Kind ValueKind
	// Of is what the elements of a List and the values of a Named are.
	Of *Value
	// Shape is the name of the shape of an Object.
	Shape string
	// OneOf are the only texts there are, if they are few.
	OneOf []string
	// Pattern is what a text looks like; empty for any.
	Pattern string
	// Or is what may stand there instead; nil for nothing.
	Or *Value
}

// A ValueKind is what sort of value it is.
type ValueKind string

// The kinds of values.
const (
	Text     ValueKind = "text"
	Number   ValueKind = "number"
	Truth    ValueKind = "true or false"
	Duration ValueKind = "duration" // 30m, 1h, 1h30m or 7d
	Rule     ValueKind = "rule"     // an expression that is true or false
	List     ValueKind = "list"
	Named    ValueKind = "names"   // a mapping from names that the file chooses
	Object   ValueKind = "mapping" // with the keys of a shape
)

// The names of the shapes.
const (
	shapeFile         = "file"
	shapeDefaults     = "defaults"
	shapeFlowDefaults = "flow defaults"
	shapeTargetDef    = "target defaults"
	shapeRouteDef     = "route defaults"
	shapeGroup        = "group"
	shapeOnCall       = "on-call schedule"
	shapeRotation     = "rotation"
	shapeOverride     = "override"
	shapePagerDuty    = "pagerduty"
	shapeHTTP         = "http"
	shapeStrategy     = "strategy"
	shapeTarget       = "target"
	shapeFlow         = "flow"
	shapeDuration     = "duration"
	shapeField        = "field"
	shapeGuardrail    = "guardrail"
	shapeRoute        = "route"
	shapeApprovers    = "approvers"
	shapePeople       = "people"
	shapeWatch        = "watch"
	shapeStage        = "stage"
	shapeTold         = "told"
	shapeStep         = "step"
	shapeQuota        = "quota"
	shapeBudget       = "budget"
	shapeExtend       = "extend"
	shapeLimits       = "limits"
)

func plainText() Value             { return Value{Kind: Text} }
func looking(pattern string) Value { return Value{Kind: Text, Pattern: pattern} }
func oneOf(texts ...string) Value  { return Value{Kind: Text, OneOf: texts} }
func of(k ValueKind) Value         { return Value{Kind: k} }
func listOf(v Value) Value         { return Value{Kind: List, Of: &v} }
func namedOf(v Value) Value        { return Value{Kind: Named, Of: &v} }
func object(shape string) Value    { return Value{Kind: Object, Shape: shape} }
func need(k Key) Key               { k.Required = true; return k }

// Language describes flow files, beginning with the file itself.
func Language() []Shape {
	return append([]Shape{
		{shapeFile, "A flow file. All files of a server are one set: a name that one defines, the others know.", []Key{
			need(Key{Name: "version", Doc: "1, the version of this language.", Value: of(Number)}),
			{Name: "timezone", Doc: "The time zone in which rules tell the time, such as Europe/Berlin. One for all files. Optional, default UTC.", Value: plainText()},
			{Name: "include", Doc: "Other files and folders that belong to the set, relative to this file. Optional.", Value: listOf(plainText())},
			{Name: "defaults", Doc: "What flows, targets and routes take that do not say otherwise. Optional; each default stands in one place.", Value: object(shapeDefaults)},
			{Name: "groups", Doc: "Sets of people, by the names that rules and routes use.", Value: namedOf(object(shapeGroup))},
			{Name: "on_call", Doc: "On-call schedules, by the names that rules and routes use. No group has the same name.", Value: namedOf(object(shapeOnCall))},
			{Name: "channels", Doc: "Slack channels, by the names that routes use, each with its id: C0123ABCD.", Value: namedOf(looking(channelShape.String()))},
			{Name: "strategies", Doc: "Ways of granting, by the names that targets use.", Value: namedOf(object(shapeStrategy))},
			partnersKey(),
			{Name: "targets", Doc: "What one may get access to, by the names that people type.", Value: namedOf(object(shapeTarget))},
			{Name: "flows", Doc: "Who may get access to which targets, and who decides. Every target belongs to one flow.", Value: namedOf(object(shapeFlow))},
		}},
	}, append(defaultShapes(), append(nameShapes(), append(append(append(roleShapes(), instancesShape(), endSessionsShape(), partnerShape()), onCallShapes()...), append(flowShapes(), routeShapes()...)...)...)...)...)
}

func defaultShapes() []Shape {
	return []Shape{
		{shapeDefaults, "What is taken where nothing else is said.", []Key{
			{Name: "flows", Doc: "For flows.", Value: object(shapeFlowDefaults)},
			{Name: "targets", Doc: "For targets.", Value: object(shapeTargetDef)},
			{Name: "routes", Doc: "For the routes of all flows.", Value: object(shapeRouteDef)},
		}},
		{shapeFlowDefaults, "What flows take that do not say otherwise. Guardrails come before those of the flow, which cannot leave them out.",
			keysOf(flowShapes(), shapeFlow, "duration", "extend", "limits", "fields", "who", "visible_when", "guardrails", "routes")},
		{shapeTargetDef, "What targets take that do not say otherwise. Tags are taken one by one.",
			keysOf(nameShapes(), shapeTarget, "strategy", "account", "permission_set", "max_duration", "session", "tags", ParamSessionTags, ParamRunAs, ParamCalls, ParamVend)},
		{shapeRouteDef, "What routes take that do not say otherwise, and that are of use to a route of their kind.",
			keysOf(routeShapes(), shapeRoute, "approve_when", keyInSlack, "notify", "after", "lapse_after", "review_within", "reviewers", "budget", "cool_down")},
	}
}

// keysOf returns the named keys of a shape, none of them required.
func keysOf(shapes []Shape, shape string, names ...string) []Key {
	var keys []Key
	for _, s := range shapes {
		for _, k := range s.Keys {
			for _, name := range names {
				if s.Name == shape && k.Name == name {
					k.Required = false
					keys = append(keys, k)
				}
			}
		}
	}
	return keys
}

func nameShapes() []Shape {
	return []Shape{
		{shapeGroup, "A set of people, from one source.", []Key{
			{Name: GroupSlack, Doc: "The id of a Slack user group: S012ABCDEF.", Value: looking(usergroupShape.String())},
			{Name: GroupIdentityCenter, Doc: "The id of a group in IAM Identity Center.", Value: looking(directoryShape.String())},
			{Name: GroupMembers, Doc: "E-mail addresses of linked people.", Value: listOf(plainText())},
		}},
		{shapeStrategy, "A way of granting.", append([]Key{
			need(Key{Name: "type", Doc: "aws_sso: an account assignment in IAM Identity Center. aws_role: a session of a role, served through the proxy. aws_group and aws_iam_group: membership in a group of Identity Center, or of IAM users. aws_principal_tags: tags of an IAM user, in numbered slots.", Value: oneOf(WaySSO, WayRole, WayGroup, WayIAMGroup, WayTags)}),
			need(Key{Name: ParamRegion, Doc: "The region of the instance, or the one where the role is assumed: us-east-1.", Value: looking(regionShape.String())}),
			{Name: ParamInstanceARN, Doc: "The ARN of the Identity Center instance. Required for aws_sso and aws_group, and only for them.", Value: looking(instanceShape.String())},
			{Name: ParamStartURL, Doc: "The address of the access portal, for the instructions how to connect. Optional.", Value: looking(portalShape.String())},
			{Name: ParamProfile, Doc: "A profile of the server's shared AWS configuration. Optional, default the server's own credentials.", Value: plainText()},
			{Name: ParamRoleARN, Doc: "A role that the server assumes. Required for aws_role, where it is the role of the sessions; for aws_iam_group and aws_principal_tags it is in the account whose users they are.", Value: looking(roleShape.String())},
			{Name: ParamExternalID, Doc: "The external id that the role asks for, as a reference to a secret: ${file:NAME}. Only with role_arn, and required for aws_role.", Value: plainText()},
		}, memberStrategyKeys()...)},
		{shapeTarget, "One thing that one may get access to.", append([]Key{
			{Name: "label", Doc: "What people see. Optional, default the name.", Value: plainText()},
			need(Key{Name: "strategy", Doc: "The name of a strategy.", Value: plainText()}),
			{Name: ParamAccount, Doc: "The id of the AWS account, in quotes. Required for aws_sso; otherwise it is that of the role, if there is one.", Value: looking(accountShape.String())},
			{Name: ParamPermissionSet, Doc: "The name of the permission set. Required for aws_sso, and only for it.", Value: looking(permissionShape.String())},
			{Name: "max_duration", Doc: "The longest that one grant may last, whatever the flow offers. Optional.", Value: of(Duration)},
			{Name: "session", Doc: "How long sessions of the permission set last, from 1h to 12h, which is how long credentials may outlive a grant. Required for aws_group; for aws_sso the server looks it up. For aws_iam_group, how long sessions of Session Manager may go on that members of the group started, which the Session documents say: Sesame does not know on which machines to end them, and states it. Optional there, for groups that let nobody start any.", Value: of(Duration)},
			{Name: "tags", Doc: "What rules know about the target. Optional.", Value: namedOf(plainText())},
		}, append(append(roleTargetKeys(), memberTargetKeys()...), partnerTargetKeys()...)...)},
	}
}
