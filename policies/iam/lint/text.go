package lint

import (
	"slices"
	"strings"
)

// describes reports whether a pattern describes the name of an action, in any
// case. It tries the last star for longer and longer texts.
func describes(pattern, name string) bool {
	p, n, afterStar, starEnd := 0, 0, -1, 0
	for p < len(pattern) || n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			afterStar, starEnd = p, n
		case p < len(pattern) && n < len(name) && (pattern[p] == '?' || lower(pattern[p]) == lower(name[n])):
			p, n = p+1, n+1
		case afterStar >= 0 && starEnd < len(name):
			starEnd++
			p, n = afterStar, starEnd
		default:
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// overlap reports whether there is a text that both patterns describe, in which
// * and ? are wildcards.
func overlap(a, b string) bool {
	if a == "*" || b == "*" || !wild(a) && !wild(b) {
		return a == "*" || b == "*" || a == b
	}
	// before[j] tells whether what is read of a and the first j bytes of b may
	// describe the same text.
	before, row := make([]bool, len(b)+1), make([]bool, len(b)+1)
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			row[j] = i == 0 && j == 0 ||
				j > 0 && row[j-1] && (b[j-1] == '*' || i > 0 && a[i-1] == '*') ||
				i > 0 && before[j] && (a[i-1] == '*' || j > 0 && b[j-1] == '*') ||
				i > 0 && j > 0 && before[j-1] && alike(a[i-1], b[j-1])
		}
		before, row = row, before
	}
	return before[len(b)]
}

// overlapARN reports whether a resource of a policy may be of a type, both as
// ARNs, of which each part is compared by itself. A policy's ARN with fewer
// parts, which ends in a star, is compared as a whole.
func overlapARN(resource, kind string) bool {
	left, right := splitARN(anyOf(resource)), splitARN(anyOf(kind))
	if len(left) != len(right) {
		return overlap(anyOf(resource), anyOf(kind))
	}
	last := len(left) - 1
	for i := range last {
		if !overlap(left[i], right[i]) {
			return false
		}
	}
	if overlap(left[last], right[last]) {
		return true
	}
	// A star at the end of a part goes on beyond the colon, and may take the
	// beginning of what the type has behind it.
	rest := right[last]
	for more := last > 0 && strings.HasSuffix(left[last-1], "*"); more; {
		if _, rest, more = strings.Cut(rest, ":"); more && overlap(left[last], rest) {
			return true
		}
	}
	return false
}

func alike(a, b byte) bool { return a == b || a == '?' || b == '?' || a == '*' || b == '*' }

// unknown says which of names, which follow prefix, somebody may have meant, if
// there is one.
func unknown(prefix, word string, names []string) string {
	best, least := "", max(2, len(word)/4)+1
	for _, n := range names {
		if d := distance(word, n, least); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return "the statement does nothing for it"
	}
	return "did you mean " + prefix + best + "?"
}

// distance returns how many letters must be put in, left out or changed to
// turn a into b, in any case; anything from enough on is the same to the caller.
func distance(a, b string, enough int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= enough {
		return enough
	}
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if lower(a[i]) != lower(b[j]) {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
		}
		if slices.Min(row) >= enough {
			return enough
		}
		last, row = row, last
	}
	return last[len(b)]
}
