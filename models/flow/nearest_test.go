package flow_test

import (
	"strings"
	"testing"

	"fmtool/models/flow"
)

// A slip of a few letters finds its name; a name that is another word finds none.
func TestNearest(t *testing.T) {
	for name, want := range map[string]string{"linaer": "linear", "Cosine": "cosine", "vpp": "vp", "quadratic": "", "": ""} {
		if got := flow.Nearest(name, flow.Schedules()); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// A name of a megabyte, from a hostile file, costs neither memory nor a message of that size.
func TestUnknownIsShort(t *testing.T) {
	name := strings.Repeat("x", 1<<20)
	meta := spec(t).Metadata()
	meta[flow.Prefix+"schedule"] = name
	if _, err := flow.ParseSpec(meta); err == nil || len(err.Error()) > 400 {
		t.Errorf("the message has %d bytes", len(err.Error()))
	}
	if n := testing.AllocsPerRun(1, func() { flow.Nearest(name, flow.Schedules()) }); n > 20 {
		t.Errorf("%v allocations to compare a name of %d bytes", n, len(name))
	}
}
