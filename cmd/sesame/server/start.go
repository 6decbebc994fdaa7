package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// start looks at what there is to keep and finds out who AWS and Slack say we
// are. With nothing to close, a no of theirs is a reason not to start; with
// something, closing it waits for nobody's yes.
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
	if kept.total() > 0 {
		return nil
	}
	if err := s.meetSlack(ctx); err != nil {
		if _, told := errors.AsType[Findings](err); told {
			return err
		}
		s.Log.Error().Err(err).Msg("Slack cannot be reached: trying on")
	}
	return nil
}

// patience is how long AWS and Slack are waited for before something depends
// on them. Closing must not wait for an answer that never comes.
const patience = 30 * time.Second

// meetAWS opens the instance that the flow files name, or that was used last.
func (s *Server) meetAWS(ctx context.Context, kept survey) error {
	home, storeID := kept.home, kept.storeID
	if set, err := s.cloud.able().Open(s.Config.Flows); err == nil {
		if at, wrong := instanceOf(set, survey{}); len(wrong) == 0 {
			home = at
		}
	}
	if home == (place{}) {
		return nil
	}
	s.cloud.settle(home, storeID)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	center, err := s.cloud.center(ctx, home)
	if err != nil {
		return err
	}
	s.Log.Info().Str("account", center.Caller().Account).Str("identity", center.Caller().ARN).
		Str("instance", center.Instance()).Msg("AWS says who we are")
	return nil
}

func (s *Server) meetSlack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.slack.greet(ctx)
}

// retryRules is how long to wait before AWS and Slack are asked again about
// flow files that nobody could check.
const retryRules = 30 * time.Second

// keepRules puts the flow files in force whenever that is asked for, when they
// have changed, and as soon as it can be done if nobody could check them.
func (s *Server) keepRules(ctx context.Context) error {
	for {
		why, err := s.untilReload(ctx)
		if err != nil {
			return nil
		}
		// What becomes of it has been said.
		_, _ = s.reload(ctx, why)
	}
}

// untilReload waits until there is a cause to read the flow files again. It
// returns an error when ctx ends.
func (s *Server) untilReload(ctx context.Context) (cause, error) {
	var again <-chan time.Time
	if s.tryAgain() {
		timer := s.Clock.Timer(s.Clock.Now().Add(retryRules))
		defer timer.Stop()
		again = timer.C
	}
	for {
		look, stop := s.nextLook()
		select {
		case <-s.Reload:
			stop()
			return bySignal, nil
		case <-again:
			stop()
			return byRetry, nil
		case <-look:
			if s.changed() {
				return byChange, nil
			}
		case <-ctx.Done():
			stop()
			return "", context.Cause(ctx)
		}
	}
}

// nextLook returns when the flow files are to be looked at next: never, if
// they are not watched.
func (s *Server) nextLook() (at <-chan time.Time, stop func()) {
	if s.Watch <= 0 {
		return nil, func() {}
	}
	timer := s.Clock.Timer(s.Clock.Now().Add(s.Watch))
	return timer.C, timer.Stop
}
