package flowtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
	"sesame/policies"

	"github.com/goccy/go-yaml"
)

// A World is what the server would look up, as a facts file says it.
type World struct {
	// People are by e-mail address, in lower case.
	People map[string]Person `yaml:"people"`
	// OnCall are the addresses of those who are on call, by schedule. A
	// rotation that stands in the flow files is known without. Optional.
	OnCall map[string][]string `yaml:"on_call"`
	// Past are the requests of the last 90 days, all of them. Optional:
	// without it, history is unknown, and what is in use of the limits.
	Past []Past `yaml:"past"`
	at   time.Time
}

// A Person is what is known about somebody.
type Person struct {
	Name   string   `yaml:"name"`     // Optional; default the e-mail address
	Zone   string   `yaml:"timezone"` // IANA name. Optional
	Groups []string `yaml:"groups"`   // names in the flow files
	// Status is what they show in Slack. Optional; default nothing.
	Status string `yaml:"slack_status"`
	// Away says that the account is deactivated, or its AWS user disabled.
	Away bool `yaml:"deactivated"`
}

// ReadWorld reads a facts file.
func ReadWorld(name string) (World, error) {
	var w World
	err := decodeFile(name, &w)
	return w.tidied(), err
}

// decodeFile reads a YAML file strictly: what it does not know is an error.
func decodeFile(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := decode(text, into); err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	return nil
}

func decode(text []byte, into any) error {
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	var where yaml.Error
	if errors.As(err, &where) && where.GetToken() != nil {
		at := where.GetToken().Position
		return fmt.Errorf("%d:%d: %s", at.Line, at.Column, where.GetMessage())
	}
	return err
}

// tidied returns w with its addresses as they compare.
func (w World) tidied() World {
	people := map[string]Person{}
	for email, p := range w.People {
		people[strings.ToLower(email)] = p
	}
	schedules := map[string][]string{}
	for name, people := range w.OnCall {
		schedules[name] = lowered(people)
	}
	w.People, w.OnCall = people, schedules
	return w
}

// with returns w with what other says added; other wins.
func (w World) with(other World) World {
	w, other = w.tidied(), other.tidied()
	maps.Copy(w.People, other.People)
	maps.Copy(w.OnCall, other.OnCall)
	if w.Past == nil {
		w.Past = other.Past
	} else {
		w.Past = append(slices.Clip(w.Past), other.Past...)
	}
	return w
}

// Check returns what the facts say that cannot be, given the flow files.
func (w World) Check(set *flowfile.Set) error {
	var errs []error
	for _, email := range slices.Sorted(maps.Keys(w.People)) {
		for _, name := range w.People[email].Groups {
			g, ok := set.Group(name)
			switch {
			case !ok:
				errs = append(errs, fmt.Errorf("%s is said to be in the group %q, which the flow files do not know%s", email, name, near(name, groupNames(set))))
			case g.Source == flowfile.GroupOnCall:
				errs = append(errs, fmt.Errorf("%s is said to be in the group %q, which is an on-call schedule: say so under on_call", email, name))
			case g.Source == flowfile.GroupMembers && !slices.Contains(g.Members, email):
				errs = append(errs, fmt.Errorf("%s is said to be in the group %q, whose members stand in the flow files", email, name))
			}
		}
	}
	if _, err := w.grants(set); err != nil {
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(w.OnCall)) {
		if _, ok := set.Schedule(name); !ok {
			errs = append(errs, fmt.Errorf("somebody is said to be on call for %q, which the flow files do not know%s", name, near(name, scheduleNames(set))))
		}
	}
	return errors.Join(errs...)
}

func scheduleNames(set *flowfile.Set) []string {
	var names []string
	for _, o := range set.Schedules() {
		names = append(names, o.Name)
	}
	return names
}

func groupNames(set *flowfile.Set) []string {
	var names []string
	for _, g := range set.Groups() {
		names = append(names, g.Name)
	}
	return names
}

// near says which name was probably meant.
func near(name string, known []string) string {
	if meant := policies.Nearest(name, slices.Values(known)); meant != "" {
		return ": did you mean " + meant + "?"
	}
	return ""
}

// person returns who has the address, as somebody who is linked.
func (w World) person(email string) access.Person {
	p := access.Person{ID: access.PersonID("p-" + email), Principal: access.Principal(email), Email: email, Name: email}
	if known, ok := w.People[email]; ok {
		p.Zone = known.Zone
		if known.Name != "" {
			p.Name = known.Name
		}
	}
	return p
}

// in reports whether somebody is in a group, and whether that is known.
func (w World) in(set *flowfile.Set, email string, g flowfile.Group) (in, known bool) {
	switch g.Source {
	case flowfile.GroupMembers:
		return slices.Contains(g.Members, email), true
	case flowfile.GroupOnCall:
		people, known := w.onCall(set, g.Name)
		return slices.Contains(people, email), known
	}
	p, known := w.People[email]
	return known && slices.Contains(p.Groups, g.Name), known
}

// onCall returns who is on call, and whether that is known.
func (w World) onCall(set *flowfile.Set, name string) ([]string, bool) {
	if people, ok := w.OnCall[name]; ok {
		return people, true
	}
	o, _ := set.Schedule(name)
	if o.Source != flowfile.OnCallStatic {
		return nil, false
	}
	source, err := oncall.FromFile(o, oncall.World{})
	if err != nil {
		return nil, false
	}
	// A rotation asks nobody, so there is nothing to give up.
	who, err := source.OnCall(context.Background(), w.at)
	var people []string
	for _, p := range who {
		people = append(people, p.Email)
	}
	return people, err == nil
}

// facts returns what is known of what the rules need about a request, and about
// who would approve it.
func (w World) facts(set *flowfile.Set, r access.Request, needs []policies.Fact, approver access.Person) (policies.Facts, error) {
	past, err := w.past(set)
	if err != nil {
		return nil, err
	}
	facts := policies.Facts{}
	for _, need := range needs {
		email := r.By.Email
		if need.About == policies.Approver {
			email = approver.Email
		}
		switch need.Kind {
		case policies.FactHistory:
			if w.Past == nil {
				continue
			}
			if facts[need], err = need.In(past, r.By.ID, r.Target.Name, w.at); err != nil {
				return nil, err
			}
		case policies.FactStatus:
			if p, known := w.People[email]; known {
				facts[need] = p.Status
			}
		case policies.FactGroup:
			g, _ := set.Group(need.Name)
			if in, known := w.in(set, email, g); known {
				facts[need] = in
			}
		}
	}
	return facts, nil
}

// standing returns what somebody counts as.
func (w World) standing(set *flowfile.Set, email string) access.Standing {
	s := access.Standing{Person: w.person(email), Groups: map[string]bool{}, Active: !w.People[email].Away}
	for _, g := range set.Groups() {
		s.Groups[g.Name], _ = w.in(set, email, g)
	}
	return s
}

// everybody returns the address of each person whom the facts, the groups of
// the flow files or a route name.
func (w World) everybody(set *flowfile.Set, route access.Route) []string {
	all := map[string]bool{}
	for email := range w.People {
		all[email] = true
	}
	for _, g := range set.Groups() {
		for _, email := range g.Members {
			all[email] = true
		}
		if g.Source == flowfile.GroupOnCall {
			people, _ := w.onCall(set, g.Name)
			for _, email := range people {
				all[email] = true
			}
		}
	}
	for _, email := range named(route) {
		all[email] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// named returns the addresses that stand in a route.
func named(route access.Route) []string {
	needs := slices.Concat(route.Needs, route.Skipped, route.Reviewers)
	all := slices.Clone(route.Tell.People)
	for _, step := range route.Silence {
		needs = append(needs, step.Needs...)
		all = append(all, step.Tell.People...)
	}
	for _, need := range needs {
		all = append(all, need.People...)
	}
	return all
}

// Open opens flow files with everything that the language has, whether or not
// a server can act upon it.
func Open(paths ...string) (*flowfile.Set, error) {
	return flowfile.Abilities{Proxy: true}.Open(paths...)
}
