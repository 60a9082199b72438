package export

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/train/optim"
)

// Training steps are tried from the middle of a run: from moments of zero the first step of AdamW is rate·g/|g|, which turns on the last bit of a gradient
// near 0. The rate makes a step move the weights by some thousandths of themselves, so that a wrong move shows.
const (
	stepsTried = 3
	firstTried = 100 // steps taken before
	rateTried  = 1e-2
	// A few steps in float32 stay within this, relative to the largest number of a part. Seen on random and trained models of all kinds: up to 1.8e-6.
	stepTolerance = 1e-5
)

// stepBound is the tolerance of a few training steps.
func (c Checks) stepBound(s flow.Spec) float64 {
	if c.Tolerance > 0 {
		return c.Tolerance
	}
	return stepTolerance * max(1, s.PhaseBound/plainPhase)
}

// stepParts are what reports tell apart: a part's name, and what the names of its outputs begin with, the longest that fits.
var stepParts = []struct{ name, prefix string }{
	{"loss", "loss"}, {"norm", "norm"}, {"weights", optim.Next},
	{"first moments", optim.Next + optim.FirstMoment}, {"second moments", optim.Next + optim.SecondMoment}, {"averages", optim.Next + optim.Average},
}

// partOf is the part that an output belongs to.
func partOf(output string) (name string) {
	longest := -1
	for _, p := range stepParts {
		if strings.HasPrefix(output, p.prefix) && len(p.prefix) > longest {
			name, longest = p.name, len(p.prefix)
		}
	}
	return name
}

// stepTrials are those of a training step, whose reference is the file itself in float64: each part of what a few steps give.
func (d *described) stepTrials(ctx context.Context, c Checks, _ *graph.Graph) ([]trial, error) {
	ref, err := c.Reference.Open(d.file, engine.Options{Float64: true})
	if err != nil {
		return nil, err
	}
	defer ref.Close() //nolint:errcheck // it only frees
	var trials []trial
	for _, n := range c.rows() {
		tried := &triedSteps{d: d, rows: n, scale: map[string]float64{}}
		for _, part := range stepParts {
			t := trial{graph: fmt.Sprintf("%d steps: %s", stepsTried, part.name), against: "itself", batch: n, tolerance: c.stepBound(d.spec)}
			t.run = func(ctx context.Context, p program) (tensor.Tensor, error) { return tried.part(ctx, p, part.name) }
			want, err := t.run(ctx, program{ref, tensor.Float64})
			if err != nil {
				return nil, err
			}
			if t.want = want.Float64(); len(t.want) > 0 {
				trials = append(trials, t)
			}
		}
	}
	return trials, nil
}

// triedSteps takes the steps for one number of rows, once for each program.
type triedSteps struct {
	d     *described
	rows  int
	last  engine.Program
	parts map[string][]float64
	scale map[string]float64 // largest number of each part in the first program, the reference
}

// part is a part of what the steps give, relative to its largest number.
func (s *triedSteps) part(ctx context.Context, p program, name string) (tensor.Tensor, error) {
	if s.last != p.Program {
		parts, err := s.take(ctx, p)
		if err != nil {
			return tensor.Tensor{}, err
		}
		s.last, s.parts = p.Program, parts
	}
	v := slices.Clone(s.parts[name])
	if _, ok := s.scale[name]; !ok {
		for _, x := range v {
			s.scale[name] = max(s.scale[name], math.Abs(x))
		}
	}
	for i := range v {
		v[i] /= max(s.scale[name], math.SmallestNonzeroFloat32)
	}
	return tensor.Of(v, len(v)), nil
}

// take takes the steps, each on rows of its own and from the state that the one before left, and returns losses, norms and the last state by parts.
func (s *triedSteps) take(ctx context.Context, p program) (map[string][]float64, error) {
	main := s.d.model.Main
	state, err := s.d.midway()
	if err != nil {
		return nil, err
	}
	parts := map[string][]float64{}
	for k := range stepsTried {
		feed := s.d.stepBatch(s.rows, uint64(k))
		maps.Copy(feed, state)
		var in, out []tensor.Tensor
		for _, v := range main.Input {
			t := feed[v.Name]
			if t.DType().IsFloat() {
				t = t.Convert(p.float)
			}
			in = append(in, t)
		}
		for _, v := range main.Output {
			if v.Name == optim.Next+stepInput {
				out = append(out, tensor.New(tensor.Int64))
				continue
			}
			out = append(out, tensor.New(p.float, fixedShape(v)...))
		}
		if err := p.Run(ctx, in, out); err != nil {
			return nil, err
		}
		for i, v := range main.Output {
			name, isState := strings.CutPrefix(v.Name, optim.Next)
			if isState {
				state[name] = out[i]
			}
			if name != stepInput && (!isState || k == stepsTried-1) {
				parts[partOf(v.Name)] = append(parts[partOf(v.Name)], out[i].Convert(tensor.Float64).Float64()...)
			}
		}
	}
	return parts, nil
}

// midway is a state in the middle of a run, on the weights that are exported if they are known.
func (d *described) midway() (map[string]tensor.Tensor, error) {
	state := map[string]tensor.Tensor{stepInput: tensor.Full(int64(firstTried))}
	list, err := stepState(d.model)
	for i, v := range list {
		t := tensor.New(tensor.Float32, fixedShape(v)...)
		noise.New(0, noise.Probe).Sub(uint32(1000+i)).Normals(t.Float32(), 0)
		weight, average := strings.CutPrefix(v.Name, optim.Average)
		switch trained := d.trained[weight]; {
		case strings.HasPrefix(v.Name, optim.FirstMoment):
			scale(t, func(z float64) float64 { return 0.1 * z })
		case strings.HasPrefix(v.Name, optim.SecondMoment):
			scale(t, func(z float64) float64 { return 0.01 * (0.5 + z*z) })
		case !trained.IsZero():
			t = trained
		case average:
			t = state[weight]
		default: // so that a layer keeps the size of what it takes
			fan := 1
			if t.Rank() > 1 {
				fan = t.Shape()[0]
			}
			scale(t, func(z float64) float64 { return z / math.Sqrt(float64(fan)) })
		}
		state[v.Name] = t
	}
	return state, err
}

// scale puts f of each number in its place.
func scale(t tensor.Tensor, f func(float64) float64) {
	for i, z := range t.Float32() {
		t.Float32()[i] = float32(f(float64(z)))
	}
}

// stepBatch is a batch of random rows as the data could be, in data units, noise, times of training and each condition in turn, and the rate.
func (d *described) stepBatch(n int, salt uint64) map[string]tensor.Tensor {
	at := d.inputs(n, n, 2000+salt) // x, t and the condition
	feed := map[string]tensor.Tensor{"x0": at[0], "t": at[1], "rate": tensor.Full(float32(rateTried))}
	for i, name := range []string{"y", "y_drop"} {
		if i+2 < len(at) {
			feed[name] = at[i+2]
		}
	}
	for i, t := range at[1].Float32() {
		at[1].Float32()[i] = float32(d.spec.TimeMin + float64(t)*(d.spec.TimeMax-d.spec.TimeMin))
	}
	feed["x1"] = d.inputs(n, n, 3000+salt)[0]
	feed["path_noise"] = d.inputs(n, n, 4000+salt)[0]
	d.spec.Normaliser.Decode(feed["x1"].Float32(), feed["x1"].Float32(), d.spec.Dim())
	if d.spec.Source == flow.DataSource {
		d.spec.Normaliser.Decode(feed["x0"].Float32(), feed["x0"].Float32(), d.spec.Dim())
	}
	return feed
}

// fixedShape is the shape of a value all of whose dimensions are numbers.
func fixedShape(v *onnx.ValueInfo) (shape []int) {
	for _, d := range v.Type.Tensor.Shape.Dim {
		if d.Value != nil {
			shape = append(shape, int(*d.Value))
		}
	}
	return shape
}
