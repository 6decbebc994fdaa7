// Package scenario plays stories with several people: the same text runs on
// the Desk and the Keeper in memory, and end to end through stand-ins for
// Slack and AWS.
//
// A story is a txtar file in testdata/scenarios. Its comment says what it
// shows; the section "story" is played line by line, and "flows.yaml", where
// it is there, replaces the flow file that all stories share; "later.yaml" is
// what it becomes by "world flows become later". "rules.yaml" and
// "later-rules.yaml" replace only the flows in the file. Lines are
//
//	alice: /access ec2-frontend 1h INC-42 disk full
//	bob approves               bob approves twice         bob denies #1
//	bob and carol approve      alice withdraws            alice ends
//	refused only the           (what the last person was shown; case is ignored)
//	shown sent                 not shown Billing
//	advance 61m
//	aws: alice has ec2-frontend          aws: alice has nothing
//	request is pending         grant #2 is closed         receipt says read 2 times
//	alice is told granted      admins are told should have ended
//	there is 1 request         the record holds
//	alice extends: 30m tests take longer        request waits for security
//	alice breaks glass: billing-readonly 1h INC-7 nobody can pay
//	bob reviews #1: as agreed  review is by bob: as agreed
//	grant #1 lasts 1 hour 30 minutes            trail says denied
//	channel security has request
//	world slack is down        (a change of the world; the rig knows which there are)
//	world on-call is dave      world on-call hangs        world on-call answers
//	# a remark
//
// "#2" is the second request of the story; without a number it is the latest.
// What is expected may take a while: the rig lets time pass until it is so,
// for up to Patience. A line that is not understood fails the story.
package scenario

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// Patience is how long what a story expects may take to come about.
const Patience = 2 * time.Minute

// A Rig is a world that stories play in.
type Rig interface {
	// Say has a person do something in chat, and returns what they are shown
	// for it, a refusal included. An error means that the rig itself failed.
	Say(ctx context.Context, a Act) (shown string, err error)
	// Change changes the world: the words after "world".
	Change(ctx context.Context, words []string) error
	// Pass lets time pass, and what is due in it happen.
	Pass(ctx context.Context, d time.Duration) error
	// See returns what there is to be seen of a view now.
	See(ctx context.Context, v View) (string, error)
}

// An Act is what a person does.
type Act struct {
	Who     string
	Verb    string // "ask", "approve", "deny", "withdraw", "end", "extend", "break" or "review"
	Text    string // what was typed: after /access, or about the request
	Request int    // which request of the story, from 1; 0 for the latest
}

// A View is something to look at.
type View struct {
	// Of is "aws" (targets that Who has), "told" (the outcomes that Who was
	// told), "admins" (what needs a person), "requests" (how many there are),
	// "record" (whether the audit record holds), "trail" (what is said below
	// the message of Request), "channels" (those that have the message), or
	// what Describe knows.
	Of      string
	Who     string
	Request int
}

// A Story is a parsed story file.
type Story struct {
	About string // the comment
	Flows []byte // replaces the shared flow files; nil if there are none
	Later []byte // the section "later.yaml": what the flow files become
	lines []string
	// rules and laterRules are as Flows and Later, for flows alone.
	rules, laterRules []byte
}

// Over returns s with the flow files that it plays with: its own, or the shared
// ones, with its own flows in them where it has some.
func (s Story) Over(shared []byte) Story {
	flows := []byte("\nflows:")
	with := func(own, rules []byte) []byte {
		if i := bytes.Index(shared, flows); own == nil && rules != nil && i >= 0 {
			return slices.Concat(shared[:i+1], rules)
		}
		return own
	}
	s.Flows, s.Later = with(s.Flows, s.rules), with(s.Later, s.laterRules)
	if s.Flows == nil {
		s.Flows = shared
	}
	return s
}

// Parse reads a story.
func Parse(data []byte) (Story, error) {
	ar := txtar.Parse(data)
	s := Story{About: strings.TrimSpace(string(ar.Comment))}
	for _, f := range ar.Files {
		switch f.Name {
		case "flows.yaml":
			s.Flows = f.Data
		case "later.yaml":
			s.Later = f.Data
		case "rules.yaml":
			s.rules = f.Data
		case "later-rules.yaml":
			s.laterRules = f.Data
		case "story":
			s.lines = strings.Split(string(f.Data), "\n")
		default:
			return Story{}, fmt.Errorf("section %q: want flows.yaml, rules.yaml, later.yaml, later-rules.yaml or story", f.Name)
		}
	}
	if s.About == "" || len(s.lines) == 0 {
		return Story{}, fmt.Errorf("a story has a comment that says what it shows, and a section %q", "story")
	}
	return s, nil
}

// Says reports whether a line of the story is as told, for rigs that furnish
// their world by it.
func (s Story) Says(line string) bool { return slices.Contains(s.lines, line) }

// Play plays the story in r, up to the first line that does not come true.
func (s Story) Play(ctx context.Context, r Rig) error {
	p := &player{rig: r}
	for i, line := range s.lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.play(ctx, line); err != nil {
			return fmt.Errorf("line %d: %s: %w", i+1, line, err)
		}
	}
	return nil
}
