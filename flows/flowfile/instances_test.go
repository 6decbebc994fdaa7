package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/flowfile"
)

// machineFile has {} where the machines of a target stand.
const machineFile = `version: 1
strategies:
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
  sso:  {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  ec2: {strategy: role, instances: {INSTANCES}}
  billing: {strategy: sso, account: "222222222222", permission_set: Billing}
flows:
  all:
    targets: [ec2, billing]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func loadMachines(text string) (*flowfile.Set, error) {
	return flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
}

func TestMachinesOfTargets(t *testing.T) {
	for text, want := range map[string]flowfile.Instances{
		"tags: {Department: FrontEnd}":                                {Tags: map[string]string{"Department": "FrontEnd"}, Regions: []string{"us-east-1"}},
		"tags: {a: b}, regions: [eu-west-1, eu-west-2], config: true": {Tags: map[string]string{"a": "b"}, Regions: []string{"eu-west-1", "eu-west-2"}, Config: true},
		"tags: {a: b}, aggregator: org":                               {Tags: map[string]string{"a": "b"}, Regions: []string{"us-east-1"}, Aggregator: "org"},
	} {
		set, err := loadMachines(strings.Replace(machineFile, "INSTANCES", text, 1))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		target, _ := set.Target("ec2")
		got, err := flowfile.ParseInstances(target.Params)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	if got := (flowfile.Instances{Tags: map[string]string{"b": "2", "a": "1"}}).Spoken(); got != "a 1, b 2" {
		t.Errorf("spoken %q", got)
	}
}

func TestMachinesThatCannotBeMeant(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "tags",
		"tags: {}":                         "at least one tag",
		"tags: {a: '*'}":                   "no machine is found by the tag \"a\" with the value \"*\"",
		"tags: {a: ''}":                    "no machine is found",
		"tags: {a: b}, regions: [nowhere]": "is not a region",
		"tags: {a: b}, config: true, aggregator: org": "either config or an aggregator",
	} {
		if _, err := loadMachines(strings.Replace(machineFile, "INSTANCES", text, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	sso := strings.Replace(strings.Replace(machineFile, "INSTANCES", "tags: {a: b}", 1), "permission_set: Billing", "permission_set: Billing, instances: {tags: {a: b}}", 1)
	if _, err := loadMachines(sso); err == nil || !strings.Contains(err.Error(), "cannot look into its account") {
		t.Errorf("of an account assignment: %v", err)
	}
}
