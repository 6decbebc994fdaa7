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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
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

// A player is a story being played.
type player struct {
	rig   Rig
	shown string // to the last person who did something
}

// grammar is tried in order.
var grammar = []struct {
	line *regexp.Regexp
	play func(p *player, ctx context.Context, m []string) error
}{
	{regexp.MustCompile(`^(\w+): /access\b ?(.*)$`), (*player).ask},
	{regexp.MustCompile(`^(\w+) (approve|denie|withdraw|end)s( twice)?(?: #(\d+))?$`), (*player).act},
	{regexp.MustCompile(`^(\w+) and (\w+) approve(?: #(\d+))?$`), (*player).together},
	{regexp.MustCompile(`^(?:refused|shown) (.+)$`), (*player).see},
	{regexp.MustCompile(`^not shown (.+)$`), (*player).miss},
	{regexp.MustCompile(`^advance (\S+)$`), (*player).advance},
	{regexp.MustCompile(`^aws: (\w+) has (.+)$`), (*player).aws},
	{regexp.MustCompile(`^(request|grant)(?: #(\d+))? is (.+)$`), (*player).state},
	{regexp.MustCompile(`^receipt(?: #(\d+))? says (.+)$`), (*player).receipt},
	{regexp.MustCompile(`^(\w+) (?:is|are) told (.+)$`), (*player).told},
	{regexp.MustCompile(`^there (?:is|are) (\d+) requests?$`), (*player).count},
	{regexp.MustCompile(`^the record (holds)$`), (*player).record},
	{regexp.MustCompile(`^world (.+)$`), (*player).world},
}

func (p *player) play(ctx context.Context, line string) error {
	for _, g := range slices.Concat(grammar, more) {
		if m := g.line.FindStringSubmatch(line); m != nil {
			return g.play(p, ctx, m)
		}
	}
	return fmt.Errorf("not a line of a story")
}

func nth(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func (p *player) ask(ctx context.Context, m []string) (err error) {
	p.shown, err = p.rig.Say(ctx, Act{Who: m[1], Verb: "ask", Text: m[2]})
	return err
}

func (p *player) act(ctx context.Context, m []string) error {
	verb := m[2]
	if verb == "denie" {
		verb = "deny"
	}
	a := Act{Who: m[1], Verb: verb, Request: nth(m[4])}
	if m[3] != "" {
		return p.atOnce(ctx, a, a)
	}
	shown, err := p.rig.Say(ctx, a)
	p.shown = shown
	return err
}

func (p *player) together(ctx context.Context, m []string) error {
	return p.atOnce(ctx,
		Act{Who: m[1], Verb: "approve", Request: nth(m[3])},
		Act{Who: m[2], Verb: "approve", Request: nth(m[3])})
}

// atOnce has two acts happen at the same moment.
func (p *player) atOnce(ctx context.Context, a, b Act) error {
	var shown [2]string
	var g errgroup.Group
	for i, act := range []Act{a, b} {
		g.Go(func() (err error) {
			shown[i], err = p.rig.Say(ctx, act)
			return err
		})
	}
	err := g.Wait()
	p.shown = shown[0] + "\n" + shown[1]
	return err
}

func (p *player) see(_ context.Context, m []string) error {
	if !containsFold(p.shown, m[1]) {
		return fmt.Errorf("what was shown is %q", p.shown)
	}
	return nil
}

func (p *player) miss(_ context.Context, m []string) error {
	if containsFold(p.shown, m[1]) {
		return fmt.Errorf("what was shown is %q", p.shown)
	}
	return nil
}

func (p *player) advance(ctx context.Context, m []string) error {
	d, err := time.ParseDuration(m[1])
	if err != nil {
		return err
	}
	return p.rig.Pass(ctx, d)
}

func (p *player) aws(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "aws", Who: m[1]}, func(seen string) bool { return seen == m[2] })
}

func (p *player) state(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: m[1], Request: nth(m[2])}, func(seen string) bool { return seen == m[3] })
}

func (p *player) receipt(ctx context.Context, m []string) error {
	v := View{Of: "receipt", Request: nth(m[1])}
	return p.expect(ctx, v, func(seen string) bool { return containsFold(seen, m[2]) })
}

func (p *player) told(ctx context.Context, m []string) error {
	v := View{Of: "told", Who: m[1]}
	if m[1] == "admins" {
		v = View{Of: "admins"}
	}
	if m[2] == "nothing" {
		m[2] = ""
		return p.expect(ctx, v, func(seen string) bool { return seen == "" })
	}
	return p.expect(ctx, v, func(seen string) bool { return containsFold(seen, m[2]) })
}

func (p *player) count(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "requests"}, func(seen string) bool { return seen == m[1] })
}

func (p *player) record(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "record"}, func(seen string) bool { return seen == m[1] })
}

func (p *player) world(ctx context.Context, m []string) error {
	return p.rig.Change(ctx, strings.Fields(m[1]))
}

// expect lets time pass until a view is as told.
func (p *player) expect(ctx context.Context, v View, told func(string) bool) error {
	var seen string
	for waited := time.Duration(0); waited <= Patience; waited += time.Second {
		var err error
		if seen, err = p.rig.See(ctx, v); err != nil {
			return err
		}
		if told(seen) {
			return nil
		}
		if err := p.rig.Pass(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("it is %q", seen)
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}
