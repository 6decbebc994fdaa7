package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/flows/line"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// An askOptions is what one says when asking.
type askOptions struct {
	reason   string
	fields   []string
	glass    bool
	incident string
	waitOptions
}

// A waitOptions says how long to wait for what was asked for.
type waitOptions struct {
	wait    bool
	timeout time.Duration
}

func (o *askOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "", "why you need it; the approver and the auditor read it")
	cmd.Flags().StringArrayVar(&o.fields, "field", nil, "what the form asks besides, as NAME=VALUE; may be given more than once")
}

func (o *waitOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the access is open, or will not be")
	o.addTimeout(cmd)
}

func (o *waitOptions) addTimeout(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long to wait at most; 0 is until it is decided")
}

func newRequest(c *console) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "request TARGET [DURATION]", Short: "Ask for access", Args: targetAnd("a duration"),
		Long: "Asks for access to a target, as /access does in Slack. Without a duration, it is\nthe one that the target is usually had for.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := o.asking(args)
			if err != nil {
				return err
			}
			return c.asMe(func(server *client.Remote) error { return c.ask(cmd.Context(), server, a, o.waitOptions) })
		},
	}
	o.addFlags(cmd)
	o.waitOptions.addFlags(cmd)
	cmd.Flags().BoolVar(&o.glass, "break-glass", false, "open it at once in an emergency, where the rules name you for that; it is announced, and reviewed")
	cmd.Flags().StringVar(&o.incident, "incident", "", "the incident that break-glass is for")
	return c.jsonFlag(cmd)
}

// targetAnd refuses less than a target, and more than a target and one thing more.
func targetAnd(more string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exactly("a target")(cmd, args)
		}
		return atMost("a target", more)(cmd, args)
	}
}

// atMost refuses more arguments than those named.
func atMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return exactly(names...)(cmd, args)
		}
		return nil
	}
}

// asking returns what the command line asks for.
func (o askOptions) asking(args []string) (api.Asking, error) {
	a := api.Asking{Target: args[0], Reason: o.reason, BreakGlass: o.glass, Incident: o.incident}
	if len(args) > 1 {
		a.Duration = args[1]
	}
	for _, f := range o.fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return a, &misuse{fmt.Errorf("--field %s says no value: write it as NAME=VALUE", f), "sesame request"}
		}
		if a.Fields == nil {
			a.Fields = map[string]string{}
		}
		a.Fields[name] = value
	}
	return a, nil
}

// ask asks, waits if that is wanted, and shows what came of it.
func (c *console) ask(ctx context.Context, server *client.Remote, a api.Asking, o waitOptions) error {
	asked, err := server.Ask(ctx, a)
	if refused, ok := errors.AsType[*access.Refusal](err); ok {
		return c.hintAt(ctx, server, a, refused)
	} else if errors.Is(err, context.Canceled) {
		fmt.Fprintln(c.err, "sesame: it may have been asked for already: 'sesame mine' shows what you wait for")
		return err
	} else if err != nil {
		return err
	}
	if o.wait {
		c.progress("The request is %s.", asked.Request.ID)
		return c.await(ctx, server, asked.Request.ID, o.timeout)
	}
	return c.answerCase(asked)
}

// hintAt returns a refusal of what was asked for with how it is said rightly.
func (c *console) hintAt(ctx context.Context, server *client.Remote, a api.Asking, refused *access.Refusal) error {
	if refused.Code == access.RefusedUnknown && a.Target != "" {
		return near(ctx, server, a.Target, refused)
	}
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(refused.Fields)) {
		switch name {
		case "duration":
		case "reason", "incident":
			flags = append(flags, "--"+name+" TEXT")
		default:
			if a.Fields[name] == "" { // what was given is known how to give
				flags = append(flags, "--field "+name+"=VALUE")
			}
		}
	}
	if len(flags) == 0 {
		return refused
	}
	return &hinted{refused, "Say it with " + strings.Join(flags, " ") + "."}
}

// hintWithin is how long it may take to find out what somebody may have meant.
const hintWithin = 3 * time.Second

// near returns the refusal of a target that does not exist with the names that
// whoever typed it may have meant.
func near(ctx context.Context, server *client.Remote, typed string, refused *access.Refusal) error {
	ctx, cancel := context.WithTimeout(ctx, hintWithin)
	defer cancel()
	offered, err := server.Targets(ctx)
	if err != nil {
		return refused
	}
	var names []string
	for _, t := range offered.Targets {
		names = append(names, t.Name)
	}
	meant := line.Nearest(typed, names)
	if len(meant) == 0 {
		return refused
	}
	return &hinted{refused, "Did you mean " + strings.Join(meant, " or ") + "?"}
}

func (c *console) answerCase(v api.Case) error {
	if c.json {
		return printJSON(c.out, v)
	}
	c.showCase(v)
	return nil
}

// showCase shows a request as a person who has to do with it needs it.
func (c *console) showCase(v api.Case) {
	r := v.Request
	lapses := ""
	if v.Waits != "" {
		lapses = c.when(r.LapsesAt)
	}
	facts := [][]cell{
		fact("request", r.ID),
		{{text: "state"}, state(r.State)},
		fact("by", named(r.By)),
		fact("target", labelled(r.Target, r.Label)),
		fact("for", spoken(r.Duration)+longer(r)),
		fact("incident", r.Incident),
		fact("reason", r.Reason),
		fact("fields", pairs(r.Fields)),
		fact("warnings", strings.Join(r.Warnings, " ")),
		fact("overhang", overhang(v)),
		fact("calls", direct(v)),
		fact("waits for", v.Waits),
		fact("lapses", lapses),
		fact("decisions", decisions(r.Decisions)),
	}
	if g := v.Grant; g != nil {
		facts = append(facts, fact("grant", g.ID), []cell{{text: "access"}, state(g.State)}, fact("ends", c.ending(*g)))
	}
	c.facts(facts...)
	for _, step := range v.Connect {
		fmt.Fprintf(c.out, "\n%s:\n", printable(step.Label))
		for line := range strings.Lines(step.Code + step.URL) {
			fmt.Fprintf(c.out, "    %s\n", printable(strings.TrimSuffix(line, "\n")))
		}
	}
}

func overhang(v api.Case) string {
	if v.Overhang == "" {
		return ""
	}
	what := "credentials"
	if v.Sessions {
		what = "sessions that are open"
	}
	return what + " may outlive the access by up to " + spoken(v.Overhang)
}

func direct(v api.Case) string {
	if !v.Direct {
		return ""
	}
	return "direct: calls are not recorded by Sesame"
}

func newMine(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "mine [REQUEST]", Short: "Show what you hold and wait for, or one request", Args: atMost("a request"),
		Long: "Shows what you hold and wait for, or one request that you asked for or can decide\non. So does sesame status where no server is configured.",
		RunE: func(cmd *cobra.Command, args []string) error { return c.mine(cmd.Context(), args) },
	})
}

// mine shows one request, or all that is one's own.
func (c *console) mine(ctx context.Context, requests []string) error {
	return c.asMe(func(server *client.Remote) error {
		if len(requests) == 1 {
			v, err := server.Case(ctx, requestID(requests[0]))
			if err != nil {
				return err
			}
			return c.answerCase(v)
		}
		m, err := server.Mine(ctx)
		if err != nil {
			return err
		}
		return c.showMine(m)
	})
}

// requestID returns the id of a request, also where that of what it became was
// given.
func requestID(id string) string {
	if rest, ok := strings.CutPrefix(id, "g-"); ok {
		return "r-" + rest
	}
	return id
}

func (c *console) showMine(m api.Mine) error {
	switch {
	case c.json:
		return printJSON(c.out, m)
	case len(m.Grants)+len(m.Requests) == 0:
		_, err := fmt.Fprintln(c.out, "You hold no access and wait for none.")
		return err
	}
	var rows [][]cell
	for _, g := range m.Grants {
		row := cells(g.ID, "", g.Target, spoken(g.Duration), "ends "+c.ending(g))
		row[1] = state(g.State)
		rows = append(rows, row)
	}
	for _, r := range m.Requests {
		row := cells(r.ID, "", r.Target, spoken(r.Duration)+longer(r), "lapses "+c.when(r.LapsesAt))
		row[1] = state(r.State)
		rows = append(rows, row)
	}
	c.table([]string{"ID", "STATE", "TARGET", "FOR", "UNTIL"}, rows)
	return nil
}
