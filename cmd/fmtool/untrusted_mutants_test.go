package main

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"fmtool/models/onnx/onnxtest"
)

// cutAndChanged is a file with some bytes changed, or its end cut off.
func cutAndChanged(rng *rand.Rand, file []byte) []byte {
	b := append([]byte{}, file...)
	for range 1 + rng.IntN(3) {
		b[rng.IntN(len(b))] = byte(rng.UintN(256))
	}
	if rng.IntN(4) == 0 {
		b = b[:1+rng.IntN(len(b)-1)]
	}
	return b
}

// onnxModels are paths of models that ONNX tests its readers with.
func onnxModels(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(onnxtest.DataDir(t), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".onnx" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// Whatever a stranger's file does to the process that works on it, this one goes on, with one line that says what happened. Mutants of our own exports and of
// ONNX's models are inspected, verified and run, by both engines.
func TestShowUntrustedMutants(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("limits on memory are Linux's")
	}
	dir, model := small(t)
	seeds := map[string]string{"velocity": model}
	for name, flags := range map[string][]string{"sampler": {"--graph", "sampler"}, "sample": {"--graph", "sample"}, "adaptive": {"--graph", "sampler", "--adaptive"},
		"unrolled": {"--graph", "sampler", "--unroll", "2"}} {
		seeds[name] = filepath.Join(dir, name+".onnx")
		if _, _, err := run(append([]string{"export", seeds[name], "--run", filepath.Join(dir, "run"), "--parity", "native"}, flags...)...); err != "" {
			t.Fatal(err)
		}
	}
	limits := []string{"--untrusted", "--time-limit", "5s", "--memory-limit", "1024"}
	commands := [][]string{{"inspect"}, {"inspect", "--go"}, {"sample", "-n", "2", "--steps", "2", "--engine", "native"}, {"sample", "-n", "2", "--steps", "2"}, {"verify", "--parity", "native"}}
	rng := rand.New(rand.NewPCG(5, 6))
	done, refused, died := 0, 0, 0
	names := []string{"velocity", "velocity", "sampler", "sample", "adaptive", "unrolled"}
	others := onnxModels(t)
	for i := range untrustedMutants {
		seed := seeds[names[rng.IntN(len(names))]]
		if rng.IntN(3) == 0 {
			seed = others[rng.IntN(len(others))]
		}
		file, err := os.ReadFile(seed)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "mutant.onnx")
		if err := os.WriteFile(path, cutAndChanged(rng, file), 0o600); err != nil {
			t.Fatal(err)
		}
		line := append(append([]string{}, commands[i%len(commands)]...), append(limits, path)...)
		_, _, failure := run(line...)
		switch {
		case failure == "":
			done++
		case strings.Contains(failure, "the process that worked on this file died"):
			died++
			t.Log(failure)
		default:
			refused++
		}
		if strings.Contains(failure, "\n") || len(failure) > 2000 {
			t.Errorf("%v: not one line: %q", line, failure)
		}
	}
	t.Logf("%d mutants: %d done, %d refused, %d children died, 0 deaths of the parent", untrustedMutants, done, refused, died)
	if done == 0 || refused == 0 {
		t.Errorf("%d done and %d refused: want both", done, refused)
	}
}
