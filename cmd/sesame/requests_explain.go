package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/proxy/client"
	"sesame/store/bolt"
)

const recordedHelp = `Shows each verdict on a request as the record has it: what the rules said, where
they stood then, the facts that they read, and the revision of the files. It needs
nothing but the record: of the running server, or with --data of a data directory
whose server is stopped, or of a backup.`

func newRequestsExplain(c *console) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "explain REQUEST", Short: "Say why a request was decided as it was, from the record alone", Long: recordedHelp, Args: exactly("a request id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			events, err := c.eventsOf(cmd.Context(), data, access.RequestID(args[0]))
			if err != nil {
				return err
			}
			told, err := recordedOf(events)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(c.out, told)
			}
			c.showRecorded(told)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory of a stopped server, or a backup (default: the running server's)")
	return c.jsonFlag(cmd)
}

// eventsOf returns what the record has of a request.
func (c *console) eventsOf(ctx context.Context, data string, id access.RequestID) (events []access.Event, err error) {
	if data == "" {
		err = c.call(func(server *client.Client) error {
			events, err = server.Stream(ctx, string(id))
			return err
		})
		return events, err
	}
	record, err := bolt.OpenReadOnly(data)
	if errors.Is(err, bolt.ErrLocked) {
		return nil, fmt.Errorf("%w: leave out --data to have the running server asked, or name a file that 'sesame backup' wrote", err)
	} else if err != nil {
		return nil, err
	}
	events, err = record.Stream(ctx, id, 1, 0)
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("there is no request %q in %s", id, data)
	}
	return events, errors.Join(err, record.Close())
}

// A recorded is a request with the verdicts that were made on it.
type recorded struct {
	Request  string            `json:"request"`
	By       string            `json:"by"`
	Target   string            `json:"target"`
	Flow     string            `json:"flow,omitempty"`
	Duration string            `json:"duration"`
	Reason   string            `json:"reason,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Steps    []recordedStep    `json:"steps"`
}

// A recordedStep is an event that bears on the outcome, with the verdict under
// which it came about if there was one.
type recordedStep struct {
	Event   string          `json:"event"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Text    string          `json:"text,omitempty"`
	Verdict *access.Verdict `json:"verdict,omitempty"`
}

// recordedData is what the data of events may have.
type recordedData struct {
	Terms   json.RawMessage `json:"terms"` // the terms, or their digest
	Verdict *access.Verdict `json:"verdict"`
	Text    string          `json:"text"`
	Reason  string          `json:"reason"`
}

// decisive are the events that bear on what became of a request.
var decisive = []access.EventType{
	access.EventAsked, access.EventRefused, access.EventChanged, access.EventApproved, access.EventDenied, access.EventWithdrawn,
	access.EventLapsed, access.EventEscalated, access.EventDenial,
}

func recordedOf(events []access.Event) (recorded, error) {
	told := recorded{Steps: []recordedStep{}}
	for _, e := range events {
		told.Request = string(e.Stream)
		if !slices.Contains(decisive, e.Type) {
			continue
		}
		var data recordedData
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return told, fmt.Errorf("event %s/%d: %w", e.Stream, e.Seq, err)
		}
		var terms access.Terms
		if json.Unmarshal(data.Terms, &terms) == nil && terms.Target.Name != "" {
			told.describe(e, terms)
		}
		step := recordedStep{Event: string(e.Type), At: e.At, By: actor(e), Text: data.Text + data.Reason, Verdict: data.Verdict}
		if v := step.Verdict; v != nil && v.Revision == "" {
			step.Verdict = nil // no rule was asked
		}
		told.Steps = append(told.Steps, step)
	}
	return told, nil
}

// describe takes over the terms of an event: those of a later one are the ones
// that counted in the end.
func (r *recorded) describe(e access.Event, t access.Terms) {
	if e.Type == access.EventAsked || e.Type == access.EventRefused {
		r.By = actor(e)
	}
	r.Target, r.Flow = t.Target.Name, t.Target.Flow
	r.Duration, r.Reason, r.Fields = t.Duration.String(), t.Reason, t.Fields
}

func (c *console) showRecorded(r recorded) {
	target := r.Target
	if r.Flow != "" {
		target += " (flow " + r.Flow + ")"
	}
	c.facts(
		fact("request", r.Request), fact("by", r.By), fact("target", target),
		fact("for", spoken(r.Duration)), fact("reason", r.Reason), fact("fields", pairs(r.Fields)),
	)
	for _, s := range r.Steps {
		fmt.Fprintln(c.out)
		at := s.At.In(c.zone).Format("Mon 2006-01-02 15:04:05")
		by := "by"
		if s.Event == string(access.EventRefused) {
			by = "to" // it is who asked
		}
		fmt.Fprintf(c.out, "%s  %s %s %s\n", c.paint(cell{at, dim}), c.paint(state(s.Event)), by, printable(s.By))
		c.showVerdict(s)
	}
}

// showVerdict prints what the rules said at a step, below it.
func (c *console) showVerdict(s recordedStep) {
	if s.Verdict == nil {
		c.facts(fact("  said", s.Text))
		return
	}
	v := *s.Verdict
	verdict := cell{"allowed", green}
	if !v.Allow {
		verdict = cell{"refused", red}
	}
	lines := [][]cell{{{text: "  verdict"}, verdict}}
	if !slices.ContainsFunc(v.Reasons, func(r access.Reason) bool { return r.Text == s.Text }) {
		lines = append(lines, fact("  said", s.Text))
	}
	lines = append(lines, several("  because", placed(v.Reasons))...)
	lines = append(lines, several("  warnings", placed(v.Warnings))...)
	lines = append(lines, several("  facts", factLines(v.Facts))...)
	if v.Route.Name != "" {
		lines = append(lines, fact("  route", v.Route.Name+" at "+v.Route.Pos), fact("  decides", decidesOf(v.Route)))
	}
	c.facts(append(lines, fact("  revision", v.Revision))...)
}

func placed(reasons []access.Reason) []string {
	var all []string
	for _, r := range reasons {
		all = append(all, fmt.Sprintf("%s (%s at %s)", r.Text, r.Rule, r.Pos))
	}
	return all
}

func factLines(facts map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		all = append(all, name+" = "+facts[name])
	}
	return all
}

func decidesOf(r access.Route) string {
	if r.Auto {
		return "nobody: the route approves by itself"
	}
	return r.Deciders()
}
