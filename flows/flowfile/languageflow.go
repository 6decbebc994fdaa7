package flowfile

import (
	"slices"

	"sesame/policies"
)

func flowShapes() []Shape {
	types := oneOf(string(policies.String), string(policies.Int), string(policies.Bool), string(policies.Select))
	return []Shape{
		{shapeFlow, "Who may ask for some targets, what the form asks, what the rules are, and who decides.", []Key{
			{Name: "label", Doc: "What people see. Optional, default the name.", Value: plainText()},
			{Name: "targets", Doc: "Names of targets. This or targets_where, or both.", Value: listOf(plainText())},
			{Name: "targets_where", Doc: `Targets by what is known about them: target.tags.env == "prod". It reads the target only.`, Value: of(Rule)},
			need(Key{Name: "duration", Doc: "For how long one may have access.", Value: object(shapeDuration)}),
			{Name: "extend", Doc: "How a grant can be made to last longer, by a request of its own. Optional: without it, it cannot be.", Value: object(shapeExtend)},
			{Name: "limits", Doc: "How much one may have. Optional.", Value: object(shapeLimits)},
			{Name: "fields", Doc: "What the form asks besides duration and reason. Optional.", Value: listOf(object(shapeField))},
			need(Key{Name: "who", Doc: "Who may ask.", Value: of(Rule)}),
			{Name: "visible_when", Doc: "Who sees the targets. It gives no authority, and takes none. Optional, default everybody.", Value: of(Rule)},
			{Name: "guardrails", Doc: "What refuses or warns. All of them are evaluated. Optional.", Value: listOf(object(shapeGuardrail))},
			{Name: keyWatch, Doc: "Who may see the terminal sessions of the targets of type " + WayRole + ", as they happen and later: what was shown, and not what was typed. Optional, default auditors alone; who held the access may see their own.", Value: object(shapeWatch)},
			{Name: "calls", Doc: "What is refused call by call, on the targets of type " + WayRole + ", before their own rules. Optional.", Value: object(shapeFlowCalls)},
			need(Key{Name: "routes", Doc: "Who decides: the first route that matches.", Value: listOf(object(shapeRoute))}),
		}},
		{shapeFlowCalls, "What the holders of grants may not do through the proxy, whatever the target.", []Key{
			need(Key{Name: "rules", Doc: "What is refused call by call.", Value: listOf(object(shapeCallRule))}),
		}},
		{shapeWatch, "People who may see what others do.", []Key{
			{Name: "users", Doc: "E-mail addresses of linked people.", Value: listOf(plainText())},
			{Name: "groups", Doc: "Names of groups.", Value: listOf(plainText())},
			{Name: "on_call", Doc: "The name of an on-call schedule, whose people count while they are on call.", Value: plainText()},
		}},
		{shapeDuration, "For how long one may have access.", []Key{
			need(Key{Name: "choices", Doc: "The durations, from 1m to 168h. What waits is held to those of the moment at which it is approved, and at which it opens.", Value: listOf(of(Duration))}),
			{Name: "default", Doc: "The one that is taken when nothing is said. Optional, default the first.", Value: of(Duration)},
		}},
		{shapeExtend, "How grants are extended.", []Key{
			need(Key{Name: "choices", Doc: "By how much at a time, from 1m to 168h.", Value: listOf(of(Duration))}),
			{Name: "default", Doc: "The one that is taken when nothing is said. Optional, default the first.", Value: of(Duration)},
			{Name: "count", Doc: "How often one grant can be extended. Optional, default 1.", Value: of(Number)},
			{Name: "total", Doc: "By how much altogether. Optional, default count times the longest choice.", Value: of(Duration)},
		}},
		{shapeLimits, "How much one may have of what a flow gives, compared when somebody asks and when the last one approves. What is not said is not limited.", []Key{
			{Name: "per_day", Doc: "How much time one person may be granted in one calendar day, in the time zone of the files.", Value: of(Duration)},
			{Name: "cool_down", Doc: "How long one waits after access to a target ended before asking for it again.", Value: of(Duration)},
			{Name: "at_once", Doc: "How many grants of the flow one person may have at once.", Value: of(Number)},
			{Name: "at_once_per_target", Doc: "How many grants of one target there may be at once, everybody's.", Value: of(Number)},
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
	}
}

func routeShapes() []Shape {
	told := plainText()
	told.Or = new(object(shapeTold))
	approvers := Key{Name: "approvers", Doc: "Who may approve.", Value: object(shapeApprovers)}
	allOf := Key{Name: "all_of", Doc: "Approvers who must all be satisfied: 2 of security and 1 of the owners, up to 20. One person counts once.", Value: listOf(object(shapeApprovers))}
	anyOf := Key{Name: "any_of", Doc: "Approvers of whom one set is enough: 2 of security or 1 of the owners. Up to 8.", Value: listOf(object(shapeApprovers))}
	stages := Key{Name: "stages", Doc: "Approvers who are asked one after the other, up to 5 times.", Value: listOf(object(shapeStage))}
	notify := Key{Name: "notify", Doc: "Who is told: names of channels, e-mail addresses, {group: NAME} and {on_call: NAME}. Being told gives no authority. Optional.", Value: listOf(told)}
	people := []Key{
		{Name: "users", Doc: "E-mail addresses of linked people.", Value: listOf(plainText())},
		{Name: "groups", Doc: "Names of groups.", Value: listOf(plainText())},
		{Name: "on_call", Doc: "The name of an on-call schedule, whose people count while they are on call.", Value: plainText()},
		{Name: "group_from", Doc: "The tag of the target that names a group: target.tags.owner. Every target of the flow has it.", Value: looking(`^target\.tags\.\S+$`)},
	}
	return []Shape{
		{shapeRoute, "Who decides, who is told, and what happens when nobody answers. It has approvers, all_of, any_of or stages; or auto_approve; or self_approve. With announce it is a break-glass route, which only break-glass requests take, and these take no other.", []Key{
			need(Key{Name: "name", Doc: "What verdicts call it.", Value: looking(nameShape.String())}),
			{Name: "when", Doc: "When the route is taken. Optional: without it, always.", Value: of(Rule)},
			approvers, allOf, anyOf, stages,
			{Name: "approve_when", Doc: "For whom an approval counts, looked at when they click: approver.timezone == \"Europe/Berlin\". Optional: for all of those who may approve.", Value: of(Rule)},
			{Name: keyInSlack, Doc: "Takes approvals in Slack alone, and none by command. Optional, default false.", Value: of(Truth)},
			notify,
			{Name: "after", Doc: "What happens when nobody decides, step by step, up to 10. Optional.", Value: listOf(object(shapeStep))},
			{Name: "auto_approve", Doc: "Approves without a person. Optional, default false.", Value: of(Truth)},
			{Name: "quota", Doc: "The route is taken only while the flow approved fewer requests of the person by itself. Only with auto_approve. Optional.", Value: object(shapeQuota)},
			{Name: "self_approve", Doc: "Lets the requester decide. Optional, default false.", Value: of(Truth)},
			{Name: "lapse_after", Doc: "When silence means no, from 1m to 720h. Optional, default 24h.", Value: of(Duration)},
			{Name: "announce", Doc: "Makes it a break-glass route: the channel where every use is announced at once. With self_approve and review_within.", Value: plainText()},
			{Name: "review_within", Doc: "Until when somebody else has to review a use of break-glass, from 1h to 720h. Who has one overdue cannot break the glass again.", Value: of(Duration)},
			{Name: "reviewers", Doc: "Who may review a use of break-glass. Optional, default those who would have decided otherwise; admins may in any case.", Value: object(shapePeople)},
			{Name: "budget", Doc: "How often one person may break the glass of the flow. Optional.", Value: object(shapeBudget)},
			{Name: "cool_down", Doc: "How long one person waits between two uses of break-glass. Optional.", Value: of(Duration)},
		}},
		{shapeApprovers, "People of whom count must approve.", append(slices.Clip(people), Key{Name: "count", Doc: "How many different people, up to 100. Optional, default 1.", Value: of(Number)})},
		{shapePeople, "People.", people},
		{shapeStage, "Approvers who are asked once those of the stages before are complete: one of approvers, all_of and any_of.", []Key{approvers, allOf, anyOf}},
		{shapeTold, "People who are told something.", []Key{
			{Name: "group", Doc: "The name of a group.", Value: plainText()},
			{Name: "on_call", Doc: "The name of an on-call schedule.", Value: plainText()},
		}},
		{shapeStep, "What happens when nobody decided for a while: more people are told, others are asked instead, or the request ends. When a message about a request cannot be delivered, that is silence too.", []Key{
			need(Key{Name: "in", Doc: "How long after the request was asked, from 1m to 720h.", Value: of(Duration)}),
			notify, approvers, allOf, anyOf, stages,
			{Name: "deny", Doc: "Ends the request as denied. Optional, default false.", Value: of(Truth)},
			{Name: "lapse", Doc: "Ends the request as lapsed, in place of lapse_after. Optional, default false.", Value: of(Truth)},
		}},
		{shapeQuota, "How often a flow approves by itself.", []Key{
			need(Key{Name: "count", Doc: "How many requests of one person.", Value: of(Number)}),
			need(Key{Name: "per", Doc: "In how much time before now, from 1h to 90d.", Value: of(Duration)}),
		}},
		{shapeBudget, "How often one person may break the glass.", []Key{
			need(Key{Name: "uses", Doc: "How often.", Value: of(Number)}),
			need(Key{Name: "per", Doc: "In how much time before now, from 1h to 90d.", Value: of(Duration)}),
		}},
	}
}
