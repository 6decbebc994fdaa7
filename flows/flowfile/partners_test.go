package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

const partnerFile = `version: 1
partners:
  partya: {role_arn: "arn:aws:iam::333333333333:role/team/Operators", sponsor: U012ABCDEF, people: [carol@partner.example, dave@partner.example]}
  partyb: {role_arn: "arn:aws:iam::444444444444:role/Operators", sponsor: U012ABCDEF, people: [carol@partner.example]}
strategies:
  parties: {type: aws_partner, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame"}
  sso:  {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  a-web: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: {tags: {Owner: PartyA, env: prod}}}
  b-web: {strategy: parties, partner: partyb, role: PartyB, instances: {tags: {Owner: PartyB}}}
  billing: {strategy: sso, account: "222222222222", permission_set: Billing}
flows:
  a:
    targets: [a-web]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
  b:
    targets: [b-web]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
  ours:
    targets: [billing]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func loadPartners(text string) (*flowfile.Set, error) {
	return flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
}

func TestTargetsOfPartners(t *testing.T) {
	set, err := loadPartners(partnerFile)
	if err != nil {
		t.Fatal(err)
	}
	target, _ := set.Target("a-web")
	want := map[string]string{
		"region": "us-east-1", "role_arn": "arn:aws:iam::222222222222:role/Sesame", "account": "222222222222",
		"partner": "partya", "role": "PartyA", "os_user": "partya", "slots": "1",
		"tag_names": `["Owner","env"]`, "principal_tags": `{"Owner":"PartyA","env":"prod"}`,
		"instances": `{"tags":{"Owner":"PartyA","env":"prod"},"regions":["us-east-1"]}`,
	}
	if diff := cmp.Diff(want, target.Params); diff != "" {
		t.Errorf("params (-want +got):\n%s", diff)
	}
	flow, _ := set.Flow("a-web")
	if len(flow.Fields) != 1 || flow.Fields[0].Name != "for" || !flow.Fields[0].Required || !cmp.Equal(flow.Fields[0].Options, []string{"carol@partner.example", "dave@partner.example"}) {
		t.Errorf("fields %+v, want one that says for whom", flow.Fields)
	}
	if other, _ := set.Flow("billing"); len(other.Fields) != 0 {
		t.Errorf("others have fields %+v", other.Fields)
	}
	of := flowfile.For(target, map[string]string{"for": "carol@partner.example"})
	if of.Params[flowfile.ParamSession] != "carol@partner.example" || target.Params[flowfile.ParamSession] != "" {
		t.Errorf("for carol: %v, and the target itself %v", of.Params, target.Params)
	}
	if same := flowfile.For(access.Target{Way: flowfile.WaySSO}, map[string]string{"for": "x"}); len(same.Params) != 0 {
		t.Errorf("another way: %v", same.Params)
	}
}

func TestWhoComesFromOutside(t *testing.T) {
	set, err := loadPartners(partnerFile)
	if err != nil {
		t.Fatal(err)
	}
	for arn, want := range map[string]string{
		"arn:aws:sts::333333333333:assumed-role/Operators/carol@partner.example":    "partya carol@partner.example",
		"arn:aws:sts::444444444444:assumed-role/Operators/carol@partner.example":    "partyb carol@partner.example",
		"arn:aws:sts::333333333333:assumed-role/Operators/Carol@partner.example":    " ",
		"arn:aws:sts::333333333333:assumed-role/Operators/mallory@partner.example":  " ",
		"arn:aws-cn:sts::333333333333:assumed-role/Operators/carol@partner.example": " ",
		"arn:aws:sts::555555555555:assumed-role/Operators/carol@partner.example":    " ",
		"arn:aws:sts::333333333333:assumed-role/Other/carol@partner.example":        " ",
		"arn:aws:iam::333333333333:user/carol@partner.example":                      " ",
		"arn:aws:iam::333333333333:role/Operators":                                  " ",
		"arn:aws:sts::333333333333:federated-user/carol@partner.example":            " ",
		"": " ",
	} {
		p, person, ok := set.PartnerOf(arn)
		if got := p.Name + " " + person; got != want || ok != (want != " ") {
			t.Errorf("%s is %q, %v, want %q", arn, got, ok, want)
		}
	}
}

func TestPartnersThatCannotBeMeant(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown partner":      {"partner: partya", "partner: partyc", `unknown partner "partyc"`},
		"mixed flows":             {"targets: [a-web]", "targets: [a-web, billing]", "has targets of several partners, or of none"},
		"two partners":            {"targets: [a-web]", "targets: [a-web, b-web]", "has targets of several partners, or of none"},
		"a field of its own":      {"    who: 'true'", "    fields: [{name: for, type: string}]\n    who: 'true'", "which those of partners have anyway"},
		"extended":                {"    who: 'true'", "    extend: {choices: [1h]}\n    who: 'true'", "those of partners cannot be"},
		"no machines":             {", instances: {tags: {Owner: PartyA, env: prod}}", "", "target a-web has no instances"},
		"root":                    {"os_user: partya", "os_user: root", "does not run as root"},
		"a shell":                 {"os_user: partya", `os_user: "a; reboot"`, "is not the name of a user"},
		"nobody":                  {"people: [carol@partner.example, dave@partner.example]", "people: []", "has no people"},
		"capitals":                {"people: [carol@partner.example, dave@partner.example]", "people: [Carol@partner.example]", "is not the address of a person of a partner"},
		"no sponsor":              {"sponsor: U012ABCDEF, people: [carol@partner.example, dave", "people: [carol@partner.example, dave", "sponsor"},
		"all roles":               {"role/team/Operators", "role/*", "is not the ARN of a role"},
		"one role for two":        {"role: PartyB", "role: PartyA", "f.yaml:10:53: the role PartyA in 222222222222 is for the partner partya already (people of two would pass for one another"},
		"one role, spelled twice": {"role: PartyB", "role: partya", "the role partya in 222222222222 is for the partner partya already"},
		"the role of Sesame":      {"role: PartyB", "role: sesame", "f.yaml:10:53: target b-web would let people of partyb in as the role sesame, which is that of the strategy parties"},
		"somebody's role": {"  sso:  {", `  tags: {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Tagger", roles: {alice@example.com: PartyB}, tag_names: [App], slots: 1}
  sso:  {`, "as the role PartyB, which is that of alice@example.com"},
		"the role that ends sessions": {"permission_set: Billing", `permission_set: Billing, end_sessions: {role_arn: "arn:aws:iam::222222222222:role/ends/PartyA"}`, "which is the one that ends sessions of the target billing"},
		"one user, some machines":     {"targets:\n", "targets:\n  a-all: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: {tags: {Owner: PartyA}}}\n", "the user partya is that of target a-all as well, some of whose machines may be those of a-web"},
		"one user, other tags":        {"targets:\n", "targets:\n  a-all: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: {tags: {Team: x}}}\n", "the user partya is that of target a-all as well"},
		"one user, another spelling":  {"targets:\n", "targets:\n  a-all: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: {tags: {owner: PartyA, env: prod}}}\n", "the user partya is that of target a-all as well"},
		"one user for two":            {"role: PartyB", "role: PartyB, os_user: partya", "f.yaml:10:70: the user partya in 222222222222 is for the partner partya already"},
		"two at once":                 {"444444444444:role/Operators", "333333333333:role/team/Operators", "f.yaml:4:3: carol@partner.example comes as the role arn:aws:iam::333333333333:role/team/Operators for the partner partya already"},
		"a blank at the end":          {"Owner: PartyA,", `Owner: "PartyA ",`, `no machine is found by the tag "Owner" with the value "PartyA "`},
		"a tag in two cases":          {"env: prod", "owner: PartyA", "the tags Owner and owner are one to a policy"},
		"of an assignment":            {"permission_set: Billing", "permission_set: Billing, partner: partya", "means nothing to a strategy of type aws_sso"},
	} {
		text := strings.Replace(partnerFile, c.old, c.new, 1)
		if _, err := loadPartners(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Two targets may have one user where no machine is of both, or all are.
func TestOneUserOfTwoTargets(t *testing.T) {
	for name, machines := range map[string]string{
		"the same machines":           "{tags: {env: prod, Owner: PartyA}}",
		"others":                      "{tags: {Owner: PartyA, env: test}}",
		"another region":              "{tags: {Owner: PartyA}, regions: [eu-west-1]}",
		"another spelling of another": "{tags: {ENV: test}}",
	} {
		text := strings.Replace(partnerFile, "targets:\n", "targets:\n  a-all: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: "+machines+"}\n", 1)
		if _, err := loadPartners(strings.Replace(text, "targets: [a-web]", "targets: [a-web, a-all]", 1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
