package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newRequests(c *console) *cobra.Command {
	return group("requests", "Show what was asked for", newRequestsList(c), newRequestsShow(c), newRequestsExplain(c))
}

// A listOptions says how much of a listing is wanted.
type listOptions struct {
	open  bool
	limit int
}

func (o *listOptions) addFlags(cmd *cobra.Command, open string) {
	cmd.Flags().BoolVar(&o.open, "open", false, open)
	cmd.Flags().IntVar(&o.limit, "limit", 50, "how many, newest first")
}

// pages asks for pages until it has enough, or there are no more.
func (o listOptions) pages(next func(client.Listing) (found int, after string, err error)) error {
	l := client.Listing{Open: o.open}
	for left := o.limit; left > 0; {
		l.Limit = min(left, 500)
		found, after, err := next(l)
		if err != nil || after == "" {
			return err
		}
		l.After, left = after, left-found
	}
	return nil
}

func newRequestsList(c *console) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use: "list", Short: "List requests, newest first", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error { return c.listRequests(cmd, server, o) })
		},
	}
	o.addFlags(cmd, "only those that wait for a decision")
	return c.jsonFlag(cmd)
}

func (c *console) listRequests(cmd *cobra.Command, server *client.Client, o listOptions) error {
	all := api.RequestPage{Requests: []api.Request{}}
	err := o.pages(func(l client.Listing) (int, string, error) {
		page, err := server.Requests(cmd.Context(), l)
		all.Requests = append(all.Requests, page.Requests...)
		return len(page.Requests), page.Next, err
	})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, all)
	}
	if len(all.Requests) == 0 {
		fmt.Fprintln(c.out, "No requests.")
		return nil
	}
	rows := make([][]cell, len(all.Requests))
	for i, r := range all.Requests {
		row := cells(r.ID, "", r.Target, r.By.Name, spoken(r.Duration), c.when(r.AskedAt), short(r.Reason))
		row[1] = state(r.State)
		rows[i] = row
	}
	c.table([]string{"REQUEST", "STATE", "TARGET", "BY", "FOR", "ASKED", "REASON"}, rows)
	return nil
}

// shortReason is how much of a reason a list shows.
const shortReason = 48

func short(text string) string {
	runes := []rune(printable(text))
	if len(runes) <= shortReason {
		return string(runes)
	}
	return string(runes[:shortReason-1]) + "…"
}

func newRequestsShow(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "show REQUEST", Short: "Show a request with all that came of it", Args: exactly("a request id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(server *client.Client) error {
				story, err := server.Request(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, story)
				}
				c.showStory(story)
				return nil
			})
		},
	})
}

func (c *console) showStory(s api.Story) {
	r := s.Request
	c.facts(
		fact("request", r.ID),
		[]cell{{text: "state"}, state(r.State)},
		fact("by", named(r.By)),
		fact("target", labelled(r.Target, r.Label)),
		fact("for", spoken(r.Duration)+longer(r)),
		fact("incident", r.Incident),
		fact("reason", r.Reason),
		fact("fields", pairs(r.Fields)),
		fact("warnings", strings.Join(r.Warnings, " ")),
		fact("asked", c.when(r.AskedAt)),
		fact("decided", c.when(r.EndedAt)),
		fact("decisions", decisions(r.Decisions)),
		fact("announced", strings.Join(r.Announced, ", ")),
		fact("review", c.reviewed(r.Review)),
		fact("route", r.Route),
		fact("rules", r.Revision),
	)
	if s.Grant != nil {
		fmt.Fprintln(c.out)
		c.showGrant(*s.Grant)
	}
	fmt.Fprintln(c.out)
	c.showEvents(s.Events)
}

// longer says of an extension what it extends.
func longer(r api.Request) string {
	if !r.Extends {
		return ""
	}
	return " more, on top of " + r.Grant
}

// reviewed says what became of broken glass afterwards.
func (c *console) reviewed(r *api.Review) string {
	switch {
	case r == nil:
		return ""
	case r.At.IsZero():
		return "wanted before " + c.when(r.DueAt)
	default:
		return fmt.Sprintf("by %s, %s: %s", r.Name, c.when(r.At), r.Text)
	}
}

func (c *console) showEvents(events []access.Event) {
	rows := make([][]cell, len(events))
	for i, e := range events {
		row := cells(fmt.Sprint(e.Pos), e.At.In(c.zone).Format("2006-01-02 15:04:05"), "", string(e.Stream), actor(e))
		row[2] = state(string(e.Type))
		rows[i] = row
	}
	c.table([]string{"POS", "AT", "EVENT", "REQUEST", "BY"}, rows)
}

func actor(e access.Event) string {
	if e.Name == "" {
		return "Sesame"
	}
	return e.Name
}

func named(p api.Person) string {
	if p.Email == "" {
		return p.Name
	}
	return fmt.Sprintf("%s <%s>", p.Name, p.Email)
}

// decisions says who decided what.
func decisions(ds []api.Decision) string {
	all := make([]string, len(ds))
	for i, d := range ds {
		verb := "denied"
		if d.Approve {
			verb = "approved"
		}
		all[i] = d.Name + " " + verb
		if d.Left {
			all[i] += " and has left since"
		}
		if d.Reason != "" {
			all[i] += ": " + d.Reason
		}
	}
	return strings.Join(all, ", ")
}

func labelled(name, label string) string {
	if label == "" || label == name {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, label)
}

func pairs(m map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+"="+m[k])
	}
	return strings.Join(all, " ")
}
