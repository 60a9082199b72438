package train

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort/orttest"
	"fmtool/train/checkpoint"
	"fmtool/train/data"
	"fmtool/train/optim"
)

// python is the interpreter that make sets up, with onnxruntime and numpy.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("FMTOOL_PYTHON")
	if path == "" {
		path = "../.venv/bin/python"
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("no Python with onnxruntime and numpy: make go-test sets one up, or set FMTOOL_PYTHON (%v)", err)
	return ""
}

// tunedSteps is how far the two go.
const tunedSteps = 1000

// tuneScript takes the batches of a file and leaves the state, the losses and the seconds that the steps took.
const tuneScript = `
import sys, time
import numpy as np, onnxruntime
sys.path.insert(0, sys.argv[1])
from fine_tune import fine_tune, read_safetensors, write_safetensors
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
step = onnxruntime.InferenceSession("train_step.onnx", options, providers=["CPUExecutionProvider"])
all = read_safetensors("batches.safetensors")
batches = [{name: v[k] for name, v in all.items()} for k in range(len(all["rate"]))]
start = read_safetensors("train_step.safetensors")
begun = time.perf_counter()
state, losses = fine_tune(step, start, batches)
seconds = time.perf_counter() - begun
write_safetensors("tuned.safetensors", state)
write_safetensors("losses.safetensors", {"losses": np.array(losses, np.float32), "seconds": np.array(seconds, np.float32)})
`

// A thousand steps of train_step.onnx in Python go with the trainer's own thousand from the same checkpoint on the same rows, noise and times: every loss
// to 1e-3, every part of the state at the end to 1e-3 of its largest number. The tuned weights come back as a run whose export agrees with float64 and
// whose samples are those of the trainer's own weights.
func TestFineTuneInPython(t *testing.T) { fineTune(t, &models.MLP{Width: 32, Depth: 3}, 64) }

// fineTune is that comparison for a network, which has SiLU, and a number of rows a step.
func fineTune(t *testing.T, network *models.MLP, rows int) {
	interpreter, onnxruntime := python(t), orttest.Engine(t)
	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "native", Engine: native.Engine{}}, {Name: "onnxruntime", Engine: onnxruntime}}}
	set := moons(t)
	c := Default()
	c.Model = Network{network}
	c.Steps, c.Batch, c.HeldOut, c.Rate, c.Threads = 200, rows, 0, optim.Rate{Kind: "constant", Peak: 1e-3, Warmup: 50}, 1
	dir := t.TempDir()
	source := filepath.Join(dir, "run")
	if err := Run(t.Context(), c, set, source, Options{}); err != nil {
		t.Fatal(err)
	}
	writeStep(t, dir, source, checks)

	own := continued(t, c, set, source)
	defer own.close()
	batches, want, elapsed := own.recorded(t)
	save(t, filepath.Join(dir, "batches.safetensors"), batches)
	cmd := exec.Command(interpreter, "-c", tuneScript, absolute(t, "../export/python"))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	results := read(t, filepath.Join(dir, "losses.safetensors"))
	lossGap, stateGap := 0.0, 0.0
	for k, got := range results["losses"].Float32() {
		gap := math.Abs(float64(got)-want[k]) / max(1, math.Abs(want[k]))
		if lossGap = max(lossGap, gap); gap > 1e-3 {
			t.Fatalf("step %d: loss %g, the trainer's is %g", k+1, got, want[k])
		}
	}
	tuned := read(t, filepath.Join(dir, "tuned.safetensors"))
	if got := tuned[stepName].Int64()[0]; got != int64(c.Steps+tunedSteps) {
		t.Errorf("step %d, want %d", got, c.Steps+tunedSteps)
	}
	for _, name := range own.states {
		w, err := own.plan.ReadParam(name)
		if err != nil {
			t.Fatal(err)
		}
		gap := relative(tuned[name].Float32(), w.Float32())
		if stateGap = max(stateGap, gap); gap > 1e-3 {
			t.Errorf("%s is off by %g of its largest number", name, gap)
		}
	}
	t.Logf("losses from %.4f to %.4f agree to %.1e, the state to %.1e; a step takes %v in Python, %v here, one thread each", want[0], want[len(want)-1],
		lossGap, stateGap, time.Duration(float64(results["seconds"].Float32()[0])/tunedSteps*1e9).Round(time.Microsecond), (elapsed / tunedSteps).Round(time.Microsecond))

	comeBack(t, dir, source, own, checks)
}

// moons are two half-circles, a class each.
func moons(t *testing.T) *data.Set {
	t.Helper()
	set, err := data.Load("moons:n=500", data.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// writeStep leaves the training step of a run and its state in dir.
func writeStep(t *testing.T, dir, source string, checks export.Checks) {
	t.Helper()
	m, facts, err := LoadRun(source, false)
	if err != nil {
		t.Fatal(err)
	}
	g, state, settings, err := LoadStep(source)
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := export.TrainStep(t.Context(), m, export.Options{Checks: checks, Facts: facts, Step: &export.Step{Graph: g, State: state, Settings: settings}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "train_step.onnx"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "train_step.safetensors"), state)
}

// continued is the trainer where a run ended, with steps left.
func continued(t *testing.T, c Config, set *data.Set, dir string) *trainer {
	t.Helper()
	c.Steps += tunedSteps
	own, err := newTrainer(c, set, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := checkpoint.Load(checkpoint.Disk, filepath.Join(dir, checkpointName))
	if err == nil {
		err = own.restore(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// recorded takes the steps and returns what they saw, [steps, ...] each, as a training step takes it, their losses, and the time that they took.
func (t *trainer) recorded(test *testing.T) (batches map[string]tensor.Tensor, losses []float64, elapsed time.Duration) {
	test.Helper()
	order, err := data.NewBatcher(t.set.Len(), t.c.Batch, t.c.Seed)
	if err != nil {
		test.Fatal(err)
	}
	var x1, x0, at, rates []float32
	var y []int64
	for range tunedSteps {
		for _, r := range order.Step(t.step) {
			x1 = append(x1, t.set.Row(r)...) // in data units, as they were given
		}
		begun := time.Now()
		if err := t.take(); err != nil {
			test.Fatal(err)
		}
		elapsed += time.Since(begun)
		x0, at = append(x0, t.in[1].Float32()...), append(at, t.in[2].Float32()...)
		y = append(y, t.in[len(t.in)-3].Int64()...)
		rates = append(rates, t.in[len(t.in)-2].Float32()[0])
		losses = append(losses, float64(t.out[0].Float32()[0]))
	}
	n, d := t.c.Batch, t.set.Dim()
	return map[string]tensor.Tensor{"x1": tensor.Of(x1, tunedSteps, n, d), "x0": tensor.Of(x0, tunedSteps, n, d), "t": tensor.Of(at, tunedSteps, n, 1),
		"y": tensor.Of(y, tunedSteps, n), "rate": tensor.Of(rates, tunedSteps)}, losses, elapsed
}

// comeBack imports the tuned state and holds export and samples of the run that it makes against the trainer's own weights.
func comeBack(t *testing.T, dir, source string, own *trainer, checks export.Checks) {
	t.Helper()
	out := filepath.Join(dir, "tuned")
	if err := Import(source, filepath.Join(dir, "tuned.safetensors"), out); err != nil {
		t.Fatal(err)
	}
	theirs, _, err := LoadRun(out, false)
	if err != nil {
		t.Fatal(err)
	}
	ours := *own.model
	if ours.Weights, err = own.weights(false); err != nil {
		t.Fatal(err)
	}
	samples := map[*models.Model][]float32{}
	for _, m := range []*models.Model{theirs, &ours} {
		file, _, err := export.Velocity(t.Context(), m, export.Options{Checks: checks})
		if err != nil {
			t.Fatal(err)
		}
		field, err := runtime.Open(native.Engine{}, file, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.Float32, 64, 2)
		if _, err := (runtime.Sampler{Field: field, Steps: 50, Seed: 7}).Sample(t.Context(), x, tensor.Full(int64(1), 64)); err != nil {
			t.Fatal(err)
		}
		samples[m] = x.Float32()
	}
	if gap := relative(samples[theirs], samples[&ours]); gap > 1e-3 {
		t.Errorf("samples are off by %g", gap)
	}
	if m, _, err := LoadRun(source, false); err != nil || relative(m.Weights["net.out.weight"].Float32(), theirs.Weights["net.out.weight"].Float32()) < 0.01 {
		t.Errorf("a thousand steps changed nothing (%v)", err)
	}
	if theirs.Spec.Condition.Kind != flow.Labels {
		t.Errorf("the model has no labels")
	}
}

// relative is max|got − want| / max|want|.
func relative(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	gap, scale := 0.0, 0.0
	for i, w := range want {
		gap, scale = max(gap, math.Abs(float64(got[i]-w))), max(scale, math.Abs(float64(w)))
	}
	return gap / scale
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func save(t *testing.T, path string, tensors map[string]tensor.Tensor) {
	t.Helper()
	var b bytes.Buffer
	if err := models.WriteWeights(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) map[string]tensor.Tensor {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tensors, _, err := models.ReadWeights(b)
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}
