package flowtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"

	"github.com/goccy/go-yaml"
)

// A World is what the server would look up, as a facts file says it.
type World struct {
	// People are by e-mail address, in lower case.
	People map[string]Person `yaml:"people"`
}

// A Person is what is known about somebody.
type Person struct {
	Name   string   `yaml:"name"`     // Optional; default the e-mail address
	Zone   string   `yaml:"timezone"` // IANA name. Optional
	Groups []string `yaml:"groups"`   // names in the flow files
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
	w.People = people
	return w
}

// with returns w with what other says added; other wins.
func (w World) with(other World) World {
	w.People = maps.Clone(w.People)
	if w.People == nil {
		w.People = map[string]Person{}
	}
	maps.Copy(w.People, other.tidied().People)
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
			case g.Source == flowfile.GroupMembers && !slices.Contains(g.Members, email):
				errs = append(errs, fmt.Errorf("%s is said to be in the group %q, whose members stand in the flow files", email, name))
			}
		}
	}
	return errors.Join(errs...)
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
func (w World) in(email string, g flowfile.Group) (in, known bool) {
	if g.Source == flowfile.GroupMembers {
		return slices.Contains(g.Members, email), true
	}
	p, known := w.People[email]
	return known && slices.Contains(p.Groups, g.Name), known
}

// facts returns what is known of what the rules need.
func (w World) facts(set *flowfile.Set, email string, needs []policies.Fact) policies.Facts {
	facts := policies.Facts{}
	for _, need := range needs {
		g, ok := set.Group(need.Name)
		if !ok || need.Kind != policies.FactGroup {
			continue
		}
		if in, known := w.in(email, g); known {
			facts[need] = in
		}
	}
	return facts
}

// standing returns what somebody counts as.
func (w World) standing(set *flowfile.Set, email string) access.Standing {
	s := access.Standing{Person: w.person(email), Groups: map[string]bool{}, Active: !w.People[email].Away}
	for _, g := range set.Groups() {
		s.Groups[g.Name], _ = w.in(email, g)
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
	}
	for _, need := range route.Needs {
		for _, email := range need.People {
			all[email] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
