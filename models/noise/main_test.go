package noise

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"fmtool/runtime/native/cpu"
)

// Every test passes with the instructions of each level up to the one in use; benchmarks run with that.
func TestMain(m *testing.M) {
	flag.Parse()
	code := 0
	for _, l := range cpu.Levels() {
		if bench := flag.Lookup("test.bench").Value.String(); l > cpu.Use || bench != "" && l < cpu.Use {
			continue
		}
		use(l)
		if failed := m.Run(); failed != 0 {
			fmt.Fprintf(os.Stderr, "failed with %s=%s\n", cpu.Variable, l)
			code = failed
		}
	}
	os.Exit(code)
}
