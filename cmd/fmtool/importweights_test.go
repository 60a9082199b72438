package main

import (
	"bytes"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models"
	"fmtool/models/tensor"
	"fmtool/train"
)

// Imported weights are the model's that is exported, and weights that do not fit leave nothing behind.
func TestImportWeights(t *testing.T) {
	dir, _ := small(t)
	source := filepath.Join(dir, "run")
	file := filepath.Join(dir, "tuned.safetensors")
	name := "net.out.bias"
	try := func(out string, change func(map[string]tensor.Tensor)) string {
		m, _, err := train.LoadRun(source, false)
		if err != nil {
			t.Fatal(err)
		}
		change(m.Weights)
		var b bytes.Buffer
		if err := models.WriteWeights(&b, m.Weights, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		_, _, failure := run("import-weights", source, file, "-o", out)
		return failure
	}
	state := func(change func(averages map[string]tensor.Tensor)) func(map[string]tensor.Tensor) {
		return func(w map[string]tensor.Tensor) {
			averages := maps.Clone(w)
			change(averages)
			w["step"] = tensor.Full(int64(3))
			for n, v := range averages {
				w["ema."+n], w["adamw.m."+n], w["adamw.v."+n] = v, v, v
			}
		}
	}
	row := func(v float32) tensor.Tensor { return tensor.Of([]float32{1, v}, 1, 2) }
	for want, change := range map[string]func(map[string]tensor.Tensor){
		"is missing":          func(w map[string]tensor.Tensor) { delete(w, name) },
		"has no weight":       func(w map[string]tensor.Tensor) { w["other"] = row(2) },
		"the model's is":      func(w map[string]tensor.Tensor) { w[name] = tensor.Of([]float32{1, 2, 3}, 3) },
		"want finite numbers": func(w map[string]tensor.Tensor) { w[name] = row(float32(math.NaN())) },
		"averages: ":          state(func(a map[string]tensor.Tensor) { a[name] = tensor.Of([]float32{1, 2, 3}, 3) }),
	} {
		out := filepath.Join(dir, "bad")
		if got := try(out, change); !strings.Contains(got, want) {
			t.Errorf("got %q, want a line with %q", got, want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("%s: %s was left behind", want, out)
		}
	}
	for _, c := range []struct {
		change        func(map[string]tensor.Tensor)
		averaged, raw tensor.Tensor
	}{
		{func(w map[string]tensor.Tensor) { w[name] = row(2) }, row(2), row(2)},
		{func(w map[string]tensor.Tensor) {
			w[name] = row(2)
			state(func(a map[string]tensor.Tensor) { a[name] = row(3) })(w)
		}, row(3), row(2)},
	} {
		out := filepath.Join(t.TempDir(), "tuned")
		if got := try(out, c.change); got != "" {
			t.Fatal(got)
		}
		for raw, want := range map[bool]tensor.Tensor{false: c.averaged, true: c.raw} {
			if m, _, err := train.LoadRun(out, raw); err != nil || !bytes.Equal(m.Weights[name].Bytes(), want.Bytes()) {
				t.Fatalf("raw %v: got %v, %v, want the imported bias", raw, m, err)
			}
		}
		model := filepath.Join(out, "tuned.onnx")
		for _, args := range [][]string{{"export", model, "--run", out, "--parity", "native"}, {"verify", model, "--parity", "native"}} {
			if _, _, failure := run(args...); failure != "" {
				t.Errorf("%v: %s", args, failure)
			}
		}
		if _, _, failure := run("train", "--resume", out); !strings.Contains(failure, "were imported") {
			t.Errorf("resume: got %q", failure)
		}
		if got := try(out, c.change); !strings.Contains(got, "not empty") {
			t.Errorf("into the same folder: got %q", got)
		}
	}
}
