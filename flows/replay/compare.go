package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A Kind says in what way a request would fare otherwise.
type Kind string

// The kinds of difference.
const (
	Refused Kind = "refused" // was allowed, and would be refused
	Allowed Kind = "allowed" // was refused, and would be allowed
	Decides Kind = "decides" // somebody else would decide, or in another way
	Told    Kind = "told"    // others would be told, or silence would mean something else
	Warned  Kind = "warned"  // other warnings would be shown
	Unknown Kind = "unknown" // facts that were not recorded would decide
)

// What a result is that is no difference.
const (
	same     Kind = ""
	unjudged Kind = "unjudged" // refused before any rule was asked
)

// A Cause is what makes a difference: a rule and its place, or a fact that is
// not known.
type Cause struct {
	Rule string `json:"rule"`
	Pos  string `json:"pos,omitempty"` // file:line:col; empty for what is in no file
	Text string `json:"text,omitempty"`
}

// A Side is a verdict in short.
type Side struct {
	Allow   bool   `json:"allow"`
	Route   string `json:"route,omitempty"`
	RouteAt string `json:"route_at,omitempty"`
	Decides string `json:"decides,omitempty"`
	// Reasons are why it is refused, each a sentence.
	Reasons  []string `json:"reasons,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// A Change is a request that would fare otherwise, or might.
type Change struct {
	Request access.RequestID `json:"request"`
	Kind    Kind             `json:"kind"`
	Who     string           `json:"who"`
	Target  string           `json:"target"`
	At      string           `json:"at"` // RFC 3339, in the zone of the flow
	Was     Side             `json:"was"`
	Would   *Side            `json:"would,omitempty"` // nil when nobody can tell
	Causes  []Cause          `json:"causes"`
	pos     uint64
}

// A result is what became of one request.
type result struct {
	at     uint64
	kind   Kind
	change *Change
}

// A comparison is one request under the rules of then and of now.
type comparison struct {
	judge   *judge
	request access.Request
	was     access.Verdict
	flow    *flowfile.Flow // nil when the proposed files have no such target
}

func (c comparison) result(ctx context.Context, pos uint64) (result, error) {
	if cause, wrong := c.form(); wrong {
		if !c.was.Allow {
			return result{at: pos}, nil
		}
		return c.differs(pos, Refused, access.Verdict{Reasons: []access.Reason{{Text: cause.Text}}}, cause), nil
	}
	facts, missing := c.judge.facts(ctx, c)
	c.request.Target, _ = c.judge.set.Target(c.request.Target.Name)
	in := policies.Input{Request: c.request, Now: c.request.AskedAt, Begins: c.request.BeginsAt, Zone: c.flow.Zone, Facts: facts}
	would := c.flow.Rules.Evaluate(in)
	if !would.Allow && len(missing) > 0 {
		// Allowed is certain, since a rule that misses a fact refuses.
		certain := c.flow.Rules.Refusing(in)
		if len(certain) == 0 {
			r := c.differs(pos, Unknown, would, needed(missing)...)
			r.change.Would = nil
			return r, nil
		}
		would.Reasons = slices.DeleteFunc(would.Reasons, func(r access.Reason) bool { return !slices.Contains(certain, r.Rule) })
	}
	kind, causes := c.compare(would)
	if kind == same {
		return result{at: pos}, nil
	}
	return c.differs(pos, kind, would, causes...), nil
}

func needed(facts []string) []Cause {
	var all []Cause
	for _, f := range facts {
		all = append(all, Cause{Rule: "needs the fact " + f})
	}
	return all
}

// form returns what the form of the proposed files would say to what was typed.
func (c comparison) form() (Cause, bool) {
	r := c.request
	draft := flows.Draft{
		Target: r.Target.Name, Duration: r.Duration, Reason: r.Reason, Fields: r.Fields, Source: r.Source,
		Extends: r.Extends, BreakGlass: r.BreakGlass, Incident: r.Incident,
	}
	if r.Extends != "" {
		draft.Fields = nil // as they were typed for the grant
	}
	err := c.judge.desk.Check(draft)
	refusal, wrong := errors.AsType[*access.Refusal](err)
	if !wrong {
		return Cause{}, false
	}
	if c.flow == nil {
		return Cause{Rule: "no target " + r.Target.Name, Text: refusal.Text}, true
	}
	cause := Cause{Rule: "form", Text: refusal.Text}
	for _, name := range slices.Sorted(maps.Keys(refusal.Fields)) {
		cause.Rule, cause.Pos = "form: "+name, c.formAt(name)
		break
	}
	return cause, true
}

// formAt returns where the proposed files say what the form asks.
func (c comparison) formAt(name string) string {
	settings, _ := c.judge.set.Settings(c.flow.Name)
	prefix := "fields." + name
	if name == flows.FieldDuration {
		prefix = "duration"
	}
	for _, s := range settings {
		if (s.Path == prefix || strings.HasPrefix(s.Path, prefix+".")) && s.Pos != (policies.Position{}) {
			return s.Pos.String()
		}
	}
	return ""
}

// compare returns in what way would differs from what was, and what makes it
// so.
func (c comparison) compare(would access.Verdict) (Kind, []Cause) {
	switch {
	case c.was.Allow && !would.Allow:
		return Refused, reasons(would.Reasons)
	case !c.was.Allow && would.Allow:
		return Allowed, c.gone()
	case !would.Allow:
		return same, nil
	}
	route := Cause{Rule: "route " + would.Route.Name, Pos: would.Route.Pos}
	switch {
	case !equal(deciding(c.was.Route), deciding(would.Route)):
		return Decides, []Cause{route}
	case !equal(placeless(c.was.Route), placeless(would.Route)):
		return Told, []Cause{route}
	}
	if causes := c.warnings(would); len(causes) > 0 {
		return Warned, causes
	}
	return same, nil
}

func reasons(rs []access.Reason) []Cause {
	var all []Cause
	for _, r := range rs {
		all = append(all, Cause{r.Rule, r.Pos, r.Text})
	}
	return all
}

// gone returns the rules that refused and do not any more, where they are now.
func (c comparison) gone() []Cause {
	var all []Cause
	for _, r := range c.was.Reasons {
		cause := Cause{Rule: r.Rule, Text: fmt.Sprintf("refused before, at %s, and is not there any more", r.Pos)}
		for _, p := range c.flow.Rules.Places() {
			if p.Rule == r.Rule {
				cause.Pos, cause.Text = p.Pos.String(), "refused before, and does not any more"
			}
		}
		all = append(all, cause)
	}
	return all
}

// warnings returns the rules that would warn and did not, or the other way
// round.
func (c comparison) warnings(would access.Verdict) []Cause {
	was, now := names(c.was.Warnings), names(would.Warnings)
	var all []Cause
	for _, w := range would.Warnings {
		if !was[w.Rule] {
			all = append(all, Cause{w.Rule, w.Pos, "would warn"})
		}
	}
	for _, w := range c.was.Warnings {
		if !now[w.Rule] {
			all = append(all, Cause{w.Rule, "", "warned before, at " + w.Pos})
		}
	}
	return all
}

func names(rs []access.Reason) map[string]bool {
	all := make(map[string]bool, len(rs))
	for _, r := range rs {
		all[r.Rule] = true
	}
	return all
}

// placeless returns a route without where it stands, which may change alone.
func placeless(r access.Route) access.Route {
	r.Pos = ""
	return r
}

// deciding returns a route as far as it says who decides.
func deciding(r access.Route) access.Route {
	r = placeless(r)
	r.Notify, r.Tell, r.Silence, r.LapseAfter = nil, access.Audience{}, nil, 0
	return r
}

// equal reports whether two routes are the same once they are recorded: an
// empty list is none.
func equal(a, b access.Route) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(one, other)
}

// differs returns the result for a request that would fare otherwise.
func (c comparison) differs(pos uint64, kind Kind, would access.Verdict, causes ...Cause) result {
	at := c.request.AskedAt
	if c.flow != nil {
		at = at.In(c.flow.Zone)
	}
	then := sideOf(would)
	return result{pos, kind, &Change{
		Request: c.request.ID, Kind: kind, Who: called(c.request.By), Target: c.request.Target.Name,
		At: at.Format("2006-01-02T15:04:05Z07:00"), Was: sideOf(c.was), Would: &then, Causes: causes, pos: pos,
	}}
}

func called(p access.Person) string {
	for _, name := range []string{p.Email, p.Name, string(p.ID)} {
		if name != "" {
			return name
		}
	}
	return "somebody"
}

func sideOf(v access.Verdict) Side {
	s := Side{Allow: v.Allow}
	for _, w := range v.Warnings {
		s.Warnings = append(s.Warnings, w.Text)
	}
	if !v.Allow {
		for _, r := range v.Reasons {
			s.Reasons = append(s.Reasons, r.Text)
		}
		return s
	}
	s.Route, s.RouteAt, s.Decides = v.Route.Name, v.Route.Pos, v.Route.Deciders()
	if v.Route.Auto {
		s.Decides = "nobody: it is approved at once"
	} else if v.Route.Self && len(v.Route.Needs) > 0 {
		s.Decides += ", or the person who asked"
	}
	return s
}
