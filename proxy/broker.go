package proxy

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sesame/flows/flowfile"
	"sesame/proxy/awsapi"
)

// The operations of STS that are answered here: AWS's own answers would hand
// out its keys.
const (
	stsService      = "sts"
	assumeRole      = "AssumeRole"
	getSessionToken = "GetSessionToken"
)

// brokered reports whether a call is answered by Sesame.
func brokered(found awsapi.Call) bool {
	return found.Service == stsService && (found.Operation == assumeRole || found.Operation == getSessionToken)
}

// The bounds of what may be asked for, as the API reference of AWS STS has them;
// a role that another role assumes lasts an hour at most.
const (
	minLasts      = 15 * time.Minute
	maxAssumed    = flowfile.VendedFor
	maxToken      = 36 * time.Hour
	usualAssumed  = time.Hour
	usualToken    = 12 * time.Hour
	maxExternalID = 256
	maxRoles      = 3
)

// An asking is what somebody wants of STS.
type asking struct {
	roles []flowfile.Assumption // that they would have gone on as, one from the other
	lasts time.Duration
}

// broker reads what is asked for, and refuses what cannot be kept. Nothing that
// is asked for is left out in silence but for names: sessions are named after
// their holder, and the answer says so.
func (j *judge) broker(c *call) *refusal {
	form, refused := c.form()
	if refused != nil {
		return refused
	}
	c.asks.roles = slices.Clone(c.key.Roles)
	least, most, usual, why := minLasts, maxToken, usualToken, ""
	if c.found.Operation == assumeRole {
		if refused := j.assumable(c, form); refused != nil {
			return refused
		}
		most, usual, why = maxAssumed, usualAssumed, ", since one role assumes the other"
	}
	c.asks.lasts, refused = lasting(form, [3]time.Duration{least, most, usual}, why)
	return refused
}

// assumable holds AssumeRole to the roles that the target lists.
func (j *judge) assumable(c *call, form map[string]string) *refusal {
	role := flowfile.Assumption{Role: form["RoleArn"], ExternalID: form["ExternalId"]}
	switch {
	case len(j.Assume) == 0:
		return deny(denied, "escalation", "Going on as %.200q is refused on %s, which lists no roles to go on as: if it is to, its calls.assume names them.", role.Role, c.grant.Target)
	case !slices.Contains(j.Assume, role.Role):
		return deny(denied, "calls.assume", "Going on as %.200q is refused on %s, which lets its holder go on as %s: use one of those.", role.Role, c.grant.Target, strings.Join(j.Assume, " or "))
	case len(c.key.Roles) == maxRoles:
		return deny(denied, "calls.assume", "This key went on from role to role %d times already, which is as far as Sesame goes: assume the role with a key from before.", maxRoles)
	case len(role.ExternalID) > maxExternalID:
		return deny(denied, "calls.assume", "The external id is longer than the %d characters that Sesame takes: have the role ask for a shorter one.", maxExternalID)
	}
	c.asks.roles = append(c.asks.roles, role)
	return nil
}

// form is what the call says, each thing once.
func (c *call) form() (map[string]string, *refusal) {
	text := string(c.body)
	if text == "" {
		_, text, _ = strings.Cut(c.request.Target, "?")
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, deny(denied, "ambiguous", "Sesame cannot read the parameters of this request: %v; use an unchanged SDK or the AWS CLI.", err)
	}
	form := map[string]string{}
	for name, said := range values {
		if len(said) != 1 {
			return nil, deny(denied, "ambiguous", "The parameter %.80q is there %d times, and Sesame takes it once: use an unchanged SDK or the AWS CLI.", name, len(said))
		}
		if why := unkept(name); why != "" {
			return nil, deny(denied, "calls.assume", "Sesame does not take the parameter %.80q, since %s: leave it out.", name, why)
		}
		form[name] = said[0]
	}
	return form, nil
}

// unkept says why a parameter cannot be kept to, or nothing if it can, or is
// what every call of STS says.
func unkept(name string) string {
	name, _, _ = strings.Cut(name, ".")
	switch name {
	case "Action", "Version", "RoleArn", "RoleSessionName", "SourceIdentity", "DurationSeconds", "ExternalId":
		return ""
	case "Policy", "PolicyArns":
		return "the session is confined by the policy of the target, and by that alone"
	case "Tags", "TransitiveTagKeys":
		return "the tags of the session are those of the target"
	case "SerialNumber", "TokenCode":
		return "it has no device to check the code of"
	}
	if strings.HasPrefix(name, "X-Amz-") { // of a signature in the query
		return ""
	}
	return "it does not know how to keep to it"
}

// lasting is for how long something is asked for; within holds the least, the
// most, and what is taken if nothing is said, and why says so.
func lasting(form map[string]string, within [3]time.Duration, why string) (time.Duration, *refusal) {
	text, said := form["DurationSeconds"]
	if !said {
		return within[2], nil
	}
	n, err := strconv.Atoi(text)
	lasts := time.Duration(n) * time.Second
	if err != nil || n > int(within[1]/time.Second) || lasts < within[0] {
		return 0, deny(denied, "calls.assume", "DurationSeconds is %.20q, and AWS takes %d to %d here%s: ask for that, and again once it is over.", text,
			within[0]/time.Second, within[1]/time.Second, why)
	}
	return lasts, nil
}

// nestedSession refuses sessions of a role that somebody went on as. Whatever
// they left open could not be ended once the grant is over, when Sesame assumes
// the role of the target and no other.
func (c *call) nestedSession() *refusal {
	if len(c.key.Roles) == 0 || c.found.Known == nil || !c.found.Known.OpensSession {
		return nil
	}
	return deny(denied, "session", "Sessions are opened as the role of %s itself, and this key went on as %s: use the key from before.", c.grant.Target, c.key.lastRole())
}
