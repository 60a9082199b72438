package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fmtool/models/flow"
)

// facts are what a model card tells of a run, by their keys without prefix; others follow by key.
var facts = []struct{ key, text string }{
	{"data.sha256", "SHA-256 of the data"}, {"rows", "rows trained on"}, {"steps", "steps"}, {"batch", "rows in a step"}, {"seed", "seed"}, {"loss", "loss"},
	{"loss.in", "what the loss is measured in"}, {"loss.weight", "weight of the loss in time"}, {"loss.columns", "weights of the columns"},
	{"ema", "decay of the average of the weights"}, {"held_out.loss", "loss on held-out rows"}, {"imported", "SHA-256 of the file that the weights were taken from"},
}

// card is MODEL_CARD.md: what is known of the model, and nothing else.
func (m *Manifest) card(r Report) string {
	var b strings.Builder
	f := m.Model
	fmt.Fprintf(&b, "# A flow-matching model\n\nIt makes samples of %d numbers, shape %v, %s. Written by fmtool.\n", product(f.Dims), f.Dims, f.condition())
	b.WriteString("\n```python\nfrom fm_load import Bundle\nmodel = Bundle(\".\")                         # compares every file with its SHA-256\nsamples = model.sample(64, steps=50, seed=7")
	if f.Source != "noise" {
		b.WriteString(", source=rows")
	}
	b.WriteString(")\n```\n\n`python3 fm_load.py .` verifies this folder with onnxruntime and numpy alone, `fmtool verify .` with fmtool.\n")
	section(&b, "The numbers", m.numbers())
	section(&b, "Training", m.training())
	b.WriteString("\n## Graphs\n\n| file | inputs | outputs | onnxruntime | weights |\n|---|---|---|---|---|\n")
	for _, g := range m.Graphs {
		fmt.Fprintf(&b, "| `%s` | %s | %s | ≥ %s | %s |\n", g.File, listed(g.Inputs), listed(g.Outputs), g.Runtime, g.Weights)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Absent)) {
		fmt.Fprintf(&b, "\nThere is no `%s`: %s.\n", name, m.Absent[name])
	}
	w := r.Worst()
	fmt.Fprintf(&b, "\n`manifest.json` says what each input and output means, `weights.safetensors` has the weights once more, `GRAPH/test_data_set_0` inputs and float64 outputs of "+
		"each graph.\n\n## Parity\n\n%d checks against float64 passed before anything was written, all in `verify.json`. The closest to its bound: %s on %s, %.2g of %.2g.\n",
		len(r.Rows), w.Graph, w.Engine, w.Worst, w.Tolerance)
	return b.String()
}

// section adds a table of two columns.
func section(b *strings.Builder, title string, rows [][2]string) {
	fmt.Fprintf(b, "\n## %s\n\n| | |\n|---|---|\n", title)
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(b, "| %s | %s |\n", row[0], strings.NewReplacer("|", "\\|", "\n", " ").Replace(row[1]))
		}
	}
}

// numbers say what the numbers mean.
func (m *Manifest) numbers() [][2]string {
	f := m.Model
	constant := 0
	for _, c := range f.Normaliser.Constant {
		if c {
			constant++
		}
	}
	rows := [][2]string{
		{"columns", strings.Join(f.Columns, ", ")},
		{"time", f.Time}, {"path", f.Schedule}, {"the network predicts", f.Prediction}, {"steps along", f.Grid}, {"start", f.Source}, {"coupling", f.Coupling},
		{"normaliser", f.Normaliser.Kind + ": data = model space · scale + mean, with those of manifest.json; it is inside the graphs that give data units"},
		{"times trained at", fmt.Sprintf("%g to %g", f.TimeRange[0], f.TimeRange[1])}, {"noise", f.Noise},
		{"network", string(f.Architecture)}, {"trained numbers", fmt.Sprint(f.Parameters)},
	}
	if constant > 0 {
		rows = append(rows, [2]string{"columns that never varied", fmt.Sprint(constant)})
	}
	if f.Condition.Kind != string(flow.Unconditional) {
		rows = append(rows, [2]string{"condition left out in training", fmt.Sprintf("with probability %g", f.Condition.Drop)})
	}
	return rows
}

// training are the facts of the run.
func (m *Manifest) training() (rows [][2]string) {
	rest := maps.Clone(m.Training)
	for _, f := range facts {
		key := flow.Prefix + "train." + f.key
		rows = append(rows, [2]string{f.text, rest[key]})
		delete(rest, key)
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		rows = append(rows, [2]string{strings.TrimPrefix(key, flow.Prefix+"train."), rest[key]})
	}
	return rows
}

// condition says what samples are conditioned on.
func (f ModelFacts) condition() string {
	switch c := f.Condition; flow.ConditionKind(c.Kind) {
	case flow.Labels:
		return strings.TrimSuffix(fmt.Sprintf("of %d classes: %s", c.Classes, abridged(c.Names)), ": ")
	case flow.Vector:
		return strings.TrimSuffix(fmt.Sprintf("conditioned on %d numbers: %s", c.Width, abridged(c.Names)), ": ")
	}
	return "without a condition"
}

// listed are the names of few ports, or the first and how many more.
func listed(ports []PortEntry) string {
	var names []string
	for i, p := range ports {
		if i == 9 && len(ports) > 10 {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(ports)-i)
		}
		names = append(names, "`"+p.Name+"`")
	}
	return strings.Join(names, ", ")
}

// product is the number of elements of a shape.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
