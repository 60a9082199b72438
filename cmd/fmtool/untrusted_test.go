package main

import (
	"bytes"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/ort/orttest"
)

// TestMain lets the test binary be the child that --untrusted starts.
func TestMain(m *testing.M) {
	if os.Getenv(confinedKey)+os.Getenv(childKey) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A file that is not trusted gives what it gives otherwise, and its mistakes are told as they are otherwise.
func TestUntrustedIsTheSame(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("limits on memory are Linux's")
	}
	dir, model := small(t)
	picture := filepath.Join(dir, "p.svg")
	all := func(line ...string) (out, failure string) {
		out, _, failure = run(line...)
		drawn, err := os.ReadFile(picture)
		if err != nil && line[0] == "plot" {
			t.Error(err)
		}
		return out + string(drawn), failure
	}
	for _, line := range [][]string{
		{"sample", model, "-n", "3", "--steps", "4", "--engine", "native"},
		{"evaluate", model, "moons:n=60", "-n", "20", "--seeds", "1", "--steps", "2", "--solvers", "none", "--metrics", "energy", "--engine", "native"},
		{"likelihood", model, "moons:n=3", "--steps", "2", "--engine", "native"},
		{"denoise", model, "moons:n=3", "--time", "0.5", "--engine", "native"},
		{"plot", model, "-n", "10", "--steps", "2", "--engine", "native", "--force", "-o", picture},
		{"inspect", model},
		{"diff", model, model, "--json"},
	} {
		want, failure := all(line...)
		got, failure2 := all(append(line, "--untrusted")...)
		if failure+failure2 != "" || got != want || want == "" {
			t.Errorf("%s: untrusted %q (%s), otherwise %q (%s)", line[0], got, failure2, want, failure)
		}
	}
	text := filepath.Join(dir, "text.onnx")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, want := run("inspect", text)
	if _, _, got := run("inspect", "--untrusted", text); got != want || want == "" {
		t.Errorf("untrusted %q, otherwise %q", got, want)
	}
}

// A file that eats time or memory kills its own process; here that is an error with the reason.
func TestUntrustedDies(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("limits on memory are Linux's")
	}
	dir, model := small(t)
	greedy := filepath.Join(dir, "greedy.onnx")
	if err := os.WriteFile(greedy, greedyField(t, model), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"time":   {[]string{"sample", model, "-n", "100000", "--steps", "1000000", "--untrusted", "--time-limit", "1s", "--engine", "native"}, "--time-limit"},
		"memory": {[]string{"sample", greedy, "-n", "1", "--steps", "1", "--untrusted", "--memory-limit", "512", "--engine", "native"}, "--memory-limit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, talk, failure := run(c.args...)
			if !strings.Contains(failure, c.want) || strings.Contains(failure, "\n") || strings.Contains(talk, "goroutine") {
				t.Errorf("got %q, talk %q; want %q", failure, talk, c.want)
			}
		})
	}
	t.Run("memory on onnxruntime", func(t *testing.T) {
		orttest.Engine(t)
		if _, _, failure := run("sample", greedy, "-n", "1", "--steps", "1", "--untrusted"); failure == "" {
			t.Error("8 GiB within 2")
		}
	})
}

// greedyField is the velocity field in a file, plus the sum of 2^31 zeros.
func greedyField(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(bytes.Clone(file))
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Float32, graph.Sym("batch"), graph.Fix(2))
	side := b.Const(tensor.Of([]int64{1 << 16, 1 << 15}, 2))
	b.Output("zero", b.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, b.Op("Expand", nil, b.Op("ReduceSum", nil, x), side)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	bomb, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := m.Main.Node[len(m.Main.Node)-1]
	last.Output[0] = "velocity_without"
	m.Main.Initializer = append(m.Main.Initializer, bomb.Main.Initializer...)
	m.Main.Node = append(append(m.Main.Node, bomb.Main.Node...), &onnx.Node{OpType: "Add", Name: "total", Input: []string{"velocity_without", "zero"}, Output: []string{"velocity"}})
	return m.Marshal()
}
