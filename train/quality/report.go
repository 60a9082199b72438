package quality

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Report is what fmtool evaluate says.
type Report struct {
	Model       string       `json:"model"`
	Data        string       `json:"data"`
	N           int          `json:"n"`
	Seeds       int          `json:"seeds"`
	Solver      string       `json:"solver"`
	Steps       int          `json:"steps"`
	Evaluations int          `json:"evaluations"`     // for each sample, on average
	Drawn       string       `json:"drawn,omitempty"` // in which way, where it is not the model's own
	Distances   []Distance   `json:"distances"`
	Classes     []Class      `json:"classes,omitempty"`
	Paths       []PathFigure `json:"paths,omitempty"` // none where noise drives the samples
	Likelihood  *Density     `json:"likelihood,omitempty"`
	Curve       *Curve       `json:"curve,omitempty"`
}

// Print writes the report as aligned tables.
func (r Report) Print(w io.Writer) error {
	var b bytes.Buffer
	drawn := ""
	if r.Drawn != "" {
		drawn = " with " + r.Drawn
	}
	fmt.Fprintf(&b, "%s against %s: %d samples by %s in %d steps%s (%d evaluations), %s, mean ± deviation over %d seed(s)\n\n",
		r.Model, r.Data, r.N, r.Solver, r.Steps, drawn, r.Evaluations, "floor: two true samples of that size", r.Seeds)
	t := table{"metric\tbetter\tsamples\tfloor\tformula\tsource\n"}
	for _, d := range r.Distances {
		t.row("%s\t%s\t%v\t%v\t%s\t[%s]\n", d.Metric, d.Better, d.Samples, d.Floor, d.Formula, d.Source)
	}
	t.print(&b)
	r.printLikelihood(&b)
	r.printPaths(&b)
	r.printClasses(&b)
	if r.Curve != nil {
		r.Curve.print(&b)
	}
	_, err := w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// printLikelihood is one row.
func (r Report) printLikelihood(b *bytes.Buffer) {
	if r.Likelihood == nil {
		return
	}
	t, d := table{"likelihood\tbetter\tdata\tfloor\tformula\tsource\n"}, r.Likelihood
	t.row("%s\t%s\t%v\t%v\t%s\t[%s]\n", d.Metric, d.Better, d.Data, d.Floor, d.Formula, d.Source)
	t.print(b)
}

// printPaths is a row for each metric; those without a floor say so.
func (r Report) printPaths(b *bytes.Buffer) {
	if len(r.Paths) == 0 {
		return
	}
	t := table{"path\tbetter\tmodel space\tfloor\tformula\tsource\n"}
	for _, p := range r.Paths {
		floor := "–"
		if p.Floor != nil {
			floor = p.Floor.String()
		}
		t.row("%s\t%s\t%v\t%s\t%s\t[%s]\n", p.Metric, p.Better, p.Samples, floor, p.Formula, p.Source)
	}
	t.print(b)
	b.Truncate(b.Len() - 1)
	b.WriteString("–: no floor; straight paths have 0, and detour 1, whatever the number of points\n\n")
}

// printClasses is a row for each class and a column for each metric, value and floor.
func (r Report) printClasses(b *bytes.Buffer) {
	if len(r.Classes) == 0 {
		return
	}
	t := table{"class\tn"}
	for _, d := range r.Classes[0].Distances {
		t.row("\t%s (floor)", d.Metric)
	}
	t.row("\n")
	for _, c := range r.Classes {
		t.row("%s\t%d", c.Class, c.N)
		for _, d := range c.Distances {
			t.row("\t%v (%v)", d.Samples, d.Floor)
		}
		t.row("\n")
	}
	t.print(b)
}

// print is a row for each number of evaluations and a column for each solver.
func (c Curve) print(b *bytes.Buffer) {
	cells, solvers, budgets := map[string]string{}, []string{}, []int{}
	for _, p := range c.Points {
		cells[fmt.Sprint(p.Solver, p.Evaluations)] = p.Value.String()
		if !slices.Contains(solvers, p.Solver) {
			solvers = append(solvers, p.Solver)
		}
		if !slices.Contains(budgets, p.Evaluations) {
			budgets = append(budgets, p.Evaluations)
		}
	}
	slices.Sort(budgets)
	fmt.Fprintf(b, "%s (floor %v) against evaluations\n", c.Metric, c.Floor)
	t := table{"evaluations"}
	for _, s := range solvers {
		t.row("\t%s", s)
	}
	t.row("\n")
	for _, n := range budgets {
		t.row("%d", n)
		for _, s := range solvers {
			cell, ok := cells[fmt.Sprint(s, n)]
			if !ok {
				cell = "–"
			}
			t.row("\t%s", cell)
		}
		t.row("\n")
	}
	t.print(b)
}

// table is lines of cells between tabs.
type table struct{ text string }

func (t *table) row(format string, args ...any) { t.text += fmt.Sprintf(format, args...) }

// print aligns the columns and ends with an empty line.
func (t *table) print(b *bytes.Buffer) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = io.WriteString(w, t.text) // a buffer takes everything
	_ = w.Flush()
	b.WriteByte('\n')
}
