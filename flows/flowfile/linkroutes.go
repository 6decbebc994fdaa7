package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/policies"
)

func (d *draft) linkRoutes(f *flowDraft, spec *policies.Spec) {
	always := map[bool]*routeDraft{} // by whether they are for broken glass
	for i := range f.routes {
		rt := &f.routes[i]
		glass := rt.glass.announce != nil
		if before := always[glass]; before != nil {
			d.add(rt.pos, fmt.Sprintf("the route %s is never reached: the route %s before it always matches", rt.name, before.name), "")
		}
		route := policies.Route{When: d.condition(rt), Then: d.linkRoute(rt), GroupsFrom: d.groupsFrom(f, rt)}
		if rt.approve != nil {
			route.ApproveWhen = d.rule(rt.approve, "approve_when")
			route.Then.ApproveWhen = strings.Join(strings.Fields(route.ApproveWhen.Text), " ")
		}
		if rt.always() {
			always[glass] = rt
		}
		spec.Routes = append(spec.Routes, route)
	}
}

// always reports whether the route takes whatever comes to it.
func (rt *routeDraft) always() bool {
	return rt.quota == nil && (rt.when == nil || rt.when.text == "true")
}

// condition returns when a route is taken. A quota is one more condition, on
// what the flow approved by itself before, so that it is a fact like any other.
func (d *draft) condition(rt *routeDraft) policies.Source {
	when := policies.Source{Pos: rt.pos}
	if rt.when != nil {
		when = d.rule(rt.when, "when")
	}
	if rt.quota == nil || rt.quota.per == 0 {
		return when
	}
	rule := fmt.Sprintf(`history.automatic("%s", requester) < %d`, short(rt.quota.per), rt.quota.count)
	at := rt.quota.pos
	if when.Text == "" {
		return policies.Source{Text: rule, Pos: at, At: func(int) policies.Position { return at }}
	}
	return policies.Source{Text: "(" + when.Text + ") and " + rule, Pos: when.Pos, At: func(offset int) policies.Position {
		if offset > len(when.Text) {
			return at
		}
		return when.At(max(0, offset-1))
	}}
}

func (d *draft) linkRoute(rt *routeDraft) access.Route {
	then := access.Route{
		Name: rt.name, Pos: rt.pos.String(), Auto: rt.auto, Self: rt.self, InChat: rt.inChat, LapseAfter: rt.lapse,
		Needs: d.linkNeeds(rt, rt.ask), Reviewers: d.linkNeeds(rt, rt.glass.reviewers),
	}
	then.Notify, then.Tell = d.linkTold(rt.told)
	if g := rt.glass; g.announce != nil {
		channel, _ := d.channels.find(&d.reader, g.announce)
		then.Glass = &access.Glass{Announce: channel, ReviewWithin: g.review, Budget: g.uses, BudgetPer: g.per, CoolDown: g.coolDown}
	}
	d.linkSteps(rt, &then)
	d.decidable(rt)
	d.enough(rt.name, rt.pos, rt.ask, then.Needs)
	return then
}

// linkNeeds follows the names of who decides.
func (d *draft) linkNeeds(rt *routeDraft, ask askDraft) []access.Need {
	var all []access.Need
	for _, need := range ask.needs {
		all = append(all, d.linkNeed(rt, need))
	}
	return all
}

// linkSteps follows the names in what happens when nobody decides, and notes
// what would not happen.
func (d *draft) linkSteps(rt *routeDraft, then *access.Route) {
	var before access.Escalation
	for i, s := range rt.steps {
		step := access.Escalation{In: s.in, Needs: d.linkNeeds(rt, s.ask), Deny: s.deny}
		step.Notify, step.Tell = d.linkTold(s.told)
		d.fitsStep(rt, s, i == len(rt.steps)-1)
		if s.in != 0 && s.in <= before.In {
			d.add(s.node.pos, fmt.Sprintf("the step comes %s after the request, and the one before it %s", short(s.in), short(before.In)), "put the steps in the order of their times")
		}
		if before = step; s.lapse {
			then.LapseAfter = s.in
			continue
		}
		d.enough(rt.name, s.node.pos, s.ask, step.Needs)
		then.Silence = append(then.Silence, step)
	}
	for _, s := range rt.steps {
		if !s.lapse && s.in >= then.LapseAfter && then.LapseAfter > 0 && s.in > 0 {
			d.add(s.node.pos, fmt.Sprintf("the step after %s is never taken: the request lapses after %s", short(s.in), short(then.LapseAfter)), "say when it lapses with lapse_after, or with a last step {in: 48h, lapse: true}")
		}
	}
}

// fitsStep notes a step that does nothing, or after which there is none.
func (d *draft) fitsStep(rt *routeDraft, s stepDraft, last bool) {
	ends := s.deny || s.lapse
	switch {
	case !ends && s.told.nobody() && len(s.ask.needs) == 0:
		d.add(s.node.pos, "the step does nothing", "say notify, approvers, deny or lapse")
	case s.deny && s.lapse:
		d.add(s.node.pos, "the step ends the request in two ways", "say deny or lapse")
	case ends && len(s.ask.needs) > 0:
		d.add(s.node.pos, "the step ends the request, so nobody decides on it any more", "")
	case s.lapse && !s.told.nobody():
		d.add(s.node.pos, "the step lets the request lapse, of which those are told who were asked", "put notify into a step before it")
	case ends && !last:
		d.add(s.node.pos, "the step ends the request, and there are steps after it", "")
	}
	if n := rt.node.get("lapse_after"); s.lapse && n != nil && !n.inherited {
		d.add(n.pos, "the route "+rt.name+" says twice when it lapses", "leave out lapse_after, or the step that lapses")
	}
	if slices.ContainsFunc(s.ask.needs, needDraft.empty) {
		d.add(s.node.pos, fmt.Sprintf("nobody could decide on the route %s from then on", rt.name), "name approvers")
	}
}

// linkTold follows the names of who is told.
func (d *draft) linkTold(told toldDraft) ([]access.Channel, access.Audience) {
	var channels []access.Channel
	for _, n := range told.channels {
		if c, ok := d.channels.find(&d.reader, n); ok && !slices.Contains(channels, c) {
			channels = append(channels, c)
		}
	}
	return channels, access.Audience{Groups: d.linkGroups(told.groups, told.schedules), People: told.users}
}

// linkGroups follows the names of groups and on-call schedules.
func (d *draft) linkGroups(groups, schedules []*node) []string {
	var all []string
	for _, n := range groups {
		if g, ok := d.groups.find(&d.reader, n); ok && g.Source == GroupOnCall {
			d.add(n.pos, n.text+" is an on-call schedule", "name it under on_call")
		}
		all = append(all, n.text)
	}
	for _, n := range schedules {
		if _, ok := d.schedules[n.text]; !ok {
			d.add(n.pos, fmt.Sprintf("unknown on-call schedule %q", n.text), meant(n.text, slices.Sorted(maps.Keys(d.schedules))))
		}
		d.groups.used[n.text] = true
		all = append(all, n.text)
	}
	return all
}

// linkNeed follows the names of a set of approvers.
func (d *draft) linkNeed(rt *routeDraft, need needDraft) access.Need {
	linked := access.Need{Count: 1, People: need.users, Stage: need.stage, Choice: need.choice}
	if need.count != nil {
		linked.Count = d.number(need.count, "count")
		switch {
		case need.count.kind != number:
		case linked.Count < 1:
			d.add(need.count.pos, "count is at least 1", "to approve without a person, say auto_approve: true")
		case linked.Count > maxCount:
			d.add(need.count.pos, fmt.Sprintf("count is at most %d", maxCount), "")
			linked.Count = maxCount
		}
	}
	linked.Groups = d.linkGroups(need.groups, need.schedules)
	if most, closed := d.members(need); linked.Count > 1 && closed && len(most) > 0 && linked.Count > len(most) {
		d.add(need.count.pos, fmt.Sprintf("the route %s needs %d people and names %d", rt.name, linked.Count, len(most)), "")
	}
	return linked
}

// groupTag returns the name of the tag that group_from mentions.
func (d *draft) groupTag(n *node) string {
	name, ok := strings.CutPrefix(d.text(n, "group_from"), "target.tags.")
	if (!ok || name == "") && n.kind == text {
		d.add(n.pos, fmt.Sprintf("%q is no tag of the target", n.text), "write it as target.tags.owner")
		return ""
	}
	return name
}

// groupsFrom returns the tags that name people of a route. Each target of the
// flow has them, and they name groups.
func (d *draft) groupsFrom(f *flowDraft, rt *routeDraft) []policies.GroupFrom {
	var all []policies.GroupFrom
	add := func(step int, ask askDraft) {
		for i, need := range ask.needs {
			for _, n := range need.from {
				if tag := d.groupTag(n); tag != "" {
					all = append(all, policies.GroupFrom{Step: step, Need: i, Tag: tag})
					d.nameGroups(n, f.Targets, tag)
				}
			}
		}
	}
	add(0, rt.ask)
	add(policies.Reviewing, rt.glass.reviewers)
	for i, s := range rt.steps {
		if !s.lapse {
			add(i+1, s.ask)
		}
	}
	return all
}

// nameGroups notes the targets whose tag does not name a group.
func (d *draft) nameGroups(n *node, targets []string, tag string) {
	for _, target := range targets {
		group, ok := d.targets.known[target].Tags[tag]
		if !ok {
			d.add(n.pos, fmt.Sprintf("target %s (%s) has no tag %s, so nobody could decide", target, d.targets.at[target], tag), "")
			continue
		}
		if _, ok := d.groups.known[group]; !ok {
			d.add(n.pos, fmt.Sprintf("target %s (%s) has the tag %s: %s, which is no group", target, d.targets.at[target], tag, group), meant(group, d.groups.names()))
		}
		d.groups.used[group] = true
	}
}

// decidable notes a route on which nobody can decide.
func (d *draft) decidable(rt *routeDraft) {
	asks := rt.node.count(asking()...)
	switch {
	case rt.glass.announce != nil:
	case rt.auto && (asks > 0 || rt.self):
		d.add(rt.pos, fmt.Sprintf("the route %s approves by itself, so nobody else decides", rt.name), "leave out approvers and self_approve, or auto_approve")
	case rt.auto || asks == 0 && rt.self:
	case asks == 0 || len(rt.ask.needs) == 0 || slices.ContainsFunc(rt.ask.needs, needDraft.empty):
		d.add(rt.pos, fmt.Sprintf("nobody can decide on the route %s", rt.name), "name approvers, or say auto_approve or self_approve")
	}
}

func (n needDraft) empty() bool { return len(n.users)+len(n.groups)+len(n.schedules)+len(n.from) == 0 }

// members returns who is in a set of approvers, and whether the files name them
// all, and not too many to look at.
func (d *draft) members(need needDraft) (people map[string]bool, closed bool) {
	if need.open() || len(need.users) > maxPeople {
		return nil, false
	}
	people = map[string]bool{}
	for _, u := range need.users {
		people[u] = true
	}
	for _, n := range need.groups {
		g, ok := d.groups.known[n.text]
		if !ok || g.Source != GroupMembers || len(g.Members)+len(people) > maxPeople {
			return nil, false
		}
		for _, m := range g.Members {
			people[m] = true
		}
	}
	return people, true
}
