package export

import (
	"context"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/tensor"
)

// Sample returns sample.onnx: the whole way from a seed to samples in data units, those of `fmtool sample`.
//
//	seed      int64                  all of its 64 bits count; a seed of 2⁶³ or more is given as seed − 2⁶⁴
//	count     int64                  number of samples
//	steps     int64                  as Sampler takes it
//	offset    int64                  number of the first sample: a job is cut into shards, and one seed has 2⁶⁴ samples
//	y, y_drop, guidance              as Sampler takes them
//	samples   float32 [batch D...]   in data units, batch = count
//
// The noise is that of package noise, made in the graph with integer operators: the same words everywhere, normals up to what a runtime's logarithm and cosine
// differ. Its operators need the profile onnx.Seeded.
func Sample(ctx context.Context, m *models.Model, o Options) ([]byte, Report, error) {
	return File(ctx, string(flow.SampleKind), m, o)
}

// sampleGraph is the program of sample.onnx.
func sampleGraph(m *models.Model, o Options) (*graph.Graph, error) {
	if err := m.Spec.CheckBase(); err != nil {
		return nil, err
	}
	b := graph.NewBuilder("sample")
	seed, count := b.Input("seed", tensor.Int64), b.Input("count", tensor.Int64)
	steps := o.stepsInput(b)
	offset := b.Input("offset", tensor.Int64)
	f, err := newField(b, m, o.Guidance, o.Unroll == 0)
	if err != nil {
		return nil, err
	}
	x, err := noiseRows(b, m.Spec, seed, count, offset)
	if err != nil {
		return nil, err
	}
	o.finish(b, f, x, steps)
	return b.Graph()
}
