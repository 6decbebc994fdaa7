package awsapi

import (
	"fmt"
	"slices"
	"strings"
)

// A node is a point in the paths of a group of REST services.
type node struct {
	literal lookup[*node]
	label   *node            // {Name}: one segment
	all     *node            // {Name+}: all that is left
	greedy  map[string]*node // {Name+}: all that is left but for a suffix
	leaves  []*leaf          // where a path ends, one for each method
}

// A leaf is the operations that share a path and a method. What tells them
// apart is which parameters are there.
type leaf struct {
	method  string
	needs   []need
	queries lookup[[]int] // needs in the query, by name
	letters uint32        // what those names begin with, one bit each
	headers []int
	routes  []route
}

type need struct {
	header bool
	name   string
	value  string
	valued bool
}

// A route is an operation and the needs that have to be met, one bit each.
type route struct {
	mask uint64
	op   *Operation
}

// add puts the template of o into the tree. A slash at the end of a path means
// nothing: SDKs differ in whether they send the one that a model has.
func (n *node) add(o *Operation, needs []string) error {
	path, query, _ := strings.Cut(o.uri, "?")
	at := n
	for path = strings.Trim(path, "/"); path != ""; {
		segment, rest, _ := cut(path, '/')
		if strings.HasSuffix(segment, "+}") {
			at = at.greedyTo(rest)
			break
		}
		at = at.to(segment)
		path = rest
	}
	l := at.leaf(o.method)
	if l.add(o, query, needs); len(l.needs) > 64 {
		return fmt.Errorf("%s %s: more parameters to tell apart than a mask holds", o.method, o.uri)
	}
	return nil
}

func (n *node) to(segment string) *node {
	if strings.HasPrefix(segment, "{") {
		if n.label == nil {
			n.label = &node{}
		}
		return n.label
	}
	if next := n.literal.find(segment); next != nil {
		return next
	}
	next := &node{}
	n.literal.put(segment, next)
	return next
}

func (n *node) greedyTo(suffix string) *node {
	if suffix == "" {
		if n.all == nil {
			n.all = &node{}
		}
		return n.all
	}
	suffix = "/" + suffix
	if n.greedy == nil {
		n.greedy = map[string]*node{}
	}
	if n.greedy[suffix] == nil {
		n.greedy[suffix] = &node{}
	}
	return n.greedy[suffix]
}

func (n *node) leaf(method string) *leaf {
	if l := n.ending(method); l != nil {
		return l
	}
	l := &leaf{method: method}
	n.leaves = append(n.leaves, l)
	return l
}

// ending is the leaf of a method, or nil.
func (n *node) ending(method string) *leaf {
	for _, l := range n.leaves {
		if l.method == method {
			return l
		}
	}
	return nil
}

func (l *leaf) add(o *Operation, query string, needs []string) {
	r := route{op: o}
	for _, part := range strings.Split(query, "&") {
		if name, value, valued := cut(part, '='); name != "" {
			r.mask |= l.bit(need{name: name, value: value, valued: valued})
		}
	}
	for _, n := range needs {
		r.mask |= l.bit(need{header: n[0] == 'h', name: n[1:]})
	}
	l.routes = append(l.routes, r)
}

func (l *leaf) bit(n need) uint64 {
	if n.header {
		n.name = wireName(n.name)
	}
	i := slices.Index(l.needs, n)
	if i < 0 {
		i = len(l.needs)
		l.needs = append(l.needs, n)
		if n.header {
			l.headers = append(l.headers, i)
		} else {
			l.queries.put(n.name, append(l.queries.find(n.name), i))
			l.letters |= letter(n.name)
		}
	}
	return 1 << i
}

// letter is the bit of what a name begins with, which tells most names apart
// without looking them up.
func letter(name string) uint32 {
	if name == "" {
		return 0
	}
	return 1 << (name[0] & 31)
}

// finish puts the routes of every leaf in the order of preference: where two
// services have the same operation, that of the service whose name is signed
// for, and never a deprecated one.
func (n *node) finish() {
	for _, l := range n.leaves {
		slices.SortStableFunc(l.routes, func(a, b route) int { return rank(a.op) - rank(b.op) })
	}
	for _, next := range n.literal.all() {
		next.finish()
	}
	for _, next := range n.greedy {
		next.finish()
	}
	for _, next := range []*node{n.label, n.all} {
		if next != nil {
			next.finish()
		}
	}
}

func rank(o *Operation) int {
	r := 0
	if o.Deprecated {
		r += 2
	}
	if o.Service.Name != o.Service.signing[0] {
		r++
	}
	return r
}

// find walks to the leaf of a path. What is written out in a template goes before what stands for anything.
func (n *node) find(method string, path []segment) *leaf {
	if len(path) == 0 {
		return n.ending(method)
	}
	if next := n.literal.find(path[0].name); next != nil {
		if l := next.find(method, path[1:]); l != nil {
			return l
		}
	}
	if n.label != nil {
		if l := n.label.find(method, path[1:]); l != nil {
			return l
		}
	}
	return n.findGreedy(method, path[0].from)
}

// findGreedy prefers the longest suffix that the rest of a path ends in.
func (n *node) findGreedy(method, path string) *leaf {
	if len(n.greedy) == 0 {
		return n.rest(method)
	}
	var found *leaf
	longest := 0
	for suffix, next := range n.greedy {
		if l := next.ending(method); l != nil && len(suffix) > longest && len(path) > len(suffix) && strings.HasSuffix(path, suffix) {
			found, longest = l, len(suffix)
		}
	}
	if found == nil {
		return n.rest(method)
	}
	return found
}

// rest is the leaf of whatever is left of a path.
func (n *node) rest(method string) *leaf {
	if n.all == nil {
		return nil
	}
	return n.all.ending(method)
}

// choose finds the operation whose needs a request meets, if there is one. An operation with
// more needs goes before one with some of the same; of two that each need
// something of their own, AWS alone knows which it would be.
func (l *leaf) choose(r *Request, query params) (*Operation, error) {
	if l == nil {
		return nil, nil
	}
	met, err := l.met(r, query)
	if err != nil {
		return nil, err
	}
	var all uint64
	var best *route
	for i := range l.routes {
		c := &l.routes[i]
		if c.mask&^met != 0 || !r.Endpoint.mayBe(c.op.Service) {
			continue
		}
		if all |= c.mask; best == nil || c.mask != best.mask && c.mask&best.mask == best.mask {
			best = c
		}
	}
	switch {
	case best == nil:
		return nil, nil
	case best.mask != all:
		return nil, fmt.Errorf("%w: its parameters belong to several operations", ErrAmbiguous)
	}
	return best.op, nil
}

// met is which needs of l a request meets.
func (l *leaf) met(r *Request, query params) (met uint64, err error) {
	if len(l.needs) == 0 {
		return 0, nil
	}
	for _, i := range l.headers {
		if len(r.Header[l.needs[i].name]) > 0 {
			met |= 1 << i
		}
	}
	var named uint64
	for k := range query {
		p := &query[k]
		for _, i := range l.headers {
			// Presigned requests carry headers as parameters.
			if n := l.needs[i].name; len(p.name) >= len(n) && folded(n, p.name) {
				met |= 1 << i
			}
		}
		if l.letters&letter(p.name) == 0 {
			continue
		}
		for _, i := range l.queries.find(p.name) {
			if named&(1<<i) != 0 {
				return 0, fmt.Errorf("%w: the parameter %.40q is repeated", ErrAmbiguous, p.name)
			}
			named |= 1 << i
			if n := &l.needs[i]; !n.valued || n.value == p.value {
				met |= 1 << i
			}
		}
	}
	return met, nil
}
