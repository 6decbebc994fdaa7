package demo

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/flowfile"
	"sesame/strategies/awstest"
)

// A picture is all that the page shows: what one person sees in Slack, and
// what AWS holds.
type picture struct {
	Now       time.Time         `json:"now"`
	Zone      string            `json:"zone"`
	People    []Person          `json:"people"`
	Names     map[string]string `json:"names"` // of users, channels and groups, by id
	Hints     []hint            `json:"hints"`
	Channels  []room            `json:"channels"`
	Modal     *view             `json:"modal,omitempty"`
	Home      *view             `json:"home,omitempty"`
	AWS       cloud             `json:"aws"`
	Held      []holding         `json:"held"`
	Calls     []called          `json:"calls"`
	Terminal  Terminals         `json:"terminal"`
	Deadlines []deadline        `json:"deadlines"`
	// Version changes whenever the log does.
	Version uint64 `json:"version"`
	// Trouble says why the server tells nothing of its grants.
	Trouble string `json:"trouble,omitempty"`
}

// A hint is a line that can be typed.
type hint struct {
	Line string `json:"line"`
	What string `json:"what"`
}

// A room is a channel, or the direct messages with the bot.
type room struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Direct   bool      `json:"direct"`
	Private  bool      `json:"private"`
	Member   bool      `json:"member"`
	Messages []message `json:"messages"`
}

// A message is a slacktest.Message in JSON, with its thread.
type message struct {
	Channel   string    `json:"channel"`
	TS        string    `json:"ts"`
	Author    string    `json:"author"`
	Bot       bool      `json:"bot"`
	Fallback  string    `json:"fallback"`
	Blocks    []any     `json:"blocks"`
	Edited    time.Time `json:"edited,omitzero"`
	Ephemeral bool      `json:"ephemeral"`
	Thread    []message `json:"thread,omitempty"`
}

// A view is a slacktest.View in JSON.
type view struct {
	ID     string                    `json:"id"`
	Hash   string                    `json:"hash"`
	Title  string                    `json:"title"`
	Submit string                    `json:"submit"`
	Close  string                    `json:"close"`
	Blocks []any                     `json:"blocks"`
	Values map[string]map[string]any `json:"values"`
	Errors map[string]string         `json:"errors"`
}

// A cloud is what AWS holds, and what it is busy with.
type cloud struct {
	Assignments []assignment `json:"assignments"`
	Operations  []operation  `json:"operations"`
}

// An assignment is who has what where.
type assignment struct {
	Who           string    `json:"who"`
	Account       string    `json:"account"`
	AccountName   string    `json:"accountName"`
	PermissionSet string    `json:"permissionSet"`
	Since         time.Time `json:"since"`
}

// An operation is a change that AWS is busy with.
type operation struct {
	assignment
	Removal bool `json:"removal"`
}

// state answers with what the person named in the query sees.
func (p *Page) state(rw http.ResponseWriter, r *http.Request) {
	a, err := p.actor(r.URL.Query().Get("as"))
	if err != nil {
		reply(rw, http.StatusBadRequest, failure{err.Error()})
		return
	}
	reply(rw, http.StatusOK, p.picture(r.Context(), a, r.URL.Query().Get("as")))
}

func (p *Page) picture(ctx context.Context, a slacktest.Actor, name string) picture {
	s, who := p.stage, p.stage.Person(name).ID
	pic := picture{
		Now: s.Clock().Now(), Zone: zone, People: s.people, Names: s.callings(), Hints: p.hints,
		Channels: s.rooms(a, who), AWS: s.cloud(), Terminal: p.terminal,
	}
	if open := s.slack.Views(who); len(open) > 0 {
		pic.Modal = shownView(open[len(open)-1])
	}
	if home, ok := s.slack.Home(who); ok {
		pic.Home = shownView(home)
	}
	var err error
	if pic.Deadlines, err = s.deadlines(ctx); err != nil {
		pic.Trouble = err.Error()
	}
	if pic.Held, pic.Calls, err = s.throughSesame(ctx); err != nil {
		pic.Trouble = err.Error()
	}
	pic.Version, _ = s.pulse.changed()
	return pic
}

// callings are the names of everything that has an id in Slack.
func (s *Stage) callings() map[string]string {
	all := map[string]string{}
	for _, u := range s.slack.Users() {
		all[u.ID] = u.RealName
	}
	for _, c := range s.slack.Channels() {
		all[c.ID] = c.Name
	}
	for _, g := range s.slack.Groups() {
		all[g.ID] = g.Handle
	}
	all[s.slack.BotUser()] = "Sesame"
	return all
}

// rooms are the channels that somebody sees, and the direct messages with the
// bot.
func (s *Stage) rooms(a slacktest.Actor, who string) []room {
	ephemeral := s.slack.Ephemerals(who)
	var all []room
	for _, c := range a.Channels() {
		r := room{ID: c.ID, Name: c.Name, Private: c.Private}
		for _, m := range c.Members {
			r.Member = r.Member || m == who
		}
		all = append(all, s.filled(r, ephemeral))
	}
	dm := room{ID: s.slack.DM(who), Name: "Sesame", Direct: true, Member: true}
	return append(all, s.filled(dm, ephemeral))
}

// filled is a room with what is said in it, what one alone sees in its place.
func (s *Stage) filled(r room, ephemeral []slacktest.Message) room {
	r.Messages = []message{}
	for _, m := range s.slack.Messages(r.ID) {
		shown := s.shownMessage(m)
		for _, reply := range s.slack.Thread(r.ID, m.TS) {
			shown.Thread = append(shown.Thread, s.shownMessage(reply))
		}
		r.Messages = append(r.Messages, shown)
	}
	for _, m := range ephemeral {
		if m.Channel == r.ID {
			r.Messages = append(r.Messages, s.shownMessage(m))
		}
	}
	slices.SortStableFunc(r.Messages, func(a, b message) int { return strings.Compare(a.TS, b.TS) })
	return r
}

func (s *Stage) shownMessage(m slacktest.Message) message {
	return message{
		Channel: m.Channel, TS: m.TS, Author: m.Author, Bot: m.Author == s.slack.BotUser(), Fallback: m.Fallback,
		Blocks: m.Blocks, Edited: m.Edited, Ephemeral: m.For != "",
	}
}

func shownView(v slacktest.View) *view {
	return &view{
		ID: v.ID, Hash: v.Hash, Title: v.Title, Submit: v.Submit, Close: v.Close, Blocks: v.Blocks,
		Values: v.Values, Errors: v.Errors,
	}
}

// cloud is what AWS holds now.
func (s *Stage) cloud() cloud {
	c := cloud{Assignments: []assignment{}, Operations: []operation{}}
	for _, a := range s.aws.Assignments() {
		c.Assignments = append(c.Assignments, s.assignment(a.Tuple, a.Since))
	}
	for _, o := range s.aws.Operations() {
		if o.Finished.IsZero() {
			c.Operations = append(c.Operations, operation{s.assignment(o.Tuple, o.Created), o.Removal})
		}
	}
	return c
}

func (s *Stage) assignment(t awstest.Tuple, since time.Time) assignment {
	return assignment{
		Who: s.names.people[t.Principal], Account: t.Account, AccountName: s.names.accounts[t.Account],
		PermissionSet: s.names.sets[t.PermissionSet], Since: since,
	}
}

// examples are what can be asked about the demo's own targets.
var examples = map[string]string{
	"ec2-frontend":     "1h INC-42 disk full on the front end",
	"billing-readonly": "30m the invoice of November",
}

// hintsOf are the lines that the page offers while somebody types.
func hintsOf(s *Stage) ([]hint, error) {
	set, err := flowfile.Abilities{Proxy: true}.Open(filepath.Join(s.cfg.Dir, "flows"))
	if err != nil {
		return nil, err
	}
	var all []hint
	for _, t := range set.Targets() {
		line, ok := examples[t.Name]
		if !ok {
			line = "1h because"
		}
		all = append(all, hint{"/access " + t.Name + " " + line, t.Label})
	}
	slices.SortStableFunc(all, func(a, b hint) int { return len(b.Line) - len(a.Line) })
	return append(all,
		hint{"/access", "Open the form"},
		hint{"/access list", "What you may ask for"},
		hint{"/access end", "What you hold, to end it"},
		hint{"/access help", "How it is used"},
	), nil
}
