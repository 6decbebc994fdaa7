package awsapi

import (
	"fmt"
	"slices"
	"strings"
)

// A node is a point in the paths of a group of REST services.
type node struct {
	literal map[string]*node
	label   *node            // {Name}: one segment
	greedy  map[string]*node // {Name+}: all that is left but for a suffix
	leaves  map[string]*leaf // where a path ends, by method
}

// A leaf is the operations that share a path and a method. What tells them
// apart is which parameters are there.
type leaf struct {
	needs   []need
	queries map[string][]int // needs in the query, by name
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
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	if n.literal[segment] == nil {
		n.literal[segment] = &node{}
	}
	return n.literal[segment]
}

func (n *node) greedyTo(suffix string) *node {
	if suffix != "" {
		suffix = "/" + suffix
	}
	if n.greedy == nil {
		n.greedy = map[string]*node{}
	}
	if n.greedy[suffix] == nil {
		n.greedy[suffix] = &node{}
	}
	return n.greedy[suffix]
}

func (n *node) leaf(method string) *leaf {
	if n.leaves == nil {
		n.leaves = map[string]*leaf{}
	}
	if n.leaves[method] == nil {
		n.leaves[method] = &leaf{queries: map[string][]int{}}
	}
	return n.leaves[method]
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
			l.queries[n.name] = append(l.queries[n.name], i)
		}
	}
	return 1 << i
}

// finish puts the routes of every leaf in the order of preference: where two
// services have the same operation, that of the service whose name is signed
// for, and never a deprecated one.
func (n *node) finish() {
	for _, l := range n.leaves {
		slices.SortStableFunc(l.routes, func(a, b route) int { return rank(a.op) - rank(b.op) })
	}
	for _, next := range n.literal {
		next.finish()
	}
	for _, next := range n.greedy {
		next.finish()
	}
	if n.label != nil {
		n.label.finish()
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

// find walks to the leaf of a path, which has no slash at either end. What is
// written out in a template goes before what stands for anything.
func (n *node) find(method, path string) *leaf {
	if path == "" {
		return n.leaves[method]
	}
	segment, rest, _ := cut(path, '/')
	if next := n.literal[plain(segment)]; next != nil {
		if l := next.find(method, rest); l != nil {
			return l
		}
	}
	if n.label != nil {
		if l := n.label.find(method, rest); l != nil {
			return l
		}
	}
	return n.findGreedy(method, path)
}

// findGreedy prefers the longest suffix that the rest of a path ends in.
func (n *node) findGreedy(method, path string) *leaf {
	if next := n.greedy[""]; next != nil && len(n.greedy) == 1 {
		return next.leaves[method]
	}
	var found *leaf
	longest := -1
	for suffix, next := range n.greedy {
		if l := next.leaves[method]; l != nil && len(suffix) > longest && len(path) > len(suffix) && strings.HasSuffix(path, suffix) {
			found, longest = l, len(suffix)
		}
	}
	return found
}

// choose finds the operation whose needs a request meets. An operation with
// more needs goes before one with some of the same; of two that each need
// something of their own, AWS alone knows which it would be.
func (l *leaf) choose(r Request, query string) (*Operation, error) {
	met, err := l.met(r, query)
	if err != nil {
		return nil, err
	}
	var all uint64
	found := false
	for i := range l.routes {
		if c := &l.routes[i]; c.mask&^met == 0 && r.Endpoint.mayBe(c.op.Service) {
			all, found = all|c.mask, true
		}
	}
	if !found {
		return nil, nil
	}
	for i := range l.routes {
		if c := &l.routes[i]; c.mask == all && r.Endpoint.mayBe(c.op.Service) {
			return c.op, nil
		}
	}
	return nil, fmt.Errorf("%w: its parameters belong to several operations", ErrAmbiguous)
}

// met is which needs of l a request meets.
func (l *leaf) met(r Request, query string) (met uint64, err error) {
	for _, i := range l.headers {
		if len(r.Header[l.needs[i].name]) > 0 {
			met |= 1 << i
		}
	}
	if len(l.needs) == 0 {
		return 0, nil
	}
	var named uint64
	for query != "" {
		var part string
		part, query, _ = cut(query, '&')
		name, value, _ := cut(part, '=')
		name = formPlain(name)
		for _, i := range l.headers {
			// Presigned requests carry headers as parameters.
			if strings.EqualFold(l.needs[i].name, name) {
				met |= 1 << i
			}
		}
		for _, i := range l.queries[name] {
			if named&(1<<i) != 0 {
				return 0, fmt.Errorf("%w: the parameter %.40q is repeated", ErrAmbiguous, name)
			}
			named |= 1 << i
			if n := l.needs[i]; !n.valued || n.value == formPlain(value) {
				met |= 1 << i
			}
		}
	}
	return met, nil
}
