package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"

	"fmtool/models/onnx"
	"fmtool/models/tensor"
)

// Bounds on what a stranger's manifest may ask for.
const (
	maxManifest = 64 << 20
	maxFiles    = 1 << 16
)

// Opened is a bundle in a folder.
type Opened struct {
	Manifest
	dir fs.FS
}

// OpenBundle reads the manifest of the bundle in a folder. A manifest that is not whole, or names files outside the folder, is an error. dir should be contained
// itself, as that of an os.Root is.
func OpenBundle(dir fs.FS) (*Opened, error) {
	b, err := readUpTo(dir, manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("export: no bundle: the folder has no %s; fmtool export FOLDER/ writes one", manifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if len(b) > maxManifest {
		return nil, fmt.Errorf("export: %s has more than %d bytes", manifestName, maxManifest)
	}
	o := &Opened{dir: dir}
	if err := json.Unmarshal(b, &o.Manifest); err != nil {
		return nil, fmt.Errorf("export: %s: %w", manifestName, err)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("export: %s: %w", manifestName, err)
	}
	return o, nil
}

// check refuses a manifest that contradicts itself.
func (m *Manifest) check() error {
	if m.Format != bundleFormat {
		return fmt.Errorf("format %.40q, want %q", m.Format, bundleFormat)
	}
	if len(m.Files) > maxFiles {
		return fmt.Errorf("%d files, at most %d", len(m.Files), maxFiles)
	}
	for name, f := range m.Files {
		if sum, err := hex.DecodeString(f.SHA256); !fs.ValidPath(name) || name == "." || err != nil || len(sum) != sha256.Size || f.Bytes < 0 {
			return fmt.Errorf("file %.80q of %d bytes with SHA-256 %.80q: want a name in the folder, a size and 64 digits", name, f.Bytes, f.SHA256)
		}
	}
	if len(m.Graphs) == 0 {
		return errors.New("no graphs")
	}
	for i, g := range m.Graphs {
		if err := m.checkGraph(&m.Graphs[i]); err != nil {
			return fmt.Errorf("graph %.40q: %w", g.Name, err)
		}
		if slices.ContainsFunc(m.Graphs[:i], func(h GraphEntry) bool { return h.Name == g.Name }) {
			return fmt.Errorf("graph %.40q stands there twice", g.Name)
		}
	}
	return nil
}

func (m *Manifest) checkGraph(g *GraphEntry) error {
	needs := []string{g.File}
	if g.Weights != inside {
		needs = append(needs, g.Weights)
	}
	if g.State != "" {
		needs = append(needs, g.State)
	}
	if t := g.Test; t != nil {
		if !(t.Tolerance > 0 && t.Tolerance < 1) || len(t.Scales) != len(g.Outputs) {
			return fmt.Errorf("test data with tolerance %g and %d scales for %d outputs", t.Tolerance, len(t.Scales), len(g.Outputs))
		}
		for i, s := range t.Scales {
			if !(s >= 0 && s <= math.MaxFloat64) {
				return fmt.Errorf("scale %g of output %d", s, i)
			}
			needs = append(needs, t.file("output", i))
		}
		for i := range g.Inputs {
			needs = append(needs, t.file("input", i))
		}
	}
	for _, name := range needs {
		if _, ok := m.Files[name]; !ok {
			return fmt.Errorf("no file %.80q is listed", name)
		}
	}
	return nil
}

// readUpTo is a plain file, up to one byte more than limit.
func readUpTo(dir fs.FS, name string, limit int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// read is a file whose bytes are those that the manifest promises.
func (o *Opened) read(name string) ([]byte, error) {
	want := o.Files[name]
	b, err := readUpTo(o.dir, name, want.Bytes)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if have := SumOf(b); have != want {
		return nil, fmt.Errorf("export: %s is not what the manifest promises: %d bytes with SHA-256 %.8s…, want %d with %.8s…",
			name, have.Bytes, have.SHA256, want.Bytes, want.SHA256)
	}
	return b, nil
}

// CheckFiles compares every file with its SHA-256 in the manifest; the error names each that differs or is missing. Files that the manifest does not list are
// nobody's concern.
func (o *Opened) CheckFiles() error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(o.Files)) {
		if _, err := o.read(name); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Verify checks all files, compares what the manifest says of each graph with the graph, and runs each on every engine: as the package's Verify does, and on its
// test data. Disagreement of numbers is not an error but stands in the report, by the names of the graphs' files.
func (o *Opened) Verify(ctx context.Context, c Checks) (Report, error) {
	var report Report
	if err := o.CheckFiles(); err != nil {
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
