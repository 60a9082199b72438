package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Report is what a check found.
type Report struct {
	Rows []Row `json:"rows"`
}

// Row is the worst of what one graph on one engine with one batch size showed.
type Row struct {
	Graph     string  `json:"graph"`
	Engine    string  `json:"engine"`
	Batch     int     `json:"batch"`
	Worst     float64 `json:"worst"` // max|Δ| / max(1, max|reference|)
	Tolerance float64 `json:"tolerance"`
}

// Pass reports agreement.
func (r Row) Pass() bool { return r.Worst <= r.Tolerance }

// MarshalJSON writes the row with its verdict, "pass".
func (r Row) MarshalJSON() ([]byte, error) {
	type fields Row
	return json.Marshal(struct {
		fields
		Pass bool `json:"pass"`
	}{fields(r), r.Pass()})
}

// Worst is the row that uses most of its tolerance; the zero Row if there is none.
func (r Report) Worst() Row {
	var worst Row
	for i, row := range r.Rows {
		if i == 0 || row.Worst/row.Tolerance > worst.Worst/worst.Tolerance {
			worst = row
		}
	}
	return worst
}

// Err is nil if every row passes, and otherwise tells the worst.
func (r Report) Err() error {
	failed := 0
	for _, row := range r.Rows {
		if !row.Pass() {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	w := r.Worst()
	return fmt.Errorf("export: parity: %s on %s, batch %d, differs from float64 by %.2g, more than %.2g (%d of %d checks fail)",
		w.Graph, w.Engine, w.Batch, w.Worst, w.Tolerance, failed, len(r.Rows))
}

// Print writes a table, a line for each row.
func (r Report) Print(w io.Writer) error {
	text := bytes.NewBufferString("graph\tengine\tbatch\tworst\ttolerance\t\n")
	for _, row := range r.Rows {
		verdict := "PASS"
		if !row.Pass() {
			verdict = "FAIL"
		}
		fmt.Fprintf(text, "%s\t%s\t%d\t%.2g\t%.2g\t%s\n", row.Graph, row.Engine, row.Batch, row.Worst, row.Tolerance, verdict)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := text.WriteTo(t); err != nil {
		return err
	}
	return t.Flush()
}
