package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Report is what a check found.
type Report struct {
	Rows   []Row    `json:"rows"`
	Faults []Fault  `json:"faults,omitempty"` // what in the file is not as it should be, whatever engines compute
	Notes  []string `json:"notes,omitempty"`  // what could not be checked, and why
}

// Row is the worst of what one graph on one engine with one batch size showed.
type Row struct {
	Graph     string  `json:"graph"`
	Engine    string  `json:"engine"`
	Library   string  `json:"library,omitempty"` // version of the engine's library
	Batch     int     `json:"batch"`
	Threads   int     `json:"threads"`
	Worst     float64 `json:"worst"` // max|Δ| / max(1, max|reference|)
	Tolerance float64 `json:"tolerance"`
	Ulps      Ulps    `json:"ulps"`
	Layer     string  `json:"layer,omitempty"`   // with Checks.Bisect: the first layer whose error exceeds its share
	Against   string  `json:"against,omitempty"` // the reference: itself, solver (runtime/solver on the field) or run, in float64; file: test data
	Refused   string  `json:"refused,omitempty"` // why nothing was computed
}

// Fault is a part of a file that is not as it should be.
type Fault struct {
	Check string `json:"check"` // digests, reference or run
	Place string `json:"place"`
	Says  string `json:"says"`
}

// String is the fault as a line.
func (f Fault) String() string { return fmt.Sprintf("%s: %s %s", f.Check, f.Place, f.Says) }

// Pass reports agreement.
func (r Row) Pass() bool { return r.Refused == "" && r.Worst <= r.Tolerance }

// MarshalJSON writes the row with its verdict, "pass".
func (r Row) MarshalJSON() ([]byte, error) {
	type fields Row
	return json.Marshal(struct {
		fields
		Pass bool `json:"pass"`
	}{fields(r), r.Pass()})
}

// Worst is the row that uses most of its tolerance, one that computed nothing before all; the zero Row if there is none.
func (r Report) Worst() Row {
	var worst Row
	for i, row := range r.Rows {
		if row.Refused != "" {
			return row
		}
		if i == 0 || row.Worst/row.Tolerance > worst.Worst/worst.Tolerance {
			worst = row
		}
	}
	return worst
}

// Err is nil if every row passes and nothing is wrong with the file, and otherwise tells the worst.
func (r Report) Err() error {
	var list []error
	if n := len(r.Faults); n > 0 {
		list = append(list, fmt.Errorf("export: the file is not what was exported, faults: %d: %s", n, r.Faults[0]))
	}
	failed := 0
	for _, row := range r.Rows {
		if !row.Pass() {
			failed++
		}
	}
	if failed == 0 {
		return errors.Join(list...)
	}
	w := r.Worst()
	if w.Refused != "" {
		list = append(list, fmt.Errorf("export: %s %s: %s (%d of %d checks fail)", w.Engine, w.Library, w.Refused, failed, len(r.Rows)))
		return errors.Join(list...)
	}
	return errors.Join(append(list, fmt.Errorf("export: parity: %s on %s, batch %d, differs from float64 by %.2g, more than %.2g (%d of %d checks fail)",
		w.Graph, w.Engine, w.Batch, w.Worst, w.Tolerance, failed, len(r.Rows)))...)
}

// Print writes a table, a line for each row, and below it a line for each fault and note.
func (r Report) Print(w io.Writer) error {
	text := new(bytes.Buffer)
	if len(r.Rows) > 0 {
		fmt.Fprintf(text, "graph\tengine\tlibrary\tbatch\tthreads\tworst\ttolerance\tagainst\tulps %s\t\t\n", ulpHeading)
	}
	for _, row := range r.Rows {
		if row.Refused != "" {
			fmt.Fprintf(text, "%s\t%s\t%s\t-\t-\t-\t-\t-\t-\tFAIL\t%s\n", row.Graph, row.Engine, row.Library, plain(row.Refused))
			continue
		}
		verdict := "PASS"
		if !row.Pass() {
			verdict = "FAIL"
		}
		fmt.Fprintf(text, "%s\t%s\t%s\t%d\t%d\t%.2g\t%.2g\t%s\t%s\t%s\t%s\n", row.Graph, row.Engine, row.Library,
			row.Batch, row.Threads, row.Worst, row.Tolerance, row.Against, row.Ulps, verdict, plain(row.Layer))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := text.WriteTo(t); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var faults []string
	for _, f := range r.Faults {
		faults = append(faults, f.String())
	}
	few(text, "FAIL ", faults)
	few(text, "note: ", r.Notes)
	_, err := text.WriteTo(w)
	return err
}

// mostLines is how many faults, and notes, are printed.
const mostLines = 20

// few writes the first lines of a list.
func few(w io.Writer, before string, list []string) {
	for _, line := range list[:min(len(list), mostLines)] {
		fmt.Fprintf(w, "%s%s\n", before, plain(line))
	}
	if n := len(list) - mostLines; n > 0 {
		fmt.Fprintf(w, "%s%d more, which JSON lists\n", before, n)
	}
}

// Of is the report with the name of a file before each row's graph, each fault's place and each note.
func (r Report) Of(file string) Report {
	own := Report{Rows: slices.Clone(r.Rows), Faults: slices.Clone(r.Faults), Notes: slices.Clone(r.Notes)}
	for i := range own.Rows {
		own.Rows[i].Graph = file + ": " + own.Rows[i].Graph
	}
	for i := range own.Faults {
		own.Faults[i].Place = file + ": " + own.Faults[i].Place
	}
	for i := range own.Notes {
		own.Notes[i] = file + ": " + own.Notes[i]
	}
	return own
}

// Add takes in what another report found.
func (r *Report) Add(o Report) {
	r.Rows, r.Faults, r.Notes = append(r.Rows, o.Rows...), append(r.Faults, o.Faults...), append(r.Notes, o.Notes...)
}

// plain is text with names of a file in it, without letters that a terminal obeys.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
