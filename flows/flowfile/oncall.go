package flowfile

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/policies"
)

// The sources of on-call schedules.
const (
	OnCallStatic    = "static"
	OnCallSlack     = "slack"
	OnCallPagerDuty = "pagerduty"
	OnCallHTTP      = "http"
)

// An OnCall is an on-call schedule. There is a group of the same name, of the
// source GroupOnCall.
type OnCall struct {
	Name   string
	Pos    policies.Position
	Source string // OnCallStatic, OnCallSlack, OnCallPagerDuty or OnCallHTTP
	// For OnCallStatic: people who take turns at each handover, a schedule of
	// cron, beginning with the first at Since; and exceptions.
	People    []string
	Handover  string
	Since     time.Time
	Zone      *time.Location
	Overrides []OnCallOverride
	// Group is the id of a Slack user group.
	Group string
	// Schedule or Policy is an id of PagerDuty's, and Level one of the policy.
	Schedule, Policy string
	Level            int
	// URL is where a service is; empty for PagerDuty's own.
	URL string
	// Token is a reference to a secret: ${file:NAME}.
	Token string
}

// An OnCallOverride puts others on call for a while.
type OnCallOverride struct {
	From, To time.Time
	People   []string
}

// Schedules returns the on-call schedules, sorted by name.
func (s *Set) Schedules() []OnCall {
	all := make([]OnCall, 0, len(s.schedules))
	for _, name := range slices.Sorted(maps.Keys(s.schedules)) {
		all = append(all, s.schedules[name])
	}
	return all
}

// Schedule returns the on-call schedule called name.
func (s *Set) Schedule(name string) (OnCall, bool) {
	o, ok := s.schedules[name]
	return o, ok
}

var (
	pagerDutyShape = regexp.MustCompile(`^[A-Z0-9]{5,20}$`)
	secretShape    = regexp.MustCompile(`^\$\{file:[^/\\${}]+\}$`)
	serviceShape   = regexp.MustCompile(`^https://[^\s@]+$`)
)

func onCallShapes() []Shape {
	token := Key{Name: "token", Doc: "What the service asks for, as a reference to a secret: ${file:NAME}, a file among the flow_secrets of sesame.yaml.", Value: looking(secretShape.String())}
	return []Shape{
		{shapeOnCall, "Who is on call, from one source. When the source gives no usable answer, what hangs on it is refused.", []Key{
			{Name: OnCallStatic, Doc: "A rotation that stands here.", Value: object(shapeRotation)},
			{Name: OnCallSlack, Doc: "The id of a Slack user group: S012ABCDEF.", Value: looking(usergroupShape.String())},
			{Name: OnCallPagerDuty, Doc: "A schedule or an escalation policy of PagerDuty.", Value: object(shapePagerDuty)},
			{Name: OnCallHTTP, Doc: `Any service that answers {"as_of": "2026-11-20T18:30:00Z", "on_call": [{"email": "ana@example.com", "until": "2026-11-23T09:00:00Z"}]}.`, Value: object(shapeHTTP)},
		}},
		{shapeRotation, "People who take turns.", []Key{
			need(Key{Name: "people", Doc: "E-mail addresses, in the order of their turns.", Value: listOf(plainText())}),
			{Name: "handover", Doc: `When the next one takes over, in the syntax of cron: "0 9 * * MON". Required for several people.`, Value: plainText()},
			{Name: "since", Doc: "When the first one began: 2026-01-05 09:00, in the time zone of the files. Required for several people.", Value: plainText()},
			{Name: "overrides", Doc: "Exceptions; the last that covers a moment holds. Optional.", Value: listOf(object(shapeOverride))},
		}},
		{shapeOverride, "Others who are on call for a while.", []Key{
			need(Key{Name: "from", Doc: "2026-12-24 09:00, in the time zone of the files.", Value: plainText()}),
			need(Key{Name: "to", Doc: "As from.", Value: plainText()}),
			need(Key{Name: "people", Doc: "E-mail addresses; an empty list for nobody.", Value: listOf(plainText())}),
		}},
		{shapePagerDuty, "What PagerDuty is asked about: a schedule, or a policy.", []Key{
			{Name: "schedule", Doc: "The id of a schedule.", Value: looking(pagerDutyShape.String())},
			{Name: "policy", Doc: "The id of an escalation policy.", Value: looking(pagerDutyShape.String())},
			{Name: "level", Doc: "The level of the policy whose people count. Optional, default 1.", Value: of(Number)},
			{Name: "url", Doc: "Optional, default https://api.pagerduty.com; accounts in the EU have another.", Value: looking(serviceShape.String())},
			need(token),
		}},
		{shapeHTTP, "A service that says who is on call.", []Key{
			need(Key{Name: "url", Doc: "Where it is.", Value: looking(serviceShape.String())}),
			token,
		}},
	}
}

func (d *draft) onCall(name string, key, n *node) {
	o := OnCall{Name: name, Pos: key.pos}
	from := func(source string, read func(*node)) func(*node) {
		return func(n *node) {
			o.Source = source
			read(n)
		}
	}
	d.object(n, "on-call schedule "+name, shapeOnCall, keys{
		OnCallStatic: from(OnCallStatic, func(n *node) { d.rotation(n, &o) }),
		OnCallSlack: from(OnCallSlack, func(n *node) {
			o.Group = d.shaped(n, "the id of a Slack user group", usergroupShape, "it begins with S, as in S012ABCDEF")
		}),
		OnCallPagerDuty: from(OnCallPagerDuty, func(n *node) { d.pagerDuty(n, &o) }),
		OnCallHTTP:      from(OnCallHTTP, func(n *node) { d.object(n, "http", shapeHTTP, d.remote(&o)) }),
	})
	if n.kind == mapping && len(n.pairs) != 1 {
		d.add(key.pos, "on-call schedule "+name+" has one source", "static, slack, pagerduty or http")
	}
	d.groups.put(&d.reader, key, Group{Name: name, Source: GroupOnCall, ID: name})
	d.schedules[name] = o
}

// remote reads where a service is and what it asks for.
func (d *draft) remote(o *OnCall) keys {
	return keys{
		"url":   func(n *node) { o.URL = d.address(n) },
		"token": func(n *node) { o.Token = d.secret(n) },
	}
}

// secret reads a reference to a secret. What stands there instead may be one,
// and is not repeated.
func (d *draft) secret(n *node) string {
	s := d.text(n, "token")
	if s != "" && !secretShape.MatchString(s) {
		d.add(n.pos, "token is a secret and does not stand in a flow file", `refer to a file: "${file:token}"`)
	}
	return s
}

func (d *draft) address(n *node) string {
	s := d.shaped(n, "an address", serviceShape, "it begins with https://, and holds no password")
	if _, err := url.Parse(s); err != nil {
		d.add(n.pos, "the address cannot be read", "")
	}
	return s
}

func (d *draft) pagerDuty(n *node, o *OnCall) {
	read := d.remote(o)
	read["schedule"] = func(n *node) {
		o.Schedule = d.shaped(n, "an id of PagerDuty's", pagerDutyShape, "it is in the address of its page: PABC123")
	}
	read["policy"] = func(n *node) {
		o.Policy = d.shaped(n, "an id of PagerDuty's", pagerDutyShape, "it is in the address of its page: PABC123")
	}
	read["level"] = func(n *node) {
		if o.Level = d.number(n, "level"); o.Level < 1 && n.kind == number {
			d.add(n.pos, "level is at least 1", "")
		}
	}
	d.object(n, "pagerduty", shapePagerDuty, read)
	switch {
	case n.kind != mapping:
	case n.count("schedule", "policy") != 1:
		d.add(n.pos, "pagerduty has a schedule or a policy", "")
	case n.get("level") != nil && n.get("policy") == nil:
		d.add(n.get("level").pos, "level is one of a policy, and this is a schedule", "")
	}
}

func (d *draft) rotation(n *node, o *OnCall) {
	if o.Zone = d.zone; o.Zone == nil {
		o.Zone = time.UTC
	}
	d.object(n, "static", shapeRotation, keys{
		"people":    func(n *node) { o.People = d.texts(n, "people", d.email) },
		"handover":  func(n *node) { o.Handover = d.handover(n) },
		"since":     func(n *node) { o.Since = d.moment(n, "since") },
		"overrides": func(n *node) { d.each(n, "overrides", func(n *node) { d.override(n, o) }) },
	})
	if n.kind != mapping {
		return
	}
	if len(o.People) == 0 && n.get("people") != nil {
		d.add(n.get("people").pos, "a rotation has people", "")
	}
	if len(o.People) > 1 && n.count("handover", "since") != 2 {
		d.add(n.pos, "a rotation of several people says at which handover they take turns, and since when", `handover: "0 9 * * MON", since: 2026-01-05 09:00`)
	}
}

func (d *draft) handover(n *node) string {
	s := d.text(n, "handover")
	if s == "" {
		return ""
	}
	if _, err := policies.ParseSchedule(s); err != nil {
		d.add(n.pos, err.Error(), "")
	}
	return s
}

func (d *draft) override(n *node, o *OnCall) {
	var v OnCallOverride
	d.object(n, "an override", shapeOverride, keys{
		"from":   func(n *node) { v.From = d.moment(n, "from") },
		"to":     func(n *node) { v.To = d.moment(n, "to") },
		"people": func(n *node) { v.People = d.texts(n, "people", d.email) },
	})
	if !v.From.Before(v.To) && !v.From.IsZero() && !v.To.IsZero() {
		d.add(n.pos, "the override ends before it begins", "")
	}
	o.Overrides = append(o.Overrides, v)
}

// moment reads a time on the clocks of the files' zone.
func (d *draft) moment(n *node, what string) time.Time {
	s := d.text(n, what)
	if s == "" {
		return time.Time{}
	}
	zone := d.zone
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(s), zone); err == nil {
			return t
		}
	}
	d.add(n.pos, s+" is not a moment", "write it as 2026-01-05 09:00")
	return time.Time{}
}
