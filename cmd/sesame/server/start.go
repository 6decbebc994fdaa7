package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/flowfile"
)

// start looks at what there is to keep, finds out who AWS and Slack say we
// are, and puts the flow files in force. With something to close, it goes on
// whatever they say.
func (s *Server) start(ctx context.Context) error {
	kept, err := look(ctx, s.store)
	if err != nil {
		return fmt.Errorf("look at what is granted: %w", err)
	}
	if err := s.meetAWS(ctx, kept); err != nil {
		if kept.total() == 0 {
			return err
		}
		s.Log.Error().Err(err).Int("objects", kept.total()).Msg("AWS cannot be used, and there is access to end: trying on")
	}
	if err := s.slack.greet(ctx); err != nil {
		if _, told := errors.AsType[Findings](err); told && kept.total() == 0 {
			return err
		}
		s.Log.Error().Err(err).Msg("Slack cannot be used: only ending access until it can")
	}
	return s.firstRules(ctx)
}

// meetAWS opens the instance that the flow files name, or that was used last.
func (s *Server) meetAWS(ctx context.Context, kept survey) error {
	home, storeID := kept.home, kept.storeID
	if set, err := flowfile.Open(s.Config.Flows); err == nil {
		if at, wrong := instanceOf(set, survey{}); len(wrong) == 0 {
			home = at
		}
	}
	if home == (place{}) {
		return nil
	}
	s.cloud.settle(home, storeID)
	center, err := s.cloud.center(ctx, home)
	if err != nil {
		return err
	}
	s.Log.Info().Str("account", center.Caller().Account).Str("identity", center.Caller().ARN).
		Str("instance", center.Instance()).Msg("AWS says who we are")
	return nil
}

// retryRules is how long to wait before AWS and Slack are asked again about
// flow files that nobody could check.
const retryRules = 30 * time.Second

// keepRules puts the flow files in force whenever that is asked for, and as
// soon as it can be done if it could not at the start.
func (s *Server) keepRules(ctx context.Context) error {
	for {
		asked, err := s.untilReload(ctx)
		if err != nil {
			return nil
		}
		if err := s.reload(ctx); err != nil && ctx.Err() == nil {
			s.stayed(ctx, asked, err)
		}
	}
}

// stayed says that the flow files could not be put in force.
func (s *Server) stayed(ctx context.Context, asked bool, err error) {
	s.Log.Error().Err(err).Bool("asked", asked).Msg("the flow files stay as they were")
	if s.rules.set.Load() == nil {
		s.rules.fail(err)
	}
	if !asked {
		return
	}
	if err := s.alarm(ctx, "The flow files were read again and cannot be used, so everything stays as it was: "+firstLine(err)+"."); err != nil {
		s.Log.Error().Err(err).Msg("tell the admin channel")
	}
}

// untilReload waits until somebody asks for a reload, or for the next try of
// one that is still outstanding. It returns an error when ctx ends.
func (s *Server) untilReload(ctx context.Context) (asked bool, err error) {
	var again <-chan time.Time
	if s.rules.set.Load() == nil && s.rules.worthTrying() {
		timer := s.Clock.Timer(s.Clock.Now().Add(retryRules))
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-s.Reload:
		return true, nil
	case <-again:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
