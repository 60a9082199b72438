package data

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"fmtool/models/flow"
	"fmtool/models/noise"
)

// Set is a data set: N rows of D numbers in data units.
type Set struct {
	Rows    []float32 // [N, D]
	Dims    []int     // of one row: [D], or [1 8 8] for images
	Columns []string  // names of the D columns, nil for images
	Labels  []int64   // [N], nil without labels
	Classes []string  // names of the labels
	Vectors []float32 // [N, C], numbers that each row is conditioned on, nil without
	Given   []string  // names of the C numbers
	Paired  []float32 // [N, D], the x0 that each row is the x1 of, in data units; nil: x0 is drawn
	Noise   bool      // Paired is noise N(0, I) in model space, as a model drew it
	Source  *Set      // rows that x0 is drawn from, of the same dims; nil: noise
}

// Dim is D, the number of columns.
func (s *Set) Dim() int {
	n := 1
	for _, d := range s.Dims {
		n *= d
	}
	return n
}

// Len is N, the number of rows.
func (s *Set) Len() int { return len(s.Rows) / s.Dim() }

// Row is row i, shared.
func (s *Set) Row(i int) []float32 { d := s.Dim(); return s.Rows[i*d : (i+1)*d] }

// Vector is the condition of row i, shared.
func (s *Set) Vector(i int) []float32 { c := len(s.Given); return s.Vectors[i*c : (i+1)*c] }

// Take returns the rows of the given numbers, copied.
func (s *Set) Take(index []int) *Set {
	out := &Set{Dims: s.Dims, Columns: s.Columns, Classes: s.Classes, Given: s.Given, Noise: s.Noise, Source: s.Source}
	for _, i := range index {
		if s.Vectors != nil {
			out.Vectors = append(out.Vectors, s.Vector(i)...)
		}
		out.Rows = append(out.Rows, s.Row(i)...)
		if s.Paired != nil {
			out.Paired = append(out.Paired, s.Paired[i*s.Dim():(i+1)*s.Dim()]...)
		}
		if s.Labels != nil {
			out.Labels = append(out.Labels, s.Labels[i])
		}
	}
	return out
}

// Options say how to read a source. The zero value takes every column of a file as data.
type Options struct {
	Columns   []string // the data columns of a CSV, by name; nil: all but label and condition
	Label     string   // the label column of a CSV, by name; "": none
	Condition []string // the columns of a CSV that the others are conditioned on, taken as they are: scale them to about one
	Seed      uint64   // of generated data
	Draw      uint32   // of the seed, for generated data: other numbers for each; 0 the data, 1 training's source, 2 rows to sample from
}

// draw is where generated data take their numbers from.
func (o Options) draw() noise.Stream {
	s := noise.New(o.Seed, noise.Data)
	if o.Draw == 0 {
		return s
	}
	return s.Sub(o.Draw)
}

// Load reads a source: the path of a .csv, .csv.gz or .npy file, "digits", or the name of a shape with options, as in moons:noise=0.05,n=10000.
func Load(source string, o Options) (*Set, error) {
	name, args, optioned := strings.Cut(source, ":")
	if g, ok := shapes[name]; ok {
		return g.load(name, args, o.draw())
	}
	switch {
	case source == "digits":
		return Digits()
	case name == "digits" && optioned:
		return nil, fmt.Errorf("data: digits takes no options, got %q", args)
	case strings.HasSuffix(source, ".npy"):
		return file(source, func(b []byte) (*Set, error) { return ReadNPY(b) })
	case strings.HasSuffix(source, ".csv"), strings.HasSuffix(source, ".csv.gz"):
		return file(source, func(b []byte) (*Set, error) { return ReadCSV(b, o) })
	}
	known := append([]string{"digits"}, Shapes()...)
	if _, err := os.Stat(source); err == nil {
		return nil, fmt.Errorf("data: %s: want a file that ends in .csv, .csv.gz or .npy", source)
	}
	if strings.ContainsAny(source, "./") {
		return nil, fmt.Errorf("data: %s: no such file", source)
	}
	return nil, fmt.Errorf("data: %w, or a file .csv, .csv.gz or .npy", flow.Unknown("data set", name, known))
}

func file(path string, read func([]byte) (*Set, error)) (*Set, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	s, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return s, nil
}

// check refuses what cannot be trained on.
func (s *Set) check() (*Set, error) {
	if len(s.Rows) == 0 {
		return nil, fmt.Errorf("no rows")
	}
	for i, v := range s.Rows {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("row %d, column %s: %g is no number to learn from", i/s.Dim()+1, s.column(i%s.Dim()), v)
		}
	}
	return s, nil
}

func (s *Set) column(j int) string {
	if s.Columns != nil {
		return strconv.Quote(s.Columns[j])
	}
	return strconv.Itoa(j + 1)
}

// Split cuts off a fraction of the rows, chosen by the seed, to be held out from training, and the same fraction of the source's. At least one row stays on each
// side.
func (s *Set) Split(fraction float64, seed uint64) (train, held *Set) {
	perm := make([]int, s.Len())
	noise.New(seed, noise.Split).Perm(perm)
	n := min(max(int(math.Round(fraction*float64(s.Len()))), 1), s.Len()-1)
	out, in := perm[:n], perm[n:]
	slices.Sort(out)
	slices.Sort(in)
	train, held = s.Take(in), s.Take(out)
	if s.Source != nil {
		train.Source, held.Source = s.Source.Split(fraction, seed)
	}
	return train, held
}

// Batcher says which rows each training step sees: every row once in each epoch, in an order of its own; the rows left over at the end
// of an epoch, fewer than a batch, are skipped. It is a pure function of seed and step.
type Batcher struct {
	order   noise.Stream
	rows    int
	batch   int
	perm    []int
	current int // epoch whose order perm holds
}

// NewBatcher returns the batches of a set of rows rows.
func NewBatcher(rows, batch int, seed uint64) (*Batcher, error) {
	return NewBatcherOf(rows, batch, noise.New(seed, noise.Order))
}

// NewBatcherOf is NewBatcher with the order of a stream.
func NewBatcherOf(rows, batch int, order noise.Stream) (*Batcher, error) {
	if batch < 1 || rows < batch {
		return nil, fmt.Errorf("data: %d rows are fewer than a batch of %d; use --batch %d or less", rows, batch, max(rows, 1))
	}
	return &Batcher{order: order, rows: rows, batch: batch, perm: make([]int, rows), current: -1}, nil
}

// Step returns the rows of step k ≥ 0. The slice is valid until the next call.
func (b *Batcher) Step(k int) []int {
	perEpoch := b.rows / b.batch
	epoch, i := k/perEpoch, k%perEpoch
	if epoch != b.current {
		b.order.Sub(uint32(epoch)).Perm(b.perm)
		b.current = epoch
	}
	return b.perm[i*b.batch : (i+1)*b.batch]
}
