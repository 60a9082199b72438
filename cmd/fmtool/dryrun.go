package main

import (
	"encoding/json"
	"fmt"
	"io"

	"fmtool/train"
	"fmtool/train/data"
)

// dryRun prints what a run would compute and hold in memory. The line that begins with memory is what the benchmark compares a real run with.
func dryRun(out io.Writer, c train.Config, set *data.Set, asJSON bool) error {
	b, err := train.NewBudget(c, set)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	m := b.Memory
	_, err = fmt.Fprintf(out, `parameters      %d
rows            %d of %d numbers to train on, %d held out
steps           %d of %d rows, %.3g times through the data
products        %.4g GFLOP a step, %.4g TFLOP in all
memory on paper %d bytes (%s): the next five
  weights       %d bytes
  gradients     %d bytes
  moments       %d bytes
  average       %d bytes
  activations   %d bytes
held here       %s in the compiled step, %s of batches, %s of data
nothing was trained and nothing written
`,
		b.Parameters, b.Rows, b.Dim, b.HeldOut, b.Steps, b.Batch, float64(b.Steps)*float64(b.Batch)/float64(b.Rows),
		b.FLOPs/1e9, b.FLOPs*float64(b.Steps)/1e12, m.Paper, mebibytes(m.Paper),
		m.Weights, m.Gradients, m.Moments, m.Average, m.Activations, mebibytes(m.Plan), mebibytes(m.Batches), mebibytes(m.Data))
	return err
}

func mebibytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
