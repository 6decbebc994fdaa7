package flowfile

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"sesame/policies"
)

// The bounds of routes.
const (
	maxStages       = 5
	maxAlternatives = 8
	maxTogether     = 20 // sets of approvers under all_of
	maxSteps        = 10
	maxCount        = 100 // people who must approve
	maxReview       = 30 * 24 * time.Hour
	maxBudget       = 90 * 24 * time.Hour // as far as history goes
)

// routeDraft is a route before names are followed.
type routeDraft struct {
	name    string
	pos     policies.Position
	node    *node
	when    *node
	approve *node // approve_when
	ask     askDraft
	told    toldDraft
	steps   []stepDraft
	auto    bool
	self    bool
	inChat  bool
	lapse   time.Duration
	quota   *quotaDraft
	glass   glassDraft
}

// askDraft is who decides: needs in the order of their stages.
type askDraft struct{ needs []needDraft }

// needDraft is a set of approvers before names are followed.
type needDraft struct {
	stage, choice int
	groups        []*node
	schedules     []*node // on-call
	users         []string
	from          []*node // tags of the target that name a group
	count         *node
}

// toldDraft is who is told something.
type toldDraft struct {
	channels  []*node
	users     []string
	groups    []*node
	schedules []*node
}

func (t toldDraft) nobody() bool {
	return len(t.channels)+len(t.users)+len(t.groups)+len(t.schedules) == 0
}

// stepDraft is what happens when nobody decides for a while.
type stepDraft struct {
	node  *node
	in    time.Duration
	told  toldDraft
	ask   askDraft
	deny  bool
	lapse bool
}

// quotaDraft is how often a route approves by itself for one person.
type quotaDraft struct {
	pos   policies.Position
	count int
	per   time.Duration
}

// glassDraft is what a break-glass route asks.
type glassDraft struct {
	announce  *node
	review    time.Duration
	reviewers askDraft
	uses      int
	per       time.Duration
	coolDown  time.Duration
}

func (d *draft) routes(n *node, f *flowDraft) {
	d.few(n, "routes", func(n *node) { d.route(n, f) })
	if n.kind == list && len(n.items) == 0 {
		d.add(n.pos, "flow "+f.Name+" has no route, so nobody can decide", "")
	}
}

// keyInSlack has a route take approvals in the chat alone.
const keyInSlack = "approve_in_slack"

func (d *draft) route(n *node, f *flowDraft) {
	rt := routeDraft{pos: n.pos, node: n, lapse: defaultLapse}
	var known []string
	for _, other := range f.routes {
		known = append(known, other.name)
	}
	read := keys{
		"name":         func(n *node) { rt.name = d.once(n, "route", known) },
		"when":         func(n *node) { rt.when = n },
		"approve_when": func(n *node) { rt.approve = n },
		"stages":       func(n *node) { d.stages(n, &rt.ask) },
		"notify":       func(n *node) { d.notify(n, &rt.told) },
		"after":        func(n *node) { d.steps(n, &rt) },
		"auto_approve": func(n *node) { rt.auto = d.truth(n, "auto_approve") },
		"quota":        func(n *node) { d.quota(n, &rt) },
		"self_approve": func(n *node) { rt.self = d.truth(n, "self_approve") },
		keyInSlack:     func(n *node) { rt.inChat = d.truth(n, keyInSlack) },
		"lapse_after":  func(n *node) { rt.lapse = d.duration(n, "lapse_after", minLapse, maxLapse) },
	}
	maps.Copy(read, d.deciding(&rt.ask, 0))
	maps.Copy(read, d.glass(&rt.glass))
	d.object(n, "a route", shapeRoute, read)
	if n.kind != mapping {
		return
	}
	d.oneAsking(n, "a route")
	d.fitsRoute(&rt)
	f.routes = append(f.routes, rt)
}

// asking are the keys that say who decides.
func asking() []string { return []string{"approvers", "all_of", "any_of", "stages"} }

// oneAsking notes when it is said twice who decides.
func (d *draft) oneAsking(n *node, what string) {
	if n.count(asking()...) > 1 {
		d.add(n.pos, what+" has one of approvers, all_of, any_of and stages", "")
	}
}

// deciding returns what reads who decides in one stage.
func (d *draft) deciding(a *askDraft, stage int) keys {
	add := func(n *node, choice int) {
		need := d.approvers(n)
		need.stage, need.choice = stage, choice
		a.needs = append(a.needs, need)
	}
	return keys{
		"approvers": func(n *node) { add(n, 0) },
		"all_of": func(n *node) {
			if len(n.items) > maxTogether {
				d.add(n.pos, fmt.Sprintf("all_of has more than %d sets of approvers", maxTogether), "")
				return
			}
			d.each(n, "all_of", func(n *node) { add(n, 0) })
		},
		"any_of": func(n *node) {
			choice := 1
			if len(n.items) == 1 {
				choice = 0
			}
			if len(n.items) > maxAlternatives {
				d.add(n.pos, fmt.Sprintf("any_of has more than %d alternatives", maxAlternatives), "name groups that hold more people")
				return
			}
			d.each(n, "any_of", func(n *node) { add(n, choice) })
		},
	}
}

// stages reads who decides, one set of people after the other.
func (d *draft) stages(n *node, a *askDraft) {
	if len(n.items) > maxStages {
		d.add(n.pos, fmt.Sprintf("there are more than %d stages", maxStages), "")
		return
	}
	stage := 0
	d.each(n, "stages", func(n *node) {
		d.object(n, "a stage", shapeStage, d.deciding(a, stage))
		if n.kind == mapping && n.count(asking()...) != 1 {
			d.add(n.pos, "a stage has one of approvers, all_of and any_of", "")
		}
		stage++
	})
}

func (d *draft) approvers(n *node) needDraft {
	var need needDraft
	read := d.people(&need)
	read["count"] = func(n *node) { need.count = n }
	d.object(n, "approvers", shapeApprovers, read)
	return need
}

// people returns what reads a set of people.
func (d *draft) people(need *needDraft) keys {
	return keys{
		"users":      func(n *node) { need.users = d.texts(n, "users", d.email) },
		"groups":     func(n *node) { d.each(n, "groups", func(n *node) { need.groups = append(need.groups, n) }) },
		"group_from": func(n *node) { need.from = append(need.from, n) },
		"on_call":    func(n *node) { need.schedules = d.schedule(n, need.schedules) },
	}
}

// schedule adds an on-call schedule to others.
func (d *draft) schedule(n *node, others []*node) []*node {
	if d.text(n, "on_call") == "" {
		return others
	}
	return append(others, n)
}

// notify reads who is told: channels by name, people by address, and who is in
// a group or on call.
func (d *draft) notify(n *node, told *toldDraft) {
	d.each(n, "notify", func(n *node) {
		switch {
		case n.kind == mapping:
			d.object(n, "who is told", shapeTold, keys{
				"group":   func(n *node) { told.groups = append(told.groups, n) },
				"on_call": func(n *node) { told.schedules = d.schedule(n, told.schedules) },
			})
			if n.count("group", "on_call") != 1 {
				d.add(n.pos, "who is told is a group or on call", "write {group: NAME} or {on_call: NAME}")
			}
		case n.kind == text && strings.Contains(n.text, "@"):
			told.users = append(told.users, d.email(n))
		default:
			told.channels = append(told.channels, n)
		}
	})
}

// steps reads what happens when nobody decides.
func (d *draft) steps(n *node, rt *routeDraft) {
	if len(n.items) > maxSteps {
		d.add(n.pos, fmt.Sprintf("there are more than %d steps", maxSteps), "")
		return
	}
	d.each(n, "after", func(n *node) {
		s := stepDraft{node: n}
		read := keys{
			"in":     func(n *node) { s.in = d.duration(n, "in", minLapse, maxLapse) },
			"notify": func(n *node) { d.notify(n, &s.told) },
			"stages": func(n *node) { d.stages(n, &s.ask) },
			"deny":   func(n *node) { s.deny = d.truth(n, "deny") },
			"lapse":  func(n *node) { s.lapse = d.truth(n, "lapse") },
		}
		maps.Copy(read, d.deciding(&s.ask, 0))
		d.object(n, "a step", shapeStep, read)
		if n.kind != mapping {
			return
		}
		d.oneAsking(n, "a step")
		if s.lapse && overruled(rt.node) {
			return
		}
		rt.steps = append(rt.steps, s)
	})
}

func (d *draft) quota(n *node, rt *routeDraft) {
	q := &quotaDraft{pos: n.pos}
	d.object(n, "quota", shapeQuota, keys{
		"count": func(n *node) { q.count = d.atLeastOne(n, "count") },
		"per":   func(n *node) { q.per = d.duration(n, "per", time.Hour, maxBudget) },
	})
	rt.quota = q
}

// atLeastOne reads a number that counts things.
func (d *draft) atLeastOne(n *node, what string) int {
	v := d.number(n, what)
	if n.kind == number && v < 1 {
		d.add(n.pos, what+" is at least 1", "")
	}
	return v
}

// glass returns what reads the keys of a break-glass route.
func (d *draft) glass(g *glassDraft) keys {
	return keys{
		"announce":      func(n *node) { g.announce = n },
		"review_within": func(n *node) { g.review = d.duration(n, "review_within", time.Hour, maxReview) },
		"cool_down":     func(n *node) { g.coolDown = d.duration(n, "cool_down", minLapse, maxReview) },
		"reviewers": func(n *node) {
			var need needDraft
			d.object(n, "reviewers", shapePeople, d.people(&need))
			g.reviewers.needs = append(g.reviewers.needs, need)
		},
		"budget": func(n *node) {
			d.object(n, "budget", shapeBudget, keys{
				"uses": func(n *node) { g.uses = d.atLeastOne(n, "uses") },
				"per":  func(n *node) { g.per = d.duration(n, "per", time.Hour, maxBudget) },
			})
		},
	}
}

// fitsRoute notes what a route of its kind cannot have. What it inherits and
// has no use for is left aside.
func (d *draft) fitsRoute(rt *routeDraft) {
	why := "asks people"
	switch {
	case rt.glass.announce != nil:
		why = "is for break-glass, which who uses it decides at once"
		rt.steps, rt.approve, rt.quota, rt.lapse = nil, nil, nil, defaultLapse
		d.fitsGlass(rt)
	case rt.node.isTrue("auto_approve"):
		why = "approves by itself, so nobody is waited for"
		rt.steps, rt.approve, rt.glass = nil, nil, glassDraft{}
	default:
		rt.quota, rt.glass = nil, glassDraft{}
	}
	for _, key := range useless(rt.node) {
		if n := rt.node.get(key); n != nil && !n.inherited && n.text != "false" {
			d.add(n.pos, fmt.Sprintf("the route %s %s, and %s is of no use there", rt.name, why, key), useOf(key))
		}
	}
}

// isTrue reports whether n says that the key is true.
func (n *node) isTrue(key string) bool {
	v := n.get(key)
	return v != nil && v.kind == truth && v.text == "true"
}

// overruled reports whether a route says itself when it lapses, and only inherits
// what happens before.
func overruled(route *node) bool {
	own, after := route.get("lapse_after"), route.get("after")
	return own != nil && !own.inherited && after != nil && after.inherited
}

// useless returns the keys that mean nothing in a route of its kind.
func useless(route *node) []string {
	ofGlass := []string{"review_within", "reviewers", "budget", "cool_down"}
	switch {
	case route.get("announce") != nil:
		return append([]string{"after", "approve_when", keyInSlack, "quota", "auto_approve", "lapse_after"}, asking()...)
	case route.isTrue("auto_approve"):
		return append(ofGlass, "after", "approve_when", keyInSlack)
	}
	return append(ofGlass, "quota")
}

// useOf says where a key belongs.
func useOf(key string) string {
	switch key {
	case "review_within", "reviewers", "budget", "cool_down":
		return "it is for break-glass routes, which have announce"
	case "quota":
		return "it is for routes with auto_approve"
	}
	return ""
}

// fitsGlass notes what a break-glass route lacks.
func (d *draft) fitsGlass(rt *routeDraft) {
	if !rt.self {
		d.add(rt.pos, fmt.Sprintf("the route %s is for break-glass, and nobody may use it", rt.name), "say self_approve: true")
	}
	if rt.node.get("review_within") == nil {
		d.add(rt.pos, fmt.Sprintf("the route %s is for break-glass, and does not say until when it is reviewed", rt.name), "say review_within: 24h")
	}
	rt.ask, rt.auto = askDraft{}, false
}
