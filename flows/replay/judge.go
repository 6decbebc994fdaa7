package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
	"sesame/policies"
)

// An asked is the data of an event that says what somebody asked for. Terms
// names things as a request does.
type asked struct {
	Terms struct {
		access.Request
		Who access.PersonID  `json:"who"`
		As  access.Principal `json:"as"`
	} `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
	Source  access.Source  `json:"source"`
	Begins  time.Time      `json:"begins"` // of an extension
}

// request returns what was asked, by whom it is known from the event alone.
func (a asked) request(e access.Event) access.Request {
	r := a.Terms.Request
	r.ID, r.State, r.Source, r.AskedAt, r.BeginsAt = e.Stream, access.Pending, a.Source, e.At, a.Begins
	r.By = access.Person{ID: a.Terms.Who, Principal: a.Terms.As, Name: e.Name}
	return r
}

// A judge judges requests of the past by the proposed rules. It is safe for
// concurrent use.
type judge struct {
	record    access.Reader
	set       *flowfile.Set
	desk      *flows.Desk              // checks what was typed
	rotations map[string]oncall.Source // by schedule
	readsWho  map[*flowfile.Flow]bool  // rules that read more of the requester than facts
	mu        sync.Mutex               // guards people
	people    map[access.PersonID]access.Person
}

// mostPeople bounds how many people are remembered.
const mostPeople = 20_000

func newJudge(r access.Reader, set *flowfile.Set) *judge {
	j := &judge{
		record: r, set: set, rotations: map[string]oncall.Source{}, readsWho: map[*flowfile.Flow]bool{},
		people: map[access.PersonID]access.Person{},
	}
	j.desk = flows.New(flows.Config{Rules: func() *flowfile.Set { return set }, Clock: clock.System{}})
	for _, o := range set.Schedules() {
		if o.Source != flowfile.OnCallStatic {
			continue
		}
		// Loading has built the rotation once, so that this one is good.
		if source, err := oncall.FromFile(o, oncall.World{}); err == nil {
			j.rotations[o.Name] = source
		}
	}
	for _, t := range set.Targets() {
		if f, ok := set.Flow(t.Name); ok {
			j.readsWho[f] = slices.ContainsFunc(f.Rules.Reads(), func(name string) bool { return strings.HasPrefix(name, "requester.") })
		}
	}
	return j
}

// event judges the request that an event tells of.
func (j *judge) event(ctx context.Context, e access.Event) (result, error) {
	var a asked
	if err := json.Unmarshal(e.Data, &a); err != nil && !bytes.Equal(e.Data, []byte("null")) {
		return result{}, fmt.Errorf("event %s/%d: %w", e.Stream, e.Seq, err)
	}
	if a.Verdict.Revision == "" {
		return result{at: e.Pos, kind: unjudged}, nil
	}
	r := a.request(e)
	flow, ok := j.set.Flow(r.Target.Name)
	who, err := j.person(ctx, r, ok && j.readsWho[flow] && e.Type == access.EventAsked)
	if err != nil && !errors.Is(err, errNoPerson) {
		return result{}, err
	}
	if err == nil {
		r.By = who
	}
	c := comparison{judge: j, request: r, was: a.Verdict, flow: flow}
	return c.result(ctx, e.Pos)
}

// person returns who asked: exactly as they were where the request has it and
// the rules read it, else as they are recorded.
func (j *judge) person(ctx context.Context, r access.Request, exact bool) (access.Person, error) {
	if exact {
		then, _, err := access.Load[access.Request](ctx, j.record, r.Key())
		if err == nil {
			return then.By, nil
		} else if !errors.Is(err, access.ErrNotFound) {
			return access.Person{}, err
		}
	}
	j.mu.Lock()
	who, ok := j.people[r.By.ID]
	j.mu.Unlock()
	if ok {
		return who, nil
	}
	who, _, err := access.Load[access.Person](ctx, j.record, access.Person{ID: r.By.ID}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return who, fmt.Errorf("%s: %w", r.By.ID, errNoPerson)
	} else if err != nil {
		return who, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.people) >= mostPeople {
		clear(j.people)
	}
	j.people[who.ID] = who
	return who, nil
}

// facts returns what is known of what the rules need, and what is not.
func (j *judge) facts(ctx context.Context, c comparison) (known policies.Facts, missing []string) {
	known = policies.Facts{}
	for _, need := range c.flow.Rules.Needs() {
		v, ok := j.fact(ctx, need, c)
		if !ok {
			missing = append(missing, need.String())
			continue
		}
		known[need] = v
	}
	return known, missing
}

// fact returns a fact: as the proposed files say it, if they do, and else as it
// was recorded.
func (j *judge) fact(ctx context.Context, need policies.Fact, c comparison) (any, bool) {
	by := c.request.By
	if need.Kind == policies.FactGroup && need.About == policies.Requester && by.Email != "" {
		if g, _ := j.set.Group(need.Name); g.Source == flowfile.GroupMembers {
			return slices.Contains(g.Members, by.Email), true
		}
		if rotation, ok := j.rotations[need.Name]; ok {
			on, err := rotation.OnCall(ctx, c.request.AskedAt)
			return slices.ContainsFunc(on, func(w oncall.Who) bool { return w.Email == by.Email }), err == nil
		}
	}
	text, ok := c.was.Facts[need.String()]
	if !ok {
		return nil, false
	}
	return need.Recorded(text)
}
