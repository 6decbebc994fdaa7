package server

import (
	"context"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A survey is what the store says there is to keep.
type survey struct {
	// needed are the instances on which something is not in its final state,
	// with how many things.
	needed map[place]int
	// accounts are the same of accounts' IAM.
	accounts map[iamPlace]int
	// rings are what the proxy gave and is not removed yet.
	rings int
	// home is an instance that was used before, and its directory.
	home    place
	storeID string
}

// look surveys the store.
func look(ctx context.Context, r access.Reader) (survey, error) {
	s := survey{needed: map[place]int{}, accounts: map[iamPlace]int{}}
	err := access.Each(ctx, r, access.Query{Index: access.IndexObjects}, func(rec access.Record) error {
		o, err := access.Decode[access.Object](rec)
		if err != nil {
			return err
		}
		s.count(o)
		return nil
	})
	return s, err
}

func (s *survey) count(o access.Object) {
	at, open := placeOf(o.Spec.Params), o.Wanted() || len(o.Closing) > 0 || !rests(o.State)
	switch {
	case flowfile.ReachesAccount(o.Spec.Way):
		if open {
			s.accounts[iamPlaceOf(o.Spec.Params).everywhere()]++
		}
	case o.Spec.Way == flowfile.WayRole:
		if open {
			s.rings++
		}
	case at.instance != "":
		s.home, s.storeID = at, o.Spec.Params[flowfile.ParamIdentityStoreID]
		if open {
			s.needed[at]++
		}
	}
}

// rests reports whether an object in that state is nothing to do about.
func rests(s access.ObjectState) bool { return s == access.Gone || s == access.Foreign }

// total returns how many things are to be kept.
func (s survey) total() int {
	n := s.rings
	for _, count := range s.needed {
		n += count
	}
	for _, count := range s.accounts {
		n += count
	}
	return n
}
