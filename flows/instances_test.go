package flows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// machines has the target ec2 be about some, of which the rig knows.
func (r *rig) machines() *flows.Machines {
	found := &flows.Machines{Instances: []access.Instance{
		{ID: "i-2", Region: "us-east-1", State: "stopped"},
		{ID: "i-1", Region: "us-east-1", Name: "web-1", State: "running", Ping: "Online"},
	}}
	rules := *r.rules
	r.Find = func(_ context.Context, t access.Target, fresh bool) (flows.Machines, error) {
		if found.At.IsZero() {
			return *found, nil
		}
		return flows.Machines{}, errors.New("AWS is out of reach")
	}
	t, _ := rules.Target("sandbox")
	t.Params[flowfile.ParamInstances] = `{"tags":{"Department":"FrontEnd"},"regions":["us-east-1"]}`
	return found
}

func TestMachinesAreNamedInTheGrant(t *testing.T) {
	r := newRig(t)
	r.machines()
	q := r.ask("alice", "sandbox")
	g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: q.ID.Grant()}.Key())
	if err != nil {
		t.Fatal(err)
	}
	const browser = "https://us-east-1.console.aws.amazon.com/systems-manager/session-manager/"
	want := []access.Step{
		{Label: "A shell on i-1 (web-1)", Code: "aws ssm start-session --region us-east-1 --target i-1"},
		{Label: "A shell in the browser on i-1 (web-1)", URL: browser + "i-1?region=us-east-1"},
		{Label: "A shell on i-2, but it is stopped", Code: "aws ssm start-session --region us-east-1 --target i-2"},
		{Label: "A shell in the browser on i-2", URL: browser + "i-2?region=us-east-1"},
	}
	if diff := cmp.Diff(want, g.Connect); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEachPartitionHasItsConsole(t *testing.T) {
	r := newRig(t)
	found := r.machines()
	found.Instances = []access.Instance{{ID: "i-1", Region: "cn-north-1"}, {ID: "i-2", Region: "us-gov-west-1"}}
	g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: r.ask("alice", "sandbox").ID.Grant()}.Key())
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, s := range g.Connect {
		if s.URL != "" {
			links = append(links, s.URL)
		}
	}
	want := []string{
		"https://cn-north-1.console.amazonaws.cn/systems-manager/session-manager/i-1?region=cn-north-1",
		"https://us-gov-west-1.console.amazonaws-us-gov.com/systems-manager/session-manager/i-2?region=us-gov-west-1",
	}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingIsGrantedToNoMachine(t *testing.T) {
	r := newRig(t)
	found := r.machines()
	id := r.ask("alice", "sandbox").ID.Grant()
	found.Instances = nil
	_, err := r.Ask(t.Context(), r.draft("alice", "sandbox"))
	if text := refused(t, "alice", err).Text; !strings.Contains(text, "no machine has the tags Department FrontEnd at the moment: start one") {
		t.Errorf("told %q", text)
	}
	g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: id}.Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.MayOpen(t.Context(), g); refused(t, "the gate", err).Code != access.RefusedUnable {
		t.Errorf("opened: %v", err)
	}
	found.At = time.Now()
	if err := r.MayOpen(t.Context(), g); refused(t, "the gate", err).Code != access.RefusedUnable {
		t.Errorf("opened although nobody could look: %v", err)
	}
}

func TestWhoIsShownMachines(t *testing.T) {
	r := newRig(t)
	found := r.machines()
	look := func(who, target string) (flows.Machines, error) {
		return r.Instances(t.Context(), r.people.Account(who), target)
	}
	if m, err := look("alice", "sandbox"); err != nil || len(m.Instances) != 2 {
		t.Errorf("alice sees %+v, %v", m, err)
	}
	for who, target := range map[string]string{"carol": "sandbox", "mallory": "sandbox", "alice": "nothing"} {
		if _, err := look(who, target); refused(t, who, err).Code != access.RefusedUnknown {
			t.Errorf("%s, of %s: %v", who, target, err)
		}
	}
	if _, err := look("eve", "sandbox"); err == nil {
		t.Error("a guest sees machines")
	}
	if _, err := look("alice", "billing"); refused(t, "alice", err).Code != access.RefusedInput {
		t.Errorf("a target without machines: %v", err)
	}
	found.At = time.Now()
	if _, err := look("alice", "sandbox"); refused(t, "alice", err).Code != access.RefusedUnable {
		t.Errorf("without AWS: %v", err)
	}
}

// TestPartnersLookForTheirMachinesThemselves: they have no account here, in
// which sesame targets instances could tell them.
func TestPartnersLookForTheirMachinesThemselves(t *testing.T) {
	target := access.Target{Name: "partya-web", Way: flowfile.WayPartner, Params: map[string]string{
		"account": "222222222222", "role": "PartyA", "partner": "partya",
		"instances": `{"tags":{"Owner":"Party A","env":"prod"},"regions":["eu-west-1","us-east-1"]}`,
	}}
	var more []access.Step
	for _, s := range flows.WaysForTest(flows.Machines{Instances: make([]access.Instance, 5)}, target) {
		if strings.HasPrefix(s.Label, "The other machines") {
			more = append(more, s)
		}
	}
	const command = "aws ec2 describe-instances --profile sesame-partya-222222222222 --region %s --filters 'Name=tag:Owner,Values=Party A' 'Name=tag:env,Values=prod'"
	want := []access.Step{
		{Label: "The other machines in eu-west-1", Code: fmt.Sprintf(command, "eu-west-1")},
		{Label: "The other machines in us-east-1", Code: fmt.Sprintf(command, "us-east-1")},
	}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
