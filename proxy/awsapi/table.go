package awsapi

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed table.txt.gz
var packed []byte

// A Table is what is known about AWS. It does not change once it is read, and
// may be used concurrently.
type Table struct {
	groups     lookup[*group] // by signing name
	targets    map[string][]*Operation
	rpcs       map[rpcKey][]*Operation
	hosts      map[string][]*Service
	partitions []partition
	services   []*Service
	operations []*Operation
	channel    *Operation // that no service model has
}

// A group is the services that are signed for under one name.
type group struct {
	services         []*Service
	json, cbor, form bool
	forms            lookup[[]*Operation] // by name, of any version
	formProtocol     Protocol
	routes           *node
	s3               bool
	// directories lists the directory buckets of S3, with the very request
	// that lists buckets: only what it is signed for tells them apart.
	directories *Operation
}

type rpcKey struct{ target, operation string }

// Load returns the table that comes with the program, and reads it the first
// time.
func Load() (*Table, error) { return loaded() }

var loaded = sync.OnceValues(func() (*Table, error) {
	lines, err := unpacked()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(lines)
	if err != nil {
		return nil, fmt.Errorf("read the table of AWS: %w", err)
	}
	t, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	t.readHomes(homesText)
	return t, nil
})

// unpacked is the text of the table.
func unpacked() (io.Reader, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read the table of AWS: %w", err)
	}
	return z, nil
}

// Operations are all that t knows, in the order of the table.
func (t *Table) Operations() []*Operation { return slices.Clone(t.operations) }

// A reader reads the lines of a table; generate/table.py says what they hold.
type reader struct {
	*Table
	arns    []string
	service *Service
}

// partitionLine begins the lines that tell of a partition.
const partitionLine = "P"

func parse(text string) (*Table, error) {
	r := &reader{Table: &Table{
		targets: map[string][]*Operation{},
		rpcs:    map[rpcKey][]*Operation{},
		hosts:   map[string][]*Service{},
	}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := append(strings.Split(strings.TrimSuffix(line, "\n"), "\t"), make([]string, 10)...)
		if err := r.read(fields); err != nil {
			return nil, fmt.Errorf("table of AWS, line %d: %w", number, err)
		}
	}
	r.addChannels()
	for _, g := range r.groups.all() {
		if g.routes != nil {
			g.routes.finish()
		}
	}
	return r.Table, nil
}

func (r *reader) read(f []string) error {
	switch f[0] {
	case partitionLine:
		return r.readPartition(f)
	case "R":
		r.arns = append(r.arns, f[1])
		return nil
	case "V":
		return r.readService(f)
	case "H":
		r.hosts[f[1]] = append(r.hosts[f[1]], r.service)
		return nil
	case "O":
		return r.readOperation(f)
	}
	return fmt.Errorf("unknown kind %q", f[0])
}

func (r *reader) readPartition(f []string) error {
	regions, err := regexp.Compile(f[5])
	if err != nil {
		return err
	}
	r.partitions = append(r.partitions, partition{id: f[1], suffixes: [2]string{"." + f[2], "." + f[3]}, global: f[4], regions: regions})
	return nil
}

var codes = map[rune]Protocol{'q': Query, 'e': EC2, 'j': JSON, 'c': CBOR, 'r': RestJSON, 'x': RestXML}

func (r *reader) readService(f []string) error {
	s := &Service{Name: f[1], Prefix: f[6], signing: list(f[2]), target: f[4], versions: list(f[5])}
	for _, c := range f[3] {
		s.protocols = append(s.protocols, codes[c])
	}
	s.restful = s.rest()
	for _, name := range s.signing {
		g := r.groups.find(name)
		if g == nil {
			g = &group{formProtocol: Query}
			r.groups.put(name, g)
		}
		g.services = append(g.services, s)
		g.json = g.json || s.speaks(JSON)
		g.cbor = g.cbor || s.speaks(CBOR)
		g.form = g.form || s.speaks(Query) || s.speaks(EC2)
		if s.speaks(EC2) {
			g.formProtocol = EC2
		}
		g.s3 = g.s3 || s.Name == "s3"
		if s.restful != Unknown && g.routes == nil {
			g.routes = &node{}
		}
	}
	r.service = s
	r.services = append(r.services, s)
	return nil
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

var levelCodes = map[string]Level{"w": Write, "l": List, "r": Read, "t": Tagging, "p": Permissions}

func (r *reader) readOperation(f []string) error {
	o := &Operation{
		Service: r.service, Name: f[1], Level: levelCodes[f[2]],
		ReturnsCredentials: strings.Contains(f[3], "c"),
		OpensSession:       strings.Contains(f[3], "s"),
		TakesRole:          strings.Contains(f[3], "i"),
		TakesPolicy:        strings.Contains(f[3], "g"),
		StreamsEvents:      strings.Contains(f[3], "e"),
		Unsigned:           strings.Contains(f[3], "n"),
		Deprecated:         strings.Contains(f[3], "d"),
		actions:            readActions(f[4], r.service.Prefix, f[1]),
		members:            readMembers(f[6]),
		method:             f[7], uri: f[8], queries: list(f[10]),
	}
	if !slices.ContainsFunc(o.actions, func(a action) bool { return a.place != 0 }) {
		for _, a := range o.actions {
			o.always = append(o.always, a.name)
		}
	}
	for _, n := range list(f[5]) {
		i, err := strconv.Atoi(n)
		if err != nil || i >= len(r.arns) {
			return fmt.Errorf("no ARN pattern %q", n)
		}
		o.arns = append(o.arns, r.arns[i])
	}
	r.operations = append(r.operations, o)
	return r.index(o, list(f[9]))
}

func readActions(text, prefix, name string) []action {
	if text == "" {
		return []action{{name: prefix + ":" + name}}
	}
	var all []action
	for _, part := range list(text) {
		name, when, conditional := strings.Cut(part, "?")
		if !strings.Contains(name, ":") {
			name = prefix + ":" + name
		}
		a := action{name: name}
		if conditional {
			a.place = when[0]
			a.needed, a.within, _ = strings.Cut(when[2:], "=")
			a.needed, a.but, _ = strings.Cut(a.needed, "!")
			if a.place == 'h' {
				a.needed = wireName(a.needed)
			}
		}
		all = append(all, a)
	}
	return all
}

func readMembers(text string) []member {
	var all []member
	for _, part := range list(text) {
		name, wire, other := strings.Cut(part[1:], "=")
		if !other {
			wire = name
		}
		all = append(all, member{part[0], name, wire})
	}
	return all
}

// index makes o findable in every protocol that its service speaks: clients
// may choose another one than the model lists first.
func (r *reader) index(o *Operation, needs []string) error {
	s := o.Service
	for _, p := range s.protocols {
		switch p {
		case JSON:
			r.targets[s.target+"."+o.Name] = append(r.targets[s.target+"."+o.Name], o)
		case CBOR:
			r.rpcs[rpcKey{s.target, o.Name}] = append(r.rpcs[rpcKey{s.target, o.Name}], o)
		case Query, EC2:
			r.indexForm(o)
		case RestJSON, RestXML:
			for _, name := range s.signing {
				if err := r.groups.find(name).add(o, needs); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (g *group) add(o *Operation, needs []string) error {
	if g.s3 && o.Name == "ListDirectoryBuckets" {
		g.directories = o
		return nil
	}
	return g.routes.add(o, needs)
}

func (r *reader) indexForm(o *Operation) {
	for _, name := range o.Service.signing {
		g := r.groups.find(name)
		g.forms.put(o.Name, append(g.forms.find(o.Name), o))
	}
}
