package scenario

import (
	"context"
	"regexp"
	"strings"
)

// more lines, tried after the others.
var more = []struct {
	line *regexp.Regexp
	play func(p *player, ctx context.Context, m []string) error
}{
	{regexp.MustCompile(`^(\w+) (extend|review)s(?: #(\d+))?: (.+)$`), (*player).say},
	{regexp.MustCompile(`^(\w+) breaks glass: (.+)$`), (*player).breakGlass},
	{regexp.MustCompile(`^request(?: #(\d+))? waits for (.+)$`), (*player).waits},
	{regexp.MustCompile(`^grant(?: #(\d+))? lasts (.+)$`), (*player).lasts},
	{regexp.MustCompile(`^trail(?: #(\d+))? says (.+)$`), (*player).trail},
	{regexp.MustCompile(`^channel (\w+) has request(?: #(\d+))?$`), (*player).channel},
	{regexp.MustCompile(`^review(?: #(\d+))? is (.+)$`), (*player).review},
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
