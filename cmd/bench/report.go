package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"fmtool/runtime/native/cpu"
)

// Report is a run's result, the file bench.json.
type Report struct {
	Date     string            `json:"date"`
	Machine  string            `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings settings          `json:"settings"`
	Seconds  float64           `json:"seconds"` // that the run took
	Load     string            `json:"load"`    // averages of the machine when it began
	Probe    []float64         `json:"-"`
	Peak     *Figure           `json:"peak,omitempty"` // floating-point operations per second of the probe
	Rows     []Row             `json:"rows"`
	Memory   *Memory           `json:"memory,omitempty"`
}

// Row is a case with a result for each candidate, ours first.
type Row struct {
	Table      string  `json:"table"`
	Name       string  `json:"name"`
	Threads    int     `json:"threads"`
	Unit       string  `json:"unit"`
	Wall       bool    `json:"wall"` // ratios compare wall time, not processor time
	Entries    []Entry `json:"entries"`
	Efficiency *Figure `json:"efficiency,omitempty"` // ours: processor time at one thread over that at Threads
}

// Entry is what a candidate reached; Status says why there is nothing.
type Entry struct {
	Key    string  `json:"key"`
	Status string  `json:"status,omitempty"`
	Rounds int     `json:"rounds,omitempty"`
	Wall   *Figure `json:"wall,omitempty"`  // seconds a unit
	CPU    *Figure `json:"cpu,omitempty"`   // seconds a unit, all threads
	Peak   *Figure `json:"peak,omitempty"`  // share of the FMA peak of one core, by processor time
	Ratio  *Figure `json:"ratio,omitempty"` // its time over ours: above 1 ours is faster
}

// Figure is a median over rounds with the 10th and 90th percentile.
type Figure struct {
	Median float64 `json:"median"`
	Low    float64 `json:"p10"`
	High   float64 `json:"p90"`
}

// figure is nil without numbers.
func figure(x []float64) *Figure {
	if len(x) == 0 {
		return nil
	}
	x = slices.Sorted(slices.Values(x))
	at := func(q float64) float64 {
		p := q * float64(len(x)-1)
		i := min(int(p), max(len(x)-2, 0))
		j := min(i+1, len(x)-1)
		return round(x[i]+(p-float64(i))*(x[j]-x[i]), 5)
	}
	return &Figure{at(0.5), at(0.1), at(0.9)}
}

// round keeps that many digits.
func round(v float64, digits int) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	scale := math.Pow(10, float64(digits)-math.Ceil(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// newRow computes the figures of a case from its turns; probe holds the peak in each round.
func newRow(c benchCase, turns []*turn, probe []float64) Row {
	row := Row{Table: c.table, Name: c.name, Threads: c.threads, Unit: c.unit, Wall: c.wall}
	ours := turns[0]
	for _, t := range turns {
		e := Entry{Key: t.key, Rounds: len(t.samples)}
		if t.status != nil {
			e = Entry{Key: t.key, Status: t.status.Error()}
			row.Entries = append(row.Entries, e)
			continue
		}
		var wall, cpu, peak, ratio []float64
		for _, r := range t.rounds(t) {
			s := t.samples[r]
			wall, cpu = append(wall, s.Wall/s.Units/c.per), append(cpu, s.CPU/s.Units/c.per)
			if c.flops > 0 && probe[r] > 0 && s.CPU > 0 {
				peak = append(peak, c.flops*s.Units/s.CPU/probe[r])
			}
		}
		for _, r := range t.rounds(ours) {
			if t != ours {
				ratio = append(ratio, t.samples[r].time(c.wall)/ours.samples[r].time(c.wall))
			}
		}
		e.Wall, e.CPU, e.Peak, e.Ratio = figure(wall), figure(cpu), figure(peak), figure(ratio)
		row.Entries = append(row.Entries, e)
	}
	return row
}

// time is that of a unit, by the yardstick.
func (s sample) time(wall bool) float64 {
	if wall {
		return s.Wall / s.Units
	}
	return s.CPU / s.Units
}

// efficiency is the processor time of a unit of one turn over that of another, round by round.
func efficiency(one, more *turn) *Figure {
	var x []float64
	for _, r := range one.rounds(more) {
		x = append(x, one.samples[r].time(false)/more.samples[r].time(false))
	}
	return figure(x)
}

// String is the row in a line.
func (r Row) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", r.Table, r.Name)
	if r.Threads > 1 {
		fmt.Fprintf(&b, ", %d threads", r.Threads)
	}
	for _, e := range r.Entries {
		fmt.Fprintf(&b, "  %s %s", e.Key, r.cell(e))
	}
	return b.String()
}

func newReport(s settings) *Report {
	r := &Report{Date: time.Now().UTC().Format("2006-01-02"), Machine: machine(), Settings: s, Versions: map[string]string{"go": goruntime.Version()}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "gonum.org/v1/gonum" {
				r.Versions["gonum"] = m.Version
			}
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return r
}

// machine is the processor, the number of its cores that this process may use, and the instructions that our kernels use.
func machine() string {
	facts := map[string]string{}
	text, _ := os.ReadFile("/proc/cpuinfo") //nolint:errcheck // elsewhere the architecture must do
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && facts[strings.TrimSpace(k)] == "" {
			facts[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	name := goruntime.GOOS + "/" + goruntime.GOARCH
	if facts["model name"] != "" {
		name = fmt.Sprintf("%s (family %s, model %s)", facts["model name"], facts["cpu family"], facts["model"])
		flags := strings.Fields(facts["flags"])
		for _, f := range []string{"avx2", "fma", "avx512f"} {
			if slices.Contains(flags, f) {
				name += " " + f
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, kernels %s", name, goruntime.NumCPU(), goruntime.GOOS, cpu.Use)
}

// write leaves the report in a file, a row a line.
func (r *Report) write(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(`{"table":`), []byte("\n{\"table\":"))
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func readReport(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
