package runtime_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/noise"
	"fmtool/models/tensor"
	"fmtool/runtime"
)

// A model that starts at rows of a data set takes them in data units: noise handed over that way gives the samples of the same network that starts at noise. Neither
// batches nor the seed change them.
func TestSamplerStartsAtSource(t *testing.T) {
	const n = 7
	plain := spec(flow.Condition{Kind: flow.Unconditional}, 3)
	sided := plain
	sided.Source = flow.DataSource
	sample := func(s flow.Spec, source tensor.Tensor, batch int, seed uint64) []float32 {
		dst := tensor.New(tensor.Float32, n, 3)
		if _, err := (runtime.Sampler{Field: open(t, s), Steps: 5, Source: source, Batch: batch, Seed: seed}).Sample(context.Background(), dst, tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
		return dst.Float32()
	}
	rows := tensor.New(tensor.Float32, n, 3)
	noise.New(9, noise.Sampling).Rows(rows.Float32(), 0, 3)
	for i, z := range rows.Float32() { // a grid on which data units and back lose nothing
		rows.Float32()[i] = float32(int(64*z)) / 64
	}
	model := tensor.New(tensor.Float32, n, 3)
	plain.Normaliser.Encode(model.Float32(), rows.Float32())
	got := sample(sided, rows, 0, 9)
	if !slices.Equal(got, sample(sided, rows, 3, 4)) {
		t.Error("batches or the seed change the samples")
	}
	f := open(t, plain)
	x, u, at := model, tensor.New(tensor.Float32, n, 3), tensor.New(tensor.Float32, 1, 1)
	for k := range 5 {
		at.Float32()[0] = float32(k) / 5
		if err := f.Velocity(context.Background(), u, x, at, tensor.Tensor{}); err != nil {
			t.Fatal(err)
		}
		for i, v := range u.Float32() {
			x.Float32()[i] += float32(0.2) * v
		}
	}
	plain.Normaliser.Decode(x.Float32(), x.Float32(), 3)
	for i, v := range x.Float32() {
		if d := got[i] - v; d > 1e-4 || d < -1e-4 {
			t.Errorf("number %d is %g, by hand %g", i, got[i], v)
		}
	}
}

// A source where the model takes none, none where it takes one, and one of another size are refused.
func TestSamplerRefusesSources(t *testing.T) {
	plain := spec(flow.Condition{Kind: flow.Unconditional}, 3)
	sided := plain
	sided.Source = flow.DataSource
	for _, c := range []struct {
		spec   flow.Spec
		source tensor.Tensor
		want   string
	}{
		{plain, tensor.New(tensor.Float32, 4, 3), "starts at noise"},
		{sided, tensor.Tensor{}, "give a source of 4 rows"},
		{sided, tensor.New(tensor.Float32, 5, 3), "want float32 [4 [3]]"},
		{sided, tensor.New(tensor.Float64, 4, 3), "want float32 [4 [3]]"},
	} {
		_, err := runtime.Sampler{Field: open(t, c.spec), Source: c.source}.Sample(context.Background(), tensor.New(tensor.Float32, 4, 3), tensor.Tensor{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
