package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/flows/flowtest"
	"sesame/policies"
)

// An explainOptions is what flows explain is told.
type explainOptions struct {
	worldOptions
	question flowtest.Question
	fields   []string
	duration string
}

func newFlowsExplain(c *console) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use: "explain [PATH...] --as EMAIL --target TARGET", Short: "Say what would become of a request, and why",
		Long: "Evaluates the flow files for one request, without a server: every rule with its\nvalue and the values of its parts, who could decide, who would be told, and what\nhappens when nobody answers. Limits, budgets and cool-downs are\ncounted if the facts say under past: what was asked for before, and are named\notherwise. Without PATH it reads the files that --config names.\nExits 1 if the request would be refused.",
		RunE: func(cmd *cobra.Command, args []string) error { return c.explain(cmd.Context(), o, args) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.question.As, "as", "", "the e-mail address of who asks")
	cmd.Flags().StringVar(&o.question.Target, "target", "", "what is asked for")
	o.addTerms(cmd)
	return c.jsonFlag(cmd)
}

// addTerms adds the flags that say what is asked for besides the target.
func (o *explainOptions) addTerms(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.duration, "duration", "", "for how long, as in 1h (default: the flow's)")
	cmd.Flags().StringVar(&o.question.Reason, "reason", "", "why")
	cmd.Flags().BoolVar(&o.question.BreakGlass, "break-glass", false, "break the glass")
	cmd.Flags().StringVar(&o.question.Incident, "incident", "", "the incident that the glass is broken for")
	cmd.Flags().BoolVar(&o.question.Extension, "extend", false, "ask for a grant to last longer")
	cmd.Flags().StringArrayVar(&o.fields, "field", nil, "a field of the form, as NAME=VALUE; may be repeated")
}

func (c *console) explain(ctx context.Context, o explainOptions, paths []string) error {
	q, err := o.read()
	if err != nil {
		return &misuse{err, "sesame flows explain"}
	}
	m, err := c.model(ctx, o.worldOptions, paths)
	if err != nil {
		return err
	}
	q.At = m.at
	answer, err := m.world.Ask(m.set, q)
	if err != nil {
		return err
	}
	c.unknowable(m, o.worldOptions)
	view := explainedOf(answer)
	if c.json {
		err = printJSON(c.out, view)
	} else {
		c.showExplained(view)
	}
	if err == nil && !answer.Allow {
		return errFound
	}
	return err
}

// read returns the question that the flags ask.
func (o explainOptions) read() (flowtest.Question, error) {
	if o.question.As == "" || o.question.Target == "" {
		return flowtest.Question{}, errors.New("sesame flows explain needs --as EMAIL and --target TARGET")
	}
	if !strings.Contains(o.question.As, "@") {
		return flowtest.Question{}, fmt.Errorf("--as %q is not an e-mail address", o.question.As)
	}
	return o.terms()
}

// terms returns the question as far as the terms go.
func (o explainOptions) terms() (flowtest.Question, error) {
	q := o.question
	if o.duration != "" {
		d, err := policies.ParseDuration(o.duration)
		if err != nil {
			return q, fmt.Errorf("--duration: %w", err)
		}
		q.Duration = d
	}
	q.Fields = map[string]string{}
	for _, field := range o.fields {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return q, fmt.Errorf("--field %q is not NAME=VALUE", field)
		}
		q.Fields[name] = value
	}
	return q, nil
}

// An explained is an answer for people and programs.
type explained struct {
	Allow    bool              `json:"allow"`
	Visible  bool              `json:"visible"`
	By       string            `json:"by"`
	Target   string            `json:"target"`
	Flow     string            `json:"flow"`
	Duration string            `json:"duration"`
	Reason   string            `json:"reason,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	At       time.Time         `json:"at"` // in the zone of the flow
	// Extension, BreakGlass and Incident are as they were asked.
	Extension  bool   `json:"extension,omitempty"`
	BreakGlass bool   `json:"break_glass,omitempty"`
	Incident   string `json:"incident,omitempty"`
	// Refusals are what the person would be told.
	Refusals []string         `json:"refusals,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	Route    string           `json:"route,omitempty"`
	RouteAt  string           `json:"route_at,omitempty"`
	Deciding string           `json:"deciding"`
	Deciders []string         `json:"deciders"` // of those who are known
	Unknown  []string         `json:"unknown_groups,omitempty"`
	Notify   []access.Channel `json:"notify"`
	explainedRoute
	// Limits are how much one may have. Usage is what is in use of it, where the
	// facts say what was asked for before.
	Limits []string        `json:"limits,omitempty"`
	Usage  *explainedUsage `json:"usage,omitempty"`
	// Calls are the rules that each call is asked about, once there is a grant.
	Calls []string `json:"calls,omitempty"`
	// Exceptions are what the target lets through that others refuse.
	Exceptions []string          `json:"exceptions,omitempty"`
	Facts      map[string]string `json:"facts,omitempty"`
	Rules      []explainedRule   `json:"rules"`
	Revision   string            `json:"revision"`
}

// An explainedRule is a rule and what it came to.
type explainedRule struct {
	Kind    string          `json:"kind"`
	Name    string          `json:"name"`
	At      string          `json:"at,omitempty"`
	Rule    string          `json:"rule,omitempty"`
	Reached bool            `json:"reached"`
	Value   bool            `json:"value"`
	Error   string          `json:"error,omitempty"`
	Parts   []explainedPart `json:"parts,omitempty"`
}

// An explainedPart is an expression within a rule.
type explainedPart struct {
	Text    string `json:"text"`
	At      string `json:"at"`
	Depth   int    `json:"depth"`
	Reached bool   `json:"reached"`
	Value   string `json:"value,omitempty"`
}

func explainedOf(a flowtest.Answer) explained {
	r := a.Request
	route := r.Verdict.Route
	e := explained{
		Allow: a.Allow, Visible: a.Visible, By: r.By.Email, Target: r.Target.Name, Flow: a.Flow.Name, Duration: r.Duration.String(), Reason: r.Reason,
		Fields: r.Fields, At: r.AskedAt.In(a.Flow.Zone), Refusals: a.Sentences(), Route: route.Name, RouteAt: route.Pos,
		Deciding: a.Deciding(), Deciders: append([]string{}, a.Deciders...), Unknown: a.Unknown,
		Extension: r.Extends != "", BreakGlass: r.BreakGlass, Incident: r.Incident,
		Notify: append([]access.Channel{}, route.Notify...), explainedRoute: routeOf(a), Limits: limited(a.Flow, a.Usage), Usage: usageOf(a.Usage), Calls: callRules(r.Target), Exceptions: exceptions(r.Target), Facts: r.Verdict.Facts, Revision: r.Verdict.Revision,
	}
	for _, w := range r.Verdict.Warnings {
		e.Warnings = append(e.Warnings, w.Text)
	}
	for _, t := range a.Rules {
		if t.Kind != policies.ApproveRule {
			e.Rules = append(e.Rules, ruleOf(t))
		}
	}
	return e
}

func ruleOf(t policies.Trace) explainedRule {
	r := explainedRule{Kind: string(t.Kind), Name: t.Rule, Rule: t.Text, Reached: t.Reached, Value: t.Value, Error: t.Failed}
	if t.Pos != (policies.Position{}) {
		r.At = t.Pos.String()
	}
	for _, p := range t.Parts {
		r.Parts = append(r.Parts, explainedPart{Text: p.Text, At: p.Pos.String(), Depth: p.Depth, Reached: p.Times > 0, Value: p.Said()})
	}
	return r
}

func (c *console) showExplained(e explained) {
	verdict := cell{"allowed", green}
	if !e.Allow {
		verdict = cell{"refused", red}
	}
	lines := [][]cell{{{text: "verdict"}, verdict}}
	lines = append(lines, several("because", e.Refusals)...)
	if !e.Visible {
		lines = append(lines, fact("visible", "no: the target is not shown to this person"))
	}
	lines = append(lines, several("warnings", e.Warnings)...)
	lines = append(lines,
		fact("by", e.By),
		fact("asks", e.asks()),
		fact("target", fmt.Sprintf("%s (flow %s)", e.Target, e.Flow)),
		fact("for", spoken(e.Duration)),
		fact("reason", e.Reason),
		fact("fields", pairs(e.Fields)),
		fact("at", e.At.Format("Mon 2006-01-02 15:04 MST")),
		fact("route", routeLine(e)),
		fact("decides", e.Deciding),
		fact("of those known", strings.Join(e.Deciders, ", ")),
		fact("unknown", strings.Join(e.Unknown, ", ")),
	)
	lines = append(append(lines, e.lines()...), several("limits", e.Limits)...)
	lines = append(lines, several("each call", e.Calls)...)
	lines = append(lines, several("exceptions", e.Exceptions)...)
	c.facts(append(lines, fact("revision", e.Revision))...)
	for _, r := range e.Rules {
		fmt.Fprintln(c.out)
		c.showRule(r)
	}
	c.showFits(e)
}

// asks says what is asked for, where it is no ordinary request.
func (e explained) asks() string {
	switch {
	case e.BreakGlass:
		return strings.TrimSpace("to break the glass " + e.Incident)
	case e.Extension:
		return "for a grant to last longer"
	}
	return ""
}

// several returns a line for each text, the first with the name.
func several(name string, texts []string) [][]cell {
	var lines [][]cell
	for _, text := range texts {
		lines = append(lines, fact(name, text))
		name = ""
	}
	return lines
}

func routeLine(e explained) string {
	if e.Route == "" {
		return "none"
	}
	return e.Route + " at " + e.RouteAt
}

// showRule prints a rule, and its parts below it.
func (c *console) showRule(r explainedRule) {
	value := cell{fmt.Sprint(r.Value), green}
	switch {
	case !r.Reached:
		value = cell{"not reached", dim}
	case r.Error != "":
		value = cell{"cannot be evaluated", red}
	case !r.Value:
		value = cell{"false", dim}
	}
	name := r.Kind
	if r.Name != r.Kind {
		name += " " + r.Name
	}
	line := printable(name) + ": " + c.paint(value)
	if r.At != "" {
		line += "  " + c.paint(cell{r.At, dim})
	}
	if r.Reached && r.Rule == "" {
		line += "  " + c.paint(cell{"always matches", dim})
	}
	fmt.Fprintln(c.out, line)
	if r.Error != "" {
		fmt.Fprintln(c.out, "    "+printable(r.Error))
	}
	c.showParts(r)
}

// unreached says why a part has no value, by whether its rule has none either.
var unreached = map[bool]string{true: "no value", false: "not needed"}

// showParts prints the parts of a rule that have a value, each under the one
// that it belongs to.
func (c *console) showParts(r explainedRule) {
	if !r.Reached {
		return
	}
	for _, p := range r.Parts {
		value := cell{printable(p.Value), plain}
		if !p.Reached {
			value = cell{unreached[r.Error != ""], dim}
		}
		indent := strings.Repeat("  ", p.Depth+2)
		fmt.Fprintln(c.out, indent+printable(p.Text)+" = "+c.paint(value))
	}
}
