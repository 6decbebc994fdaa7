package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sesame/bot"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
	"sesame/strategies/accountassignment"
)

// A Finding is something that only AWS or Slack could say about flow files.
type Finding struct {
	// Path is that of the key it is about, such as
	// targets.ec2-frontend.permission_set.
	Path    string
	Message string
}

// String returns "path: message".
func (f Finding) String() string { return f.Path + ": " + f.Message }

// Findings are everything that AWS and Slack say is wrong.
type Findings []Finding

// Error returns one finding a line.
func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// rules are the flow files in force, which change as a whole or not at all.
type rules struct {
	set    atomic.Pointer[flowfile.Set]
	failed atomic.Pointer[error] // why there are none
	unused atomic.Pointer[error] // why those that were read last are not in force
}

// use puts a set in force.
func (r *rules) use(set *flowfile.Set) {
	r.set.Store(set)
	r.failed.Store(nil)
	r.unused.Store(nil)
}

// fail says why there are none.
func (r *rules) fail(err error) { r.failed.Store(&err) }

// flowOf returns the name of the flow that a target belongs to, empty for none.
func (r *rules) flowOf(target string) string {
	if set := r.set.Load(); set != nil {
		if flow, ok := set.Flow(target); ok {
			return flow.Name
		}
	}
	return ""
}

// stay says why those that were read are not in force, while others are.
func (r *rules) stay(err error) { r.unused.Store(&err) }

// staying returns why the files as they are now are not in force, or nothing.
func (r *rules) staying() string {
	err := r.unused.Load()
	if err == nil {
		return ""
	}
	return firstLine(*err)
}

// closingOnly returns why nothing opens, or nothing if things do.
func (r *rules) closingOnly() string {
	err := r.failed.Load()
	switch {
	case err == nil:
		return ""
	case isFinal(*err):
		return "the flow files cannot be used: " + firstLine(*err)
	default:
		return "the flow files could not be checked yet: " + firstLine(*err)
	}
}

// isFinal reports whether err is a no that repeating will not change.
func isFinal(err error) bool {
	_, found := errors.AsType[Findings](err)
	_, wrong := errors.AsType[flowfile.Problems](err)
	return found || wrong
}

// A checker asks AWS, Slack and on-call services about flow files.
type checker struct {
	cloud  *cloud
	slack  workspace
	onCall oncall.World
}

// load reads the flow files and has them checked. The set it returns knows
// what was looked up; warnings are what somebody should know.
func (c checker) load(ctx context.Context, files fs.FS, path string, s survey) (*flowfile.Set, Findings, error) {
	set, err := c.cloud.able().Load(files, path)
	if err != nil {
		return nil, nil, err
	}
	return c.resolve(ctx, set, s)
}

// resolve checks a set online. What is wrong comes back as the error,
// Findings when it is the files that are wrong.
func (c checker) resolve(ctx context.Context, set *flowfile.Set, s survey) (*flowfile.Set, Findings, error) {
	home, wrong := instanceOf(set, s)
	if len(wrong) > 0 {
		return nil, nil, wrong
	}
	resolved, wrong, warnings, err := c.targets(ctx, set)
	if err != nil {
		return nil, nil, err
	}
	found, err := c.slack.check(ctx, set)
	if err != nil {
		return nil, nil, err
	}
	wrong = append(wrong, found...)
	found, silent := c.schedules(ctx, set)
	warnings = append(warnings, silent...)
	if wrong = append(wrong, found...); len(wrong) > 0 {
		return nil, nil, wrong
	}
	c.cloud.settle(home, s.storeID)
	return set.WithResolved(resolved), warnings, nil
}

// Lacking returns what keeps every server with these flow files from opening
// anything, as far as they say so themselves.
func Lacking(set *flowfile.Set) Findings {
	_, wrong := instanceOf(set, survey{})
	return wrong
}

// instanceOf returns the one instance that the strategies name. It refuses to
// let go of one on which something is kept.
func instanceOf(set *flowfile.Set, s survey) (place, Findings) {
	var wrong Findings
	named := map[place]string{}
	for _, strategy := range set.Strategies() {
		if at := placeOf(strategy.Params); at.instance != "" {
			named[at] = strategy.Name
		}
	}
	for at, n := range s.needed {
		if _, ok := named[at]; !ok {
			wrong = append(wrong, Finding{"strategies", fmt.Sprintf("%d objects on %s in %s are not closed yet: put the strategy back until they are", n, at.instance, at.region)})
		}
	}
	wrong = append(wrong, lostIAM(set, s)...)
	if len(named) > 1 {
		names := slices.Sorted(maps.Values(named))
		wrong = append(wrong, Finding{"strategies", fmt.Sprintf("%s are on different Identity Center instances, and one server serves one: run a server for each", strings.Join(names, " and "))})
	}
	for at := range named {
		return at, wrong
	}
	if len(set.Strategies()) > 0 {
		return place{}, append(wrong, Finding{"strategies", "none is on an Identity Center instance, whose directory says who people are: add one of type aws_sso or aws_group"})
	}
	return place{}, append(wrong, Finding{"strategies", "there is none, so nothing can be granted"})
}

// lostIAM refuses to let go of an account's IAM in which something is kept.
func lostIAM(set *flowfile.Set, s survey) (wrong Findings) {
	named := map[iamPlace]bool{}
	for _, t := range set.Targets() {
		if flowfile.ReachesAccount(t.Way) {
			named[iamPlaceOf(t.Params).everywhere()] = true
		}
	}
	for at, n := range s.accounts {
		if !named[at] {
			wrong = append(wrong, Finding{"strategies", fmt.Sprintf("%d objects of the IAM that %s leads to are not closed yet: put the strategy back until they are", n, at)})
		}
	}
	return wrong
}

// targets looks every target up. What several have in common is asked for once.
func (c checker) targets(ctx context.Context, set *flowfile.Set) (found map[string]flowfile.Resolved, wrong, warnings Findings, err error) {
	found = map[string]flowfile.Resolved{}
	reports := map[string]accountassignment.Report{}
	for _, t := range set.Targets() {
		flow, ok := set.Flow(t.Name)
		if !ok {
			continue
		}
		shortest := slices.Min(flow.Durations)
		same := common(t, shortest)
		report, known := reports[same]
		if !known {
			if report, err = c.cloud.check(ctx, set, t, shortest); err != nil {
				return nil, nil, nil, err
			}
			reports[same] = report
		}
		found[t.Name] = report.Resolved
		wrong = append(wrong, about("targets."+t.Name, report.Problems)...)
		warnings = append(warnings, about("targets."+t.Name, report.Warnings)...)
	}
	return found, wrong, warnings, nil
}

// common is the same for targets about which AWS says the same. What tags say
// is nothing to AWS.
func common(t access.Target, shortest time.Duration) string {
	params := maps.Clone(t.Params)
	delete(params, flowfile.ParamTags)
	return fmt.Sprint(t.Way, t.Strategy, params, shortest)
}

func about(path string, messages []string) Findings {
	var all Findings
	for _, m := range messages {
		all = append(all, Finding{path, strings.TrimSuffix(m, ".")})
	}
	return all
}

// Check asks AWS and Slack about a set of flow files, as serve and reload do.
// It returns warnings, and what is wrong as the error: Findings, or why
// somebody could not be asked.
func Check(ctx context.Context, o Options, set *flowfile.Set) (warnings Findings, err error) {
	o = o.withDefaults()
	slack, err := newWorkspace(o)
	if err != nil {
		return nil, err
	}
	if err := slack.greet(ctx); err != nil {
		return nil, err
	}
	known := bot.NewDirectory(slack.api, slack.identity())
	_, warnings, err = checker{newCloud(o), slack, o.onCallWorld(known)}.resolve(ctx, set, survey{})
	return warnings, err
}

func firstLine(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		first += fmt.Sprintf(" (and %d more, see the log or sesame flows check)", strings.Count(rest, "\n")+1)
	}
	return first
}
