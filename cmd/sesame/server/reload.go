package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
)

// A cause is why the flow files are read again.
type cause string

// The causes of a reload.
const (
	atStart  cause = "start"
	bySignal cause = "signal"
	byChange cause = "file change"
	byApply  cause = "apply"
	byRetry  cause = "retry"
)

// reloading is what reloads have in common. There is one at a time.
type reloading struct {
	mu    sync.Mutex // held throughout a reload; guards what follows
	watch watch
	again bool   // the last one failed for a reason that may go away by itself
	told  string // what the admin channel was told is wrong, until it was told that all is well
}

// checkIn is how long AWS and Slack may take over all that flow files name.
const checkIn = 5 * time.Minute

// An outcome is what a reload came to.
type outcome struct {
	before, set *flowfile.Set // either may be nil
	warnings    Findings
}

// reload puts the flow files in force as they are now, or leaves everything as
// it was. Whatever asks for a reload comes here.
func (s *Server) reload(ctx context.Context, why cause) (outcome, error) {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	var read reading
	o, err := s.tryRules(ctx, s.checker, &read)
	if err == nil {
		err = s.roster.Use(o.set)
	}
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	s.reloading.watch.follow(&read)
	s.reloading.again = err != nil && !isFinal(err)
	if err != nil {
		s.stayedLocked(ctx, why, err)
		return o, err
	}
	s.rules.use(o.set)
	s.inForceLocked(ctx, why, o)
	return o, nil
}

// tryRules reads the flow files and has them checked, and changes nothing.
func (s *Server) tryRules(ctx context.Context, c checker, read *reading) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, checkIn)
	defer cancel()
	o := outcome{before: s.rules.set.Load()}
	kept, err := look(ctx, s.store)
	if err != nil {
		return o, err
	}
	o.set, o.warnings, err = c.load(ctx, read, s.Config.Flows, kept)
	return o, err
}

// inForceLocked says what is in force now.
func (s *Server) inForceLocked(ctx context.Context, why cause, o outcome) {
	for _, w := range o.warnings {
		s.Log.Warn().Str("path", w.Path).Msg(w.Message)
	}
	s.Log.Info().Str("revision", o.set.Revision()).Int("targets", len(o.set.Targets())).Str("cause", string(why)).Msg("flow files in force")
	if s.reloading.told != "" {
		s.reloading.told = ""
		s.relieve(ctx, fmt.Sprintf("The flow files can be used again and are in force: revision %s, with %s.", o.set.Revision(), targets(len(o.set.Targets()))))
	}
}

func targets(n int) string {
	if n == 1 {
		return "1 target"
	}
	return fmt.Sprintf("%d targets", n)
}

// stayedLocked says that the flow files could not be put in force: to the log
// each time, and to the admin channel once, until something else is wrong.
func (s *Server) stayedLocked(ctx context.Context, why cause, err error) {
	line, text := "the flow files stay as they were", "The flow files were read again and cannot be used, so everything stays as it was: "+firstLine(err)+"."
	s.rules.stay(err)
	if s.rules.set.Load() == nil {
		s.rules.fail(err)
		line = "only ending access until the flow files can be put in force"
		text = "Sesame only ends access at the moment, since " + s.rules.closingOnly() + ". Repair them, and they are read again."
	}
	s.Log.Error().Err(err).Str("cause", string(why)).Msg(line)
	// Nobody asked for a retry or a start, and what nobody could check may yet
	// be good.
	if unasked := why == atStart || why == byRetry; unasked && !isFinal(err) || s.reloading.told == text {
		return
	}
	s.reloading.told = text
	s.alarm(ctx, text)
}

// changed reports whether the flow files are others than those last read.
func (s *Server) changed() bool {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	return s.reloading.watch.look()
}

// tryAgain reports whether the last reload may succeed by itself later.
func (s *Server) tryAgain() bool {
	s.reloading.mu.Lock()
	defer s.reloading.mu.Unlock()
	return s.reloading.again
}

// apply is reload for somebody who waits for what becomes of it. A dry run
// looks everything up with a client of AWS of its own, so that nothing of what
// it finds is used.
func (s *Server) apply(ctx context.Context, dryRun bool) (api.Reloaded, error) {
	var o outcome
	var err error
	if dryRun {
		o, err = s.tryRules(ctx, checker{newCloud(s.Options), s.slack, s.checker.onCall}, &reading{})
	} else {
		o, err = s.reload(ctx, byApply)
	}
	r := api.Reloaded{
		DryRun: dryRun, Path: s.Config.Flows, Before: revisionOf(o.before), After: revisionOf(o.before),
		Differences: []api.Difference{}, Problems: problemsOf(err), Warnings: findingsOf(o.warnings),
	}
	if err == nil {
		r.OK, r.After, r.Differences = true, revisionOf(o.set), differences(o.before, o.set)
		return r, nil
	}
	if !isFinal(err) {
		return r, unchecked(err)
	}
	return r, nil
}

// unchecked says that nobody could check the files, in words for whoever
// applies them.
func unchecked(err error) error {
	return &access.Refusal{
		Code: access.RefusedUnable,
		Text: fmt.Sprintf("The flow files stay as they were, because they could not be checked: %s: try again once that is repaired.", firstLine(err)),
	}
}

func revisionOf(set *flowfile.Set) string {
	if set == nil {
		return ""
	}
	return set.Revision()
}

// problemsOf returns what is wrong with the files, by its place in them as far
// as it has one.
func problemsOf(err error) []api.Problem {
	if found, ok := errors.AsType[Findings](err); ok {
		return findingsOf(found)
	}
	problems, _ := errors.AsType[flowfile.Problems](err)
	all := []api.Problem{}
	for _, p := range problems {
		all = append(all, api.Problem(p))
	}
	return all
}

func findingsOf(found Findings) []api.Problem {
	all := []api.Problem{}
	for _, f := range found {
		all = append(all, api.Problem{File: f.Path, Message: f.Message})
	}
	return all
}
