package partner

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/policies/iam/recipe"
)

// A Kit is what a partner is sent, and what its role here has to say.
type Kit struct {
	Partner flowfile.Partner
	Targets []access.Target // that are for its people
	IDs     IDs
	// Server is where its people ask for access; empty where they cannot.
	Server string
}

// Roles are those that its people assume, in the order of their ARNs.
func (k Kit) Roles() []Role {
	var all []Role
	for _, t := range k.Targets {
		all = append(all, RoleOf(t))
	}
	slices.SortFunc(all, func(a, b Role) int { return strings.Compare(a.ARN, b.ARN) })
	return slices.CompactFunc(all, func(a, b Role) bool { return a.ARN == b.ARN })
}

// RoleOf is the role that people of a partner assume for a target.
func RoleOf(t access.Target) Role { return Role{roleARN(t), flowfile.IAMParams(t)} }

func roleARN(t access.Target) string {
	parts := strings.SplitN(t.Params[flowfile.ParamRoleARN], ":", 3)
	partition := "aws"
	if len(parts) == 3 && parts[1] != "" {
		partition = parts[1]
	}
	return "arn:" + partition + ":iam::" + t.Params[flowfile.ParamAccount] + ":role/" + t.Params[flowfile.ParamRole]
}

// Trust is the trust policy of the roles that its people assume: as their own
// role, with an external id that is to be taken, under their own names.
func (k Kit) Trust() (*iam.Document, error) {
	account := ""
	if len(k.Targets) > 0 {
		account = k.Targets[0].Params[flowfile.ParamAccount]
	}
	return recipe.Trust{
		Principals: []string{k.Partner.RoleARN}, ExternalIDs: k.IDs.Taken(), Account: account, SessionNames: k.Partner.People,
	}.Document()
}

// Text is what the partner is sent.
func (k Kit) Text() (string, error) {
	if len(k.Targets) == 0 {
		return "", fmt.Errorf("no target is for %s", k.Partner.Name)
	}
	policy, err := recipe.Assume{Roles: arns(k.Roles())}.Document()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("Access for %s", k.Partner.Name)
	say("\nYour people come as your role %s,\nunder their own addresses: %s.", k.Partner.RoleARN, strings.Join(k.Partner.People, ", "))
	say("\n1. The policy of that role\n\n%s", strings.TrimRight(string(policy.Format()), "\n"))
	say("\n2. The profiles of each person, in ~/.aws/config. YOUR-PROFILE is one that is the role above,\n   and YOUR-ADDRESS one of the addresses above: nobody is let in under another name.")
	if until := k.IDs.Until(); !until.IsZero() {
		say("\n   The external_id is new, and nothing else: put it in place of the one that you have by\n   %s, since that will not be taken any more then.", day(until))
	}
	var done []string
	for _, t := range k.Targets {
		name := flowfile.PartnerProfile(t)
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		say("\n[profile %s]\nrole_arn = %s\nsource_profile = YOUR-PROFILE\nexternal_id = %s\nrole_session_name = YOUR-ADDRESS\nregion = %s",
			name, roleARN(t), k.IDs.Now, region(t))
	}
	say("\n3. The commands")
	for _, t := range k.Targets {
		say("\n%s", strings.Join(k.commands(t), "\n"))
	}
	say("\nOnce the access is over no session starts any more, and those that are open are ended.")
	return b.String(), nil
}

// commands are how its people ask for a target and use it.
func (k Kit) commands(t access.Target) []string {
	at := "--profile " + flowfile.PartnerProfile(t) + " --region " + region(t)
	var all []string
	if k.Server != "" {
		all = append(all, fmt.Sprintf("sesame partner ask --server %s --profile YOUR-PROFILE %s 1h --reason 'what for'", k.Server, t.Name))
	}
	return append(all,
		"aws ec2 describe-instances "+at,
		"aws ssm start-session "+at+" --target INSTANCE")
}

// region is the first that a target has machines in.
func region(t access.Target) string {
	if i, err := flowfile.ParseInstances(t.Params); err == nil && len(i.Regions) > 0 {
		return i.Regions[0]
	}
	return t.Params[flowfile.ParamRegion]
}
