package protocol

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"

	"fmtool/train/metric"
)

// row is a figure of the report, the figure that is its floor, and what was published for task+method.
type row struct {
	figure, floor string
	published     map[string]string
}

// check is what the mean of a figure over tasks must lie between.
type check struct {
	what   string
	figure string
	tasks  []string
	method string
	lo, hi float64
}

// Cell is a figure of a method on a task.
type Cell struct {
	Task      string         `json:"task"`
	Method    string         `json:"method"`
	Figure    string         `json:"figure"`
	Ours      metric.Figure  `json:"ours"`
	Published string         `json:"published,omitempty"`
	Floor     *metric.Figure `json:"floor,omitempty"`
}

// Check is a figure that was asked for.
type Check struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Want  string  `json:"want"`
	Pass  bool    `json:"pass"`
}

// Report is ours beside the published figures and the floor.
type Report struct {
	Protocol   string   `json:"protocol"`
	Title      string   `json:"title"`
	Source     string   `json:"source"`
	Seeds      int      `json:"seeds"`
	Quick      bool     `json:"quick"`
	Cells      []Cell   `json:"cells"`
	Checks     []Check  `json:"checks"`
	Deviations []string `json:"deviations"`
	Seconds    float64  `json:"job_seconds"` // of all jobs together
	Results    []Result `json:"results"`
}

// Report is what the results say. Tasks without a result are left out.
func (p Protocol) Report(results []Result, o Options) Report {
	r := Report{Protocol: p.Name, Title: p.Title, Source: p.Source, Seeds: o.seeds(), Quick: o.Quick, Deviations: p.Deviations, Results: results}
	if o.Quick {
		r.Deviations = append([]string{"--quick: " + p.Quick}, r.Deviations...)
	}
	for _, v := range results {
		r.Seconds += v.Seconds
	}
	for _, w := range p.rows {
		for _, t := range p.tasks {
			for _, m := range t.methods {
				values := pick(results, t.name, m, w.figure)
				if values == nil {
					continue
				}
				c := Cell{t.name, m, w.figure, metric.FigureOf(values), w.published[t.name+m], nil}
				if w.floor != "" {
					f := metric.FigureOf(pick(results, t.name, m, w.floor))
					c.Floor = &f
				}
				r.Cells = append(r.Cells, c)
			}
		}
	}
	for _, c := range p.checks {
		if v, ok := c.value(results); ok {
			r.Checks = append(r.Checks, Check{c.what, v, c.want(), v >= c.lo && v <= c.hi})
		}
	}
	return r
}

// pick are the values of a figure over the seeds.
func pick(results []Result, task, method, figure string) (values []float64) {
	for _, r := range results {
		if v, ok := r.Figures[figure]; ok && r.Task == task && r.Method == method {
			values = append(values, v)
		}
	}
	return values
}

// value is the mean over tasks of the mean over seeds.
func (c check) value(results []Result) (float64, bool) {
	sum := 0.0
	for _, t := range c.tasks {
		values := pick(results, t, c.method, c.figure)
		if values == nil {
			return 0, false
		}
		m, _ := metric.MeanStd(values)
		sum += m / float64(len(c.tasks))
	}
	return sum, true
}

func (c check) want() string {
	switch {
	case c.lo == 0:
		return fmt.Sprintf("≤ %g", c.hi)
	case c.hi >= 1e9:
		return fmt.Sprintf("≥ %g", c.lo)
	}
	return fmt.Sprintf("%g to %g", c.lo, c.hi)
}

// Err is nil if every check passes, and otherwise tells the first that does not. Quick runs are not held to the checks.
func (r Report) Err() error {
	for _, c := range r.Checks {
		if !c.Pass && !r.Quick {
			return fmt.Errorf("protocol: %s: %s is %.4f, want %s", r.Protocol, c.What, c.Value, c.Want)
		}
	}
	return nil
}

// Print writes the report as aligned tables.
func (r Report) Print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s [%s], mean ± deviation over %d seed(s), %.0f s of jobs\n\n", r.Title, r.Source, r.Seeds, r.Seconds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\ttask\tmethod\tours\tpublished\tfloor")
	for _, c := range r.Cells {
		published, floor := c.Published, "–"
		if published == "" {
			published = "–"
		}
		if c.Floor != nil {
			floor = c.Floor.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%s\t%s\n", c.Figure, c.Task, c.Method, c.Ours, published, floor)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "asked\tours\twanted\t")
	for _, c := range r.Checks {
		fmt.Fprintf(t, "%s\t%.4f\t%s\t%s\n", c.What, c.Value, c.Want, map[bool]string{true: "PASS", false: "FAIL"}[c.Pass])
	}
	_ = t.Flush() // a buffer takes everything
	b.WriteString("\ndeviations from the published protocol\n")
	for _, d := range r.Deviations {
		fmt.Fprintf(&b, "- %s\n", d)
	}
	_, err := w.Write(b.Bytes())
	return err
}
