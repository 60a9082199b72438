package export

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// ulpBounds are what Ulps tells apart; a last count has the rest.
var ulpBounds = [...]float64{1, 4, 16, 256}

// ulpHeading names the shares that Ulps prints.
const ulpHeading = "≤1 ≤4 ≤16 ≤256 more %"

// Ulps counts numbers by their distance from the reference, in units of the last place of the reference as a float32: at most 1, 4, 16, 256, and
// more. Next to zero units are small, and a number that is right to the scale of its neighbours may be many of them away.
type Ulps [len(ulpBounds) + 1]int

// add counts got against want.
func (u *Ulps) add(got, want float64) {
	distance := math.Abs(got-want) / unit(want)
	i := 0
	for i < len(ulpBounds) && !(distance <= ulpBounds[i]) { // a NaN is more
		i++
	}
	u[i]++
}

// plus adds another count.
func (u *Ulps) plus(v Ulps) {
	for i, n := range v {
		u[i] += n
	}
}

// unit is that of the last place of x as a float32.
func unit(x float64) float64 {
	a := float32(min(math.Abs(x), math.MaxFloat32/2))
	return float64(math.Nextafter32(a, math.MaxFloat32)) - float64(a)
}

// String is the shares in percent, "-" of nothing.
func (u Ulps) String() string {
	total := 0
	for _, n := range u {
		total += n
	}
	if total == 0 {
		return "-"
	}
	parts := make([]string, len(u))
	for i, n := range u {
		parts[i] = fmt.Sprintf("%.3g", 100*float64(n)/float64(total))
	}
	return strings.Join(parts, " ")
}

// ulpKeys are the names of the counts in JSON.
var ulpKeys = [...]string{"1", "4", "16", "256", "more"}

// MarshalJSON writes the counts by name.
func (u Ulps) MarshalJSON() ([]byte, error) {
	counts := map[string]int{}
	for i, n := range u {
		counts[ulpKeys[i]] = n
	}
	return json.Marshal(counts)
}

// UnmarshalJSON is the reverse.
func (u *Ulps) UnmarshalJSON(b []byte) error {
	var counts map[string]int
	if err := json.Unmarshal(b, &counts); err != nil {
		return err
	}
	for i, key := range ulpKeys {
		u[i] = counts[key]
	}
	return nil
}
