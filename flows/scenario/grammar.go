package scenario

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

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
	{regexp.MustCompile(`^(\w+) (extend|review)s(?: #(\d+))?: (.+)$`), (*player).say},
	{regexp.MustCompile(`^(\w+) breaks glass: (.+)$`), (*player).breakGlass},
	{regexp.MustCompile(`^request(?: #(\d+))? waits for (.+)$`), (*player).waits},
	{regexp.MustCompile(`^grant(?: #(\d+))? lasts (.+)$`), (*player).lasts},
	{regexp.MustCompile(`^trail(?: #(\d+))? says (.+)$`), (*player).trail},
	{regexp.MustCompile(`^channel (\w+) has request(?: #(\d+))?$`), (*player).channel},
	{regexp.MustCompile(`^review(?: #(\d+))? is (.+)$`), (*player).review},
}

func (p *player) play(ctx context.Context, line string) error {
	for _, g := range grammar {
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

// say has somebody say something about a request, in words of their own.
func (p *player) say(ctx context.Context, m []string) (err error) {
	p.shown, err = p.rig.Say(ctx, Act{Who: m[1], Verb: m[2], Request: nth(m[3]), Text: m[4]})
	return err
}

func (p *player) breakGlass(ctx context.Context, m []string) (err error) {
	p.shown, err = p.rig.Say(ctx, Act{Who: m[1], Verb: "break", Text: m[2]})
	return err
}

func (p *player) waits(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "waiting", Request: nth(m[1])}, func(seen string) bool { return seen == m[2] })
}

func (p *player) lasts(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "lasting", Request: nth(m[1])}, func(seen string) bool { return seen == m[2] })
}

func (p *player) trail(ctx context.Context, m []string) error {
	v := View{Of: "trail", Request: nth(m[1])}
	return p.expect(ctx, v, func(seen string) bool { return containsFold(seen, m[2]) })
}

func (p *player) channel(ctx context.Context, m []string) error {
	v := View{Of: "channels", Request: nth(m[2])}
	return p.expect(ctx, v, func(seen string) bool { return strings.Contains(" "+seen+" ", " "+m[1]+" ") })
}

func (p *player) review(ctx context.Context, m []string) error {
	return p.expect(ctx, View{Of: "review", Request: nth(m[1])}, func(seen string) bool { return seen == m[2] })
}
