package export

import (
	"fmt"
	"math"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/graph"
	noises "fmtool/models/noise"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort"
)

// noiseFile is a graph of the noise alone: seed, count, offset → words and x0.
func noiseFile(t testing.TB, dim int) []byte {
	t.Helper()
	b := graph.NewBuilder("noise")
	seed, count, offset := b.Input("seed", tensor.Int64), b.Input("count", tensor.Int64), b.Input("offset", tensor.Int64)
	f, err := threefry(b)
	if err != nil {
		t.Fatal(err)
	}
	w0, w1 := words(b, f, seed, count, offset, (dim+1)/2)
	b.Output("word0", toInt64(b, w0))
	b.Output("word1", toInt64(b, w1))
	b.Output("x0", normals(b, flow.Spec{Dims: []int{dim}}, w0, w1))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Seeded, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m.Marshal()
}

// The noise made in the graph is that of package noise: the same words, normals within 4e-7 and 4 units of the last place, for seeds, rows and shards beyond 32
// bits, on every engine. An odd number of columns drops the last sine.
func TestNoiseInGraph(t *testing.T) {
	all := map[string]engine.Engine{"native": native.Engine{}}
	if e, err := ort.New(""); err == nil {
		all["onnxruntime"] = e
	} else {
		t.Logf("without onnxruntime: %v", err)
	}
	const rows = 9
	for _, dim := range []int{1, 2, 5, 64} {
		file := noiseFile(t, dim)
		for name, e := range all {
			p, err := e.Open(file, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, seed := range []uint64{0, 7, 0x13198a2e03707344, 1 << 63, math.MaxUint64} {
				for _, offset := range []uint64{0, 12345, 1<<32 - 5, 1 << 32, 7<<32 - 3, 1<<63 - 4, math.MaxUint64 - 3} {
					t.Run(fmt.Sprintf("%s D=%d seed=%x offset=%x", name, dim, seed, offset), func(t *testing.T) { compareNoise(t, p, rows, dim, seed, offset) })
				}
			}
			_ = p.Close()
		}
	}
}

func compareNoise(t *testing.T, p engine.Program, rows, dim int, seed, offset uint64) {
	pairs := (dim + 1) / 2
	w := [2]tensor.Tensor{tensor.New(tensor.Int64, rows, pairs), tensor.New(tensor.Int64, rows, pairs)}
	x := tensor.New(tensor.Float32, rows, dim)
	in := []tensor.Tensor{tensor.Scalar(int64(seed)), tensor.Scalar(int64(rows)), tensor.Scalar(int64(offset))}
	if err := p.Run(t.Context(), in, []tensor.Tensor{w[0], w[1], x}); err != nil {
		t.Fatal(err)
	}
	want := make([]float32, rows*dim)
	noises.New(seed, noises.Sampling).Rows(want, offset, dim)
	for i, v := range want {
		ulp := math.Abs(float64(math.Nextafter32(v, 10) - v))
		if d := math.Abs(float64(x.Float32()[i] - v)); !(d <= 4e-7+4*ulp) {
			t.Errorf("normal [%d] = %g, want %g", i, x.Float32()[i], v)
		}
	}
	for n := range rows {
		row := offset + uint64(n)
		s := noises.New(seed, noises.Sampling)
		if high := uint32(row >> 32); high != 0 {
			k0, k1 := s.Words(high, math.MaxUint32-1)
			s = noises.New(uint64(k1)<<32|uint64(k0), noises.Sampling)
		}
		for j := range pairs {
			a, b := s.Words(uint32(row), uint32(j))
			if i := n*pairs + j; w[0].Int64()[i] != int64(a) || w[1].Int64()[i] != int64(b) {
				t.Errorf("words of row %x, pair %d: %x %x, want %x %x", row, j, w[0].Int64()[i], w[1].Int64()[i], a, b)
			}
		}
	}
}
