package awsapi

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
)

// A partition is a part of AWS with accounts and names of its own.
type partition struct {
	id       string
	suffixes [2]string // of its hosts, with the dot
	global   string    // the region that global services are signed for
	regions  *regexp.Regexp
}

// An Endpoint is a host of AWS. The zero Endpoint is none.
type Endpoint struct {
	Region    string // for a global service, the region that it is signed for
	Partition string
	Global    bool   // the host names no region
	Lead      string // what stands before: a bucket, an account
	services  []*Service
}

func (e *Endpoint) known() bool { return e.services != nil }

func (e *Endpoint) mayBe(s *Service) bool { return e.services == nil || slices.Contains(e.services, s) }

// Serves reports whether what is signed for a service and a region may go to
// e. Global services are signed for the region of their partition; S3 answers
// at its global host for any.
func (e Endpoint) Serves(signing, region string) bool {
	for _, s := range e.services {
		if slices.Contains(s.signing, signing) {
			return region == e.Region || e.Global && s.Name == "s3"
		}
	}
	return false
}

// Resolve finds the endpoint that a host is, with or without the port 443. It
// is strict: what ends in amazonaws.com may as well be a machine of a
// customer of AWS, so that only the hosts of services count.
func (t *Table) Resolve(host string) (Endpoint, bool) {
	if h, port, err := net.SplitHostPort(host); err == nil {
		if port != "443" {
			return Endpoint{}, false
		}
		host = h
	}
	host = strings.ToLower(host)
	for _, p := range t.partitions {
		for _, suffix := range p.suffixes {
			if bare, ok := strings.CutSuffix(host, suffix); ok {
				if e, ok := t.resolve(p, bare); ok {
					return e, true
				}
			}
		}
	}
	return Endpoint{}, false
}

// Suffixes are what the names of hosts of AWS end in, without the dot, sorted.
// They are read without the rest of the table, which takes a thousand times as
// long.
func Suffixes() ([]string, error) {
	lines, err := unpacked()
	if err != nil {
		return nil, err
	}
	var all []string
	for in := bufio.NewReader(lines); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read the table of AWS: %w", err)
		}
		f := strings.Split(line, "\t")
		if f[0] != partitionLine {
			break // partitions stand first
		}
		all = append(all, f[2], f[3])
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// resolve looks a host up without its suffix: with the last label that can be a
// region as one, else as a global host.
func (t *Table) resolve(p partition, bare string) (Endpoint, bool) {
	labels := strings.Split(bare, ".")
	if slices.Contains(labels, "") || len(labels) > maxLabels {
		return Endpoint{}, false
	}
	for i := range labels {
		labels[i] = zone.ReplaceAllString(labels[i], "${1}<zone>")
	}
	for i := len(labels) - 1; i >= 0; i-- {
		region, shape := regionIn(p, labels[i])
		if region == "" {
			continue
		}
		shaped := slices.Clone(labels)
		shaped[i] = shape
		if e, ok := t.lookup(Endpoint{Partition: p.id, Region: region}, shaped); ok {
			return e, true
		}
		break
	}
	// GovCloud shares its suffixes with AWS, and has global hosts of its own.
	if slices.Contains(labels, "us-gov") != (p.id == "aws-us-gov") {
		return Endpoint{}, false
	}
	return t.lookup(Endpoint{Partition: p.id, Region: p.global, Global: true}, labels)
}

const maxLabels = 12

// zone is in the hosts of S3 Express.
var zone = regexp.MustCompile(`^(s3express-(?:fips-)?)[a-z0-9]+-az[0-9]+$`)

// regionIn is the region that a label is, or that follows "s3-" in it, and the
// label without it.
func regionIn(p partition, label string) (region, shape string) {
	if p.regions.MatchString(label) {
		return label, "{}"
	}
	if rest, ok := strings.CutPrefix(label, "s3-"); ok && p.regions.MatchString(rest) {
		return rest, "s3-{}"
	}
	return "", ""
}

// lookup tries the host as it is, and then with any labels before it, where a
// service has such hosts.
func (t *Table) lookup(e Endpoint, labels []string) (Endpoint, bool) {
	if e.services = t.hosts[strings.Join(labels, ".")]; e.services != nil {
		return e, true
	}
	for i := 1; i < len(labels); i++ {
		if e.services = t.hosts["*."+strings.Join(labels[i:], ".")]; e.services != nil {
			e.Lead = strings.Join(labels[:i], ".")
			return e, !slices.ContainsFunc(labels[:i], func(l string) bool { return strings.Contains(l, "{}") })
		}
	}
	return Endpoint{}, false
}
