package storetest

import (
	"context"

	"sesame/flows/access"
)

// Hooked is a store with a hook on each side of Commit, either of which may
// be nil. An error of Before stands for what goes wrong before the commit:
// nothing is changed. An error of After stands for a crash behind it:
// everything is durable, and the caller does not get to know.
type Hooked struct {
	access.Store
	Before, After func(access.Commit) error
}

// Commit carries out c between the hooks.
func (h Hooked) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	if h.Before != nil {
		if err := h.Before(c); err != nil {
			return 0, err
		}
	}
	v, err := h.Store.Commit(ctx, c)
	if err != nil {
		return 0, err
	}
	if h.After != nil {
		if err := h.After(c); err != nil {
			return 0, err
		}
	}
	return v, nil
}
