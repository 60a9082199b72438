package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// Verify checks all files, compares what the manifest says of each graph with the graph, and runs each on every engine: as the package's Verify does, and on its
// test data. Disagreement of numbers is not an error but stands in the report, by the names of the graphs' files.
func (o *Opened) Verify(ctx context.Context, c Checks) (Report, error) {
	var report Report
	if err := o.CheckFiles(); err != nil {
		o.nameAltered(&report, c)
		return report, err
	}
	for i := range o.Graphs {
		g := &o.Graphs[i]
		file, err := o.graph(g)
		if err != nil {
			return report, err
		}
		own, err := Verify(ctx, file, c)
		report.Add(own.Of(g.File))
		if err != nil {
			return report, fmt.Errorf("%s: %w", g.File, err)
		}
		for _, e := range c.Engines {
			if g.Test == nil {
				break
			}
			worst, err := o.tested(ctx, e, g, file)
			if err != nil {
				return report, fmt.Errorf("export: %s: test data of %s: %w", e.Name, g.File, err)
			}
			report.Rows = append(report.Rows, Row{Graph: g.File + ": test data", Engine: e.Name, Library: e.Library, Batch: testRows,
				Threads: max(e.Options.Threads, 1), Worst: worst, Tolerance: g.Test.Tolerance, Against: "file"})
		}
	}
	return report, nil
}

// nameAltered adds what the digests say of graphs whose files are not those of the manifest.
func (o *Opened) nameAltered(r *Report, c Checks) {
	for _, g := range o.Graphs {
		if _, err := o.read(g.File); err == nil {
			continue
		}
		file, err := readUpTo(o.dir, g.File, o.Files[g.File].Bytes+maxGrown)
		if err != nil {
			continue
		}
		if m, err := onnx.Validate(file, onnx.Limits{}); err == nil && g.Weights == inside {
			var own Report
			own.hold(m, c)
			r.Add(own.Of(g.File))
		}
	}
}

// maxGrown is by how many bytes an altered file may be longer to be looked into.
const maxGrown = 1 << 20

// graph is the file of a graph, with its weights inside, if it is what the manifest says.
func (o *Opened) graph(g *GraphEntry) ([]byte, error) {
	file, err := o.read(g.File)
	if err == nil && g.Weights != inside {
		file, err = Joined(file, func(name string) ([]byte, error) {
			if name != g.Weights {
				return nil, fmt.Errorf("export: %s has its weights in %.80q, the manifest says %q", g.File, name, g.Weights)
			}
			return o.read(name)
		})
	}
	if err != nil {
		return nil, err
	}
	said, model, err := graphOf(file, g.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.File, err)
	}
	said.File, said.Weights, said.State, said.Test = g.File, g.Weights, g.State, g.Test
	if !sameJSON(said, g) || !sameJSON(model, &o.Model) {
		return nil, fmt.Errorf("export: %s says other things of %s than the file itself", manifestName, g.File)
	}
	return file, nil
}

// sameJSON compares two values as a manifest would have them.
func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// tested runs a graph on its test data and returns the worst difference of an output, as TestData has it; math.MaxFloat64 for what is not finite or not equal.
func (o *Opened) tested(ctx context.Context, e Engine, g *GraphEntry, file []byte) (float64, error) {
	var in, want, out []tensor.Tensor
	load := func(list *[]tensor.Tensor, prefix string, n int) error {
		for i := range n {
			b, err := o.read(g.Test.file(prefix, i))
			if err != nil {
				return err
			}
			t, err := onnx.UnmarshalTensor(b)
			if err != nil {
				return err
			}
			*list = append(*list, t)
		}
		return nil
	}
	if err := errors.Join(load(&in, "input", len(g.Inputs)), load(&want, "output", len(g.Outputs))); err != nil {
		return 0, err
	}
	for _, t := range want {
		out = append(out, tensor.New(t.DType(), t.Shape()...))
	}
	p, err := e.Engine.Open(file, e.Options)
	if err != nil {
		return 0, err
	}
	defer p.Close() //nolint:errcheck // it only frees
	if err := p.Run(ctx, in, out); err != nil {
		return 0, err
	}
	worst := 0.0
	for i := range out {
		worst = max(worst, o.off(g, i, out[i], want[i]))
	}
	return worst, nil
}

// off is the largest difference of an output.
func (o *Opened) off(g *GraphEntry, i int, got, want tensor.Tensor) (worst float64) {
	n, scale := o.Model.Normaliser, g.Test.Scales[i]
	a, b := got.Convert(tensor.Float64).Float64(), want.Convert(tensor.Float64).Float64()
	for j := range b {
		unit, slack := 1.0, 0.0
		if g.Outputs[i].Units == "data units" {
			unit, slack = float64(n.Scale[j%len(n.Scale)]), rounding*max(math.Abs(float64(n.Mean[j%len(n.Mean)])), math.Abs(b[j]))
		}
		d := max(math.Abs(a[j]-b[j])-slack, 0) / (unit * scale)
		if scale == 0 {
			d = math.Abs(a[j] - b[j])
		}
		worst = max(worst, d)
	}
	if !(worst <= math.MaxFloat64) {
		return math.MaxFloat64
	}
	return worst
}
