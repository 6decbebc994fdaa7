package server

import (
	"context"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/inventory"
)

// machines finds what a target is about, with the role of its strategy.
func (s *Server) machines(ctx context.Context, t access.Target, fresh bool) (flows.Machines, error) {
	want, err := flowfile.ParseInstances(t.Params)
	if err != nil {
		return flows.Machines{}, err
	}
	at := iamPlaceOf(t.Params)
	reach, err := s.cloud.reach(at, t.Params[flowfile.ParamExternalID])
	if err != nil {
		return flows.Machines{}, err
	}
	l, err := s.cloud.inventory.Find(ctx, inventory.Asking{Reach: reach, Account: at.account, Region: at.region, Want: want}, fresh)
	return flows.Machines(l), err
}
