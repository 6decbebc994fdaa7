package demo

import (
	"context"
	"errors"
	"net/http"

	"sesame/bot/slacktest"
)

// A deed is something that one person does in Slack.
type deed struct {
	As string `json:"as"` // name
	Do string `json:"do"`

	Channel string    `json:"channel"` // command, say
	Text    string    `json:"text"`    // command, say, suggest
	On      control   `json:"on"`      // click, enter, suggest
	View    string    `json:"view"`    // submit, close
	Values  []entered `json:"values"`  // enter, submit
}

// A control is a slacktest.Control in JSON.
type control struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	View    string `json:"view"`
	Block   string `json:"block"`
	Action  string `json:"action"`
}

// An entered is what an input holds: a text, or the values of options.
type entered struct {
	Block  string   `json:"block"`
	Action string   `json:"action"`
	Values []string `json:"values"`
}

func (d deed) control() slacktest.Control { return slacktest.Control(d.On) }

func (d deed) values() slacktest.Values {
	v := slacktest.Values{}
	for _, e := range d.Values {
		v[e.Block+"/"+e.Action] = e.Values
	}
	return v
}

// deeds are what a person can do, by name.
var deeds = map[string]func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error){
	"command": func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		return a.Command(ctx, d.Channel, d.Text)
	},
	"say": func(_ context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		_, err := a.Say(d.Channel, d.Text)
		return slacktest.Reply{}, err
	},
	"click": func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		return a.Click(ctx, d.control())
	},
	"enter": func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		return enter(ctx, a, d)
	},
	"submit": func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		return a.Submit(ctx, d.View, d.values())
	},
	"close": func(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
		return a.CloseView(ctx, d.View)
	},
	"home": func(_ context.Context, a slacktest.Actor, _ deed) (slacktest.Reply, error) {
		_, _, err := a.OpenHome()
		return slacktest.Reply{}, err
	},
	"shortcut": func(ctx context.Context, a slacktest.Actor, _ deed) (slacktest.Reply, error) {
		return a.Shortcut(ctx, "request_access")
	},
	"reload": func(_ context.Context, a slacktest.Actor, _ deed) (slacktest.Reply, error) {
		a.Reload()
		return slacktest.Reply{}, nil
	},
}

// enter enters what else stands in a form before the value that the app is
// told of: with it, it is told of all of them.
func enter(ctx context.Context, a slacktest.Actor, d deed) (slacktest.Reply, error) {
	var own []string
	for _, e := range d.Values {
		if e.Block == d.On.Block && e.Action == d.On.Action {
			own = e.Values
			continue
		}
		other := slacktest.Control{View: d.On.View, Block: e.Block, Action: e.Action}
		if _, err := a.Enter(ctx, other, e.Values...); err != nil {
			return slacktest.Reply{}, err
		}
	}
	return a.Enter(ctx, d.control(), own...)
}

// An answer is what Slack itself says at once to what was done.
type answer struct {
	Error   string             `json:"error,omitempty"`
	Options []slacktest.Option `json:"options,omitempty"`
}

// act does what somebody does in Slack.
func (p *Page) act(rw http.ResponseWriter, r *http.Request) {
	var d deed
	if err := read(r, &d); err != nil {
		reply(rw, http.StatusBadRequest, failure{"That is not understood: " + err.Error()})
		return
	}
	a, err := p.actor(d.As)
	if err != nil {
		reply(rw, http.StatusBadRequest, failure{err.Error()})
		return
	}
	if d.Do == "suggest" {
		options, err := a.Suggest(r.Context(), d.control(), d.Text)
		reply(rw, http.StatusOK, answer{Error: said(err), Options: options})
		return
	}
	do, ok := deeds[d.Do]
	if !ok {
		reply(rw, http.StatusBadRequest, failure{"Nobody can do that: " + d.Do})
		return
	}
	got, err := do(r.Context(), a, d)
	if err != nil {
		got.Error = err.Error()
	}
	reply(rw, http.StatusOK, answer{Error: got.Error})
}

func (p *Page) actor(name string) (slacktest.Actor, error) {
	for _, one := range p.stage.people {
		if one.Name == name {
			return p.stage.slack.As(one.ID), nil
		}
	}
	return slacktest.Actor{}, errors.New("nobody is called that")
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
