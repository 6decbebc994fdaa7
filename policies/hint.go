package policies

import (
	"iter"
	"strings"
)

// Nearest returns the name among known that was probably meant by name, or ""
// when none is near.
func Nearest(name string, known iter.Seq[string]) string {
	best, least := "", max(2, len(name)/3)+1
	for k := range known {
		if abs(len(k)-len(name)) >= least+1 {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d < least && d < len(name) || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance counts the letters to insert, delete, change or swap with their
// neighbour to get from a to b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		above := row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before = above
	}
	return row[len(b)]
}

// hint says which of known was probably meant, as a question.
func hint(name string, known iter.Seq[string]) string {
	if near := Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}
