package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"sesame/policies/iam"
)

// A canOptions is a request, and the policies besides those of the identity.
type canOptions struct {
	principal, action, resource, account, document string
	context, tags                                  []string
	session, scp                                   []string
	boundary, resourcePolicy                       string
	strict                                         bool
}

func newPolicyCan(c *console) *cobra.Command {
	var o canOptions
	cmd := &cobra.Command{
		Use: "can FILE... --action SERVICE:ACTION", Short: "Say whether policies allow something, and which statement says so",
		Long: "Evaluates the policies of a principal, or one trust or resource policy, for one\nrequest, and exits 1 if it is denied. A session is checked for its target and for\nits document. - is standard input.\n\n  sesame policy can shell.json --action ssm:StartSession \\\n    --resource arn:aws:ec2:eu-west-1:111111111111:instance/i-0a --tag Department=FrontEnd",
		Args: atLeast("a policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			requests, err := o.requests()
			if err != nil {
				return &misuse{err, cmd.CommandPath()}
			}
			evaluate, err := c.evaluator(cmd, args, o)
			if err != nil {
				return err
			}
			return c.tryAll(evaluate, requests, o.strict)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.action, "action", "", "what is asked for: ssm:StartSession (required)")
	f.StringVar(&o.resource, "resource", "", "the ARN of what it is asked for")
	f.StringArrayVar(&o.context, "context", nil, "KEY=VALUE of the request, again for each; KEY alone: the request does not have it")
	f.StringArrayVar(&o.tags, "tag", nil, "KEY=VALUE of the resource's tags, again for each")
	f.StringArrayVar(&o.tags, "tags", nil, "the same as --tag")
	f.StringVar(&o.document, "document", "", "name or ARN of the Session document; the default one if left out")
	f.StringVar(&o.principal, "principal", "", "the ARN of who asks, for policies that name principals")
	f.StringVar(&o.account, "resource-account", "", "whose the resource is, if its ARN does not say")
	f.StringArrayVar(&o.session, "session", nil, "a session policy")
	f.StringArrayVar(&o.scp, "scp", nil, "a service control policy; each is a level of its own, a,b are of one")
	f.StringVar(&o.boundary, "boundary", "", "the permissions boundary")
	f.StringVar(&o.resourcePolicy, "resource-policy", "", "the policy of the resource")
	f.BoolVar(&o.strict, "strict", false, "refuse a request that leaves open what a policy asks for, or gives what none does")
	return c.jsonFlag(cmd)
}

// requests returns what AWS would check.
func (o *canOptions) requests() ([]iam.Request, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	values, err := keyValues("--context", o.context, true)
	if err != nil {
		return nil, err
	}
	base := iam.Request{Principal: o.principal, Action: o.action, Resource: o.resource, ResourceAccount: o.account, Context: iam.NewContext(values)}
	tags, err := keyValues("--tag", o.tags, false)
	if err != nil {
		return nil, err
	}
	for key, of := range tags {
		if len(of) > 1 {
			return nil, fmt.Errorf("--tag %s comes twice: a resource has one value of it", key)
		}
	}
	if strings.EqualFold(o.action, "ssm:StartSession") && o.resource != "" && !strings.Contains(o.resource, ":document/") {
		target := iam.Thing{ARN: o.resource, Tags: map[string]string{}}
		for key, value := range tags {
			target.Tags[key] = value[0]
		}
		return iam.StartSession(base, target, o.documentThing()), nil
	}
	if o.document != "" {
		return nil, errors.New("--document goes with --action ssm:StartSession and the --resource of a target")
	}
	service, _, _ := strings.Cut(o.action, ":")
	for key, value := range tags {
		base.Context = base.Context.With("aws:ResourceTag/"+key, value[0]).With(service+":ResourceTag/"+key, value[0])
	}
	return []iam.Request{base}, nil
}

var oneAction = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9]+$`)

// check refuses what is not one action on one thing: a pattern would be
// compared as it stands, and the answer would be about nothing that there is.
func (o *canOptions) check() error {
	switch {
	case o.action == "":
		return errors.New("sesame policy can needs --action")
	case !oneAction.MatchString(o.action):
		return fmt.Errorf("--action %q: write one action, as ssm:StartSession", o.action)
	}
	// The ARNs of groups of logs end in a star of their own.
	one := func(name string) bool { return !strings.ContainsAny(strings.TrimSuffix(name, ":*"), "*?") }
	switch {
	case o.resource != "" && o.resource != "*" && (!strings.HasPrefix(o.resource, "arn:") || !one(o.resource)):
		return fmt.Errorf("--resource %q: write the ARN of one thing, without wildcards", o.resource)
	case !one(o.document):
		return fmt.Errorf("--document %q: write one, without wildcards", o.document)
	}
	return nil
}

// documentThing returns the document, whose name alone means one of the target's
// account, or of AWS.
func (o *canOptions) documentThing() iam.Thing {
	if o.document == "" || strings.HasPrefix(o.document, "arn:") {
		return iam.Thing{ARN: o.document}
	}
	arn := iam.StartSession(iam.Request{}, iam.Thing{ARN: o.resource}, iam.Thing{})[1].Resource
	return iam.Thing{ARN: strings.TrimSuffix(arn, iam.DefaultDocument) + o.document}
}

// keyValues reads KEY=VALUE texts. A key may come again, with another value, and
// alone if bare is set.
func keyValues(flag string, texts []string, bare bool) (map[string][]string, error) {
	all := map[string][]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if key == "" || !ok && !bare {
			return nil, fmt.Errorf("%s %q: write KEY=VALUE", flag, text)
		}
		if ok {
			all[key] = append(all[key], value)
		} else {
			all[key] = nil
		}
	}
	return all, nil
}

// An evaluator is one document by itself, or all that decides together.
type evaluator struct {
	evaluate func(iam.Request) iam.Verdict
	check    func(iam.Request) error
	misses   func(iam.Request) []iam.Miss
}

func (c *console) evaluator(cmd *cobra.Command, files []string, o canOptions) (*evaluator, error) {
	var ps iam.Policies
	for _, name := range files {
		p, kind, err := c.compilePolicy(cmd, name, "")
		switch {
		case err != nil:
			return nil, err
		case kind == iam.IdentityBased:
			ps.Identity = append(ps.Identity, p)
		case len(files) > 1 || o.resourcePolicy != "":
			return nil, &misuse{fmt.Errorf("%s is a %s policy: name it alone, or with --resource-policy beside the policies of who asks", name, kind), cmd.CommandPath()}
		default:
			return &evaluator{p.Evaluate, iam.Policies{Resource: p}.CheckCase, p.Misses}, nil
		}
	}
	if err := c.addPolicies(cmd, o, &ps); err != nil {
		return nil, err
	}
	misses := func(r iam.Request) (all []iam.Miss) {
		for _, p := range ps.Identity {
			all = append(all, p.Misses(r)...)
		}
		return all
	}
	return &evaluator{ps.Evaluate, ps.CheckCase, misses}, nil
}

// addPolicies adds those that flags name.
func (c *console) addPolicies(cmd *cobra.Command, o canOptions, ps *iam.Policies) error {
	var errs []error
	compile := func(name string, kind iam.Kind) *iam.Policy {
		p, _, err := c.compilePolicy(cmd, name, kind)
		errs = append(errs, err)
		return p
	}
	for _, name := range o.session {
		ps.Session = append(ps.Session, compile(name, iam.IdentityBased))
	}
	for _, names := range o.scp {
		var level []*iam.Policy
		for name := range strings.SplitSeq(names, ",") {
			level = append(level, compile(name, iam.IdentityBased))
		}
		ps.SCPs = append(ps.SCPs, level)
	}
	if o.boundary != "" {
		ps.Boundary = compile(o.boundary, iam.IdentityBased)
	}
	if o.resourcePolicy != "" {
		ps.Resource = compile(o.resourcePolicy, "")
	}
	return errors.Join(errs...)
}

// A tried is what came of a request.
type tried struct {
	Allowed bool    `json:"allowed"`
	Checks  []check `json:"checks"`
}

// A check is one of the things that AWS checks for a request.
type check struct {
	Action   string   `json:"action"`
	Resource string   `json:"resource"`
	Verdict  string   `json:"verdict"`
	By       []string `json:"by,omitempty"`
	Lacking  string   `json:"lacking,omitempty"`
	Misses   []string `json:"misses,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func (c *console) tryAll(e *evaluator, requests []iam.Request, strict bool) error {
	report := tried{Allowed: true}
	var faults []error
	for _, r := range requests {
		if strict {
			faults = append(faults, e.check(r))
		}
		v := e.evaluate(r)
		report.Allowed = report.Allowed && v.Outcome == iam.Allowed
		report.Checks = append(report.Checks, e.view(r, v))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := c.showTried(report); err != nil {
		return err
	}
	if !report.Allowed {
		return errFound
	}
	return nil
}

func (e *evaluator) view(r iam.Request, v iam.Verdict) check {
	k := check{Action: r.Action, Resource: r.Resource, Verdict: v.Outcome.String(), Lacking: v.Lacking}
	for _, s := range v.By {
		k.By = append(k.By, place(s))
	}
	for _, err := range v.Errors {
		k.Errors = append(k.Errors, err.Error())
	}
	if v.Outcome != iam.ImplicitlyDenied {
		return k
	}
	for _, m := range e.misses(r) {
		why := "another resource"
		if m.Condition != nil {
			why = m.Condition.Name() + " " + m.Condition.Key.Text
		}
		k.Misses = append(k.Misses, place(m.Statement)+": "+why)
	}
	return k
}

// place returns where a statement stands, and its Sid if it has one.
func place(s *iam.Statement) string {
	if s.Sid == "" {
		return s.At.String()
	}
	return s.At.String() + " " + s.Sid
}

func (c *console) showTried(report tried) error {
	if c.json {
		return printJSON(c.out, report)
	}
	for i, k := range report.Checks {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		verdict := cell{k.Verdict, red}
		if k.Verdict == iam.Allowed.String() {
			verdict.color = green
		}
		lines := [][]cell{{{text: "check"}, {text: printable(strings.TrimSuffix(k.Action+" on "+k.Resource, " on "))}}, {{text: "verdict"}, verdict}}
		if k.Lacking != "" {
			lines = append(lines, fact("because", "no "+k.Lacking+" allows it"))
		}
		lines = append(lines, each("by", k.By)...)
		lines = append(lines, each("but for", k.Misses)...)
		c.facts(append(lines, each("error", k.Errors)...)...)
	}
	return nil
}

// each returns a line of that name for each text.
func each(name string, texts []string) [][]cell {
	lines := make([][]cell, len(texts))
	for i, text := range texts {
		lines[i] = fact(name, text)
	}
	return lines
}
