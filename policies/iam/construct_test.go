package iam_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sesame/policies/iam"
)

// The cases of this file are built to a known meaning: whoever builds a
// condition knows which values it accepts, because a person wrote them down in
// samples, and what statements and policies come to together is said once more
// in expect. Nothing here asks the evaluator.

const (
	setsOfPolicies = 1000
	casesPerSet    = 20
	caseSeed       = 20260302
)

// A sample is one value of a policy, with values of a request that it does and
// does not describe, before an operator negates it.
type sample struct {
	operators    string // those of which it is true, separated by blanks
	policy       string
	hits, misses string // separated by |
}

var samples = []sample{
	{"StringEquals StringNotEquals", "FrontEnd", "FrontEnd", "frontend|FrontEnd |BackEnd|Front*"},
	{"StringEquals StringNotEquals", "web-*", "web-*", "web-1|web-"},
	{"StringEquals StringNotEquals", "${aws:username}", "alice", "Alice|${aws:username}|bob"},
	{"StringEquals StringNotEquals", "${AWS:UserName}-x", "alice-x", "alice|x"},
	{"StringEquals StringNotEquals", "${aws:PrincipalTag/None, 'fallback'}", "fallback", "none|'fallback'"},
	{"StringEquals StringNotEquals", "${aws:username, 'fallback'}", "alice", "fallback"},
	{"StringEquals StringNotEquals", "a${*}${?}${$}", "a*?$", "abc|a**"},
	{"StringEqualsIgnoreCase StringNotEqualsIgnoreCase", "FrontEnd", "FRONTEND|frontend|FrontEnd", "front-end|BackEnd"},
	{"StringEqualsIgnoreCase StringNotEqualsIgnoreCase", "${aws:username}", "ALICE|alice", "bob"},
	{"StringLike StringNotLike", "web-*", "web-|web-1|web-a:b/c", "Web-1|we|db-web-1"},
	{"StringLike StringNotLike", "*-?-*-end", "a-b-c-end|-x--end", "a-bc-d-end|a-b-end|a-b-c-End"},
	{"StringLike StringNotLike", "${aws:username}/*", "alice/x|alice/", "alice|bob/x|${aws:username}/x"},
	{"StringLike StringNotLike", "a${*}c*", "a*c|a*cd", "abc|abcd"},
	{"StringLike StringNotLike", "${aws:PrincipalTag/Star}", "*", "anything"},
	{"ArnEquals ArnNotEquals ArnLike ArnNotLike", "arn:aws:iam::111111111111:role/Ops*", "arn:aws:iam::111111111111:role/Ops|arn:aws:iam::111111111111:role/Ops:x/y", "arn:aws:iam::222222222222:role/Ops|arn:aws:iam::111111111111:user/Ops|role/Ops"},
	{"ArnEquals ArnNotEquals ArnLike ArnNotLike", "arn:*:ec2:*:111111111111:instance/i-?", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1|arn:aws-cn:ec2::111111111111:instance/i-2", "arn:aws:ec2:eu-west-1:x:111111111111:instance/i-1|arn:aws:ec2:eu-west-1:111111111111:instance/i-12"},
	{"ArnEquals ArnNotEquals ArnLike ArnNotLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:user/bob|arn:aws:iam::1:2:user/alice"},
	{"NumericEquals NumericNotEquals", "10", "10|10.0|1e1|+10", "9|11|-10"},
	{"NumericLessThan", "10", "9|-1|9.99", "10|11"},
	{"NumericLessThanEquals", "10", "9|10", "10.01|11"},
	{"NumericGreaterThan", "10", "11|10.5", "10|9"},
	{"NumericGreaterThanEquals", "10", "10|11", "9.5"},
	{"DateEquals DateNotEquals", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z|2026-03-02T13:00:00+01:00|1772452800|2026-03-02T12:00Z", "2026-03-02T12:00:01Z|2026-03-02"},
	{"DateLessThan", "2026-03-02", "2026-03-01T23:59:59Z|2025|1", "2026-03-02T00:00:00Z|2026-04"},
	{"DateLessThanEquals", "2026-03-02T00:00:00Z", "2026-03-02|2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00.5Z"},
	{"DateGreaterThan", "2026-03-02T12:00:00Z", "2026-03-02T12:00:01Z|2027", "2026-03-02T12:00:00Z|2026"},
	{"DateGreaterThanEquals", "1772452800", "2026-03-02T12:00:00Z|1772452801", "2026-03-02T11:59:59Z"},
	{"Bool", "true", "true|True", "false"},
	{"Bool", "false", "false|FALSE", "true"},
	{"BinaryEquals", "c2VzYW1l", "c2VzYW1l", "U2VzYW1l|c2VzYQ=="},
	{"IpAddress NotIpAddress", "192.0.2.0/24", "192.0.2.1|::ffff:192.0.2.9", "192.0.3.1|2001:db8::1"},
	{"IpAddress NotIpAddress", "2001:db8::/32", "2001:db8::1", "2001:db9::1|192.0.2.1"},
	{"IpAddress NotIpAddress", "192.0.2.7", "192.0.2.7", "192.0.2.8"},
}

// shared is what every request has, for the variables of the samples.
var shared = map[string][]string{"aws:username": {"alice"}, "aws:PrincipalTag/Star": {"*"}}

// Operators whose condition holds where no value matches. Said here once more
// rather than asked of the package.
func negates(operator string) bool { return strings.Contains(operator, "Not") }

// A builder makes documents and requests at random.
type builder struct {
	*rand.Rand
	keys int
}

func pick[T any](b *builder, from []T) T { return from[b.IntN(len(from))] }

func (b *builder) oneIn(n int) bool { return b.IntN(n) == 0 }

// anyCase returns text with the case of its letters changed at random.
func (b *builder) anyCase(text string) string {
	switch b.IntN(3) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ToLower(text)
	}
	return text
}

// A clause is a condition, and roll is how a request meets it: it sets the key
// and returns whether the condition holds.
type clause struct {
	operator, key string
	values        []string
	roll          func(context map[string][]string) bool
}

func (b *builder) clause() clause {
	b.keys++
	key := fmt.Sprintf("test:Key%d", b.keys)
	if b.oneIn(8) {
		return b.null(key)
	}
	s := pick(b, samples)
	operator := pick(b, strings.Fields(s.operators))
	each := pick(b, []string{"", "", "ForAllValues", "ForAnyValue"})
	ifExists := b.oneIn(4)
	c := clause{operator: operator, key: key, values: []string{s.policy}}
	if each != "" {
		c.operator = each + ":" + operator
	}
	if ifExists {
		c.operator += "IfExists"
	}
	c.roll = func(context map[string][]string) bool {
		key := b.anyCase(key)
		if b.oneIn(6) {
			if b.oneIn(2) {
				context[key] = nil
			}
			return absent(operator, each, ifExists)
		}
		hits, values := b.values(s, each != "")
		context[key] = values
		return meets(hits, len(values), each, negates(operator))
	}
	return c
}

// absent says what a condition comes to for a request without its key.
func absent(operator, each string, ifExists bool) bool {
	switch {
	case ifExists, each == "ForAllValues":
		return true
	case each == "ForAnyValue":
		return false
	}
	return negates(operator)
}

// values returns values for a request, and how many of them match.
func (b *builder) values(s sample, several bool) (hits int, values []string) {
	n := 1
	if several {
		n += b.IntN(3)
	}
	for range n {
		if b.oneIn(2) {
			hits++
			values = append(values, pick(b, strings.Split(s.hits, "|")))
		} else {
			values = append(values, pick(b, strings.Split(s.misses, "|")))
		}
	}
	return hits, values
}

// meets says what a condition comes to for n values of which some match.
func meets(hits, n int, each string, negated bool) bool {
	good := hits
	if negated {
		good = n - hits
	}
	if each == "ForAnyValue" {
		return good > 0
	}
	return good == n
}

func (b *builder) null(key string) clause {
	wanted := b.oneIn(2)
	return clause{"Null", key, []string{fmt.Sprint(wanted)}, func(context map[string][]string) bool {
		switch b.IntN(3) {
		case 0:
			context[b.anyCase(key)] = []string{pick(b, []string{"x", "", "true", "false"})}
			return !wanted
		case 1:
			context[b.anyCase(key)] = nil
		}
		return wanted
	}}
}

// What the requests are about, and what does and does not describe it.
const (
	askedAction   = "ssm:StartSession"
	askedResource = "arn:aws:ec2:eu-west-1:111111111111:instance/i-0a:b"
	askedBy       = "arn:aws:sts::111111111111:assumed-role/Ops/alice"
)

var (
	actionHits     = strings.Fields("ssm:StartSession ssm:Start* ssm:*Session ssm:* * *:* SSM:startsession ssm:?tart?ession ssm:S*t*n")
	actionMisses   = strings.Fields("ssm:SendCommand ec2:* ssm:Start ssm:StartSessions ssm:?StartSession s3:StartSession ssm:*Sessions")
	resourceHits   = strings.Fields("* arn:aws:ec2:eu-west-1:111111111111:instance/i-0a:b arn:aws:ec2:*:*:instance/* arn:aws:ec2:eu-*-1:111111111111:instance/i-* arn:*:ec2:*:*:*/i-0?:? arn:aws:ec2:* arn:aws:ec2:eu-west-1:*:instance/* arn:aws:ec2:*:instance/i-0a:b arn:aws:ec2:??-west-?:*:instance/*")
	resourceMisses = strings.Fields("arn:aws:ec2:*:*:instance/i-1* arn:aws:ssm:*:*:instance/* arn:aws:ec2:eu-west-1:222222222222:instance/* arn:aws:ec2:eu-*1:111111111111:instance/ arn:aws:ec2:e*e/i-0a:b arn:aws:ec2:eu-west-1?111111111111:instance/* arn:aws:ec2:*:*:instance/${aws:username}* arn:aws:ec2:*:*:instance/${aws:PrincipalTag/None}*")
)

// elements returns values for Action or Resource, which describe what is asked
// for or do not.
func (b *builder) elements(hits, misses []string) (values []string, describes bool) {
	for range 1 + b.IntN(3) {
		values = append(values, pick(b, misses))
	}
	if describes = !b.oneIn(4); describes {
		values = append(values, pick(b, hits))
	}
	b.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values, describes
}

// A made statement, with what is known of it before a request is rolled.
type made struct {
	text    map[string]any
	allow   bool
	matches bool // action, resource and principal
	clauses []clause
}

func (b *builder) statement(principal bool) made {
	m := made{text: map[string]any{}, allow: !b.oneIn(4), matches: true}
	m.text["Effect"] = map[bool]string{true: "Allow", false: "Deny"}[m.allow]
	b.put(&m, "Action", actionHits, actionMisses)
	b.put(&m, "Resource", resourceHits, resourceMisses)
	if principal {
		m.text["Principal"] = map[string]any{"AWS": "arn:aws:iam::111111111111:role/some/path/Ops"}
	}
	conditions := map[string]map[string]any{}
	for range b.IntN(3) {
		c := b.clause()
		m.clauses = append(m.clauses, c)
		if conditions[c.operator] == nil {
			conditions[c.operator] = map[string]any{}
		}
		conditions[c.operator][b.anyCase(c.key)] = b.oneOrList(c.values)
	}
	if len(conditions) > 0 {
		m.text["Condition"] = conditions
	}
	return m
}

func (b *builder) put(m *made, name string, hits, misses []string) {
	values, describes := b.elements(hits, misses)
	if b.oneIn(5) {
		name, describes = "Not"+name, !describes
	}
	m.text[name] = b.oneOrList(values)
	m.matches = m.matches && describes
}

func (b *builder) oneOrList(values []string) any {
	if len(values) == 1 && b.oneIn(2) {
		return values[0]
	}
	return values
}

// holds rolls a request for the statement's conditions. Each is rolled, so that
// each key is set.
func (m *made) holds(context map[string][]string) bool {
	all := m.matches
	for _, c := range m.clauses {
		all = c.roll(context) && all
	}
	return all
}

// A side is what one policy says.
type side struct{ allow, deny bool }

func rolled(statements []made, context map[string][]string) side {
	var s side
	for i := range statements {
		if statements[i].holds(context) {
			s.allow = s.allow || statements[i].allow
			s.deny = s.deny || !statements[i].allow
		}
	}
	return s
}

// A set is policies of every sort, each nil if there is none.
type set struct {
	identity, session, boundary, resource []made
	scps                                  [][]made
}

func (b *builder) statements(principal bool) []made {
	all := make([]made, 1+b.IntN(4))
	for i := range all {
		all[i] = b.statement(principal)
	}
	return all
}

func (b *builder) set() set {
	s := set{identity: b.statements(false)}
	if b.oneIn(3) {
		s.session = b.statements(false)
	}
	if b.oneIn(3) {
		s.boundary = b.statements(false)
	}
	if b.oneIn(3) {
		s.resource = b.statements(true)
	}
	for b.oneIn(3) {
		s.scps = append(s.scps, b.statements(false))
	}
	return s
}

// expect says what a set comes to: a deny anywhere denies; then every level of
// the organization allows, the identity or the resource's policy (which names
// the role) allows, and whatever narrows the role allows.
func (s *set) expect(context map[string][]string) iam.Outcome {
	identity, session := rolled(s.identity, context), rolled(s.session, context)
	boundary, resource := rolled(s.boundary, context), rolled(s.resource, context)
	denied := identity.deny || session.deny || boundary.deny || resource.deny
	allowed := (identity.allow || resource.allow) && (s.session == nil || session.allow) && (s.boundary == nil || boundary.allow)
	for _, level := range s.scps {
		l := rolled(level, context)
		denied, allowed = denied || l.deny, allowed && l.allow
	}
	switch {
	case denied:
		return iam.ExplicitlyDenied
	case allowed:
		return iam.Allowed
	}
	return iam.ImplicitlyDenied
}

func (s *set) compile(t *testing.T) iam.Policies {
	ps := iam.Policies{Identity: []*iam.Policy{compileMade(t, s.identity)}}
	if s.session != nil {
		ps.Session = []*iam.Policy{compileMade(t, s.session)}
	}
	if s.boundary != nil {
		ps.Boundary = compileMade(t, s.boundary)
	}
	if s.resource != nil {
		ps.Resource = compileMade(t, s.resource)
	}
	for _, level := range s.scps {
		ps.SCPs = append(ps.SCPs, []*iam.Policy{compileMade(t, level)})
	}
	return ps
}

func compileMade(t *testing.T, statements []made) *iam.Policy {
	t.Helper()
	return compile(t, textOf(t, statements))
}

func textOf(t *testing.T, statements []made) string {
	t.Helper()
	texts := make([]any, len(statements))
	for i, m := range statements {
		texts[i] = m.text
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": texts})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEvaluatorAgreesWithConstruction(t *testing.T) {
	b := &builder{Rand: rand.New(rand.NewPCG(caseSeed, 0))}
	var seen [3]int
	for n := range setsOfPolicies {
		s := b.set()
		ps := s.compile(t)
		for range casesPerSet {
			values := map[string][]string{}
			for k, v := range shared {
				values[k] = v
			}
			want := s.expect(values)
			seen[want]++
			got := ps.Evaluate(iam.Request{Principal: askedBy, Action: b.anyCase(askedAction), Resource: askedResource, Context: iam.NewContext(values)})
			if got.Outcome != want {
				t.Fatalf("set %d: %v, want %v\ncontext %v\nerrors %v\nidentity %s\nresource %s", n, got.Outcome, want, values, got.Errors, textOf(t, s.identity), textOf(t, s.resource))
			}
		}
	}
	t.Logf("%d cases: %v", setsOfPolicies*casesPerSet, seen)
	if slices.Min(seen[:]) < setsOfPolicies {
		t.Errorf("outcomes %v: the cases do not try each enough", seen)
	}
}
