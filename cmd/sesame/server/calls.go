package server

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"sesame/flows/access"
	"sesame/flows/keeper"
	"sesame/proxy/api"
	"sesame/proxy/calls"
)

// errEnough ends the reading of a record.
var errEnough = errors.New("enough was read")

// calls reads the record of calls: the last ones, or those from an entry on. It
// is there to be read where there is no proxy any more.
func (s *Server) calls(ctx context.Context, q api.CallQuery) (api.CallPage, error) {
	page := api.CallPage{Calls: []api.Call{}, Next: q.From}
	if q.From == 0 {
		return s.lastCalls(ctx, q)
	}
	err := calls.From(filepath.Join(s.Config.DataDir, callsDir), q.From, func(e calls.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(page.Calls) == q.Limit {
			return errEnough
		}
		page.Next = e.Seq + 1
		if q.Grant == "" || q.Grant == e.Grant {
			page.Calls = append(page.Calls, viewCall(e))
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return page, err
}

// lastCalls reads the end of the record.
func (s *Server) lastCalls(ctx context.Context, q api.CallQuery) (api.CallPage, error) {
	page := api.CallPage{Calls: []api.Call{}}
	all, next, err := calls.Last(ctx, filepath.Join(s.Config.DataDir, callsDir), q.Grant, q.Limit)
	page.Next = next
	for _, e := range all {
		page.Calls = append(page.Calls, viewCall(e))
	}
	return page, err
}

// countLimit is how many bytes of the record are read to count the calls of one
// grant: the default of what is kept, which takes a second or two.
const countLimit = 1 << 30

// mostCalled is how many operations are told of by name.
const mostCalled = 4

// newCounter returns what counts the calls of closed grants.
func (s *Server) newCounter() keeper.Counter {
	return keeper.Counter{Store: s.store, Count: s.countCalls, Clock: s.Clock, Log: s.Log}
}

// countCalls counts what was called with a grant.
func (s *Server) countCalls(ctx context.Context, g access.Grant) (access.Calls, error) {
	c, err := calls.Of(ctx, filepath.Join(s.Config.DataDir, callsDir), string(g.ID), g.OpenedAt, countLimit)
	return access.Calls{
		Reads: c.Reads, Writes: c.Writes, Refused: c.Refused, More: c.Cut,
		Most: most(c.Operations), RefusedMost: most(c.Refusals),
	}, err
}

func most(all map[string]int) []access.Called {
	var found []access.Called
	for _, operation := range calls.Most(all, mostCalled) {
		found = append(found, access.Called{Operation: operation, Times: all[operation]})
	}
	return found
}

func viewCall(e calls.Entry) api.Call {
	v := api.Call{
		Seq: e.Seq, At: e.At, Kind: string(e.Kind), Call: e.Call,
		Grant: e.Grant, Person: e.Person, Target: e.Target, Key: e.Key, Role: e.Role, Token: e.Token, From: e.From, Agent: e.Agent,
		Service: e.Service, Operation: e.Operation, Actions: e.Actions, Level: e.Level, Region: e.Region,
		Resources: e.Resources, Params: e.Params, Body: e.Body, Sent: e.Sent, Received: e.Received,
		Status: e.Status, Code: e.Code, AWSID: e.AWSID, Rule: e.Rule, Why: e.Why,
	}
	if e.Took > 0 {
		v.Took = e.Took.Round(time.Microsecond).String()
	}
	return v
}
