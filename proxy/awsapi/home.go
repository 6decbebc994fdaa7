package awsapi

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed homes.txt
var homesText string

// A Home is where a service of AWS answers in a region, if nothing else is
// asked for.
type Home struct {
	Service string // as the command line calls it
	Host    string
	Endpoint
}

// elsewhere says what is no host of a region, in the notation of homes.txt.
const elsewhere = "-"

// readHomes reads what generate/homes.py wrote.
func (t *Table) readHomes(text string) {
	byName := map[string]*Service{}
	for _, s := range t.services {
		byName[s.Name] = s
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if s := byName[fields[0]]; s != nil {
			s.home = fields[1]
			t.addHost(s, s.home)
			for _, f := range fields[2:] {
				where, shape, _ := strings.Cut(f, "=")
				if s.homes == nil {
					s.homes = map[string]string{}
				}
				s.homes[where] = shape
				t.addHost(s, shape)
			}
		}
	}
}

// addHost makes a home known as a host. The rules of some services spell out
// the one region that they have, so that the table lacks it.
func (t *Table) addHost(s *Service, home string) {
	if home == elsewhere {
		return
	}
	labels := strings.Split(strings.TrimPrefix(home, "+"), ".")
	for i, label := range labels {
		if _, region := t.partitionOf(label); region {
			labels[i] = "{}"
		}
	}
	if shape := strings.Join(labels, "."); !slices.Contains(t.hosts[shape], s) {
		t.hosts[shape] = append(t.hosts[shape], s)
	}
}

// Homes are the hosts at which a request may be meant that is signed for a
// service and a region, and says no more of where: one for each service that is
// signed for so, in the order of the table and without repetition. lead, if it
// is not empty, is put before the host, such as a bucket. What Resolve does not
// find, or finds to be of another service, is no home.
func (t *Table) Homes(signing, region, lead string) []Home {
	g := t.groups.find(signing)
	p, known := t.partitionOf(region)
	if g == nil || !known {
		return nil
	}
	var all []Home
	for _, s := range g.services {
		host := s.homeIn(p, region)
		if host == "" {
			continue
		}
		if lead != "" {
			host = lead + "." + host
		}
		e, ours := t.Resolve(host)
		same := func(h Home) bool { return h.Host == host }
		if ours && e.Partition == p.id && (e.Lead == lead || e.Lead == "") && e.mayBe(s) && !slices.ContainsFunc(all, same) {
			all = append(all, Home{s.Name, host, e})
		}
	}
	return all
}

func (t *Table) partitionOf(region string) (partition, bool) {
	for _, p := range t.partitions {
		if p.regions.MatchString(region) {
			return p, true
		}
	}
	return partition{}, false
}

// homeIn is the host of s in a region, or empty where there is none.
func (s *Service) homeIn(p partition, region string) string {
	shape := s.home
	for _, where := range []string{region, p.id} {
		if other, differs := s.homes[where]; differs {
			shape = other
			break
		}
	}
	if shape == "" || shape == elsewhere {
		return ""
	}
	suffix := p.suffixes[0]
	if dual, ok := strings.CutPrefix(shape, "+"); ok {
		shape, suffix = dual, p.suffixes[1]
	}
	return strings.ReplaceAll(shape, "{}", region) + suffix
}
