package server

import (
	"context"
	"fmt"

	"github.com/robfig/cron/v3"

	"sesame/flows/audit"
	"sesame/flows/clock"
)

// openAudit returns what signs the record. It refuses a store that is older
// than its last checkpoint.
func (s *Server) openAudit(ctx context.Context) (*audit.Auditor, error) {
	return audit.Open(ctx, audit.Options{
		Store: s.store, Dir: s.Config.DataDir, Clock: s.Clock,
		Sink: func(c audit.Checkpoint) error {
			// The log leaves the machine where logs are collected, and with it
			// what a cut tail is noticed by.
			s.Log.Info().Stringer("head", c.Head()).Uint64("pos", c.Pos).Msg("checkpoint")
			return s.teller.Checkpoint(c.Number, c)
		},
		Calls:  s.serving.anchor,
		Failed: func(err error) { s.Log.Error().Err(err).Msg("checkpoint") },
	})
}

// anchor says where the record of calls stands, if there is one.
func (s *serving) anchor() (string, error) {
	p := s.now.Load()
	if p == nil {
		return "", nil
	}
	head, err := p.log.Anchor()
	return head.String(), err
}

// tellHeads gives the admin channel the head of the record once a day, so that
// it is where no one who can change the store can change it.
func (s *Server) tellHeads(ctx context.Context) error {
	daily, err := cron.ParseStandard("@daily")
	if err != nil {
		return err
	}
	for {
		if err := clock.Wait(ctx, s.Clock, daily.Next(s.Clock.Now())); err != nil {
			return nil
		}
		head := s.auditor.Head()
		if head.Number == 0 {
			continue
		}
		text := fmt.Sprintf("The record stands at %s. Nothing needs to be done: should it ever be doubted, sesame audit verify --head %s tells whether anything up to here was changed or cut off.", head, head)
		s.alarm(ctx, text)
	}
}
