package iam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Context is what a request carries besides its action and resource: keys
// with values. Keys are compared without regard to case, values with it.
type Context struct {
	values  map[string][]string // by key in lower case
	clashes map[string]bool
}

// NewContext returns a context. A key without values is one that the request
// is known not to have. Of two keys that differ in case alone neither has a
// value that can be relied on: what asks for it is not decided, so it does not
// allow.
func NewContext(values map[string][]string) Context {
	c := Context{make(map[string][]string, len(values)), map[string]bool{}}
	for key, v := range values {
		c.put(key, v)
	}
	return c
}

func (c Context) put(key string, values []string) {
	lower := strings.ToLower(key)
	if before, twice := c.values[lower]; twice && !slices.Equal(before, values) {
		c.clashes[lower] = true
	}
	c.values[lower] = values
}

// With returns the context with one key more.
func (c Context) With(key string, values ...string) Context {
	more := Context{maps.Clone(c.values), maps.Clone(c.clashes)}
	if more.values == nil {
		more = NewContext(nil)
	}
	more.put(key, values)
	return more
}

// get returns the values of a key in lower case: none if it is absent.
func (c Context) get(lower string) ([]string, error) {
	if len(c.clashes) > 0 && c.clashes[lower] {
		return nil, fmt.Errorf("%s is there twice, in two spellings", lower)
	}
	return c.values[lower], nil
}

// stated reports whether the case says anything about a key in lower case.
func (c Context) stated(lower string) bool {
	_, ok := c.values[lower]
	return ok
}
