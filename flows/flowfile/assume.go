package flowfile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
)

// ParamVend says what a target hands out to who asks for credentials.
const ParamVend = "vend"

// The values of ParamVend. What is not said is VendProxy.
const (
	VendProxy = "proxy" // proxy keys, which AWS knows nothing of
	VendReal  = "real"  // sessions of the role, with which AWS is called directly
)

// VendedFor is the longest that credentials are handed out for: what AWS allows
// a role that another role assumes (IAM User Guide, "Roles terms and concepts",
// role chaining).
const VendedFor = time.Hour

// Vends reports whether credentials of AWS are handed out for a target or
// object.
func Vends(params map[string]string) bool { return params[ParamVend] == VendReal }

// An Assumption is a role that the holder of a grant assumed from the role of
// the target, or from another that they assumed, as they asked for it.
type Assumption struct {
	Role       string `json:"r"`
	ExternalID string `json:"x,omitempty"`
}

// maxAssume is how many roles a target may list. Each costs room in the
// session policy.
const maxAssume = 10

var assumeShape = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/([\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)

// handsOut are operations that are brokered, so that letting them through would
// hand out credentials of AWS beside.
var handsOut = []string{"sts:AssumeRole", "sts:GetSessionToken"}

// fitVend holds what a target hands out, and the roles that its holder may go
// on as, to its own role.
func (d *draft) fitVend(t *access.Target, n *node) {
	c, err := ParseCalls(t.Params)
	if err != nil {
		panic(err) // it was encoded here
	}
	at := n.get(ParamCalls)
	for _, arn := range c.Assume {
		if own, other := partition(t.Params[ParamRoleARN]), partition(arn); own != "" && other != "" && own != other {
			d.add(at.pos, fmt.Sprintf("target %s would assume %s, which is in another partition than its own role, %s", t.Name, arn, own), "no session reaches from one partition into another")
		}
	}
	if len(c.Assume) > maxAssume {
		d.add(at.pos, fmt.Sprintf("target %s lists %d roles under assume, at most %d", t.Name, len(c.Assume), maxAssume), "")
	}
	for _, name := range c.Escalate {
		if slices.Contains(handsOut, name) {
			d.add(at.pos, fmt.Sprintf("target %s lets %s through, which would hand out credentials of AWS", t.Name, name), "list the roles under calls.assume: they are assumed for the holder, who gets proxy keys")
		}
	}
	if !Vends(t.Params) {
		return
	}
	t.Recorded, t.Vended, t.Overhang = false, true, VendedFor
	if len(c.Assume) > 0 {
		d.add(n.get(ParamVend).pos, fmt.Sprintf("target %s hands out credentials of AWS, and would have roles assumed with them that outlast it", t.Name), "leave out vend, or calls.assume")
	}
}

func partition(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

// PartitionOf returns the partition of AWS that a region is in, by how it is
// called.
func PartitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// linkVends refuses what nobody would hold calls to that do not pass Sesame. It
// comes once targets have the rules of their flows.
func (d *draft) linkVends() {
	for _, name := range d.targets.names() {
		t := d.targets.known[name]
		if t.Way != WayRole || !Vends(t.Params) {
			continue
		}
		var c Calls
		err := json.Unmarshal([]byte(t.Params[ParamCalls]), &c)
		if err == nil && len(c.Rules) > 0 {
			d.add(d.targets.at[name], fmt.Sprintf("target %s hands out credentials of AWS and has rules of calls, which nobody asks about calls that do not pass Sesame", name), "leave out vend, or the rules")
		}
		if err == nil && (c.NoDelete || c.NoSecrets) {
			d.add(d.targets.at[name], fmt.Sprintf("target %s hands out credentials of AWS and has no_delete or no_secrets among its calls, which does not hold for calls that do not pass Sesame", name), "leave out vend, or name what is refused under calls.deny")
		}
	}
}

// lintReach says which exceptions the targets of a flow make to what is
// refused.
func (d *draft) lintReach(f *flowDraft) {
	for _, name := range f.Targets {
		t := d.targets.known[name]
		c, err := ParseCalls(t.Params)
		if err != nil || t.Way != WayRole {
			continue
		}
		for _, exception := range c.Exceptions() {
			d.warn(d.targets.at[name], "target "+name+" "+exception)
		}
		if Vends(t.Params) {
			d.warn(d.targets.at[name], fmt.Sprintf("target %s hands out credentials of AWS: calls with them are not recorded by Sesame, what is refused through it is not refused there, and they may work up to %s after access that is ended early", name, short(VendedFor)))
		}
	}
}

// Presets say what c refuses of whole kinds of calls, each the end of a sentence
// about the target.
func (c Calls) Presets() []string {
	var all []string
	if c.ReadOnly {
		all = append(all, "read_only refuses what may change something")
	}
	if c.NoDelete {
		all = append(all, "no_delete refuses what may delete something")
	}
	if c.NoSecrets {
		all = append(all, "no_secrets refuses what may show a secret")
	}
	return all
}

// Exceptions are what c lets through of what everybody else is refused, each
// the end of a sentence about the target.
func (c Calls) Exceptions() []string {
	var all []string
	if len(c.Escalate) > 0 {
		all = append(all, "lets "+strings.Join(c.Escalate, ", ")+" through, although it may reach beyond the grant")
	}
	if len(c.Assume) > 0 {
		all = append(all, "lets its holder go on as "+strings.Join(c.Assume, ", ")+", with keys of Sesame's and under the same rules")
	}
	return all
}

func (d *draft) vend(n *node) string {
	text := d.text(n, ParamVend)
	if text != VendProxy && text != VendReal {
		d.add(n.pos, fmt.Sprintf("%q is nothing that a target hands out", text), "proxy or real")
	}
	return text
}
