package train_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"fmtool/models"
	"fmtool/train"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// trajectory is a configuration whose losses are on record, for as many steps as rounding does not grow: ReLU and SELU have a kink, at which two builds
// soon take different sides.
type trajectory struct {
	activation string
	steps      int
	source     string
}

var trajectories = []trajectory{{"silu", 500, "moons:n=1000"}, {"tanh", 500, "8gaussians:n=1000"}, {"relu", 20, "moons:n=1000"}, {"selu", 20, "digits"}}

func (r trajectory) config() train.Config {
	c := train.Default()
	c.Model = train.Network{Architecture: &models.MLP{Width: 32, Depth: 3, Features: 8, Activation: r.activation}}
	c.Steps, c.Batch, c.Shards, c.Seed, c.Rate.Warmup = r.steps, 64, 2, 5, 20
	return c
}

func (r trajectory) losses(t *testing.T) []float64 {
	t.Helper()
	s, err := train.NewSteps(r.config(), load(t, r.source))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := make([]float64, r.steps)
	for k := range list {
		if list[k], err = s.Take(1); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// The loss of every step is the recorded one within 1e-4 of it, whichever kernels compute it: make test runs this in the default build and in the purego one,
// and FMTOOL_CPU chooses among those of the processor. Rounding differs between them, in the products' order and in the functions' last bits.
func TestLossTrajectory(t *testing.T) {
	path := filepath.Join("testdata", "trajectory.json")
	golden := map[string][]float64{}
	if *update {
		for _, r := range trajectories {
			golden[r.activation] = r.losses(t)
		}
		text, err := json.Marshal(golden)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte(`],"`), []byte("],\n\""))
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, r := range trajectories {
		t.Run(r.activation, func(t *testing.T) {
			want, worst, at := golden[r.activation], 0.0, 0
			if len(want) != r.steps {
				t.Fatalf("%d losses on record, want %d", len(want), r.steps)
			}
			for k, got := range r.losses(t) {
				if d := math.Abs(got-want[k]) / want[k]; !(d <= worst) {
					worst, at = d, k
				}
			}
			t.Logf("largest difference %.1e, in step %d of %d", worst, at+1, r.steps)
			if !(worst <= 1e-4) {
				t.Errorf("step %d: %.1e from the recorded loss %g, want at most 1e-4", at+1, worst, want[at])
			}
		})
	}
}

// The weights file is the same to the bit for any number of processors and of threads, with a condition and without, and whatever blocks the batch falls into.
func TestRunDoesNotDependOnThreads(t *testing.T) {
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(0))
	for name, c := range map[string]train.Config{"conditional": small(), "unconditional": small()} {
		c.Unconditional = name == "unconditional"
		c.Model.Architecture.(*models.MLP).Width, c.Steps, c.Batch, c.Shards = 48, 30, 257, 8
		set := load(t, "digits")
		var want []byte
		for _, processors := range []int{1, 2, 4} {
			for _, threads := range []int{1, 2, 3} {
				goruntime.GOMAXPROCS(processors)
				c.Threads = threads
				got := weights(t, run(t, c, set))
				if want == nil {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s: other weights with %d processors and %d threads than with one of each", name, processors, threads)
				}
			}
		}
	}
}

// A step allocates nothing, the drawing of the next one included, on one thread and on two, with labels and without.
func TestStepsAllocateNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		for _, unconditional := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d threads, unconditional %t", threads, unconditional), func(t *testing.T) {
				c := small()
				c.Steps, c.Batch, c.Threads, c.Unconditional = 1<<30, 200, threads, unconditional
				s, err := train.NewSteps(c, load(t, "digits"))
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				take := func() {
					if _, err := s.Take(1); err != nil {
						t.Fatal(err)
					}
				}
				take() // binds the plan
				if n := testing.AllocsPerRun(100, take); n != 0 {
					t.Errorf("%v allocations a step, want 0", n)
				}
			})
		}
	}
}
