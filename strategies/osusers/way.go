package osusers

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/strategies/identitycenter"
)

// Document is the name of the Command document in each account and region.
const Document = recipe.OSUserDocumentName

// stampForm is how the document writes a time.
const stampForm = "20060102T150405Z"

// askAgain is how long Observe waits before it asks again whether the machines
// have answered.
const askAgain = time.Second

var userShape = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// A Way makes, observes and locks users. It is safe for concurrent use.
type Way struct {
	clock  clock.Clock
	client *Client
}

// New returns a Way for the machines of the client's account and region.
func New(c clock.Clock, client *Client) *Way { return &Way{c, client} }

// Spec is the object of a user on the machines of a target in one region.
func Spec(t access.Target, i flowfile.Instances, region string) access.Spec {
	params := flowfile.IAMParams(t)
	user, account := t.Params[flowfile.ParamOSUser], params[flowfile.ParamAccount]
	params[flowfile.ParamRegion], params[flowfile.ParamOSUser] = region, user
	params[flowfile.ParamTags] = t.Params[flowfile.ParamTags]
	machines := strings.Join([]string{account, region, i.Spoken()}, "/")
	return access.Spec{
		Key:  access.ObjectKey(strings.Join([]string{flowfile.WayOSUser, machines, user}, "/")),
		Name: fmt.Sprintf("the user %s of the machines with %s in %s of %s", user, i.Spoken(), region, account),
		Way:  flowfile.WayOSUser, Lane: flowfile.WayOSUser + "/" + machines, Budget: "ssm/" + account + "/" + region, Params: params,
	}
}

// A wanted is what an object is about.
type wanted struct {
	user string
	tags map[string]string
}

func wantedOf(s access.Spec) (wanted, error) {
	w := wanted{user: s.Params[flowfile.ParamOSUser]}
	var err error
	if w.tags, err = flowfile.ParseTags(s.Params); err != nil || len(w.tags) == 0 || !userShape.MatchString(w.user) {
		return w, identitycenter.Refuse(s.Key, "its user or the tags of its machines are missing")
	}
	return w, nil
}

// Observe implements access.Way. Machines say how things are themselves.
func (w *Way) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	of, err := wantedOf(s)
	if err != nil {
		return access.Observation{}, err
	}
	running, err := w.client.running(ctx, of)
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	if !running.IsZero() {
		return access.Observation{Running: running}, nil
	}
	said, err := w.ask(ctx, of)
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	seen := said.observed(of, since)
	there, err := w.client.machines(ctx, of)
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	seen.Silent = said.missing(there)
	return seen, nil
}

// ask has the machines say how things are, and waits for it.
func (w *Way) ask(ctx context.Context, of wanted) (answers, error) {
	id, err := w.client.send(ctx, of, look, w.clock.Now())
	if err != nil {
		return nil, err
	}
	for {
		said, done, err := w.client.answers(ctx, id)
		if err != nil || done {
			return said, err
		}
		if err := clock.Wait(ctx, w.clock, w.clock.Now().Add(askAgain)); err != nil {
			return nil, err
		}
	}
}

// Apply implements access.Way.
func (w *Way) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	return w.change(ctx, s, access.Creation, present)
}

// Remove implements access.Way.
func (w *Way) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	return w.change(ctx, s, access.Removal, locked)
}

func (w *Way) change(ctx context.Context, s access.Spec, kind access.OpKind, state string) (access.Operation, error) {
	of, err := wantedOf(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked := w.clock.Now()
	id, err := w.client.send(ctx, of, state, asked)
	if err != nil {
		return access.Operation{}, fmt.Errorf("%s of %s: %w", kind, s.Key, err)
	}
	return access.Operation{Kind: kind, ID: id, State: access.OpRunning, StartedAt: asked}, nil
}

// Poll implements access.Way.
func (w *Way) Poll(ctx context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	said, done, err := w.client.answers(ctx, op.ID)
	failed, over := errors.AsType[*machineError](err)
	switch {
	case over:
		op.State, op.Reason = access.OpFailed, failed.Error()
		return op, nil
	case err != nil:
		return op, fmt.Errorf("follow %s: %w", s.Key, err)
	case !done:
		return op, nil
	}
	op.State = access.OpSucceeded
	if foreign := said.those("foreign"); len(foreign) > 0 && op.Kind == access.Creation {
		op.State = access.OpFailed
		op.Reason = fmt.Sprintf("the user %s of %s is there, and Sesame did not make it", s.Params[flowfile.ParamOSUser], strings.Join(foreign, " and "))
	}
	return op, nil
}

// An answer is the line that a machine ended with.
type answer struct{ machine, state, stamp string }

type answers []answer

// those returns the machines that gave a state.
func (a answers) those(state string) (machines []string) {
	for _, one := range a {
		if one.state == state {
			machines = append(machines, one.machine)
		}
	}
	slices.Sort(machines)
	return machines
}

// observed is what the machines say together. A user who is there on one of
// them is there; without a machine, nobody is.
func (a answers) observed(of wanted, since time.Time) access.Observation {
	if foreign := a.those("foreign"); len(foreign) > 0 {
		return access.Observation{Present: true, Altered: fmt.Sprintf("The user %s of %s is not one that Sesame made: remove it there, or name another.", of.user, strings.Join(foreign, " and "))}
	}
	seen := access.Observation{}
	for _, one := range a {
		if one.state != present {
			continue
		}
		at, err := time.Parse(stampForm, one.stamp)
		seen.Made = (seen.Made || !seen.Present) && err == nil && identitycenter.Around(at, since)
		seen.Present = true
	}
	seen.Places = a.those(present)
	return seen
}

// missing returns the machines that said nothing.
func (a answers) missing(machines []string) (silent []string) {
	for _, id := range machines {
		if !slices.ContainsFunc(a, func(one answer) bool { return one.machine == id }) {
			silent = append(silent, id)
		}
	}
	return silent
}
