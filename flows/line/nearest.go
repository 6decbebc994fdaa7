package line

import (
	"cmp"
	"slices"
	"strings"
)

// mostNear is how many names are worth reading after a typing mistake.
const mostNear = 3

// Nearest returns the names that somebody who typed word may have meant, the
// likeliest first, at most three: those that differ by a few letters, that
// begin alike, or of which one is in the other.
func Nearest(word string, names []string) []string {
	type candidate struct {
		name string
		rank int
	}
	var found []candidate
	for _, name := range names {
		if rank, ok := likeness(strings.ToLower(word), strings.ToLower(name)); ok {
			found = append(found, candidate{name, rank})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(a.rank-b.rank, strings.Compare(a.name, b.name))
	})
	var near []string
	for _, c := range found[:min(mostNear, len(found))] {
		near = append(near, c.name)
	}
	return near
}

// likeness ranks how alike two words are, from 0 for equal, and says whether
// they are alike at all.
func likeness(word, name string) (rank int, ok bool) {
	const long = 64 // of a name; more is no typing mistake, and costs time
	if word == "" || name == "" || len(word) > long || len(name) > long {
		return 0, false
	}
	d := distance([]rune(word), []rune(name))
	allowed := max(1, min(len(word), len(name))/3)
	short := min(len(word), len(name))
	switch {
	case d <= min(2, allowed):
		return d, true
	case short >= 2 && (strings.HasPrefix(name, word) || strings.HasPrefix(word, name)):
		return 3, true
	case short >= 3 && (strings.Contains(name, word) || strings.Contains(word, name)):
		return 4, true
	case d <= allowed:
		return 2 + d, true
	}
	return 0, false
}

// distance returns how many letters must be put in, left out, changed or
// swapped with their neighbour to turn a into b.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
