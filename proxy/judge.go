package proxy

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
	"sesame/proxy/awsapi"
	"sesame/proxy/sigv4"
)

// maxInspect is how much of a body is read for what it names. What is larger
// holds data.
const maxInspect = 64 << 10

// understand finds out what the call asks for.
func (c *call) understand(context.Context) *refusal {
	if !c.read && c.Table.NeedsBody(&c.request) {
		if refused := c.readVerified(awsapi.MaxForm); refused != nil {
			return refused
		}
	}
	c.request.Body = c.body
	if c.endpoint != "" {
		if refused := c.settle(); refused != nil {
			return refused
		}
	}
	var err error
	if c.found, err = c.Table.Classify(&c.request); err != nil {
		return ambiguous(err)
	}
	if !c.read && c.inspects() {
		if refused := c.readVerified(maxInspect); refused != nil {
			return refused
		}
		c.request.Body = c.body
	}
	c.actions = c.found.Actions(&c.request)
	if c.params, c.partial, err = c.found.Params(&c.request); err != nil {
		return deny(denied, "ambiguous", "Sesame cannot read the parameters of this request: %v; use an unchanged SDK or the AWS CLI.", err)
	}
	return nil
}

func ambiguous(err error) *refusal {
	return deny(denied, "ambiguous", "Sesame cannot tell what this request asks for: %v; use an unchanged SDK or the AWS CLI.", err)
}

// inspects reports whether the body is small and names what the call is about.
func (c *call) inspects() bool {
	switch c.found.Protocol {
	case awsapi.JSON, awsapi.CBOR, awsapi.RestJSON:
		n := c.r.ContentLength
		return c.signed.Payload == sigv4.Hashed && n > 0 && n <= maxInspect
	}
	return false
}

// whole reports whether all of the call is known: its body was read, or it has
// none.
func (c *call) whole() bool { return c.read || c.r.ContentLength == 0 }

// readVerified reads a body whose signature was verified, and of which the hash
// is checked here, so that what is parsed is what was signed.
func (c *call) readVerified(limit int64) *refusal {
	if p := c.signed.Payload; p != sigv4.Hashed && p != sigv4.Unsigned {
		return ambiguous(fmt.Errorf("%w: a body in chunks, as S3 alone takes it", awsapi.ErrEncoding))
	}
	if refused := c.readBody(limit); refused != nil {
		return refused
	}
	if c.signed.Payload == sigv4.Hashed && c.signed.Check(c.body) != nil {
		return badSignature(sigv4.ErrBody)
	}
	return nil
}

// writes reports whether the call may change something.
func (c *call) writes() bool {
	l := c.found.Level()
	return l != awsapi.List && l != awsapi.Read
}

// judge asks what everybody is refused, the target's lists, and its rules.
func (c *call) judge(ctx context.Context) *refusal {
	j, err := c.judges.find(c.key.Ring)
	if err != nil {
		return c.unable(err, "read the rules of the target")
	}
	if refused := c.unrepeated(); refused != nil {
		return refused
	}
	if refused := j.judge(c); refused != nil {
		return refused
	}
	return j.ask(ctx, c)
}

// judges are the rules of targets, by the rings that carry them.
type judges struct {
	mu    sync.RWMutex // guards what follows
	known map[access.ObjectKey]*judge
}

const maxJudges = 10000

func (js *judges) find(ring access.Spec) (*judge, error) {
	js.mu.RLock()
	j := js.known[ring.Key]
	js.mu.RUnlock()
	if j != nil {
		return j, nil
	}
	fresh, err := newJudge(ring.Params)
	if err != nil {
		return nil, err
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	if js.known == nil || len(js.known) >= maxJudges {
		js.known = map[access.ObjectKey]*judge{}
	}
	js.known[ring.Key] = fresh
	return fresh, nil
}

// A judge is what a target lets through.
type judge struct {
	flowfile.Calls
	allow, deny patterns
	forward     patterns // of hosts and ports
	escalation  map[string]escalation
	rules       *policies.CallRules // nil where there are none
}

func newJudge(params map[string]string) (*judge, error) {
	lists, err := flowfile.ParseCalls(params)
	if err != nil {
		return nil, err
	}
	rules, err := lists.CompileRules()
	if err != nil {
		return nil, err
	}
	return &judge{lists, patternsOf(lists.Allow), patternsOf(lists.Deny), patternsOf(lists.Forward), escalations(), rules}, nil
}

// judge goes from what nobody may to what this target lists.
func (j *judge) judge(c *call) *refusal {
	names, ours := namesOf(c.found), brokered(c.found)
	if ours {
		if refused := j.broker(c); refused != nil {
			return refused
		}
	} else if why := j.escalates(c, names); why != "" {
		return deny(denied, "escalation", "%s is refused through Sesame, since %s: if the target is to allow it, its calls.escalate names it.", names[0], why)
	}
	actions := c.actions
	p, hit := j.deny.matchAny(actions)
	if !hit {
		p, hit = j.deny.matchAny(names)
	}
	if hit {
		return deny(denied, "calls.deny "+p, "%s is refused on %s by calls.deny (%s): ask for another target.", names[0], c.grant.Target, p)
	}
	if ours {
		return nil // it gives nothing that the key does not, or what the target lists
	}
	if refused := c.nestedSession(); refused != nil {
		return refused
	}
	own, refused := c.ownSession()
	if refused != nil {
		return refused
	}
	if own == nil && c.keyFor() == nil && !j.allowed(actions, names) {
		if needed := strings.Join(need(actions, names), " and "); needed != names[0] {
			return deny(denied, "calls.allow", "%s needs %s, which %s does not allow: ask for another target.", names[0], needed, c.grant.Target)
		}
		return deny(denied, "calls.allow", "%s is not among what %s allows: ask for another target.", names[0], c.grant.Target)
	}
	if refused := j.preset(c, names, own != nil); refused != nil {
		return refused
	}
	return j.sessions(c)
}

// namesOf are the names of an operation: as the command line has it, and with
// the prefix of actions.
func namesOf(found awsapi.Call) []string {
	operation := operationOf(found)
	names := []string{found.Service + ":" + operation}
	if k := found.Known; k != nil && k.Service.Prefix != found.Service {
		names = append(names, k.Service.Prefix+":"+operation)
	}
	return names
}

func operationOf(found awsapi.Call) string { return cmp.Or(found.Operation, "unknown") }

// need is what has to be allowed for a call: its actions, or of a call without
// known ones itself.
func need(actions, names []string) []string {
	if len(actions) > 0 {
		return actions
	}
	return names[:1]
}

// whoAmI is what AWS answers to everybody, and many tools ask first.
const whoAmI = "sts:GetCallerIdentity"

func (j *judge) allowed(actions, names []string) bool {
	if len(j.allow) == 0 || names[0] == whoAmI {
		return true
	}
	for _, action := range need(actions, names) {
		if _, hit := j.allow.match(action); !hit {
			return false
		}
	}
	return true
}

// patterns are IAM actions with * and ?, in small letters as IAM compares them.
type patterns []string

func patternsOf(texts []string) patterns {
	all := make(patterns, len(texts))
	for i, t := range texts {
		all[i] = strings.ToLower(t)
	}
	return all
}

func (ps patterns) match(name string) (string, bool) {
	if len(ps) == 0 {
		return "", false
	}
	if !ascii(name) {
		name = strings.ToLower(name) // of what is ASCII, wild does that as it goes
	}
	for _, p := range ps {
		if wild(p, name) {
			return p, true
		}
	}
	return "", false
}

func (ps patterns) matchAny(names []string) (string, bool) {
	for _, name := range names {
		if p, hit := ps.match(name); hit {
			return p, true
		}
	}
	return "", false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func small(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// wild matches * and ?, by going back to the last star alone. The pattern is in
// small letters; s may be in any.
func wild(pattern, s string) bool {
	star, mark, p := -1, 0, 0
	for i := 0; i < len(s); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == small(s[i])):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
