package export_test

import (
	"fmt"
	"math"
	"testing"

	onnxgo "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/simple"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/topo"
	gtensor "gorgonia.org/tensor"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime"
	"fmtool/runtime/engine"
	"fmtool/runtime/native"
	"fmtool/runtime/ort"
)

// files are exported velocity fields of every activation, and of each kind of condition.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	all := kinds(t)
	for _, activation := range []string{"silu", "tanh", "relu", "gelu", "selu"} {
		all[activation] = model(t, spec(flow.Condition{Kind: flow.Unconditional}, 3), &models.MLP{Width: 16, Activation: activation})
	}
	for name, m := range all {
		file, _, err := export.Velocity(t.Context(), m, export.Options{Checks: checks()})
		if err != nil {
			t.Fatal(err)
		}
		out[name] = file
	}
	return out
}

// Every exported velocity file is read by onnx-go, whose decoder is not ours, as an acyclic graph with a node for each value: the inputs, the
// weights and constants, and one result for each operator.
func TestOnnxGoDecodes(t *testing.T) {
	for name, file := range files(t) {
		t.Run(name, func(t *testing.T) {
			backend := simple.NewSimpleGraph()
			if err := onnxgo.NewModel(backend).UnmarshalBinary(file); err != nil {
				t.Fatal(err)
			}
			m, err := onnx.Unmarshal(file)
			if err != nil {
				t.Fatal(err)
			}
			var g gonum.Directed = backend
			if _, err := topo.Sort(g); err != nil {
				t.Errorf("not acyclic: %v", err)
			}
			want, edges := len(m.Main.Input)+len(m.Main.Initializer)+len(m.Main.Node), 0
			for _, n := range m.Main.Node {
				edges += len(n.Input)
			}
			if got := g.Nodes().Len(); got != want {
				t.Errorf("%d nodes, want %d", got, want)
			}
			got, roots := 0, 0
			for nodes := g.Nodes(); nodes.Next(); { // onnx-go's edges point from a result to what it is made of
				id := nodes.Node().ID()
				if got += g.From(id).Len(); g.To(id).Len() == 0 {
					roots++
				}
			}
			if got != edges || roots != 1 {
				t.Errorf("%d edges and %d results, want %d and the velocity alone", got, roots, edges)
			}
		})
	}
}

// The files whose operators gorgonnx covers run there, twice, and agree both times with native and onnxruntime: three independent implementations.
func TestThreeImplementationsAgree(t *testing.T) {
	others := map[string]engine.Engine{"native": native.Engine{}}
	if e, err := ort.New(""); err == nil {
		others["onnxruntime"] = e
	} else {
		t.Logf("without onnxruntime: %v", err)
	}
	all := files(t)
	for _, name := range []string{"silu", "tanh", "relu"} {
		for _, rows := range []int{1, 5} {
			t.Run(fmt.Sprint(name, rows), func(t *testing.T) {
				x, at := make([]float32, rows*3), float32(0.37)
				for i := range x {
					x[i] = float32(math.Sin(float64(2*i) + 1))
				}
				backend := gorgonnx.NewGraph()
				m := onnxgo.NewModel(backend)
				if err := m.UnmarshalBinary(all[name]); err != nil {
					t.Fatal(err)
				}
				for i, in := range []gtensor.Tensor{
					gtensor.New(gtensor.WithShape(rows, 3), gtensor.WithBacking(append([]float32(nil), x...))),
					gtensor.New(gtensor.WithShape(1, 1), gtensor.WithBacking([]float32{at})),
				} {
					if err := m.SetInput(i, in); err != nil {
						t.Fatal(err)
					}
				}
				for pass := range 2 {
					if err := backend.Run(); err != nil {
						t.Fatal(err)
					}
					out, err := m.GetOutputTensors()
					if err != nil {
						t.Fatal(err)
					}
					for other, e := range others {
						want := velocity(t, e, all[name], x, at)
						for i, v := range out[0].Data().([]float32) {
							if d := math.Abs(float64(v - want[i])); d > 5e-6*max(1, math.Abs(float64(want[i]))) {
								t.Errorf("run %d: [%d] = %g, %s says %g", pass+1, i, v, other, want[i])
							}
						}
					}
				}
			})
		}
	}
}

func velocity(t *testing.T, e engine.Engine, file []byte, x []float32, at float32) []float32 {
	t.Helper()
	m, err := runtime.Open(e, file, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // a test
	n := len(x) / 3
	u := tensor.New(tensor.Float32, n, 3)
	if err := m.Velocity(t.Context(), u, tensor.Of(x, n, 3), tensor.Of([]float32{at}, 1, 1), tensor.Tensor{}); err != nil {
		t.Fatal(err)
	}
	return u.Float32()
}
