package server

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/bot"
	"sesame/bot/outbox"
	"sesame/bot/socket"
	"sesame/flows/access"
	"sesame/proxy/api"
)

// A chat is Slack in and out.
type chat struct {
	outbox  *outbox.Outbox
	bot     *bot.Bot
	socket  *socket.Client
	stopped atomic.Pointer[string] // why Slack will not have us
}

func (s *Server) newChat() (*chat, error) {
	c := &chat{}
	deciders := bot.Deciders{Directory: s.known, OnCall: s.roster, Rules: s.rules.set.Load}
	c.outbox = outbox.New(outbox.Config{
		Store: s.store, API: s.slack.api, Clock: s.Clock, Log: s.Log, AdminChannel: s.Config.AdminChannel,
		Labels:   func(target string) map[string]string { return bot.Labels(s.rules.set.Load(), target) },
		Longer:   func(g access.Grant) []time.Duration { return bot.Longer(s.rules.set.Load(), g) },
		Deciders: deciders.Of, Audience: deciders.Audience, Names: deciders.Names, Announced: s.desk.Announced,
	})
	c.bot = bot.New(bot.Config{
		Desk: s.desk, Store: s.store, API: s.slack.api, Outbox: c.outbox, People: s.people, Memory: s.people, Logins: s.commands.logins,
		Rules: s.rules.set.Load, Find: s.machines, Workspace: s.Config.Slack.Workspace, Clock: s.Clock, Log: s.Log,
	})
	var err error
	c.socket, err = socket.New(socket.Config{
		Token: s.Secrets.AppToken.Reveal, Handler: c.bot.Handle, Report: s.report,
		APIURL: s.Config.Slack.APIURL, Clock: s.Clock,
	})
	return c, err
}

// talk talks to Slack until ctx ends. A Slack that will not have us ends none
// of the rest: what is granted is closed all the same.
func (s *Server) talk(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.chat.outbox.Run(ctx) })
	group.Go(func() error { return s.chat.bot.Run(ctx) })
	group.Go(func() error {
		err := s.chat.socket.Run(ctx)
		if fatal, ok := errors.AsType[*socket.FatalError](err); ok {
			why := fatal.Error()
			s.chat.stopped.Store(&why)
			s.Log.Error().Err(err).Msg("Slack lets nobody reach us: only ending access until that is repaired and the server started again")
			s.alarm(ctx, "Slack lets nobody reach Sesame any more, so it only ends access: "+why+". Repair that, and start the server again.")
			return nil
		}
		return err
	})
	return group.Wait()
}

// report logs what an operator may want to know of the connections.
func (s *Server) report(e socket.Event) {
	s.Log.Info().Str("event", string(e.Kind)).Int("connection", e.Conn).Str("reason", e.Reason).
		Dur("wait", e.Wait).AnErr("error", e.Err).Msg("socket mode")
}

// The states of the connection to Slack.
const (
	connected  = "connected"
	connecting = "connecting"
	stopped    = "stopped"
)

// state says how the connection to Slack is.
func (c *chat) state() api.Slack {
	if why := c.stopped.Load(); why != nil {
		return api.Slack{State: stopped, Reason: *why}
	}
	st := c.socket.Status()
	open := slices.IndexFunc(st.Connections, func(conn socket.Connection) bool { return conn.State == socket.Open })
	if open < 0 {
		return api.Slack{State: connecting, Reason: st.LastError}
	}
	return api.Slack{State: connected, Since: st.Connections[open].Hello}
}
