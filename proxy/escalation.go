package proxy

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"sesame/proxy/awsapi"
)

//go:embed escalation.txt
var escalationText string

// An escalation is why an operation escalates, and the words without which it
// does not; where there are none, it always does.
type escalation struct {
	why   string
	words []string
}

// escalations are the operations of the list.
var escalations = sync.OnceValue(func() map[string]escalation {
	all := map[string]escalation{}
	for name, head := range underHeads(escalationText) {
		why, words, _ := strings.Cut(head, " | ")
		all[name] = escalation{why, strings.Fields(words)}
	}
	return all
})

// underHeads reads a list of operations in blocks, each with a line at its head
// that says something of those below.
func underHeads(text string) map[string]string {
	all, head, fresh := map[string]string{}, "", true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			fresh = true
		case fresh:
			head, fresh = line, false
		default:
			all[line] = head
		}
	}
	return all
}

// identities are the services whose every change is one of who may do what.
var identities = []string{"iam", "organizations", "sso-admin", "identitystore", "account", "ram", "rolesanywhere"}

// escalates says why a call could reach beyond the grant, or nothing. What the
// target names is let through.
func (j *judge) escalates(c *call, names []string) string {
	found := c.found
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(j.Escalate, n) }) {
		return ""
	}
	k, level := found.Known, found.Level()
	reads := level == awsapi.List || level == awsapi.Read
	switch {
	case k != nil && k.ReturnsCredentials:
		return "it hands out credentials of AWS"
	case k != nil && k.OpensSession && c.opens() == 0:
		return "it opens a session that Sesame does not record"
	case level == awsapi.Permissions:
		return "it changes permissions"
	case !reads && slices.Contains(identities, found.Service):
		return "it changes identities"
	case k == nil:
		return "Sesame does not know it as it is asked for, and it may do anything"
	}
	if e, listed := j.escalation[names[0]]; listed && (len(e.words) == 0 || found.MayHold(&c.request, c.whole(), e.words...)) {
		return e.why
	}
	switch {
	case reads:
		return ""
	case found.MayPassRole(&c.request, c.whole()):
		return "it may hand over a role for something else to run as"
	case found.MayGrant(&c.request, c.whole()):
		return "it may hand over a policy that outlives the grant"
	case found.Shares(&c.request):
		return "it shares what it writes, beyond the grant"
	}
	return ""
}
