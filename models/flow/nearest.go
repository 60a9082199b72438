package flow

import (
	"fmt"
	"strings"
)

// Unknown is the error for a name that is none of the known ones; it proposes the nearest and lists all.
func Unknown(what, name string, known []string) error {
	if near := Nearest(name, known); near != "" {
		return fmt.Errorf("unknown %s %.60q; did you mean %q? (known: %s)", what, name, near, strings.Join(known, ", "))
	}
	return fmt.Errorf("unknown %s %.60q (known: %s)", what, name, strings.Join(known, ", "))
}

// Nearest is the known name with the fewest edits from name, "" if more than half of the letters differ.
func Nearest(name string, known []string) string {
	best, least := "", len(name)/2+1
	for _, k := range known {
		if max(len(name)-len(k), len(k)-len(name)) >= least {
			continue // the lengths alone are too many edits; a name from a file may be huge
		}
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the optimal string alignment distance in bytes: insertions, deletions, replacements, and swaps of neighbours.
func edits(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
