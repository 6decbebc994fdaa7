package inventory_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/inventory"
	"sesame/strategies/strategytest/standin"
)

const (
	account = "222222222222"
	region  = "eu-central-1"
)

var noon = standin.Noon()

// A rig is the stand-in with machines, and a Finder in front of it.
type rig struct {
	*testing.T
	w      *awstest.World
	clock  *clock.Movable
	finder *inventory.Finder
	reach  identitycenter.Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t}
	r.w, r.clock = standin.Start(t, awstest.Config{})
	r.finder, r.reach = inventory.New(r.clock), standin.Reach(r.w, r.clock, account, "us-east-1")
	return r
}

// fleet adds machines of which four are of the front end.
func (r *rig) fleet() {
	add := func(i awstest.Instance) {
		if i.Account == "" {
			i.Account = account
		}
		if i.Region == "" {
			i.Region = region
		}
		r.w.AddInstance(i)
	}
	front := func(more map[string]string) map[string]string {
		tags := map[string]string{"Department": "FrontEnd"}
		for key, value := range more {
			tags[key] = value
		}
		return tags
	}
	add(awstest.Instance{ID: "i-1", Tags: front(map[string]string{"Name": "web-1"})})
	add(awstest.Instance{ID: "i-2", Tags: front(map[string]string{"department": "BackEnd"}), Ping: "ConnectionLost"})
	add(awstest.Instance{ID: "i-3", Tags: front(nil), State: "stopped", Ping: "none"})
	add(awstest.Instance{ID: "i-4", Tags: front(nil), Region: "us-east-1"})
	add(awstest.Instance{ID: "i-other-account", Tags: front(nil), Account: "333333333333"})
	add(awstest.Instance{ID: "i-backend", Tags: map[string]string{"Department": "BackEnd", "Was": "FrontEnd"}})
	add(awstest.Instance{ID: "i-lower", Tags: map[string]string{"Department": "frontend"}})
	add(awstest.Instance{ID: "i-untagged"})
}

func (r *rig) find(want flowfile.Instances, fresh bool) (inventory.Listing, error) {
	return r.finder.Find(r.Context(), inventory.Asking{Reach: r.reach, Account: account, Region: region, Want: want}, fresh)
}

var front = flowfile.Instances{Tags: map[string]string{"Department": "FrontEnd"}, Regions: []string{region, "us-east-1"}}

func TestMachinesAreFoundByTheirTags(t *testing.T) {
	want := []access.Instance{
		{ID: "i-1", Region: region, Name: "web-1", State: "running", Ping: "Online"},
		{ID: "i-2", Region: region, State: "running", Ping: "ConnectionLost", Spelled: []string{"Department and department"}},
		{ID: "i-3", Region: region, State: "stopped"},
		{ID: "i-4", Region: "us-east-1", State: "running", Ping: "Online"},
	}
	for name, change := range map[string]func(*flowfile.Instances){
		"EC2":           func(*flowfile.Instances) {},
		"AWS Config":    func(i *flowfile.Instances) { i.Config = true },
		"an aggregator": func(i *flowfile.Instances) { i.Aggregator = "org" },
	} {
		r := newRig(t)
		r.fleet()
		r.w.AddAggregator(account, "org")
		asked := front
		change(&asked)
		got, err := r.find(asked, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got.Instances); diff != "" || got.More || !got.At.Equal(noon) {
			t.Errorf("%s at %v (-want +got):\n%s", name, got.At, diff)
		}
	}
}

// calls counts those to an operation.
func (r *rig) calls(operation string) (n int) {
	for _, c := range r.w.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func TestWhatWasFoundIsShownForAMoment(t *testing.T) {
	r := newRig(t)
	r.fleet()
	want := flowfile.Instances{Tags: front.Tags, Regions: []string{region}}
	look := func(fresh bool, calls, found int) {
		t.Helper()
		l, err := r.find(want, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.calls("DescribeInstances"); n != calls || len(l.Instances) != found {
			t.Errorf("%d calls and %d machines, want %d and %d", n, len(l.Instances), calls, found)
		}
	}
	look(false, 1, 3)
	r.w.AddInstance(awstest.Instance{ID: "i-5", Account: account, Region: region, Tags: front.Tags})
	look(false, 1, 3)
	look(true, 2, 4)
	look(false, 2, 4)
	r.clock.Advance(time.Minute)
	look(false, 3, 4)
}

// TestWhatAccessHangsOnIsAskedOfEC2: AWS Config does not know yet what changed,
// which is what a look without fresh may show.
func TestWhatAccessHangsOnIsAskedOfEC2(t *testing.T) {
	for name, asked := range map[string]flowfile.Instances{
		"AWS Config":    {Tags: front.Tags, Regions: front.Regions, Config: true},
		"an aggregator": {Tags: front.Tags, Regions: front.Regions, Aggregator: "org"},
	} {
		r := newRig(t)
		r.fleet()
		r.w.AddAggregator(account, "org")
		if l, err := r.find(asked, false); err != nil || len(l.Instances) != 4 || r.calls("DescribeInstances") != 0 {
			t.Errorf("%s: %d machines, %v", name, len(l.Instances), err)
		}
		if l, err := r.find(asked, true); err != nil || len(l.Instances) != 4 || r.calls("DescribeInstances") != 2 {
			t.Errorf("%s, with %d calls to EC2: %d machines, %v", name, r.calls("DescribeInstances"), len(l.Instances), err)
		}
	}
}

// TestAFreshLookWaitsForNoOlderOne holds up a look that has its answer, while a
// machine loses its tag.
func TestAFreshLookWaitsForNoOlderOne(t *testing.T) {
	r := newRig(t)
	r.fleet()
	gate := &gate{RoundTripper: r.reach.Transport, arrived: make(chan struct{}), open: make(chan struct{})}
	r.reach.Transport = gate
	one := flowfile.Instances{Tags: map[string]string{"Department": "FrontEnd"}, Regions: []string{"us-east-1"}}
	early := make(chan int)
	go func() {
		l, _ := r.find(one, false)
		early <- len(l.Instances)
	}()
	<-gate.arrived
	r.w.AddInstance(awstest.Instance{ID: "i-4", Account: account, Region: "us-east-1"})
	r.clock.Advance(time.Second)
	if l, err := r.find(one, true); err != nil || len(l.Instances) != 0 {
		t.Errorf("a machine without the tag is found: %v, %v", l.Instances, err)
	}
	close(gate.open)
	if n := <-early; n != 1 {
		t.Errorf("the early look found %d machines", n)
	}
	if l, err := r.find(one, false); err != nil || len(l.Instances) != 0 {
		t.Errorf("what the early look found is remembered: %v, %v", l.Instances, err)
	}
}

// A gate holds back the first answer of EC2.
type gate struct {
	http.RoundTripper
	held          atomic.Bool
	arrived, open chan struct{}
}

func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(req)
	if strings.Contains(req.Header.Get("Authorization"), "/ec2/") && g.held.CompareAndSwap(false, true) {
		close(g.arrived)
		<-g.open
	}
	return resp, err
}

func TestLargeFleets(t *testing.T) {
	r := newRig(t)
	for n := range 230 {
		r.w.AddInstance(awstest.Instance{ID: fmt.Sprintf("i-%03d", n), Account: account, Region: region, Tags: front.Tags})
	}
	got, err := r.find(flowfile.Instances{Tags: front.Tags, Regions: []string{region}}, false)
	if err != nil || len(got.Instances) != 200 || !got.More {
		t.Fatalf("%d machines, more: %v, %v", len(got.Instances), got.More, err)
	}
	if slices.ContainsFunc(got.Instances, func(i access.Instance) bool { return i.Ping != "Online" }) {
		t.Error("some were not looked up in Session Manager")
	}
}

func TestMachinesThatCannotBeLookedFor(t *testing.T) {
	r := newRig(t)
	if _, err := r.find(flowfile.Instances{Regions: []string{region}}, false); err == nil {
		t.Error("all machines of an account were asked for")
	}
	unknown := flowfile.Instances{Tags: front.Tags, Regions: []string{region}, Aggregator: "none"}
	if _, err := r.find(unknown, false); err == nil || !strings.Contains(err.Error(), "NoSuchConfigurationAggregator") {
		t.Errorf("an aggregator that does not exist: %v", err)
	}
	long := flowfile.Instances{Tags: map[string]string{}, Regions: []string{region}, Config: true}
	for n := range 20 {
		long.Tags[fmt.Sprint("key", n)] = strings.Repeat("v", 250)
	}
	if _, err := r.find(long, false); err == nil || !strings.Contains(err.Error(), "name fewer tags") {
		t.Errorf("a query that is too long: %v", err)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: "DescribeInstanceInformation"})
	r.fleet()
	if l, err := r.find(front, false); err == nil {
		t.Errorf("Session Manager was out of reach, and found were %v", l.Instances)
	}
	if _, err := r.find(front, false); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
