package keeper_test

import (
	"context"
	"sync"

	"sesame/flows/access"
)

// A mood is what a doorman says to everybody.
type mood int

const (
	lets    mood = iota // pass
	cannot              // say
	refuses             // for good
	moods
)

// A doorman is a gate whose mood changes, and who remembers whom it let pass.
type doorman struct {
	mu     sync.Mutex // guards what follows
	mood   mood
	passed map[access.GrantID]bool
}

func (d *doorman) gate(_ context.Context, g access.Grant) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.mood {
	case cannot:
		return access.ErrUnavailable
	case refuses:
		return &access.Refusal{Code: access.RefusedRules, Text: "Not any more: ask an admin."}
	}
	d.passed[g.ID] = true
	return nil
}

func (d *doorman) feel(m mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mood = m
}

func (d *doorman) let(g access.GrantID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed[g]
}
