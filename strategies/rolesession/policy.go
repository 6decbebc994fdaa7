package rolesession

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/flowfile"
)

// maxPolicy is how many characters AWS takes of all session policies together
// (IAM User Guide, "IAM and AWS STS quotas").
const maxPolicy = 2048

// A policy is what a session is confined to, but for its end.
type policy struct {
	statements []statement
	managed    []string // ARNs of policies of AWS that say what is allowed
}

// A statement of a session policy. Empty parts are left out.
type statement struct {
	Effect      string                       `json:"Effect"`
	Action      texts                        `json:"Action,omitempty"`
	NotAction   texts                        `json:"NotAction,omitempty"`
	Resource    texts                        `json:"Resource,omitempty"`
	NotResource texts                        `json:"NotResource,omitempty"`
	Condition   map[string]map[string]string `json:"Condition,omitempty"`
}

// texts are written as one text where there is one, since each character counts.
type texts []string

// MarshalJSON implements json.Marshaler.
func (t texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

var everything = texts{"*"}

// policyOf makes the policy of a target. What is not allowed is denied by
// name: a resource policy that names the session goes past what is merely not
// allowed. Unless the target lets something reach beyond the grant, nothing is
// to run as another role, whatever operation would hand that over.
func policyOf(params map[string]string) (policy, error) {
	calls, err := flowfile.ParseCalls(params)
	if err != nil {
		return policy{}, err
	}
	partition := partitionOf(params[flowfile.ParamRoleARN])
	var p policy
	p.addAssume(calls.Assume)
	switch {
	case len(calls.Allow) > 0:
		allow := slices.Concat(calls.Allow, calls.BySessions())
		p.add(statement{Effect: "Allow", Action: allow, Resource: everything})
		if !slices.Contains(allow, "*") {
			but := slices.Clip(texts(allow))
			if len(calls.Assume) > 0 {
				but = append(but, assuming...)
			}
			p.add(statement{Effect: "Deny", NotAction: but, Resource: everything})
		}
	case calls.ReadOnly:
		p.managed = []string{"arn:" + partition + ":iam::aws:policy/ReadOnlyAccess"}
	default:
		p.add(statement{Effect: "Allow", Action: everything, Resource: everything})
	}
	if len(calls.Escalate) == 0 {
		p.add(statement{Effect: "Deny", Action: texts{"iam:PassRole"}, Resource: everything})
	}
	if len(calls.Deny) > 0 {
		p.add(statement{Effect: "Deny", Action: calls.Deny, Resource: everything})
	}
	if calls.NoSecrets {
		p.add(statement{Effect: "Deny", Action: secrets, Resource: everything, Condition: asked})
	}
	if flowfile.Vends(params) {
		p.add(statement{Effect: "Deny", Action: beyond(calls.Escalate), Resource: everything})
	}
	if len(calls.Documents) > 0 {
		p.add(statement{Effect: "Deny", Action: texts{"ssm:StartSession"}, NotResource: sessionResources(partition, calls.Documents)})
	}
	if n := len(p.text(time.Time{})) + len(strings.Join(p.managed, "")); n > maxPolicy {
		return policy{}, fmt.Errorf("the session policy would have %d characters, and AWS takes %d: name fewer calls, or more of them by wildcards", n, maxPolicy)
	}
	return p, nil
}

// secrets are the actions that most secrets are read with, and asked holds where
// the session itself does that, and not a service on its behalf.
var (
	secrets = texts{"kms:Decrypt", "secretsmanager:*GetSecretValue", "ssm:GetParameter*"}
	asked   = map[string]map[string]string{"Bool": {"aws:ViaAWSService": "false"}}
)

// assuming are what it takes to go on as another role under the same name.
var assuming = texts{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}

// addAssume lets a session go on as these roles, and as no others.
func (p *policy) addAssume(roles texts) {
	if len(roles) == 0 {
		return
	}
	p.add(statement{Effect: "Allow", Action: assuming, Resource: roles})
	p.add(statement{Effect: "Deny", Action: assuming[:1], NotResource: roles})
}

// beyond are actions by which credentials that nobody watches could outlast the
// grant: another session, or somebody else's rights. Those of a service of which
// the target names exceptions are left to the role.
func beyond(exceptions []string) texts {
	all := texts{"sts:AssumeRole"}
	if slices.ContainsFunc(exceptions, func(name string) bool { return strings.HasPrefix(name, "iam:") }) {
		return all
	}
	return append(all, "iam:Add*", "iam:Attach*", "iam:Create*", "iam:Put*", "iam:Set*", "iam:Update*", "iam:Upload*")
}

// sessionResources are what ssm:StartSession is checked against: what it goes
// to, which is not for us to say, and the documents.
func sessionResources(partition string, documents []string) texts {
	all := texts{
		"arn:" + partition + ":ec2:*:*:instance/*", "arn:" + partition + ":ssm:*:*:managed-instance/*", "arn:" + partition + ":ecs:*:*:task/*",
	}
	for _, name := range documents {
		all = append(all, "arn:"+partition+":ssm:*:*:document/"+name)
	}
	return all
}

func (p *policy) add(s statement) { p.statements = append(p.statements, s) }

// text is p as JSON, with everything denied after end.
func (p policy) text(end time.Time) string {
	all := append(slices.Clip(p.statements), statement{
		Effect: "Deny", Action: everything, Resource: everything,
		Condition: map[string]map[string]string{"DateGreaterThan": {"aws:CurrentTime": end.UTC().Format("2006-01-02T15:04:05Z")}},
	})
	return document(all...)
}

// probePolicy is for sessions that nobody is to use.
func probePolicy() string {
	return document(statement{Effect: "Deny", Action: everything, Resource: everything})
}

func document(statements ...statement) string {
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	if err != nil {
		panic(err) // texts encode
	}
	return string(text)
}

func partitionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 && parts[1] != "" {
		return parts[1]
	}
	return "aws"
}
