package cpu

import (
	"slices"
	"testing"
)

// A level that exists here is had by its name; one above gives the best, and so does a name that is none.
func TestChoose(t *testing.T) {
	for l, name := range names {
		if got, want := choose(name), min(Level(l), Best()); got != want || got.String() != names[want] {
			t.Errorf("%s gives %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"", "AVX2", "sse9"} {
		if got := choose(name); got != Best() {
			t.Errorf("%q gives %v, want the best, %v", name, got, Best())
		}
	}
	if l := Levels(); !slices.IsSorted(l) || l[0] != Portable || l[len(l)-1] != Best() {
		t.Errorf("levels %v", l)
	}
}
