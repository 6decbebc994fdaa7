package iam

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	forAll = "ForAllValues"
	forAny = "ForAnyValue"
)

// A matcher compares one value of a policy with one of the request.
type matcher func(q *query, value string) (bool, error)

// An operator makes matchers from the values of a condition.
type operator struct {
	sort    OperatorSort
	negated bool // true where no value matches
	matcher func(text string, variables bool) (matcher, error)
}

// An OperatorSort is what sort of value an operator compares.
type OperatorSort string

// The sorts of operators. IAM substitutes variables in the first two alone.
const (
	StringSort  OperatorSort = "string"
	ARNSort     OperatorSort = "ARN"
	NumericSort OperatorSort = "numeric"
	DateSort    OperatorSort = "date"
	BoolSort    OperatorSort = "Boolean"
	BinarySort  OperatorSort = "binary"
	IPSort      OperatorSort = "IP address"
	NullSort    OperatorSort = "null"
)

// Sort returns what sort of value the condition's operator compares.
func (c Condition) Sort() OperatorSort { return operators[c.Operator].sort }

// Negated reports whether the condition holds where its values do not match,
// and so also where the request does not have the key.
func (c Condition) Negated() bool { return operators[c.Operator].negated }

// CheckValue returns why the condition's operator cannot read text, whether it
// is of a policy or of a request.
func (c Condition) CheckValue(text string) error {
	op, ok := operators[c.Operator]
	if !ok {
		return errNoOperator
	}
	_, err := op.matcher(text, op.sort == StringSort || op.sort == ARNSort)
	return err
}

// operators are all that IAM knows ("IAM JSON policy elements: Condition
// operators").
var operators = map[string]operator{
	"StringEquals":              {StringSort, false, stringMatcher(syntax{})},
	"StringNotEquals":           {StringSort, true, stringMatcher(syntax{})},
	"StringEqualsIgnoreCase":    {StringSort, false, stringMatcher(syntax{fold: true})},
	"StringNotEqualsIgnoreCase": {StringSort, true, stringMatcher(syntax{fold: true})},
	"StringLike":                {StringSort, false, stringMatcher(syntax{wildcards: true})},
	"StringNotLike":             {StringSort, true, stringMatcher(syntax{wildcards: true})},

	"ArnEquals":    {ARNSort, false, arnMatcher},
	"ArnNotEquals": {ARNSort, true, arnMatcher},
	"ArnLike":      {ARNSort, false, arnMatcher},
	"ArnNotLike":   {ARNSort, true, arnMatcher},

	"NumericEquals":            {NumericSort, false, ordered(parseNumber, equal)},
	"NumericNotEquals":         {NumericSort, true, ordered(parseNumber, equal)},
	"NumericLessThan":          {NumericSort, false, ordered(parseNumber, less)},
	"NumericLessThanEquals":    {NumericSort, false, ordered(parseNumber, less, equal)},
	"NumericGreaterThan":       {NumericSort, false, ordered(parseNumber, greater)},
	"NumericGreaterThanEquals": {NumericSort, false, ordered(parseNumber, greater, equal)},

	"DateEquals":            {DateSort, false, ordered(parseDate, equal)},
	"DateNotEquals":         {DateSort, true, ordered(parseDate, equal)},
	"DateLessThan":          {DateSort, false, ordered(parseDate, less)},
	"DateLessThanEquals":    {DateSort, false, ordered(parseDate, less, equal)},
	"DateGreaterThan":       {DateSort, false, ordered(parseDate, greater)},
	"DateGreaterThanEquals": {DateSort, false, ordered(parseDate, greater, equal)},

	"Bool":         {BoolSort, false, ordered(parseTruth, equal)},
	"BinaryEquals": {BinarySort, false, binaryMatcher},
	"IpAddress":    {IPSort, false, ipMatcher},
	"NotIpAddress": {IPSort, true, ipMatcher},
	// A Null condition is decided before a value is looked at.
	"Null": {NullSort, false, ordered(parseTruth, equal)},
}

func stringMatcher(s syntax) func(string, bool) (matcher, error) {
	return func(text string, variables bool) (matcher, error) {
		s := s
		s.variables = variables
		t, err := newTemplate(text, s)
		return t.match, err
	}
}

// arnMatcher compares part by part, so that no wildcard reaches beyond a colon.
// What stands in a document is an ARN, or becomes one by its variables; with
// anything else, nothing can be said.
func arnMatcher(text string, variables bool) (matcher, error) {
	t, err := newTemplate(text, syntax{wildcards: true, variables: variables})
	if err != nil {
		return nil, err
	}
	parts := t.parts()
	switch {
	case len(parts) == colonsBeforeResource+1:
		return func(q *query, value string) (bool, error) { return matchParts(parts, q, value) }, nil
	case t.variables:
		return func(q *query, value string) (bool, error) {
			pieces, known, err := t.substitute(q, nil)
			if err != nil || !known {
				return false, err
			}
			whole := template{pieces: pieces}
			return matchParts(whole.parts(), q, value)
		}, nil
	}
	return func(*query, string) (bool, error) { return false, fmt.Errorf("%q is no ARN", text) }, nil
}

// matchParts compares an ARN of a request with the parts of one, of which the
// last one has what colons are left.
func matchParts(parts []template, q *query, value string) (bool, error) {
	for i := range parts {
		part, rest, more := strings.Cut(value, ":")
		if i == len(parts)-1 {
			part, more = value, true
		}
		if !more {
			return false, nil
		}
		if ok, err := parts[i].match(q, part); !ok || err != nil {
			return false, err
		}
		value = rest
	}
	return len(parts) == colonsBeforeResource+1, nil
}

const (
	less    = -1
	equal   = 0
	greater = 1
)

// ordered makes matchers of values that parse reads: a value of the request
// matches if it compares with the policy's as one of orders says.
func ordered[T any](parse func(string) (T, func(T) int, error), orders ...int) func(string, bool) (matcher, error) {
	return func(text string, _ bool) (matcher, error) {
		_, compare, err := parse(text)
		if err != nil {
			return nil, err
		}
		return func(_ *query, value string) (bool, error) {
			v, _, err := parse(value)
			if err != nil {
				return false, err
			}
			return slices.Contains(orders, compare(v)), nil
		}, nil
	}
}

// parseNumber reads a decimal number, and returns how others compare with it.
// Of those that are larger than maxExact some are alike that are not the same.
func parseNumber(text string) (float64, func(float64) int, error) {
	const maxExact = 1 << 53
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || strings.ContainsFunc(text, notIn("0123456789+-.eE")):
		return 0, nil, fmt.Errorf("%q is no number", text)
	case math.Abs(n) >= maxExact:
		return 0, nil, fmt.Errorf("%q is too large a number to be compared", text)
	}
	return n, func(v float64) int {
		switch {
		case v < n:
			return less
		case v > n:
			return greater
		}
		return equal
	}, nil
}

// dateLayouts are the forms of ISO 8601 that IAM takes, of which W3C says that
// they are enough for dates.
func dateLayouts() []string {
	return []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"}
}

// parseDate reads a date or the seconds since 1970, and returns how others
// compare with it.
func parseDate(text string) (time.Time, func(time.Time) int, error) {
	const yearDigits = 4
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) != yearDigits {
		at := time.Unix(seconds, 0)
		return at, func(t time.Time) int { return t.Compare(at) }, nil
	}
	for _, layout := range dateLayouts() {
		if at, err := time.Parse(layout, text); err == nil {
			return at, func(t time.Time) int { return t.Compare(at) }, nil
		}
	}
	return time.Time{}, nil, fmt.Errorf("%q is no date", text)
}

// parseTruth reads true or false, and returns how others compare with it.
func parseTruth(text string) (bool, func(bool) int, error) {
	truth := strings.EqualFold(text, "true")
	if !truth && !strings.EqualFold(text, "false") {
		return false, nil, fmt.Errorf("%q is neither true nor false", text)
	}
	return truth, func(v bool) int {
		if v == truth {
			return equal
		}
		return less
	}, nil
}

func binaryMatcher(text string, _ bool) (matcher, error) {
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not base64", text)
	}
	return func(_ *query, value string) (bool, error) {
		got, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return false, fmt.Errorf("%q is not base64", value)
		}
		return slices.Equal(got, want), nil
	}, nil
}

func ipMatcher(text string, _ bool) (matcher, error) {
	block, err := parseBlock(text)
	if err != nil {
		return nil, err
	}
	return func(_ *query, value string) (bool, error) {
		ip, err := netip.ParseAddr(value)
		if err != nil || ip.Zone() != "" {
			return false, fmt.Errorf("%q is no IP address", value)
		}
		return block.Contains(ip.Unmap()), nil
	}, nil
}

// parseBlock reads a block of addresses, or one. An IPv4 address that is
// written as one of IPv6 is the same address.
func parseBlock(text string) (netip.Prefix, error) {
	block, err := netip.ParsePrefix(text)
	if single, alone := netip.ParseAddr(text); alone == nil && single.Zone() == "" {
		block, err = netip.PrefixFrom(single, single.BitLen()), nil
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a block of them", text)
	}
	const mapped = 96 // bits before an IPv4 address
	if ip := block.Addr(); ip.Is4In6() && block.Bits() >= mapped {
		return netip.PrefixFrom(ip.Unmap(), block.Bits()-mapped), nil
	}
	return block, nil
}
