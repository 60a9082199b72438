package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/train/protocol"
)

// With all results in the file nothing is computed: the report shows ours, published and floor, and a figure out of bounds is a failure.
func TestReproduceReportsWhatIsKnown(t *testing.T) {
	p, err := protocol.Parse("c2ot")
	if err != nil {
		t.Fatal(err)
	}
	results := func(c2ot float64) string {
		var text []string
		for _, j := range p.Jobs(protocol.Options{}) {
			v := map[string]string{"FM": "0.05", "OT": "0.5", "C2OT": "0.02"}[j.Method]
			if j.Method == "C2OT" && c2ot > 1 {
				v = "2"
			}
			text = append(text, `{"task": "`+j.Task+`", "method": "`+j.Method+`", "seed": `+string(rune('0'+j.Seed))+
				`, "quick": false, "figures": {"W2², 1 Euler step": `+v+`, "W2², adaptive": `+v+`, "W2² floor": 0.004}, "seconds": 2}`)
		}
		return "[" + strings.Join(text, ",") + "]"
	}
	path := filepath.Join(t.TempDir(), "c2ot.json")
	for c2ot, want := range map[float64]string{0.02: "", 2: "squared W2 of C2OT"} {
		if err := os.WriteFile(path, []byte(results(c2ot)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, failure := run("reproduce", "c2ot", "-o", path)
		if (failure == "") != (want == "") || !strings.Contains(failure, want) {
			t.Errorf("failure %q, want %q", failure, want)
		}
		for _, want := range []string{"0.048 ± 0.010", "floor", "0.0040 ± 0.0000", "5 seed(s)", "deviations"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
}
