package main

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/flowtest"
	"sesame/policies"
)

// A reviewOptions is what an access review is told.
type reviewOptions struct {
	explainOptions
	files []string
	csv   bool
}

func newFlowsWhoCan(c *console) *cobra.Command {
	return c.review("who-can TARGET", "Say who may have a target, and who decides", "a target",
		func(m model, q flowtest.Question, name string) ([]flowtest.Access, error) {
			q.Target = name
			return m.world.WhoCan(m.set, q)
		})
}

func newFlowsCan(c *console) *cobra.Command {
	return c.review("can EMAIL", "Say what somebody may have, and who decides", "the e-mail address of a person",
		func(m model, q flowtest.Question, name string) ([]flowtest.Access, error) {
			q.As = name
			return m.world.Can(m.set, q)
		})
}

const reviewHelp = `The rules are asked for the default duration and an empty form, unless flags say
otherwise; what hangs on a field, or on the reason, is unknown then. Who is in a group of Slack or of
IAM Identity Center stands in no flow file: the running server looks it up
(--server), or a facts file says so (--facts).`

// review returns a command that lists who may have what.
func (c *console) review(use, short, what string, ask func(model, flowtest.Question, string) ([]flowtest.Access, error)) *cobra.Command {
	var o reviewOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactly(what), Long: short + ".\n\n" + reviewHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := o.terms()
			if err != nil {
				return &misuse{err, "sesame flows"}
			}
			m, err := c.model(cmd.Context(), o.worldOptions, o.files)
			if err != nil {
				return err
			}
			q.At = m.at
			all, err := ask(m, q, args[0])
			if err != nil {
				return err
			}
			c.unknowable(m, o.worldOptions)
			return c.showReview(o, all)
		},
	}
	o.addFlags(cmd)
	o.addTerms(cmd)
	filesFlag(cmd, &o.files)
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, for spreadsheets")
	return c.jsonFlag(cmd)
}

// unknowable says what no file says.
func (c *console) unknowable(m model, o worldOptions) {
	if pinned := flowtest.Pinned(m.set); o.facts == "" && !o.server && len(pinned) > 0 {
		fmt.Fprintf(c.err, "sesame: who is in %s stands in no flow file, so it is not known here: name a file that says so with --facts FILE, or have the running server asked with --server.\n", strings.Join(pinned, ", "))
	}
	if m.world.Past == nil && m.readsHistory() {
		fmt.Fprintln(c.err, "sesame: rules or limits hang on what was asked for before, which is not known here: say so in the file that --facts names; past: [] says that it was nothing.")
	}
}

// readsHistory reports whether a rule or a limit hangs on earlier requests.
func (m model) readsHistory() bool {
	return slices.ContainsFunc(m.set.Targets(), func(t access.Target) bool {
		flow, ok := m.set.Flow(t.Name)
		ofHistory := func(f policies.Fact) bool { return f.Kind == policies.FactHistory }
		return ok && (flow.Limits != flowfile.Limits{} || slices.ContainsFunc(flow.Rules.Needs(), ofHistory))
	})
}

// A reviewed is one line of an access review.
type reviewed struct {
	Person   string       `json:"person"`
	Target   string       `json:"target"`
	Flow     string       `json:"flow"`
	May      flowtest.May `json:"may"`
	Auto     bool         `json:"auto_approve"`
	Glass    flowtest.May `json:"break_glass"`
	Route    string       `json:"route,omitempty"`
	Decides  string       `json:"decides"`
	Deciders []string     `json:"deciders"`
	Why      string       `json:"why,omitempty"`
}

func (c *console) showReview(o reviewOptions, all []flowtest.Access) error {
	switch {
	case c.json:
		views := make([]reviewed, len(all))
		for i, a := range all {
			views[i] = reviewed{a.Person, a.Target, a.Flow, a.May, a.Auto, a.Glass, a.Route, a.Deciding, append([]string{}, a.Deciders...), a.Why}
		}
		return printJSON(c.out, views)
	case o.csv:
		return c.reviewCSV(all)
	case len(all) == 0:
		_, err := fmt.Fprintln(c.out, "Nobody is known: have the running server asked with --server, or name a file that says who there is with --facts FILE.")
		return err
	}
	rows := make([][]cell, len(all))
	for i, a := range all {
		row := cells(a.Person, a.Target, "", "", a.Route, a.Deciding, a.Why)
		row[2], row[3] = cell{string(a.May), mayColors[a.May]}, cell{string(a.Glass), mayColors[a.Glass]}
		rows[i] = row
	}
	c.table([]string{"PERSON", "TARGET", "MAY ASK", "BREAK GLASS", "ROUTE", "DECIDES", "WHY NOT"}, rows)
	return nil
}

var mayColors = map[flowtest.May]color{flowtest.Yes: green, flowtest.No: dim, flowtest.Unknown: yellow}

func (c *console) reviewCSV(all []flowtest.Access) error {
	w := csv.NewWriter(c.out)
	rows := [][]string{{"person", "target", "flow", "may_ask", "auto_approve", "break_glass", "route", "decides", "deciders", "why_not"}}
	for _, a := range all {
		row := []string{
			a.Person, a.Target, a.Flow, string(a.May), strconv.FormatBool(a.Auto), string(a.Glass), a.Route, a.Deciding, strings.Join(a.Deciders, " "), a.Why,
		}
		for i := range row {
			row[i] = inert(row[i])
		}
		rows = append(rows, row)
	}
	return w.WriteAll(rows)
}

// inert returns text as a spreadsheet shows it, and does not evaluate it:
// people choose their names themselves.
func inert(text string) string {
	text = printable(text)
	if strings.IndexAny(text, "=+-@") == 0 {
		return "'" + text
	}
	return text
}
