package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/clock"
	"sesame/strategies/awstest"
)

const (
	// quiet is how long nothing changes until the clock is helped on. It
	// doubles while that changes nothing either, since then a busy machine is
	// to blame, up to longQuiet.
	quiet     = 25 * time.Millisecond
	longQuiet = time.Second
	// stride is how far the clock is helped on at once. It is less than the
	// three seconds in which Slack wants an answer to what somebody did.
	stride = time.Second
)

// Await blocks until done reports true, which it asks after every change in
// Slack or AWS. What names what is waited for, in an error.
//
// Some things happen only as time passes: calls are paced, operations take
// their seconds. So when nothing changes any more and nobody waits for an
// answer, Await helps the clock on to what is due next.
func (s *Stage) Await(ctx context.Context, what string, done func() bool) error {
	return s.await(ctx, what, done, s.helpOn)
}

// await is Await with something else to do when nothing changes.
func (s *Stage) await(ctx context.Context, what string, done func() bool, idle func()) error {
	for wait := quiet; ; {
		_, changed := s.pulse.changed()
		if done() {
			return nil
		}
		still, err := s.untilQuiet(ctx, changed, wait)
		if err != nil {
			return fmt.Errorf("waiting until %s: %w%s", what, err, s.trouble())
		}
		if !still {
			wait = quiet
			continue
		}
		idle()
		wait = min(2*wait, longQuiet)
	}
}

// untilQuiet waits for a change, and reports whether there was none for a
// while.
func (s *Stage) untilQuiet(ctx context.Context, changed <-chan struct{}, while time.Duration) (still bool, err error) {
	machine := clock.System{}
	timer := machine.Timer(machine.Now().Add(while))
	defer timer.Stop()
	ended, cause := s.ended()
	select {
	case <-changed:
		return false, nil
	case <-timer.C:
		return true, nil
	case <-ended:
		return false, cause()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// trouble is what the last calls that went wrong say, for somebody who waits
// in vain.
func (s *Stage) trouble() string {
	var last string
	for _, c := range s.slack.Calls() {
		if c.Error != "" {
			last = fmt.Sprintf(" (slack: %s: %s)", c.Method, c.Error)
		}
	}
	for _, c := range s.aws.Calls() {
		if c.Outcome != awstest.OK {
			last += fmt.Sprintf(" (aws: %s: %s)", c.Operation, c.Outcome)
		}
	}
	return last
}

// helpOn moves the clock to what is due next, while nobody waits for an
// answer.
func (s *Stage) helpOn() {
	next, ok := s.Clock().Next()
	if !ok || s.slack.Unsettled() > 0 {
		return
	}
	if d := min(next.Sub(s.Clock().Now()), stride); d > 0 {
		s.Clock().Advance(d)
	}
}

// AwaitMessage blocks until a channel shows a message that want accepts, and
// returns the first. A user id stands for direct messages with the bot.
func (s *Stage) AwaitMessage(ctx context.Context, channel string, want func(slacktest.Message) bool) (slacktest.Message, error) {
	var found slacktest.Message
	err := s.Await(ctx, "there is such a message in "+channel, func() bool {
		return first(s.slack.Messages(channel), want, &found)
	})
	return found, err
}

// AwaitReply is AwaitMessage for the thread under a message.
func (s *Stage) AwaitReply(ctx context.Context, parent slacktest.Message, want func(slacktest.Message) bool) (slacktest.Message, error) {
	var found slacktest.Message
	err := s.Await(ctx, "there is such a reply", func() bool {
		return first(s.slack.Thread(parent.Channel, parent.TS), want, &found)
	})
	return found, err
}

// AwaitEphemeral is AwaitMessage for what one user alone sees.
func (s *Stage) AwaitEphemeral(ctx context.Context, user string, want func(slacktest.Message) bool) (slacktest.Message, error) {
	var found slacktest.Message
	err := s.Await(ctx, "somebody alone sees such a message", func() bool {
		return first(s.slack.Ephemerals(user), want, &found)
	})
	return found, err
}

// AwaitView blocks until the user's topmost modal is one that want accepts. It
// does not help the clock on: a form must open within three seconds.
func (s *Stage) AwaitView(ctx context.Context, user string, want func(slacktest.View) bool) (slacktest.View, error) {
	var found slacktest.View
	err := s.await(ctx, "somebody has such a form before them", func() bool {
		open := s.slack.Views(user)
		return first(open[max(0, len(open)-1):], want, &found)
	}, func() {})
	return found, err
}

func first[T any](all []T, want func(T) bool, found *T) bool {
	for _, v := range all {
		if want(v) {
			*found = v
			return true
		}
	}
	return false
}

// Says returns a predicate for messages that show all of the texts.
func Says(texts ...string) func(slacktest.Message) bool {
	return func(m slacktest.Message) bool {
		text := m.Text()
		for _, t := range texts {
			if !strings.Contains(text, t) {
				return false
			}
		}
		return true
	}
}

// Holds reports whether the person of that name has a permission set in an
// account, by AWS's own account of it.
func (s *Stage) Holds(name, account, permissionSet string) bool {
	who := s.Person(name).Principal
	for _, a := range s.aws.Assignments() {
		if a.Principal == who && a.Account == account && s.names.sets[a.PermissionSet] == permissionSet {
			return true
		}
	}
	return false
}
