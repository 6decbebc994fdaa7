package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// Holders looks at everybody who holds access, again and again: people leave,
// and nobody may say so. All but Others and Every is required.
type Holders struct {
	Store access.Reader
	// Recheck ends what somebody holds who has left. It returns an error, and
	// ends nothing, when nobody can say.
	Recheck func(ctx context.Context, holder access.PersonID) error
	// Others are those who hold no access, and could come for some: by a login or
	// a token.
	Others func(ctx context.Context) ([]access.PersonID, error)
	Clock  clock.Clock
	Every  time.Duration // default 15m
	Log    zerolog.Logger
}

// Run looks until ctx ends. It returns nil: what fails is tried again.
func (h Holders) Run(ctx context.Context) error {
	def(&h.Every, 15*time.Minute)
	for {
		timer := h.Clock.Timer(h.Clock.Now().Add(h.Every))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if err := h.round(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn().Err(err).Msg("look at who holds access")
		}
	}
}

// round looks at each of them once. It stops where nobody answers, since the
// next question would only wait as long.
func (h Holders) round(ctx context.Context) error {
	holders, err := h.holders(ctx)
	for _, id := range holders {
		failed := h.Recheck(ctx, id)
		if errors.Is(failed, access.ErrUnavailable) || ctx.Err() != nil {
			return errors.Join(err, failed)
		}
		err = errors.Join(err, failed)
	}
	return err
}

// holders returns everybody who holds something, each once: the index has them
// in their order. Others come after them.
func (h Holders) holders(ctx context.Context) ([]access.PersonID, error) {
	all, err := h.live(ctx)
	if h.Others == nil {
		return all, err
	}
	others, failed := h.Others(ctx)
	for _, id := range others {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all, errors.Join(err, failed)
}

func (h Holders) live(ctx context.Context) ([]access.PersonID, error) {
	var all []access.PersonID
	err := access.Each(ctx, h.Store, access.Query{Index: access.IndexLive}, func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if err == nil && (len(all) == 0 || all[len(all)-1] != g.Holder) {
			all = append(all, g.Holder)
		}
		return err
	})
	return all, err
}
