package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// tables are the parts of the report, in order, with what a reader must know to judge the figures.
var tables = []struct{ key, title, note string }{
	{"step", "Training step", "Batch 256; four linear layers with SiLU, D+1 → H → H → H → D; x_t = (1−t) x0 + t y, MSE, AdamW; " +
		"rows, noise and time drawn in each step. Ours is the path of `fmtool train` with one frequency of time, no clipping and no average. " +
		"Two threads: wall time; efficiency is the processor time of a step at one thread over that at two."},
	{"gemm", "Matrix products", "float32, one thread, weights [K, N] at batches of 256 and 1,024: NN is X·W, NT dY·Wᵀ, TN Xᵀ·dY. " +
		"Ours has the weights of NN and NT packed, as the engine keeps them."},
	{"sample", "Sampling", "100 Euler steps with the noise, one thread each, the same file: the native engine against onnxruntime, both from Go."},
	{"loop", "The loop around onnxruntime", "100 Euler steps with the noise, one thread each, the same file: " +
		"ours in Go against `export/python/sample.py`, its session kept open."},
	{"start", "First samples", "From the start of a process to its end: 16 samples in 100 steps, written as CSV; wall time."},
	{"normals", "Normal noise", "One thread, 65,536 numbers at a time."},
}

// names are those of the candidates; %s is the version.
var names = map[string]struct{ name, version string }{
	"fmtool": {"fmtool", ""}, "fmtool-unpacked": {"fmtool, packing each time", ""},
	"torch": {"PyTorch %s", "torch"}, "torch-compile": {"PyTorch %s, torch.compile", "torch"}, "torch-old": {"PyTorch %s of Debian", "torch (old)"},
	"numpy": {"NumPy %s", "numpy"}, "gonum": {"gonum %s", "gonum"},
	"ort": {"onnxruntime %s from Go", "onnxruntime (Go)"}, "ort-python": {"onnxruntime %s from Python", "onnxruntime (Python)"},
}

// name is a candidate's with its version.
func (r *Report) name(key string) string {
	n := names[key]
	if n.version == "" {
		return n.name
	}
	version := r.Versions[n.version]
	return strings.Join(strings.Fields(fmt.Sprintf(n.name, version)), " ")
}

// Markdown is the whole report.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\n%s", r.preamble())
	for _, t := range tables {
		if text := r.table(t.key); text != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", t.title, wrap(t.note), text)
		}
	}
	if text := r.memory(); text != "" {
		fmt.Fprintf(&b, "\n## Memory\n\n%s\n", text)
	}
	return b.String()
}

// Section is the README's part: the same with the matrix products summed up.
func (r *Report) Section() string {
	var b strings.Builder
	b.WriteString(r.preamble())
	for _, t := range tables {
		text := r.table(t.key)
		if t.key == "gemm" {
			text = r.summary()
		}
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n\n%s", wrap("**"+t.title+".** "+t.note), text)
		}
	}
	if text := r.memory(); text != "" {
		fmt.Fprintf(&b, "\n**Memory.** %s\n", text)
	}
	return b.String()
}

// method is how the figures came about.
const method = "Candidates take turns in rounds of one run. × is the peer's time over ours in the same round, above 1 where ours is faster: " +
	"processor time at one thread, wall time otherwise. % is the share of the FMA peak of one core that a probe reached in the same round, " +
	"by processor time. Medians; the 10th and 90th percentile in brackets."

// preamble says where, when and how.
func (r *Report) preamble() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Recorded on %s: %s", r.Date, r.Machine)
	if r.Peak != nil {
		fmt.Fprintf(&b, ", FMA peak %.0f GFLOP/s a core (%.0f–%.0f while it ran)", r.Peak.Median/1e9, r.Peak.Low/1e9, r.Peak.High/1e9)
	}
	fmt.Fprintf(&b, ", load %s. Versions: ", r.Load)
	var list []string
	for _, k := range []string{"go", "torch", "torch blas", "torch (old)", "torch blas (old)", "onnxruntime (Go)",
		"onnxruntime (Python)", "numpy", "numpy blas", "gonum"} {
		if v := r.Versions[k]; v != "" {
			list = append(list, k+" "+strings.TrimPrefix(v, "go"))
		}
	}
	b.WriteString(strings.Join(list, ", "))
	b.WriteString("." + heldTo(r.Settings.ISA))
	return wrap(b.String()) + "\n\n" + wrap(method) + "\n"
}

// table is the rows of a kind of case: ours with its time and share of the peak, the others as ratios. "" without rows.
func (r *Report) table(key string) string {
	rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.Table != key })
	if len(rows) == 0 {
		return ""
	}
	var keys []string
	efficient := false
	for _, row := range rows {
		efficient = efficient || row.Efficiency != nil
		for _, e := range row.Entries {
			if !slices.Contains(keys, e.Key) {
				keys = append(keys, e.Key)
			}
		}
	}
	var b strings.Builder
	head := []string{"", "threads"}
	for _, k := range keys {
		head = append(head, r.name(k))
	}
	if efficient {
		head = append(head, "efficiency")
	}
	line(&b, head...)
	line(&b, strings.Split(strings.Repeat("--- ", len(head)-1)+"---", " ")...)
	for _, row := range rows {
		cells := []string{row.Name, fmt.Sprint(row.Threads)}
		for _, k := range keys {
			cell := "–"
			if i := slices.IndexFunc(row.Entries, func(e Entry) bool { return e.Key == k }); i >= 0 {
				cell = row.cell(row.Entries[i])
			}
			cells = append(cells, cell)
		}
		if efficient {
			cells = append(cells, share(row.Efficiency))
		}
		line(&b, cells...)
	}
	return b.String()
}

// cell is what a table says of a candidate.
func (row Row) cell(e Entry) string {
	if e.Status != "" {
		if strings.HasPrefix(e.Status, errAbsent.Error()) {
			return errAbsent.Error()
		}
		return "failed"
	}
	took := e.CPU
	if row.Wall {
		took = e.Wall
	}
	if took == nil {
		return "–"
	}
	parts := []string{took.duration()}
	if e.Ratio != nil {
		parts[0] = fmt.Sprintf("%.2f× (%.2f–%.2f)", e.Ratio.Median, e.Ratio.Low, e.Ratio.High)
	}
	if e.Peak != nil {
		parts = append(parts, share(e.Peak))
	}
	return strings.Join(parts, ", ")
}

func share(f *Figure) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*f.Median)
}

// duration is a time with three digits and its spread.
func (f *Figure) duration() string {
	name, size := "ns", 1e-9
	for _, u := range []struct {
		name string
		size float64
	}{{"µs", 1e-6}, {"ms", 1e-3}, {"s", 1}} {
		if f.Median >= u.size {
			name, size = u.name, u.size
		}
	}
	return fmt.Sprintf("%s %s (%s–%s)", short(f.Median/size), name, short(f.Low/size), short(f.High/size))
}

// short is a number with three digits, or all before the point.
func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// columns is the width of the README's lines.
const columns = 150

// wrap breaks a paragraph into lines.
func wrap(text string) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && at+1+n > columns:
			b.WriteString("\n")
			at = 0
		case i > 0:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// summary is the table of the matrix products by kind: the median share of the peak over the cells, and the lowest.
func (r *Report) summary() string {
	var b strings.Builder
	keys := []string{"fmtool", "fmtool-unpacked", "numpy", "gonum"}
	head := []string{"median of the cells (lowest)"}
	for _, k := range keys {
		head = append(head, r.name(k))
	}
	line(&b, head...)
	line(&b, strings.Split(strings.Repeat("--- ", len(keys))+"---", " ")...)
	some := false
	for _, kind := range []string{"NN", "NT", "TN"} {
		cells := []string{kind}
		for _, k := range keys {
			var x []float64
			status := "–"
			for _, row := range r.Rows {
				for _, e := range row.Entries {
					if row.Table == "gemm" && strings.HasPrefix(row.Name, kind) && e.Key == k {
						if e.Peak != nil {
							x = append(x, e.Peak.Median)
						} else {
							status = row.cell(e)
						}
					}
				}
			}
			if f := figure(x); f != nil {
				some = true
				status = fmt.Sprintf("%s (%.0f %%)", share(f), 100*slices.Min(x))
			}
			cells = append(cells, status)
		}
		line(&b, cells...)
	}
	if !some {
		return ""
	}
	return b.String()
}

// memory is the sentence about the peak of a training process.
func (r *Report) memory() string {
	m := r.Memory
	switch {
	case m == nil:
		return ""
	case m.Status != "":
		return fmt.Sprintf("%s: %s.", m.Name, m.Status)
	case m.Paper == 0:
		return fmt.Sprintf("%s: the process takes %.0f MiB at most; n/a on paper.", m.Name, m.Peak/(1<<20))
	}
	return fmt.Sprintf("%s: the process takes %.0f MiB at most, %.2f times the %.0f MiB that `fmtool train --dry-run` computes.",
		m.Name, m.Peak/(1<<20), m.Peak/m.Paper, m.Paper/(1<<20))
}

func line(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// The marks between which the README's section lies.
const (
	sectionBegin = "<!-- bench: written by go run ./cmd/bench -readme from testdata/bench.json -->\n"
	sectionEnd   = "<!-- end of bench -->\n"
)

// withSection puts the section of a report between the marks of a text, and below it the training steps of one held to fewer instructions, if there is one.
func withSection(text []byte, r, held *Report) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte(sectionBegin))
	_, after, closed := bytes.Cut(rest, []byte(sectionEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("no section between %q and %q", sectionBegin, sectionEnd)
	}
	return slices.Concat(before, []byte(sectionBegin), []byte(r.Section()+held.Held()), []byte(sectionEnd), after), nil
}

// updateReadme rewrites the section from a recorded report.
func updateReadme(path, record string) error {
	r, err := readReport(record)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	held, err := readHeld(record)
	if err != nil {
		return err
	}
	if text, err = withSection(text, r, held); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, text, 0o644)
}

// Held is the training steps of a run held to an instruction set, as a part of the README's section; "" of no report.
func (r *Report) Held() string {
	if r == nil {
		return ""
	}
	title := fmt.Sprintf("**Training step, %s on both sides.** A run of its own. ", isas[r.Settings.ISA].name)
	return "\n" + wrap(title) + "\n\n" + r.preamble() + "\n" + r.table("step")
}

// readHeld reads the report of a run held to AVX2 that lies beside a record, nil if there is none.
func readHeld(record string) (*Report, error) {
	r, err := readReport(strings.TrimSuffix(record, ".json") + ".avx2.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}
