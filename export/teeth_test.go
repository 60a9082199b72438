package export_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"fmtool/export"
	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/solver"
)

// lines are what the check of a file says, with its error.
func lines(t *testing.T, file []byte, c export.Checks) string {
	t.Helper()
	r, err := export.Verify(t.Context(), file, c)
	var b strings.Builder
	if printed := r.Print(&b); printed != nil {
		t.Fatal(printed)
	}
	for _, err := range []error{err, r.Err()} {
		if err != nil {
			b.WriteString("error: " + err.Error() + "\n")
		}
	}
	return b.String()
}

// tensorOf is the main graph's initialiser of that name.
func tensorOf(t *testing.T, m *onnx.Model, name string) *onnx.Tensor {
	t.Helper()
	i := slices.IndexFunc(m.Main.Initializer, func(w *onnx.Tensor) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("no initialiser %s", name)
	}
	return m.Main.Initializer[i]
}

// place puts numbers in the stead of a constant's.
func place(t *testing.T, m *onnx.Model, name string, x ...float32) {
	w := tensorOf(t, m, name)
	*w = *onnx.TensorOf(name, tensor.Of(x, len(x)))
	w.DocString = "constant"
}

// dropNodes takes the nodes of a layer out; who took the last one's output takes from.
func dropNodes(m *onnx.Model, layer, from, to string) {
	m.Main.Node = slices.DeleteFunc(m.Main.Node, func(n *onnx.Node) bool { return strings.HasPrefix(n.Name, layer+"/") })
	for _, n := range m.Main.Node {
		for i, name := range n.Output {
			if name == from {
				n.Output[i] = to
			}
		}
	}
	m.Main.ValueInfo = slices.DeleteFunc(m.Main.ValueInfo, func(v *onnx.ValueInfo) bool { return strings.HasPrefix(v.Name, layer+"/") || v.Name == from })
}

func setMeta(m *onnx.Model, key, value string) {
	meta := m.Metadata()
	meta[key] = value
	m.SetMetadata(meta)
}

// unsealed are the bytes of a model without its digests, as a file that whoever altered it covered up.
func unsealed(m *onnx.Model) []byte {
	meta := m.Metadata()
	delete(meta, "io.fmtool.digests")
	delete(meta, "io.fmtool.digests.sha256")
	m.SetMetadata(meta)
	return m.Marshal()
}

// mutations are what may happen to a file on its way. named is what the report says of the place; behaves, where the file's own contradictions give
// it away, what it says with the digests gone too.
var mutations = []struct {
	name, graph    string
	named, behaves string
	o              export.Options
	change         func(t *testing.T, m *onnx.Model)
}{
	{"a bit of a weight", "velocity", "FAIL digests: tensor net.hidden.1.h.weight is not what was exported", "", export.Options{}, func(t *testing.T, m *onnx.Model) {
		tensorOf(t, m, "net.hidden.1.h.weight").RawData[4*7+2] ^= 1 << 6
	}},
	{"a bit of a sampler's weight", "sampler", "FAIL digests: tensor net.out.bias is not what was exported", "", export.Options{}, func(t *testing.T, m *onnx.Model) {
		tensorOf(t, m, "net.out.bias").RawData[3] ^= 1 << 7
	}},
	{"scale and mean", "sampler", "FAIL digests: tensor decode/mean is not", "FAIL reference: normaliser has mean and scale exchanged", export.Options{},
		func(t *testing.T, m *onnx.Model) {
			place(t, m, "decode/mean", 2)
			place(t, m, "decode/scale", 0.5)
		}},
	{"no normaliser", "sampler", "FAIL digests: layer decode is gone", "FAIL reference: normaliser is left out", export.Options{},
		func(_ *testing.T, m *onnx.Model) { dropNodes(m, "decode", "loop.1", "samples") }},
	{"no normaliser, unrolled", "sampler", "FAIL digests: layer decode is gone", "FAIL reference: normaliser is left out", export.Options{Unroll: 4},
		func(_ *testing.T, m *onnx.Model) { dropNodes(m, "decode", "step.3/add", "samples") }},
	{"grid by one", "sampler", "FAIL digests: tensor k0 is not", "FAIL reference: grid of times is a step late", export.Options{}, func(t *testing.T, m *onnx.Model) {
		*tensorOf(t, m, "k0") = *onnx.TensorOf("k0", tensor.Full(float32(1), 1, 1))
	}},
	{"grid by one, unrolled", "sampler", "FAIL digests: tensor step.2/stage.0/t is not", "FAIL reference: grid of times is a step late", export.Options{Unroll: 5},
		func(t *testing.T, m *onnx.Model) {
			for i, name := range []string{"step.0/stage.0/t", "step.1/stage.0/t", "step.2/stage.0/t", "step.3/stage.0/t", "step.4/stage.0/t"} {
				w := onnx.TensorOf(name, tensor.Full(float32(i+1)/5, 1, 1))
				w.DocString = "constant"
				*tensorOf(t, m, name) = *w
			}
		}},
	{"two inputs", "velocity", "FAIL digests: graph: inputs is not", "the file takes t float32[T 1], x float32[batch 1 4 4]", export.Options{}, func(_ *testing.T, m *onnx.Model) {
		m.Main.Input[0], m.Main.Input[1] = m.Main.Input[1], m.Main.Input[0]
	}},
	{"a node's two inputs", "sampler", "FAIL digests: layer step.1/stage.0/guidance is not", "FAIL reference: graph and metadata disagree", export.Options{Unroll: 3, Guidance: true},
		func(_ *testing.T, m *onnx.Model) {
			for _, n := range m.Main.Node {
				if n.Name == "step.1/stage.0/guidance/sub" {
					n.Input[0], n.Input[1] = n.Input[1], n.Input[0]
				}
			}
		}},
	{"metadata", "velocity", "FAIL digests: metadata io.fmtool.schedule is not", "", export.Options{}, func(_ *testing.T, m *onnx.Model) { setMeta(m, "io.fmtool.schedule", "cosine") }},
	{"metadata of the normaliser", "sampler", "FAIL digests: metadata io.fmtool.normaliser.mean is not", "FAIL reference: graph and metadata disagree", export.Options{},
		func(_ *testing.T, m *onnx.Model) { setMeta(m, "io.fmtool.normaliser.mean", "1.5") }},
	{"metadata that are new", "velocity", "FAIL digests: metadata io.fmtool.author was not there", "", export.Options{},
		func(_ *testing.T, m *onnx.Model) { setMeta(m, "io.fmtool.author", "me") }},
	{"the digests", "velocity", "FAIL digests: metadata io.fmtool.digests was altered itself", "", export.Options{},
		func(_ *testing.T, m *onnx.Model) {
			setMeta(m, "io.fmtool.digests", strings.Replace(m.Metadata()["io.fmtool.digests"], "net.out.bias", "net.out.bios", 1))
		}},
}

// Verify's teeth: every mutation of a file fails and names the place, by the digests; and by what the graph computes where that contradicts the
// metadata. The file as it was exported passes, and one that was changed on purpose passes with notes.
func TestTeeth(t *testing.T) {
	for _, c := range mutations {
		t.Run(c.name, func(t *testing.T) {
			c.o.Checks = checks()
			file, _, err := export.File(t.Context(), c.graph, kinds(t)["labels"], c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(t, file, checks()); strings.Contains(got, "FAIL") || strings.Contains(got, "error") || strings.Contains(got, "note") {
				t.Fatalf("as exported:\n%s", got)
			}
			m, err := onnx.Unmarshal(bytes.Clone(file))
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, m)
			got := lines(t, m.Marshal(), checks())
			if !strings.Contains(got, c.named) || !strings.Contains(got, "error: ") {
				t.Errorf("got\n%swant %q", got, c.named)
			}
			t.Logf("%s", got)
			if bare := lines(t, unsealed(m), checks()); !strings.Contains(bare, c.behaves) || c.behaves != "" && !strings.Contains(bare, "error: ") {
				t.Errorf("without digests\n%swant %q", bare, c.behaves)
			}
		})
	}
}

// What was changed on purpose is a note, and the graph is still held to what it computes; a file without digests says so.
func TestEditedFilesAreVerified(t *testing.T) {
	file, _, err := export.Velocity(t.Context(), kinds(t)["none"], export.Options{Checks: checks()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(bytes.Clone(file))
	if err != nil {
		t.Fatal(err)
	}
	w := tensorOf(t, m, "net.hidden.0.h.weight")
	for i := 0; i < len(w.RawData); i += 4 { // as if quantised to some 8 bits
		w.RawData[i], w.RawData[i+1] = 0, 0
	}
	edited := checks()
	edited.Edited = true
	if got := lines(t, m.Marshal(), edited); strings.Contains(got, "FAIL") || strings.Contains(got, "error") || !strings.Contains(got, "note: edited: tensor net.hidden.0.h.weight") {
		t.Errorf("edited on purpose:\n%s", got)
	}
	if got := lines(t, unsealed(m), checks()); strings.Contains(got, "FAIL") || !strings.Contains(got, "note: the file has no digests") {
		t.Errorf("without digests:\n%s", got)
	}
}

// In a bundle, where a file's SHA-256 tells that it was altered, its digests tell what in it.
func TestBundleNamesWhatWasAltered(t *testing.T) {
	files := bundleOf(t, smaller(t)["none"], export.Options{}, false)
	m, err := onnx.Unmarshal(bytes.Clone(files["sampler.onnx"].Data))
	if err != nil {
		t.Fatal(err)
	}
	tensorOf(t, m, "net.out.weight").RawData[1] ^= 1
	files["sampler.onnx"].Data = m.Marshal()
	b, err := export.OpenBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Verify(t.Context(), checks())
	if err == nil || len(r.Faults) != 1 || r.Faults[0].Place != "sampler.onnx: tensor net.out.weight" {
		t.Errorf("error %v, faults %v; want one, of sampler.onnx: tensor net.out.weight", err, r.Faults)
	}
}

// A name that a stranger chose moves no cursor of the terminal that prints it.
func TestReportsPrintPlainText(t *testing.T) {
	r := export.Report{Faults: []export.Fault{{Check: "digests", Place: "tensor \x1b[2Ja\r\nb", Says: "is gone"}}, Rows: []export.Row{{Layer: "\x1b[1m", Refused: "\x07no"}}}
	var b strings.Builder
	if err := r.Print(&b); err != nil || strings.ContainsAny(b.String(), "\x1b\x07\r") || !strings.Contains(b.String(), "tensor [2Jab is gone") {
		t.Errorf("%v: %q", err, b.String())
	}
}

// An unrolled graph is held to the library's solver, as one with a Loop is: its first copy of the network is the field.
func TestUnrolledHasAReference(t *testing.T) {
	for name, m := range kinds(t) {
		for _, o := range []export.Options{{Unroll: 3}, {Unroll: 2, Solver: solver.RK4}, {Unroll: 4, Guidance: true, Solver: solver.Heun}} {
			if o.Guidance && m.Spec.Condition.Kind == flow.Unconditional {
				continue
			}
			heldToSolver(t, name, "sampler", m, o)
		}
		heldToSolver(t, name, "sample", m, export.Options{Unroll: 2})
	}
	s := spec(flow.Condition{Kind: flow.Unconditional}, 2)
	var err error
	if s.Schedule, err = flow.ParseSchedule("cosine"); err != nil {
		t.Fatal(err)
	}
	s.Prediction = flow.X1
	s.TimeMin, s.TimeMax = flow.Interval(s.Schedule, s.Prediction, s.Prediction)
	heldToSolver(t, "converted", "sampler", model(t, s, &models.MLP{Width: 16}), export.Options{Unroll: 4})
}

func heldToSolver(t *testing.T, name, graph string, m *models.Model, o export.Options) {
	t.Helper()
	o.Checks = checks()
	file, _, err := export.File(t.Context(), graph, m, o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := export.Verify(t.Context(), file, checks())
	text, _ := json.Marshal(r)
	if err != nil || r.Err() != nil || strings.Count(string(text), `"against":"solver"`) != len(r.Rows) {
		t.Errorf("%s %s, %d steps of %s, guidance %v: %v, %v; report %s", name, graph, o.Unroll, o.Solver.Name, o.Guidance, err, r.Err(), text)
	}
}
