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
	// home is an instance that was used before, and its directory.
	home    place
	storeID string
}

// look surveys the store.
func look(ctx context.Context, r access.Reader) (survey, error) {
	s := survey{needed: map[place]int{}}
	err := access.Each(ctx, r, access.Query{Index: access.IndexObjects}, func(rec access.Record) error {
		o, err := access.Decode[access.Object](rec)
		if err != nil {
			return err
		}
		at := placeOf(o.Spec.Params)
		if at == (place{}) {
			return nil
		}
		s.home, s.storeID = at, o.Spec.Params[flowfile.ParamIdentityStoreID]
		if o.Wanted() || len(o.Closing) > 0 || !rests(o.State) {
			s.needed[at]++
		}
		return nil
	})
	return s, err
}

// rests reports whether an object in that state is nothing to do about.
func rests(s access.ObjectState) bool { return s == access.Gone || s == access.Foreign }

// total returns how many things are to be kept.
func (s survey) total() int {
	n := 0
	for _, count := range s.needed {
		n += count
	}
	return n
}
