package flowfile

import "sesame/policies"

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
}

// A ValueKind is what sort of value it is.
type ValueKind string

// The kinds of values.
const (
	Text     ValueKind = "text"
	Number   ValueKind = "number"
	Truth    ValueKind = "true or false"
	Duration ValueKind = "duration" // 30m, 1h or 1h30m
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
			{Name: "targets", Doc: "What one may get access to, by the names that people type.", Value: namedOf(object(shapeTarget))},
			{Name: "flows", Doc: "Who may get access to which targets, and who decides. Every target belongs to one flow.", Value: namedOf(object(shapeFlow))},
		}},
	}, append(defaultShapes(), append(nameShapes(), append(append(roleShapes(), onCallShapes()...), flowShapes()...)...)...)...)
}

func defaultShapes() []Shape {
	return []Shape{
		{shapeDefaults, "What is taken where nothing else is said.", []Key{
			{Name: "flows", Doc: "For flows.", Value: object(shapeFlowDefaults)},
			{Name: "targets", Doc: "For targets.", Value: object(shapeTargetDef)},
			{Name: "routes", Doc: "For the routes of all flows.", Value: object(shapeRouteDef)},
		}},
		{shapeFlowDefaults, "What flows take that do not say otherwise. Guardrails come before those of the flow, which cannot leave them out.",
			keysOf(flowShapes(), shapeFlow, "duration", "fields", "who", "visible_when", "guardrails", "routes")},
		{shapeTargetDef, "What targets take that do not say otherwise. Tags are taken one by one.",
			keysOf(nameShapes(), shapeTarget, "strategy", "account", "permission_set", "session", "tags", ParamSessionTags, ParamRunAs, ParamCalls)},
		{shapeRouteDef, "What routes take that do not say otherwise.", keysOf(flowShapes(), shapeRoute, "notify", "lapse_after")},
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
		{shapeStrategy, "A way of granting.", []Key{
			need(Key{Name: "type", Doc: "aws_sso: an account assignment in IAM Identity Center. aws_role: a session of a role, served through the proxy.", Value: oneOf(WaySSO, WayRole)}),
			need(Key{Name: ParamRegion, Doc: "The region of the instance, or the one where the role is assumed: us-east-1.", Value: looking(regionShape.String())}),
			{Name: ParamInstanceARN, Doc: "The ARN of the Identity Center instance. Required for aws_sso, and only for it.", Value: looking(instanceShape.String())},
			{Name: ParamStartURL, Doc: "The address of the access portal, for the instructions how to connect. Optional.", Value: looking(portalShape.String())},
			{Name: ParamProfile, Doc: "A profile of the server's shared AWS configuration. Optional, default the server's own credentials.", Value: plainText()},
			{Name: ParamRoleARN, Doc: "A role that the server assumes. Required for aws_role, where it is the role of the sessions.", Value: looking(roleShape.String())},
			{Name: ParamExternalID, Doc: "The external id that the role asks for, as a reference to a secret: ${file:NAME}. Only with role_arn, and required for aws_role.", Value: plainText()},
		}},
		{shapeTarget, "One thing that one may get access to.", append([]Key{
			{Name: "label", Doc: "What people see. Optional, default the name.", Value: plainText()},
			need(Key{Name: "strategy", Doc: "The name of a strategy.", Value: plainText()}),
			{Name: ParamAccount, Doc: "The id of the AWS account, in quotes. Required for aws_sso; for aws_role it is that of the role.", Value: looking(accountShape.String())},
			{Name: ParamPermissionSet, Doc: "The name of the permission set. Required for aws_sso, and only for it.", Value: looking(permissionShape.String())},
			{Name: "session", Doc: "How long sessions of the permission set last, from 1h to 12h, which is how long credentials may outlive a grant. Optional: the server looks it up.", Value: of(Duration)},
			{Name: "tags", Doc: "What rules know about the target. Optional.", Value: namedOf(plainText())},
		}, roleTargetKeys()...)},
	}
}

func flowShapes() []Shape {
	types := oneOf(string(policies.String), string(policies.Int), string(policies.Bool), string(policies.Select))
	return []Shape{
		{shapeFlow, "Who may ask for some targets, what the form asks, what the rules are, and who decides.", []Key{
			{Name: "label", Doc: "What people see. Optional, default the name.", Value: plainText()},
			{Name: "targets", Doc: "Names of targets. This or targets_where, or both.", Value: listOf(plainText())},
			{Name: "targets_where", Doc: `Targets by what is known about them: target.tags.env == "prod". It reads the target only.`, Value: of(Rule)},
			need(Key{Name: "duration", Doc: "For how long one may have access.", Value: object(shapeDuration)}),
			{Name: "fields", Doc: "What the form asks besides duration and reason. Optional.", Value: listOf(object(shapeField))},
			need(Key{Name: "who", Doc: "Who may ask.", Value: of(Rule)}),
			{Name: "visible_when", Doc: "Who sees the targets. It gives no authority, and takes none. Optional, default everybody.", Value: of(Rule)},
			{Name: "guardrails", Doc: "What refuses or warns. All of them are evaluated. Optional.", Value: listOf(object(shapeGuardrail))},
			need(Key{Name: "routes", Doc: "Who decides: the first route that matches.", Value: listOf(object(shapeRoute))}),
		}},
		{shapeDuration, "For how long one may have access.", []Key{
			need(Key{Name: "choices", Doc: "The durations, from 1m to 168h.", Value: listOf(of(Duration))}),
			{Name: "default", Doc: "The one that is taken when nothing is said. Optional, default the first.", Value: of(Duration)},
		}},
		{shapeField, "A field of the form. Rules read it as request.fields.NAME.", []Key{
			need(Key{Name: "name", Doc: "Small letters, digits and _.", Value: looking(fieldShape.String())}),
			{Name: "label", Doc: "What people see. Optional, default the name.", Value: plainText()},
			{Name: "type", Doc: "Optional, default string.", Value: types},
			{Name: "pattern", Doc: "A regular expression that a string matches. Optional.", Value: plainText()},
			{Name: "hint", Doc: "What a value looks like, for people: it ends the sentence \"Ticket does not look right: it is to be like INC-42.\" and stands below the input. Optional.", Value: plainText()},
			{Name: "options", Doc: "What a select offers: 1 to 100 texts.", Value: listOf(plainText())},
			{Name: "min", Doc: "The least that an int may be. Optional.", Value: of(Number)},
			{Name: "max", Doc: "The most that an int may be. Optional.", Value: of(Number)},
			{Name: "max_length", Doc: "How many characters a string may have, up to 3000. Optional, default 200.", Value: of(Number)},
			{Name: "required", Doc: "Whether it must be filled in. Optional, default false.", Value: of(Truth)},
		}},
		{shapeGuardrail, "A rule that refuses or warns: one of deny, require and warn.", []Key{
			need(Key{Name: "name", Doc: "What verdicts call it.", Value: looking(nameShape.String())}),
			{Name: "deny", Doc: "Refuses when it is true.", Value: of(Rule)},
			{Name: "require", Doc: "Refuses when it is false.", Value: of(Rule)},
			{Name: "warn", Doc: "Warns the requester and the approvers when it is true.", Value: of(Rule)},
			need(Key{Name: "message", Doc: "What the person is told: what is wrong, and what to do next. {request.duration} stands for the value of that name.", Value: plainText()}),
		}},
		{shapeRoute, "Who decides, who is told, and when silence means no. It has approvers, any_of or all_of, or auto_approve, or self_approve.", []Key{
			need(Key{Name: "name", Doc: "What verdicts call it.", Value: looking(nameShape.String())}),
			{Name: "when", Doc: "When the route is taken. Optional: without it, always.", Value: of(Rule)},
			{Name: "approvers", Doc: "Who may approve.", Value: object(shapeApprovers)},
			{Name: "all_of", Doc: "Approvers who must all be satisfied: 2 of security and 1 of the owners. One person counts once.", Value: listOf(object(shapeApprovers))},
			{Name: "any_of", Doc: "Approvers of whom one is enough. Each counts 1.", Value: listOf(object(shapeApprovers))},
			{Name: "notify", Doc: "Channels that are told. Being told gives no authority. Optional.", Value: listOf(plainText())},
			{Name: "auto_approve", Doc: "Approves without a person. Optional, default false.", Value: of(Truth)},
			{Name: "self_approve", Doc: "Lets the requester decide. Optional, default false.", Value: of(Truth)},
			{Name: "lapse_after", Doc: "When silence means no, from 1m to 720h. Optional, default 24h.", Value: of(Duration)},
		}},
		{shapeApprovers, "People of whom count must approve.", []Key{
			{Name: "users", Doc: "E-mail addresses of linked people.", Value: listOf(plainText())},
			{Name: "groups", Doc: "Names of groups.", Value: listOf(plainText())},
			{Name: "on_call", Doc: "The name of an on-call schedule, whose people may approve while they are on call.", Value: plainText()},
			{Name: "group_from", Doc: "The tag of the target that names a group: target.tags.owner. Every target of the flow has it.", Value: looking(`^target\.tags\.\S+$`)},
			{Name: "count", Doc: "How many different people. Optional, default 1.", Value: of(Number)},
		}},
	}
}
