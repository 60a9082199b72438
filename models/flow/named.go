package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// Entry is a row of a table of things with a name and perhaps numbers: the text is name, name:a or name:a,b, and a name alone takes the defaults.
type Entry[F any] struct {
	Name    string
	Default []float64    // of the numbers; nil: it has none
	Bounds  [][2]float64 // of each number, both included
	Value   F
}

// Lookup returns the row that a text names and its numbers. What is no row, or not its numbers, is an error that says what the text is for.
func Lookup[F any](what, text string, table []Entry[F]) (*Entry[F], []float64, error) {
	name, args, has := strings.Cut(text, ":")
	for i := range table {
		if e := &table[i]; e.Name == name {
			p, err := e.numbers(args, has)
			if err != nil {
				return nil, nil, fmt.Errorf("%s %.60q: %w", what, text, err)
			}
			return e, p, nil
		}
	}
	return nil, nil, Unknown(what, text, Names(table))
}

func (e *Entry[F]) numbers(args string, has bool) ([]float64, error) {
	if !has {
		return e.Default, nil
	}
	if e.Default == nil {
		return nil, fmt.Errorf("%s takes no number", e.Name)
	}
	parts := strings.Split(args, ",")
	p := make([]float64, len(e.Default))
	if len(parts) != len(p) {
		return nil, fmt.Errorf("got %d numbers after the colon, want %d", len(parts), len(p))
	}
	for i, b := range e.Bounds {
		v, err := strconv.ParseFloat(parts[i], 64)
		if err != nil || !(v >= b[0] && v <= b[1]) {
			return nil, fmt.Errorf("want a number from %g to %g after the colon, got %.20q", b[0], b[1], parts[i])
		}
		p[i] = v
	}
	return p, nil
}

// Text is what Lookup reads back as the row with these numbers, written out even where they are the defaults.
func (e *Entry[F]) Text(p []float64) string {
	if len(p) == 0 {
		return e.Name
	}
	parts := make([]string, len(p))
	for i, v := range p {
		parts[i] = float(v)
	}
	return e.Name + ":" + strings.Join(parts, ",")
}

// Names are those of a table.
func Names[F any](table []Entry[F]) []string {
	names := make([]string, len(table))
	for i, e := range table {
		names[i] = e.Name
	}
	return names
}
