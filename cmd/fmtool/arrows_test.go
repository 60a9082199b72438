package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// row is the place of each package in the map of the README: a package imports only from lower rows. A package that is missing here fails the test.
var row = map[string]int{
	"models/tensor": 0, "models/noise": 0, "models/flow": 0, "train/ot": 0,
	"models/graph": 1, "train/data": 1, "train/metric": 1, "runtime/engine": 1, "runtime/native/kernel": 1,
	"models/autodiff": 2, "models/onnx": 2, "models/nn": 2, "train/optim": 2, "runtime/solver": 2,
	"models": 3, "runtime": 3, "runtime/native": 3, "runtime/ort": 3,
	"train/checkpoint": 4, "train/quality": 4, "export": 4, "runtime/enginetest": 4,
	"train":          5,
	"train/protocol": 6,
	"cmd/fmtool":     7, "cmd/bench": 7,
	"testdata":           -1, // the embedded digits
	"runtime/native/cpu": -1, // which instructions there are
	// test helpers, imported from tests only
	"models/onnx/onnxtest": 4, "runtime/ort/orttest": 4,
	"runtime/native/kernel/gen": 0, // writes assembly, imports nothing
}

// Data walks one way: imports point to lower rows of the map, onnxruntime is chosen in cmd alone, and onnx-go with its dependencies stays in tests.
func TestImportArrows(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, "fmtool/")
		if !ok {
			continue
		}
		here, known := row[from]
		if !known {
			t.Errorf("package %s has no row in the map", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, "fmtool/")
			switch {
			case ours && row[to] >= here:
				t.Errorf("%s (row %d) imports %s (row %d); a package imports only from lower rows", from, here, to, row[to])
			case to == "runtime/ort" && here != row["cmd/fmtool"] && from != "runtime/ort/orttest":
				t.Errorf("%s imports runtime/ort; only cmd and tests choose an engine", from)
			case strings.Contains(imp, "owulveryck/onnx-go") || strings.Contains(imp, "gorgonia.org"):
				t.Errorf("%s imports %s outside a test", from, imp)
			case imp == "C" && from != "runtime/ort":
				t.Errorf("%s uses cgo; only runtime/ort may", from)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

// packages asks the go command for every package of the module and its non-test imports.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "fmtool/...", "fmtool/testdata")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages; the test would prove nothing", len(all))
	}
	return all
}
